"""The one tree of errors: each family has its place in the command line's exit statuses."""

from __future__ import annotations

import json

import pytest

from sealcast import errors
from sealcast.errors import ConfigError, SealcastError, TransferError, VerificationError

FAMILIES = {
    "ConfigError": 2,
    "RepositoryError": 3,
    "CeremonyError": 4,
    "SigningError": 5,
    "VerificationError": 6,
    "SealingError": 7,
    "ObjectError": 8,
    "TransferError": 9,
    "InstallError": 10,
}


def test_the_tree_is_the_one_that_is_documented() -> None:
    found = {
        name: kind.exit_status
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, SealcastError) and kind is not SealcastError
    }
    assert found == FAMILIES
    assert SealcastError.exit_status == 1  # what nobody foresaw


@pytest.mark.parametrize("name", FAMILIES)
def test_every_error_says_what_happened_and_what_stayed_safe(name: str) -> None:
    error = getattr(errors, name)("CODE", "It happened.")
    assert (error.code, error.what, str(error), error.hint, error.data) == (
        "CODE",
        "It happened.",
        "It happened.",
        "",
        {},
    )
    assert error.safe.endswith(".")
    assert getattr(errors, name)("CODE", "It happened.", safe="All is well.").safe == "All is well."


def test_no_two_families_promise_the_same() -> None:
    # Two families may share a promise only if the one who acts is the same: publishers' tools sign nothing.
    promises = [getattr(errors, name).default_safe for name in FAMILIES]
    assert sorted({promise for promise in promises if promises.count(promise) > 1}) == ["Nothing was signed."]


def test_an_error_for_machines_is_one_json_object_in_fixed_order() -> None:
    error = TransferError("TOO_SLOW", "It was slow.", hint="Try later.", url="https://a", limit=3, bytes=1)
    assert json.dumps(error.as_dict()) == (
        '{"code": "TOO_SLOW", "exit_status": 9, "message": "It was slow.", '
        '"safe": "What runs now keeps running; what was downloaded and verified is kept.", '
        '"hint": "Try later.", "data": {"bytes": 1, "limit": 3, "url": "https://a"}}'
    )


def test_one_except_catches_all_and_families_stay_apart() -> None:
    with pytest.raises(SealcastError):
        raise VerificationError("ROLLBACK", "It is older.")
    assert not isinstance(VerificationError("ROLLBACK", "It is older."), ConfigError)

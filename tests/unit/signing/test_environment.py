"""Passphrases from the environment: the key's own variable first, no empty answer, one spelling."""

from __future__ import annotations

import unicodedata

import pytest

from sealcast.errors import SigningError
from sealcast.signing.environment import EnvironmentSecrets, as_passphrase, variable_of


@pytest.mark.parametrize(
    ("name", "variable"),
    [("alice", "SEALCAST_PASSPHRASE_ALICE"), ("ci-1", "SEALCAST_PASSPHRASE_CI_1"), ("é b", "SEALCAST_PASSPHRASE___B")],
)
def test_the_variable_of_a_key(name: str, variable: str) -> None:
    assert variable_of(name) == variable


def test_the_keys_own_variable_comes_first() -> None:
    secrets = EnvironmentSecrets({"SEALCAST_PASSPHRASE": "all", "SEALCAST_PASSPHRASE_ALICE": "hers"})
    assert secrets.passphrase("alice", confirm=True) == b"hers"
    assert secrets.passphrase("bob") == b"all"


@pytest.mark.parametrize("environment", [{}, {"SEALCAST_PASSPHRASE": "", "SEALCAST_PASSPHRASE_ALICE": ""}])
def test_no_answer_names_the_variables(environment: dict[str, str]) -> None:
    with pytest.raises(SigningError) as caught:
        EnvironmentSecrets(environment).passphrase("alice")
    assert caught.value.code == "NO_PASSPHRASE"
    assert "SEALCAST_PASSPHRASE_ALICE" in caught.value.hint


def test_one_spelling_whatever_the_keyboard() -> None:
    typed = {unicodedata.normalize(form, "Käse") for form in ("NFC", "NFD")}
    assert len(typed) == 2
    assert {as_passphrase(text) for text in typed} == {"Käse".encode()}
    assert as_passphrase(b"\xff".decode("utf-8", "surrogateescape")) == b"\xff"


def test_nothing_of_it_shows() -> None:
    assert "hidden" not in repr(EnvironmentSecrets({"SEALCAST_PASSPHRASE": "hidden"}))


def test_a_pin_of_one_token_or_of_all() -> None:
    secrets = EnvironmentSecrets({"SEALCAST_PIN": "all", "SEALCAST_PIN_ROOT_B": "hers"})
    assert (secrets.pin("root-b"), secrets.pin("root-c")) == ("hers", "all")
    with pytest.raises(SigningError, match="root-b") as caught:
        EnvironmentSecrets({"SEALCAST_PIN": ""}).pin("root-b")
    assert caught.value.code == "NO_PIN"
    assert "SEALCAST_PIN_ROOT_B" in caught.value.hint

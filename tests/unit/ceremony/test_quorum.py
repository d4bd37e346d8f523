"""Statements and their count: whose signatures are needed, who is missing, and what no statement can do."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key, Signature, Signer

from sealcast.ceremony import Count, Review, Statement, count_statements, read_statement, roles_to_sign, sign
from sealcast.ceremony.asks import asks_of
from sealcast.ceremony.evidence import is_signed
from sealcast.ceremony.parts import root_of
from sealcast.errors import CeremonyError, SigningError
from tests.unit.ceremony.people import BOOK, NOW, PEOPLE, Wish, counted, first, keyid, later, reviewed, statements

EVERYBODY = {"root": (("dave", "mallory"), 2), "targets": (("dave",), 1)}


def moved() -> Review:
    """Every offline key replaced at once."""
    return reviewed(later(Wish(roles={**Wish().roles, **EVERYBODY})))


def asked(case: Review) -> list[tuple[str, bool, int, list[str]]]:
    return [(ask.role, ask.new, ask.threshold, [BOOK[one] for one in ask.keys]) for ask in asks_of(case)]


def names(count: Count) -> tuple[list[str], list[str]]:
    return [one.name for one in count.signed], [one.name for one in count.missing]


def refused(case: Review, found: dict[str, bytes]) -> CeremonyError:
    with pytest.raises(CeremonyError) as caught:
        count_statements(case, found, BOOK)
    assert "x.statement" in caught.value.what
    return caught.value


# ------------------------------------------------------------------------------------------------- who must sign


def test_a_first_root_is_signed_by_its_own_holders() -> None:
    assert asked(reviewed(first())) == [
        ("root", False, 2, ["alice", "bob", "carol"]),
        ("targets", False, 2, ["alice", "bob"]),
    ]


def test_those_who_stay_are_asked_once() -> None:
    assert asked(reviewed(later())) == [
        ("root", False, 2, ["alice", "bob", "carol"]),
        ("targets", False, 2, ["alice", "bob"]),
    ]
    assert [one[:2] for one in asked(reviewed(later(root=False)))] == [("targets", False)]
    assert [one[:2] for one in asked(reviewed(later(targets=False)))] == [("root", False)]


def test_old_and_new_holders_are_asked() -> None:
    assert asked(moved()) == [
        ("root", False, 2, ["alice", "bob", "carol"]),
        ("root", True, 2, ["dave", "mallory"]),
        ("targets", False, 2, ["alice", "bob"]),
        ("targets", True, 1, ["dave"]),
    ]
    case = reviewed(later(Wish(roles={**Wish().roles, "root": (("alice", "bob", "carol"), 3)})))
    assert asked(case)[:2] == [
        ("root", False, 2, ["alice", "bob", "carol"]),
        ("root", True, 3, ["alice", "bob", "carol"]),
    ]


# ------------------------------------------------------------------------------------------------------ counting


def test_statements_count_in_any_order_and_more_than_once() -> None:
    case = reviewed(first())
    found = statements(case, ("alice", "bob", "carol"))
    made = set()
    for order in itertools.permutations(found):
        quorum = count_statements(case, {name: found[name] for name in order}, {})
        assert quorum.is_complete
        made.add(json.dumps(quorum.metadata["root"].to_dict()))
    assert len(made) == 1
    again = {**found, **{f"again-{name}": data for name, data in found.items()}}
    assert json.dumps(count_statements(case, again, {}).metadata["root"].to_dict()) in made


def test_who_is_missing_is_named() -> None:
    quorum = counted(reviewed(first()), "carol")
    assert not quorum.is_complete
    assert [names(one) for one in quorum.counts] == [(["carol"], ["alice", "bob"]), ([], ["alice", "bob"])]
    quorum = counted(moved(), "alice", "bob", "dave")
    assert [one.is_complete for one in quorum.counts] == [True, False, True, True]
    assert names(quorum.counts[1]) == (["dave"], ["mallory"])
    assert counted(moved(), "alice", "bob", "dave", "mallory").is_complete


def test_what_a_quorum_makes_is_what_clients_verify() -> None:
    case = moved()
    quorum = counted(case, "alice", "bob", "dave", "mallory")
    assert case.root_before is not None
    for root in (case.root_before.root, root_of(case.proposal.root)):
        for role in ("root", "targets"):
            assert is_signed(root, role, quorum.metadata[role])


def test_new_holders_alone_are_not_enough() -> None:
    """Nor the old ones alone: a thief of neither side moves the root."""
    assert not counted(moved(), "dave", "mallory").is_complete
    assert not counted(moved(), "alice", "bob", "carol").is_complete


# ------------------------------------------------------------------------------------------------ bad statements


def test_a_statement_for_another_proposal_is_refused() -> None:
    found = statements(reviewed(later(Wish(root_days=300))), ["alice"])
    error = refused(reviewed(later()), {"x.statement": found["alice.statement"]})
    assert error.code == "OTHER_PROPOSAL"


def test_a_statement_of_somebody_else_is_refused() -> None:
    case = reviewed(later(Wish(roles={**Wish().roles, "root": (("alice", "bob", "dave"), 2)})))
    (data,) = statements(case, ["dave"]).values()
    value = json.loads(data) | {"proposal": reviewed(later()).digest}
    assert refused(reviewed(later()), {"x.statement": json.dumps(value).encode()}).code == "NOT_A_HOLDER"


def edited(case: Review, name: str, **changes: Any) -> dict[str, bytes]:
    (data,) = statements(case, [name]).values()
    return {"x.statement": json.dumps(json.loads(data) | changes).encode()}


def test_garbage_for_a_signature_is_refused() -> None:
    case = reviewed(first())
    good = json.loads(statements(case, ["alice"])["alice.statement"])["signatures"]
    for bad in ("00", good["targets"], "ab" * 64):
        assert refused(case, edited(case, "alice", signatures={**good, "root": bad})).code == "BAD_SIGNATURE"
    assert refused(case, edited(case, "alice", keyid=keyid("bob"))).code == "BAD_SIGNATURE"


def test_a_statement_signs_just_what_its_key_does() -> None:
    case = reviewed(first())
    good = json.loads(statements(case, ["alice"])["alice.statement"])["signatures"]
    for given in ({}, {"root": good["root"]}, {**good, "snapshot": good["root"]}):
        assert refused(case, edited(case, "alice", signatures=given)).code == "BAD_STATEMENT"
    assert refused(case, edited(case, "alice", signatures={**good, "root": "no hex"})).code == "BAD_STATEMENT"
    assert refused(case, edited(case, "alice", type="sealcast/statement/2")).code == "UNKNOWN_DOCUMENT"
    assert refused(case, {"x.statement": b"garbage"}).code == "BAD_STATEMENT"
    assert refused(case, {"x.statement": b"[" * 70_000}).code == "BAD_STATEMENT"


# --------------------------------------------------------------------------------------------------------- signing


def test_a_statement_holds_a_signature_for_each_role_of_the_key() -> None:
    case = reviewed(first())
    assert roles_to_sign(case, keyid("alice")) == ("root", "targets")
    assert roles_to_sign(case, keyid("carol")) == ("root",)
    made = sign(case, PEOPLE["carol"], NOW)
    assert isinstance(made, Statement)
    assert (made.proposal, made.keyid, made.time) == (case.digest, keyid("carol"), "2026-11-21T12:00:00Z")
    assert list(made.signatures) == ["root"]
    (data,) = statements(case, ["carol"]).values()
    assert read_statement(data, "x") == made
    assert data.endswith(b"\n")


@pytest.mark.parametrize("name", ["ci", "mallory"])
def test_who_holds_neither_root_nor_targets_signs_nothing(name: str) -> None:
    with pytest.raises(CeremonyError) as caught:
        sign(reviewed(first()), PEOPLE[name], NOW)
    assert caught.value.code == "NOT_A_HOLDER"


class Broken(Signer):
    """A device that answers with something else than a signature by its key."""

    def __init__(self, key: Key, answer: Signer | None) -> None:
        self._key, self._answer = key, answer

    @property
    def public_key(self) -> Key:
        return self._key

    @classmethod
    def from_priv_key_uri(cls, *_: object, **__: object) -> Signer:
        raise NotImplementedError

    def sign(self, payload: bytes) -> Signature:
        if self._answer is None:
            raise OSError("the device was pulled out")
        return Signature(self._key.keyid, self._answer.sign(payload).signature)


@pytest.mark.parametrize("answer", [None, CryptoSigner.generate_ed25519()])
def test_a_signer_that_fails_or_lies_is_found_out(answer: Signer | None) -> None:
    with pytest.raises(SigningError) as caught:
        sign(reviewed(first()), Broken(PEOPLE["alice"].public_key, answer), NOW)
    assert caught.value.code == "SIGNING_FAILED"

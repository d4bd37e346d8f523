"""What a holder is shown: computed, whole, and with names held against the holder's own address book."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from msgspec.structs import replace

from sealcast.ceremony import Change, Facts, Holder, RoleFacts, Standing, facts_of, words_of
from sealcast.errors import CeremonyError
from tests.unit.ceremony.people import BOOK, NOW, REPOSITORY, Wish, first, keyid, later, reviewed


def facts(wish: Wish | None = None, book: Mapping[str, str] = BOOK, **which: bool) -> Facts:
    return facts_of(reviewed(later(wish, **which)), book)


def role(found: Facts, name: str) -> RoleFacts:
    return next(one for one in found.roles if one.role == name)


def names(holders: tuple[Holder, ...]) -> list[str]:
    return [holder.name for holder in holders]


def test_a_first_ceremony_is_told_as_one() -> None:
    found = facts_of(reviewed(first()), BOOK)
    assert found.first
    assert not found.is_renewal
    assert found.repository == REPOSITORY
    assert found.words == words_of(found.digest)
    assert [(part.role, part.version_before, part.version) for part in found.parts] == [
        ("root", None, 1),
        ("targets", None, 1),
    ]
    assert found.parts[0].expires == NOW + timedelta(days=365)
    assert [one.role for one in found.roles] == [
        "root", "targets", "snapshot", "timestamp", "demo-stable", "demo-halt",
    ]  # fmt: skip
    assert {one.change for one in found.roles} == {Change.ADDED}
    assert names(role(found, "root").added) == ["alice", "bob", "carol"]
    assert role(found, "demo-halt").paths == ("demo/halt/*",)
    assert [(file.app, file.change, dict(file.sealed)) for file in found.files] == [
        ("demo", Change.ADDED, {"stable": False})
    ]


def test_a_renewal_changes_nothing_else() -> None:
    found = facts(Wish(root_days=366))
    assert found.is_renewal
    assert not found.first
    (root, targets) = found.parts
    assert (root.version_before, root.version) == (1, 2)
    assert (root.expires_before, root.expires) == (NOW + timedelta(days=365), NOW + timedelta(days=366))
    assert targets.expires_before == targets.expires


def test_holders_come_and_go_with_their_names() -> None:
    found = facts(Wish(roles={**Wish().roles, "root": (("alice", "bob", "dave"), 3)}))
    root = role(found, "root")
    assert root.change is Change.CHANGED
    assert (names(root.added), names(root.removed), names(root.kept)) == (["dave"], ["carol"], ["alice", "bob"])
    assert (root.threshold_before, root.threshold) == (2, 3)
    assert role(found, "timestamp").change is Change.SAME
    assert found.lowered == ()


def test_delegations_come_go_and_change() -> None:
    wish = Wish(channels={"stable": False, "beta": True})
    wish.roles |= {"demo-beta": (("dave",), 1), "demo-stable": (("ci", "dave"), 2)}
    found = facts(wish)
    assert role(found, "demo-beta").change is Change.ADDED
    assert role(found, "demo-stable").change is Change.CHANGED
    assert dict(found.files[0].sealed) == {"stable": False, "beta": True}
    assert found.files[0].change is Change.CHANGED
    gone = Wish(channels={"beta": False}, roles={**Wish().roles, "demo-beta": (("dave",), 1)})
    found = facts(gone)
    assert role(found, "demo-stable").change is Change.REMOVED
    assert names(role(found, "demo-stable").removed) == ["ci"]
    assert role(found, "demo-stable").threshold is None


def test_a_delegation_that_does_not_terminate_is_shown() -> None:
    proposal = later()
    proposal.targets["delegations"]["roles"][0]["terminating"] = False
    found = role(facts_of(reviewed(proposal), BOOK), "demo-stable")
    assert (found.terminating_before, found.terminating, found.change) == (True, False, Change.CHANGED)


def test_an_app_that_goes_is_shown() -> None:
    proposal = later()
    other = proposal.targets
    other["targets"], other["delegations"] = {}, {"keys": {}, "roles": []}
    dropped = replace(proposal, files={})
    for one in ("ci", "oncall"):
        if keyid(one) not in dropped.root["keys"]:
            dropped.root["x-sealcast"]["holders"].pop(keyid(one))
    found = facts_of(reviewed(dropped), BOOK)
    assert [(file.app, file.change, file.sealed) for file in found.files] == [("demo", Change.REMOVED, {})]


def test_names_are_known_only_from_ones_own_address_book() -> None:
    added = role(facts(Wish(roles={**Wish().roles, "root": (("alice", "bob", "dave"), 2)}), {}), "root").added
    assert added == (Holder(keyid("dave"), "dave", Standing.UNVERIFIED),)
    assert role(facts(), "root").kept[0].standing is Standing.KNOWN


def test_a_known_name_for_an_unknown_key_stands_out() -> None:
    book = {keyid("alice"): "alice", keyid("mallory"): "dave"}
    added = role(facts(Wish(roles={**Wish().roles, "root": (("alice", "bob", "dave"), 2)}), book), "root").added
    assert added == (Holder(keyid("dave"), "dave", Standing.OTHER_KEY),)


def test_a_name_that_contradicts_the_address_book_is_refused() -> None:
    with pytest.raises(CeremonyError) as caught:
        facts(book={keyid("bob"): "robert"})
    assert caught.value.code == "WRONG_HOLDER"


def test_a_new_name_for_an_old_key_is_shown() -> None:
    proposal = later()
    proposal.root["x-sealcast"]["holders"][keyid("ci")] = "build-server"
    found = facts_of(reviewed(proposal), {})
    assert names(found.renamed) == ["build-server"]
    assert not found.is_renewal


def test_targets_alone_brings_keys_without_names() -> None:
    wish = Wish(roles={**Wish().roles, "demo-stable": (("ci", "dave"), 1)})
    assert names(role(facts(wish, {}, root=False), "demo-stable").added) == [""]
    assert names(role(facts(wish, BOOK, root=False), "demo-stable").added) == ["dave"]

"""What a proposal may ask, seen from the reader's own root: each rule with a proposal that breaks it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner

from sealcast.ceremony import (
    Proposal,
    check_limits,
    digest_of,
    facts_of,
    proposal_bytes,
    read_proposal,
    review,
)
from sealcast.ceremony.reviewing import MAX_SKIP
from sealcast.errors import CeremonyError
from tests.unit.ceremony.people import (
    BOOK,
    CURRENT,
    NOW,
    OWN,
    OWN_ROOT,
    PEOPLE,
    Wish,
    again,
    as_json,
    first,
    keyid,
    later,
    reviewed,
    signed,
)

Change = Callable[[dict[str, Any]], object]


def refused(value: dict[str, Any] | Proposal, own_root: bytes | None = OWN_ROOT) -> str:
    """The code with which a proposal is refused."""
    data = proposal_bytes(value) if isinstance(value, Proposal) else json.dumps(value).encode()
    with pytest.raises(CeremonyError) as caught:
        review(read_proposal(data), own_root)
    assert caught.value.exit_status == 4
    assert caught.value.safe == "Nothing was signed."
    return caught.value.code


def altered(change: Change, proposal: Proposal | None = None) -> dict[str, Any]:
    value = as_json(proposal or later())
    change(value)
    return value


def test_a_good_proposal_is_read() -> None:
    case = reviewed(first())
    assert case.root_before is None
    assert case.targets_before is None
    assert case.policies["demo"].channels.keys() == {"stable"}
    case = reviewed(later())
    assert case.root_before is not None
    assert case.root_before.part.version == 1
    assert case.root is not None
    assert case.root.version == 2
    assert reviewed(later(targets=False)).targets is None
    assert reviewed(later(root=False)).root is None


def test_the_digest_is_of_all_that_is_signed_and_of_nothing_else() -> None:
    proposal = later()
    assert digest_of(read_proposal(proposal_bytes(proposal))) == digest_of(proposal)
    assert digest_of(replace(proposal, roots=())) == digest_of(proposal)
    others = [replace(proposal, root={}), replace(proposal, targets={}), replace(proposal, repository="00" * 16)]
    assert len({digest_of(one) for one in (proposal, *others)}) == 4


# ------------------------------------------------------------------------------------------------- every single field


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in a document."""
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield from leaves(child, (*path, key))


def variants(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value, 1, None]
    if isinstance(value, int):
        return [value + 1, -1, 0, True, str(value)]
    if isinstance(value, str):
        flipped = value[:-1] + ("0" if value[-1:] != "0" else "1")
        return [flipped, "", value + "\u202e", "1" + value[1:], 7]
    if isinstance(value, list):
        return [[], value[:-1], [*value, *value]]
    return [{}, {**value, "x": 1}, {**value, "\x1b[31m": 1}]


def set_at(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    node = changed
    for key in path[:-1]:
        node = node[key]
    if new is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = new
    return changed


def get_at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def shown(value: dict[str, Any]) -> object:
    """What a holder sees of a proposal, but for the digest."""
    facts = facts_of(review(read_proposal(json.dumps(value).encode()), OWN_ROOT), BOOK)
    return facts.repository, facts.parts, facts.roles, facts.files, facts.renamed, facts.lowered


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.long)])
def test_whatever_is_altered_is_refused_or_shown(stride: int) -> None:
    """Not the order in which keys stand: that means nothing."""
    value = as_json(later(Wish(roles={**Wish().roles, "demo-stable": (("ci", "dave"), 2)})))
    before, silent, tried = shown(value), [], 0
    for path in islice(leaves(value), 0, None, stride):
        if path[0] in {"type", "must_understand"} or path[:3] == ("roots", 0, "signatures"):
            continue  # the kind has tests of its own; the reader's own root needs no signature
        was = get_at(value, path)
        found = [new for new in variants(was) if new != was or type(new) is not type(was)]
        for new in [found[0]] if path[0] in {"roots", "current"} else [*found, ...]:
            tried += 1
            try:
                if shown(set_at(value, path, new)) == before:
                    silent.append((path, new))
            except CeremonyError:
                pass
    assert silent == []
    assert tried > 400 / stride


def test_what_is_said_about_a_proposal_is_not_believed() -> None:
    value = altered(lambda one: one.update(description="Only a renewal", summary={"added": []}))
    assert shown(value) == shown(as_json(later()))


# ----------------------------------------------------------------------------------------------------- whose it is


def test_above_the_first_root_the_readers_own_is_needed() -> None:
    assert refused(later(), None) == "NO_OWN_ROOT"


def test_a_first_root_is_nothing_for_those_who_have_one() -> None:
    assert refused(first()) == "OLD_PROPOSAL"


def test_another_repository_is_refused() -> None:
    assert refused(altered(lambda one: one.update(repository="00" * 16))) == "OTHER_REPOSITORY"
    ours = "x-sealcast"
    assert refused(altered(lambda one: one["root"][ours].update(repository="00" * 16))) == "OTHER_REPOSITORY"
    other = altered(lambda one: one["roots"][0]["signed"][ours].update(repository="00" * 16))
    assert refused(other) == "OTHER_REPOSITORY"
    assert refused(altered(lambda one: one["root"][ours].update(repository="00" * 16), first()), None) == (
        "OTHER_REPOSITORY"
    )


def test_an_old_proposal_is_refused() -> None:
    wish = Wish(version=2)
    newer = json.dumps(signed(wish.root(), "alice", "bob")).encode()
    assert refused(later(), newer) == "OLD_PROPOSAL"


def test_the_chain_leads_from_the_readers_own_root() -> None:
    two = signed(Wish(version=2).root(), "alice", "bob")
    three = signed(Wish(version=3).root(), "alice", "bob")
    proposal = replace(later(), roots=(OWN, two, three), root=Wish(version=4).root())
    assert reviewed(proposal).root is not None
    assert reviewed(proposal, json.dumps(two).encode()).root is not None
    assert refused(replace(proposal, roots=(OWN, three))) == "BROKEN_CHAIN"
    assert refused(replace(proposal, roots=(two, three))) == "BROKEN_CHAIN"
    forged = signed(Wish(version=2).root(), "alice", "mallory")
    assert refused(replace(proposal, roots=(OWN, forged, three))) == "BROKEN_CHAIN"
    usurped = Wish(version=2, roles={**Wish().roles, "root": (("mallory",), 1)})
    assert refused(later(roots=(OWN, signed(usurped.root(), "mallory")))) == "BROKEN_CHAIN"
    other = Wish(root_days=1)
    assert refused(later(roots=(signed(other.root(), "alice", "bob"),))) == "BROKEN_CHAIN"


def test_the_current_targets_is_signed_by_its_holders() -> None:
    assert refused(later(current=signed(Wish().targets(), "alice", "mallory"))) == "BROKEN_CHAIN"
    assert refused(later(current={})) == "BAD_PROPOSAL"
    assert refused(replace(first(), current=CURRENT), None) == "BAD_PROPOSAL"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["roots"][0].update(x=1),
        lambda one: one["current"]["signatures"].append(one["current"]["signatures"][0]),
        lambda one: one["current"]["signatures"][0].update(sig="xyz"),
    ],
)
def test_the_evidence_is_read_strictly(change: Change) -> None:
    assert refused(altered(change)) == "BAD_PROPOSAL"


def test_ones_own_root_is_read_strictly() -> None:
    assert refused(later(), b"{}") == "BAD_PROPOSAL"
    assert refused(later(), b"no root") == "BAD_PROPOSAL"


# ------------------------------------------------------------------------------------------------- versions, fields


@pytest.mark.parametrize("version", [1, 3, 2**40])
def test_a_root_is_the_next_one(version: int) -> None:
    assert refused(altered(lambda one: one["root"].update(version=version))) == "WRONG_VERSION"


@pytest.mark.parametrize("version", [1, 2 + MAX_SKIP, 2**40])
def test_a_targets_skips_few_numbers_at_most(version: int) -> None:
    assert refused(altered(lambda one: one["targets"].update(version=version))) == "WRONG_VERSION"


def test_a_targets_may_skip_what_a_dead_command_used_up() -> None:
    value = altered(lambda one: one["targets"].update(version=1 + MAX_SKIP))
    assert review(read_proposal(json.dumps(value).encode()), OWN_ROOT).targets is not None


def test_the_first_of_both_is_version_one() -> None:
    assert refused(first(Wish(version=2)), None) == "WRONG_VERSION"
    assert refused(first(Wish(targets_version=2)), None) == "WRONG_VERSION"
    assert refused(replace(first(), targets={}, files={}), None) == "BAD_PROPOSAL"
    assert refused(later(root=False, targets=False)) == "BAD_PROPOSAL"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["root"].update({"x-other": 1}),
        lambda one: one["root"]["x-sealcast"].update(note="trust me"),
        lambda one: one["root"]["roles"]["root"].update(weight=1),
        lambda one: one["targets"].update(x=1),
        lambda one: one["targets"]["delegations"].update(succinct_roles={}),
        lambda one: one["targets"]["targets"]["demo/policy.json"].update(custom={}),
        lambda one: one["targets"]["targets"]["demo/policy.json"]["hashes"].update(sha512="00"),
    ],
)
def test_a_field_that_nobody_knows_is_refused(change: Change) -> None:
    assert refused(altered(change)) == "UNKNOWN_FIELD"


@pytest.mark.parametrize("threshold", [0, -1, True, False, None, 4, 2**52, "2"])
def test_a_threshold_is_a_number_of_keys(threshold: object) -> None:
    def at(role: str) -> Change:
        return lambda one: one["root"]["roles"][role].update(threshold=threshold)

    assert refused(altered(at("root"))) == refused(altered(at("timestamp"))) == "BAD_THRESHOLD"
    assert (
        refused(altered(lambda one: one["targets"]["delegations"]["roles"][0].update(threshold=threshold)))
        == "BAD_THRESHOLD"
    )


def test_one_key_counts_once() -> None:
    def twice(one: dict[str, Any]) -> None:
        key = one["root"]["keys"][keyid("alice")]
        spelled = again(key, keyval={"public": key["keyval"]["public"].upper()})
        one["root"]["keys"] |= spelled
        one["root"]["roles"]["root"]["keyids"] += list(spelled)

    def renamed(one: dict[str, Any]) -> None:
        one["root"]["keys"]["00" * 32] = one["root"]["keys"].pop(keyid("carol"))
        ids = one["root"]["roles"]["root"]["keyids"]
        ids[ids.index(keyid("carol"))] = "00" * 32

    assert refused(altered(twice)) == "DUPLICATE_KEY"
    assert refused(altered(renamed)) == "KEYID_MISMATCH"
    doubled = altered(lambda one: one["root"]["roles"]["root"]["keyids"].append(keyid("alice")))
    assert refused(doubled) == "BAD_PROPOSAL"


def test_a_key_that_signs_nothing_is_refused() -> None:
    def idle(one: dict[str, Any]) -> None:
        one["root"]["keys"][keyid("mallory")] = PEOPLE["mallory"].public_key.to_dict()
        one["root"]["x-sealcast"]["holders"][keyid("mallory")] = "mallory"

    assert refused(altered(idle)) == "BAD_PROPOSAL"


def test_a_weak_key_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    weak = CryptoSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048)).public_key

    def add(one: dict[str, Any]) -> None:
        one["root"]["keys"][weak.keyid] = weak.to_dict()
        one["root"]["roles"]["root"]["keyids"].append(weak.keyid)

    assert refused(altered(add)) == "BAD_PUBLIC_KEY"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["root"].update(consistent_snapshot=False),
        lambda one: one["root"]["roles"].update(mirrors={"keyids": [keyid("ci")], "threshold": 1}),
        lambda one: one["root"].update(keys=[]),
        lambda one: one["root"].update(roles=None),
        lambda one: one["root"].update(expires="2027-02-30T00:00:00Z"),
        lambda one: one["root"].update(spec_version="2.0.0"),
        lambda one: one["root"].update(_type="targets"),
        lambda one: one["root"]["keys"].update({keyid("dave"): PEOPLE["dave"].public_key.to_dict()}),
        lambda one: one["root"]["x-sealcast"]["holders"].update({keyid("mallory"): "mallory"}),
        lambda one: one["root"]["x-sealcast"]["holders"].pop(keyid("alice")),
        lambda one: one["root"]["x-sealcast"]["holders"].update({keyid("alice"): "al\x1b[2Kice"}),
        lambda one: one["root"]["x-sealcast"]["holders"].update({keyid("alice"): "\u202eecila"}),
        lambda one: one["targets"]["delegations"]["roles"].append(one["targets"]["delegations"]["roles"][0]),
        lambda one: one["targets"]["delegations"].update(roles=None),
        lambda one: one.update(targets=[]),
        lambda one: one["targets"].pop("delegations"),
    ],
)
def test_what_is_no_metadata_of_ours_is_refused(change: Change) -> None:
    assert refused(altered(change)) == "BAD_PROPOSAL"


def test_other_documents_are_no_proposals() -> None:
    assert refused(altered(lambda one: one.update(type="sealcast/proposal/2"))) == "UNKNOWN_DOCUMENT"
    assert refused(altered(lambda one: one.update(must_understand=["magic"]))) == "UNKNOWN_DOCUMENT"
    for data in (b"", b"[]", b'{"type":"sealcast/proposal/1","type":"sealcast/proposal/1"}', b"{" * 100_000):
        with pytest.raises(CeremonyError):
            read_proposal(data)


# -------------------------------------------------------------------------------------------------- targets, policy


def test_a_delegated_role_has_its_own_folder_only() -> None:
    def paths(*given: str) -> Change:
        return lambda one: one["targets"]["delegations"]["roles"][0].update(paths=list(given))

    for given in (("demo/*",), ("demo/halt/*",), ("demo/stable/*", "*"), (), ("demo/policy.json",)):
        assert refused(altered(paths(*given))) == "WRONG_FOLDER"
    renamed = altered(lambda one: one["targets"]["delegations"]["roles"][0].update(name="demo-nightly"))
    assert refused(renamed) == "WRONG_FOLDER"


def test_every_channel_of_a_policy_is_delegated() -> None:
    def drop(one: dict[str, Any]) -> None:
        role = one["targets"]["delegations"]["roles"].pop()
        one["targets"]["delegations"]["keys"].pop(role["keyids"][0])
        one["root"]["x-sealcast"]["holders"].pop(role["keyids"][0])

    assert refused(altered(drop)) == "BAD_PROPOSAL"


def test_a_listed_file_is_in_the_proposal_and_is_that_file() -> None:
    policy = "demo/policy.json"
    assert refused(altered(lambda one: one.update(files={}))) == "FILE_MISMATCH"
    assert refused(altered(lambda one: one["files"].update({"demo/other.json": "{}"}))) == "FILE_MISMATCH"
    sealed = '{"app":"demo","channels":{"stable":{"sealed":true}},"type":"sealcast/policy/1"}'
    assert refused(altered(lambda one: one["files"].update({policy: sealed}))) == "FILE_MISMATCH"
    assert refused(replace(later(targets=False), files={policy: "{}"})) == "FILE_MISMATCH"


def with_file(path: str, text: str) -> dict[str, Any]:
    from sealcast.values import content_of

    sha256, size = content_of(text.encode())
    value = as_json(later())
    value["files"] = {path: text}
    value["targets"]["targets"] = {path: {"hashes": {"sha256": sha256}, "length": size}}
    return value


def test_a_listed_file_is_a_policy_that_is_understood_to_the_last_byte() -> None:
    good = Wish().policy().decode()
    assert shown(with_file("demo/policy.json", good)) == shown(as_json(later()))
    assert refused(with_file("demo/notes.txt", good)) == "BAD_PROPOSAL"
    assert refused(with_file("other/policy.json", good)) == "BAD_PROPOSAL"
    assert refused(with_file("demo/policy.json", good + " ")) == "BAD_PROPOSAL"
    assert refused(with_file("demo/policy.json", good.replace("{", '{"later":1,', 1))) == "BAD_PROPOSAL"
    assert refused(with_file("demo/policy.json", good.replace("{", '{"must_understand":["x"],', 1))) == (
        "UNKNOWN_DOCUMENT"
    )
    assert refused(with_file("demo/policy.json", good.replace("stable", "halt"))) == "BAD_PROPOSAL"


def test_who_signs_targets_does_not_change_without_a_targets() -> None:
    wish = Wish(roles={**Wish().roles, "targets": (("alice", "dave"), 2)})
    assert refused(later(wish, targets=False)) == "TARGETS_LEFT_OUT"
    wish = Wish(roles={**Wish().roles, "targets": (("alice", "bob"), 1)})
    assert refused(later(wish, targets=False)) == "TARGETS_LEFT_OUT"
    assert reviewed(later(wish)).targets is not None


# ------------------------------------------------------------------------------------------------------------ limits


def limited(wish: Wish, code: str, *flags: str, days: float = 0) -> None:
    """Refused for this, and allowed with these flags."""
    case = reviewed(later(wish))
    now = NOW + timedelta(days=days)
    with pytest.raises(CeremonyError) as caught:
        check_limits(case, now)
    assert caught.value.code == code
    if flags:
        check_limits(case, now, **dict.fromkeys(flags, True))


def test_a_lower_threshold_must_be_allowed() -> None:
    limited(Wish(roles={**Wish().roles, "root": (("alice", "bob", "carol"), 1)}), "LOWER_THRESHOLD",
            "allow_lower_threshold")  # fmt: skip
    check_limits(reviewed(later()), NOW)


def test_a_lower_threshold_of_a_channel_must_be_allowed() -> None:
    wish = Wish(roles={**Wish().roles, "demo-stable": (("ci", "dave"), 2)})
    current = signed(wish.targets(), "alice", "bob")
    case = reviewed(later(current=current))
    with pytest.raises(CeremonyError, match="demo-stable") as caught:
        check_limits(case, NOW)
    assert caught.value.code == "LOWER_THRESHOLD"
    assert facts_of(case, BOOK).lowered == ("demo-stable",)


@pytest.mark.parametrize("wish", [Wish(root_days=3650), Wish(root_days=367), Wish(targets_days=365)])
def test_a_long_life_must_be_allowed(wish: Wish) -> None:
    limited(wish, "LONGER_LIFE", "allow_longer_life")


def test_a_proposal_whose_time_is_over_is_refused() -> None:
    limited(Wish(), "OUT_OF_DATE", days=180)

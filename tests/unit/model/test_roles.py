"""The TUF roles as Sealcast lays them out."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from securesystemslib.signer import CryptoSigner, Key
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from sealcast.errors import ConfigError, VerificationError
from sealcast.model.roles import (
    EXTENSION,
    check_role_names,
    content_listed,
    first_root,
    first_targets,
    listed,
    next_snapshot,
    next_timestamp,
    published_path,
    role_name,
    role_prefix,
    role_targets,
    target,
)
from sealcast.values import Content, content_of
from tests.samples import NOW, digest

LATER = NOW + timedelta(days=10)
KEYS: list[Key] = [CryptoSigner.generate_ed25519().public_key for _ in range(3)]


# ---------------------------------------------------------------------------------------------------- names


def test_a_role_and_its_folder_are_named_after_app_and_channel() -> None:
    assert (role_name("demo", "stable"), role_prefix("demo", "stable")) == ("demo-stable", "demo/stable")
    assert (role_name("demo", "halt"), role_prefix("demo", "halt")) == ("demo-halt", "demo/halt")


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("demo", "stable"), ("demo", "beta"), ("other", "stable")],
        [("demo", "stable"), ("demo", "stable")],
        [("a-b", "c"), ("a", "c")],
        [("halt", "stable")],
        [("demo", "halting")],
        [("root", "x"), ("targets", "x")],
    ],
)
def test_names_that_make_different_roles_are_fine(pairs: list[tuple[str, str]]) -> None:
    check_role_names(pairs)


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([("a-b", "c"), ("a", "b-c")], "NAME_TAKEN"),
        ([("a", "b-c"), ("a-b", "c")], "NAME_TAKEN"),
        ([("a", "x"), ("a-b-c", "d"), ("a-b", "c-d")], "NAME_TAKEN"),
        ([("demo", "halt")], "NAME_TAKEN"),
        ([("a", "b-halt")], "NAME_TAKEN"),  # the halt role of an app a-b, and of the life of one
        ([("Demo", "stable")], "UNSAFE_NAME"),
        ([("demo", "Stable")], "UNSAFE_NAME"),
        ([("demo", "")], "UNSAFE_NAME"),
        ([("../demo", "stable")], "UNSAFE_NAME"),
        ([("demo", "a/b")], "UNSAFE_NAME"),
        ([("con", "stable")], "UNSAFE_NAME"),
        ([("demo", "nul")], "UNSAFE_NAME"),
    ],
)
def test_names_that_would_clash_are_refused(pairs: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_role_names(pairs)
    assert caught.value.code == code
    assert caught.value.hint


# ---------------------------------------------------------------------------------------------------- metadata


def test_the_first_root_names_keys_thresholds_and_holders() -> None:
    alice, bob, online = KEYS
    root = first_root(
        {"root": [alice, bob], "targets": [alice], "snapshot": [online], "timestamp": [online]},
        {"root": 2},
        {alice.keyid: "alice", bob.keyid: "bob", "f" * 64: "carol"},
        "ab" * 16,
        LATER,
    )
    assert (root.version, root.expires, root.consistent_snapshot) == (1, LATER, True)
    assert {name: (role.keyids, role.threshold) for name, role in root.roles.items()} == {
        "root": ([alice.keyid, bob.keyid], 2),
        "targets": ([alice.keyid], 1),
        "snapshot": ([online.keyid], 1),
        "timestamp": ([online.keyid], 1),
    }
    assert set(root.keys) == {key.keyid for key in KEYS}
    # The one extra field. It also names who holds keys of channels.
    assert root.unrecognized_fields == {
        EXTENSION: {
            "repository": "ab" * 16,
            "holders": {alice.keyid: "alice", bob.keyid: "bob", "f" * 64: "carol"},
        }
    }
    again = Metadata[Root].from_bytes(Metadata(root).to_bytes()).signed
    assert again == root


def test_targets_delegate_each_channel_its_own_folder() -> None:
    first, second, third = KEYS
    entry = target("demo/policy.json", Content(digest(1), 7))
    targets = first_targets({("demo", "stable"): ([first, second], 2), ("demo", "halt"): ([third], 1)}, [entry], LATER)
    assert (targets.version, targets.expires, targets.targets) == (1, LATER, {"demo/policy.json": entry})
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    roles = targets.delegations.roles
    assert {name: (role.keyids, role.threshold, role.paths, role.terminating) for name, role in roles.items()} == {
        "demo-stable": ([first.keyid, second.keyid], 2, ["demo/stable/*"], True),
        "demo-halt": ([third.keyid], 1, ["demo/halt/*"], True),
    }
    assert set(targets.delegations.keys) == {key.keyid for key in KEYS}
    # What a channel may sign, and what it may not.
    assert roles["demo-stable"].is_delegated_path("demo/stable/channel.json")
    for foreign in ("demo/policy.json", "demo/beta/channel.json", "demo/stable/a/b", "demo/stable", "x/demo/stable/a"):
        assert not roles["demo-stable"].is_delegated_path(foreign)
    assert Metadata[Targets].from_bytes(Metadata(targets).to_bytes()).signed == targets


def test_a_roles_metadata_lists_exactly_its_targets() -> None:
    entries = [target("demo/stable/b", Content(digest(1), 1)), target("demo/stable/a", Content(digest(2), 2))]
    role = role_targets(7, entries, LATER)
    assert (role.version, role.expires, role.delegations) == (7, LATER, None)
    assert role.targets == {entry.path: entry for entry in entries}
    assert role_targets(1, [], LATER).targets == {}


def test_metadata_is_listed_with_length_and_hash() -> None:
    meta = listed(3, b"data")
    assert (meta.version, meta.length, meta.hashes) == (3, 4, {"sha256": content_of(b"data").sha256})


def test_snapshot_and_timestamp_are_made_from_what_is_listed() -> None:
    meta = {"targets.json": listed(2, b"t"), "demo-stable.json": listed(5, b"s")}
    snapshot = next_snapshot(9, meta, LATER)
    assert (snapshot.version, snapshot.expires, snapshot.meta) == (9, LATER, meta)
    timestamp = next_timestamp(12, listed(9, b"x"), NOW, LATER)
    assert (timestamp.version, timestamp.expires, timestamp.snapshot_meta) == (12, LATER, listed(9, b"x"))
    assert timestamp.unrecognized_fields == {EXTENSION: {"issued": "2026-06-01T12:00:00Z"}}
    with_head = next_timestamp(12, listed(9, b"x"), NOW, LATER, digest("head"))
    assert with_head.unrecognized_fields[EXTENSION]["transcript"] == digest("head")
    assert json.loads(Metadata(with_head).to_bytes())["signed"][EXTENSION]["issued"] == "2026-06-01T12:00:00Z"


# ---------------------------------------------------------------------------------------------------- targets


def test_a_target_is_published_with_its_digest_before_its_name() -> None:
    content = Content(digest("a"), 3)
    entry = target("demo/stable/channel.json", content)
    assert (entry.length, entry.hashes) == (3, {"sha256": digest("a")})
    assert content_listed(entry) == content
    assert published_path(entry) == f"targets/demo/stable/{digest('a')}.channel.json"
    assert published_path(target("top.json", content)) == f"targets/{digest('a')}.top.json"


@pytest.mark.parametrize(
    "hashes",
    [
        {"sha512": "a" * 128},
        {"sha256": ""},
        {"sha256": "../../../etc/passwd"},
        {"sha256": digest(1).upper()},
        {"sha256": digest(1) + "\n"},
        {"sha256": digest(1)[1:]},
    ],
)
def test_what_is_listed_without_a_digest_has_no_place(hashes: dict[str, str]) -> None:
    # python-tuf takes any text for a hash. Ours becomes part of a path.
    entry = TargetFile(1, hashes, "demo/stable/channel.json")
    for use in (content_listed, published_path):
        with pytest.raises(VerificationError) as caught:
            use(entry)
        assert caught.value.code == "BAD_METADATA"

"""The one verifier: a good site is read, a bad one is refused by its code, and the next good look works again."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, MetaFile, Root, Snapshot, TargetFile, Targets
from tuf.ngclient import Updater

from sealcast.documents import encode
from sealcast.errors import SealcastError, TransferError, VerificationError
from sealcast.fetch import FolderSource, Source
from sealcast.model import ChannelHalt, ChannelPolicy, HaltDocument, Policy
from sealcast.model.keys import key_id
from sealcast.model.roles import EXTENSION
from sealcast.values import content_of
from sealcast.verify import LIMITS, View, check_metadata
from tests.sites import Site, flip, new_signer, past


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


class Client:
    """Looks at a site again and again, with one folder and the root it was built with."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.source: Source = site.source
        self.root = site.root
        self.folder = folder

    def look(self) -> View:
        return View(self.source, root=self.root, folder=self.folder)

    def refused(self) -> SealcastError:
        """The error of a look; nothing of what was refused may stay behind, and a good look must work afterwards."""
        before = self.state()
        with pytest.raises(SealcastError) as caught:
            self.look()
        after = self.state()
        # What verified on the way may be newer; nothing that was there may be gone, and nothing be half there.
        assert set(before) <= set(after)
        assert not [name for name in after if "tmp" in name]
        assert caught.value.what.endswith(".")
        return caught.value

    def state(self) -> dict[str, bytes]:
        folder = self.folder / "metadata"
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder.exists() else {}


@pytest.fixture
def client(site: Site, tmp_path: Path) -> Client:
    return Client(site, tmp_path / "client")


# ---------------------------------------------------------------------------------------------------- good sites


def test_a_good_site_is_seen_as_it_is(site: Site, client: Client) -> None:
    site.add_release(b"hello", version="1.0.0")
    site.halt = HaltDocument(app="demo", revision=2, channels={"stable": ChannelHalt(paused=True)})
    site.publish()
    view = client.look()
    assert (view.root.version, view.timestamp.version, view.snapshot.version, view.targets.version) == (1, 2, 2, 2)
    assert view.issued == site.now
    assert view.apps == ("demo",)
    assert view.policy("demo") == site.policy
    assert view.channel("demo", "stable") == site.channels["stable"]
    assert view.halt("demo") == site.halt
    assert view.role("demo", "stable").version == 2
    assert isinstance(view.role("demo", "halt"), Targets)


def test_a_site_with_several_channels_and_thresholds_is_seen(tmp_path: Path) -> None:
    site = Site(
        tmp_path / "site",
        channels=("stable", "beta"),
        thresholds={"root": 2, "targets": 2, "demo-stable": 3, "timestamp": 2},
    )
    view = Client(site, tmp_path / "client").look()
    assert view.policy("demo").channels == {"stable": ChannelPolicy(), "beta": ChannelPolicy()}
    assert view.channel("demo", "beta").channel == "beta"
    assert len(view.root.roles["root"].keyids) == 2


def test_looking_twice_asks_for_little(site: Site, client: Client) -> None:
    asked: list[str] = []

    class Counting(FolderSource):
        def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
            asked.append(path)
            return super().read(path, limit=limit, anew=anew)

    client.source = Counting(site.folder)
    for _ in range(2):
        asked.clear()
        view = client.look()
        view.channel("demo", "stable")
        view.halt("demo")
    assert asked == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_a_newer_site_is_followed(site: Site, client: Client) -> None:
    assert client.look().channel("demo", "stable").revision == 1
    for number in range(2, 5):
        site.change()
        site.publish()
        view = client.look()
        assert (view.timestamp.version, view.channel("demo", "stable").revision) == (number, number)


def test_an_equal_timestamp_is_no_error(site: Site, client: Client) -> None:
    site.publish()
    assert client.look().timestamp.version == client.look().timestamp.version == 2


def test_a_new_root_is_followed_through_every_version(site: Site, client: Client) -> None:
    client.look()
    for role in ("root", "targets", "timestamp", "snapshot", "root"):
        old = site.signers[role]
        site.signers[role] = [new_signer()]
        site.sign_root(also=old if role == "root" else ())
        site.publish()
    view = client.look()
    assert view.root.version == 6
    assert View(site.source, root=site.root, folder=client.folder.with_name("fresh")).root.version == 6
    # The embedded root may be any of them, and the folder may know a newer one.
    assert View(site.source, root=site.path("root", 4).read_bytes(), folder=client.folder).root.version == 6


def test_a_threshold_of_root_is_met_by_old_and_new_holders(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", thresholds={"root": 2})
    client = Client(site, tmp_path / "client")
    client.look()
    old = site.signers["root"]
    site.signers["root"] = [old[0], new_signer()]
    site.sign_root(also=old)
    assert client.look().root.version == 2
    # One signature of two, of the old or of the new holders, is refused.
    before = site.signers["root"]
    site.signers["root"] = [new_signer(), new_signer()]
    for signers in (
        site.signers["root"],
        [*site.signers["root"], before[0]],
        before,
        [*before, site.signers["root"][0]],
    ):
        site.sign_root(signers=signers, version=3)
        assert client.refused().code == "THRESHOLD"
    site.sign_root(also=before, version=3)
    assert client.look().root.version == 3


# ---------------------------------------------------------------------------------------------------- rollback


def test_an_older_timestamp_is_a_rollback(site: Site, client: Client) -> None:
    old = site.path("timestamp").read_bytes()
    site.publish()
    client.look()
    site.store("metadata/timestamp.json", old)
    error = client.refused()
    assert (error.code, error.exit_status) == ("ROLLBACK", 6)
    assert "older state" in error.hint
    site.publish()
    assert client.look().timestamp.version == 3


def test_the_whole_site_rolled_back_is_a_rollback(site: Site, client: Client, tmp_path: Path) -> None:
    old = site.copy(tmp_path / "old")
    site.publish()
    client.look()
    client.source = FolderSource(old)
    assert client.refused().code == "ROLLBACK"
    client.source = site.source
    assert client.look().timestamp.version == 2


def test_a_new_timestamp_over_an_old_snapshot_is_a_rollback(site: Site, client: Client) -> None:
    first = site.snapshot_meta
    site.publish()
    client.look()
    newest, site.snapshot_meta = site.snapshot_meta, first
    site.sign_timestamp()
    assert client.refused().code == "ROLLBACK"
    site.snapshot_meta = newest
    site.sign_timestamp()
    assert client.look().timestamp.version == 4


@pytest.mark.parametrize("role", ["targets", "demo-stable", "demo-halt"])
def test_a_new_snapshot_over_an_old_role_is_a_rollback(site: Site, client: Client, role: str) -> None:
    first = site.meta[f"{role}.json"]
    site.publish()
    client.look()
    site.meta[f"{role}.json"] = first
    site.sign_snapshot()
    site.sign_timestamp()
    assert client.refused().code == "ROLLBACK"
    site.publish()
    assert client.look().timestamp.version == 4


def test_a_role_that_leaves_the_snapshot_is_refused(site: Site, client: Client) -> None:
    client.look()
    kept = site.meta.pop("demo-stable.json")
    site.sign_snapshot()
    site.sign_timestamp()
    assert client.refused().code == "INCONSISTENT"
    site.meta["demo-stable.json"] = kept
    site.publish()
    assert client.look().role("demo", "stable").version == 2


# ---------------------------------------------------------------------------------------------------- expiry


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_an_expired_role_is_refused_and_named(site: Site, client: Client, role: str) -> None:
    client.look()
    site.expires[role] = past()
    if role == "root":
        site.sign_root()
    site.publish()
    error = client.refused()
    assert error.code == "EXPIRED"
    assert role in error.what
    assert "expired" in error.what
    assert "refresh" in error.hint
    del site.expires[role]
    if role == "root":
        site.sign_root()
    site.publish()
    assert client.look().timestamp.version == 3


@pytest.mark.parametrize("channel", ["stable", "halt"])
def test_an_expired_delegated_role_is_refused_when_it_is_asked_for(site: Site, client: Client, channel: str) -> None:
    site.expires[f"demo-{channel}"] = past()
    site.publish()
    view = client.look()
    with pytest.raises(VerificationError, match=f"demo-{channel} is expired") as caught:
        view.role("demo", channel)
    assert caught.value.code == "EXPIRED"
    assert view.role("demo", "halt" if channel == "stable" else "stable").version == 2
    site.expires.clear()
    site.publish()
    assert client.look().role("demo", channel).version == 3


# ---------------------------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_signature_of_somebody_else_does_not_count(site: Site, client: Client, role: str) -> None:
    client.look()
    stranger = [new_signer()]
    if role == "root":
        site.sign_root(signers=stranger)
    else:
        for name in ("targets", "snapshot", "timestamp"):
            how = {"signers": stranger} if name == role else {}
            getattr(site, f"sign_{name}")(**how)
    error = client.refused()
    assert error.code == "THRESHOLD"
    assert f"The {role} metadata" in error.what
    if role == "root":
        site.path("root").unlink()
    site.publish()
    assert client.look().timestamp.version >= 2


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp", "demo-stable"])
def test_a_threshold_must_be_met_by_different_keys(tmp_path: Path, role: str) -> None:
    site = Site(tmp_path / "site", thresholds={role: 2})
    client = Client(site, tmp_path / "client")
    client.look().role("demo", "stable")
    one = site.signers[role][:1]
    if role == "root":
        site.sign_root(signers=one)
    elif role == "demo-stable":
        site.sign_delegated(role, signers=one)
    else:
        getattr(site, f"sign_{role}")(signers=one)
    if role in {"targets", "demo-stable"}:
        site.sign_snapshot()
    if role not in {"root", "timestamp"}:
        site.sign_timestamp()
    with pytest.raises(VerificationError) as caught:
        client.look().role("demo", "stable")
    assert caught.value.code == "THRESHOLD"


def test_the_same_signature_eight_times_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", thresholds={"timestamp": 2})
    client = Client(site, tmp_path / "client")
    client.look()
    site.sign_timestamp(signers=site.signers["timestamp"][:1])

    def repeat(metadata: dict[str, Any]) -> None:
        metadata["signatures"] *= 8

    site.put("timestamp", site.edit("timestamp", repeat))
    assert client.refused().code == "BAD_METADATA"


@pytest.mark.parametrize("change", ["", "00", "zz" * 64, None, 1])
def test_a_broken_signature_does_not_count(site: Site, client: Client, change: Any) -> None:
    client.look()
    site.sign_timestamp()

    def break_it(metadata: dict[str, Any]) -> None:
        metadata["signatures"][0]["sig"] = change

    site.put("timestamp", site.edit("timestamp", break_it))
    assert client.refused().code in {"THRESHOLD", "BAD_METADATA"}


def test_changed_contents_do_not_verify(site: Site, client: Client) -> None:
    client.look()
    site.sign_timestamp()

    def change(metadata: dict[str, Any]) -> None:
        metadata["signed"]["expires"] = "2099-01-01T00:00:00Z"

    site.put("timestamp", site.edit("timestamp", change))
    assert client.refused().code == "THRESHOLD"


def test_an_attackers_repository_with_its_own_root_is_refused(site: Site, client: Client, tmp_path: Path) -> None:
    evil = Site(tmp_path / "evil")
    evil.publish()
    client.source = evil.source
    assert client.refused().code == "THRESHOLD"  # at first sight
    client.source = site.source
    client.look()
    client.source = evil.source
    assert client.refused().code == "THRESHOLD"
    evil.sign_root()  # a second root of the attacker's own
    assert client.refused().code == "THRESHOLD"
    client.source = site.source
    assert client.look().root.version == 1


def test_the_embedded_root_must_be_one(site: Site, client: Client) -> None:
    for data, code in (
        (b"", "BAD_METADATA"),
        (b"{}", "BAD_METADATA"),
        (site.path("targets").read_bytes(), "BAD_METADATA"),
        (site.edit("root", lambda root: root["signatures"].clear()), "THRESHOLD"),
        (b" " * (LIMITS["root"] + 1), "TOO_LARGE"),
    ):
        client.root = data
        assert client.refused().code == code


# ---------------------------------------------------------------------------------------------------- root chain


def test_a_root_under_another_number_breaks_the_chain(site: Site, client: Client) -> None:
    client.look()
    first = site.root
    site.sign_root()
    second = site.path("root").read_bytes()
    site.sign_root()
    third = site.path("root").read_bytes()
    for served in (first, third):  # the same again, and one left out
        site.store("metadata/2.root.json", served)
        error = client.refused()
        assert error.code == "ROOT_CHAIN"
        assert "one before it" in error.hint
    site.store("metadata/2.root.json", second)
    assert client.look().root.version == 3


def test_a_gap_hides_what_comes_after_it(site: Site, client: Client) -> None:
    site.sign_root()
    site.sign_root()
    site.path("root", 2).unlink()
    assert client.look().root.version == 1  # the host withholds it: until the first root expires


def test_a_withheld_root_stops_the_client_when_the_old_one_expires(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.expires["root"] = past()
    site.sign_root(version=1)
    client = Client(site, tmp_path / "client")
    del site.expires["root"]
    site.sign_root()
    assert client.look().root.version == 2  # an expired root still leads to the next
    site.path("root", 2).unlink()
    fresh = Client(site, tmp_path / "fresh")
    error = fresh.refused()
    assert (error.code, error.what) == ("EXPIRED", "Final root.json is expired.")


# ---------------------------------------------------------------------------------------------------- bytes


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_altered_bytes_do_not_match_their_listing(site: Site, client: Client, role: str) -> None:
    client.look()
    site.publish()
    path = site.path(role)
    good = path.read_bytes()
    # Another spelling of the same JSON, of the same length: only the digest tells.
    path.write_bytes(re.sub(rb'"expires":"(\d{4})', rb'"expires":"9999', good))
    error = client.refused()
    assert error.code == "HASH_MISMATCH"
    path.write_bytes(good + b" ")
    assert client.refused().code == "TOO_LARGE"
    path.write_bytes(good[:-1])
    assert client.refused().code == "BAD_METADATA"
    path.write_bytes(good)
    assert client.look().timestamp.version == 2


def test_a_delegated_role_that_was_altered_is_refused(site: Site, client: Client) -> None:
    path = site.path("demo-stable")
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"version":1', b'"version":2'))
    with pytest.raises(VerificationError) as caught:
        client.look().channel("demo", "stable")
    assert caught.value.code == "HASH_MISMATCH"
    assert client.look().halt("demo").revision == 1
    path.write_bytes(good)
    assert client.look().channel("demo", "stable").revision == 1


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_missing_role_is_no_repository(site: Site, client: Client, role: str) -> None:
    place = site.path(role)
    kept = place.read_bytes()
    place.unlink()
    error = client.refused()
    assert error.code == "NOT_A_REPOSITORY"
    assert role in error.what
    place.write_bytes(kept)
    assert client.look().timestamp.version == 1


def test_a_missing_delegated_role_is_refused(site: Site, client: Client) -> None:
    site.path("demo-stable").unlink()
    view = client.look()
    with pytest.raises(VerificationError) as caught:
        view.role("demo", "stable")
    assert caught.value.code == "NOT_A_REPOSITORY"
    assert "demo-stable" in caught.value.what


def test_an_empty_folder_is_no_repository(client: Client, tmp_path: Path) -> None:
    client.source = FolderSource(tmp_path / "empty")
    assert client.refused().code == "NOT_A_REPOSITORY"


@pytest.mark.parametrize("page", [b"<!doctype html><title>Log in</title>", b"\n  <html>", b"<?xml version='1.0'?>"])
@pytest.mark.parametrize("role", ["timestamp", "root"])
def test_a_web_page_is_no_repository(site: Site, client: Client, page: bytes, role: str) -> None:
    client.look()
    site.store("metadata/timestamp.json" if role == "timestamp" else "metadata/2.root.json", page)
    error = client.refused()
    assert error.code == "NOT_A_REPOSITORY"
    assert f"web page where the {role} metadata" in error.what
    assert "log in" in error.hint


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_too_many_bytes_are_refused(site: Site, client: Client, role: str) -> None:
    client.look()
    place = site.path("root", 2) if role == "root" else site.path(role)
    site.publish()
    place = place if role in {"root", "timestamp"} else site.path(role)
    place.write_bytes(b" " * (LIMITS[role] + 1))
    assert client.refused().code == "TOO_LARGE"


def test_a_network_that_fails_is_told_as_such(site: Site, client: Client) -> None:
    client.look()

    class Broken(FolderSource):
        def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
            if "timestamp" in path:
                raise TransferError("TOO_SLOW", "The host is too slow.")
            return super().read(path, limit=limit, anew=anew)

    client.source = Broken(site.folder)
    error = client.refused()
    assert (type(error), error.code) == (TransferError, "TOO_SLOW")
    client.source = site.source
    assert client.look().timestamp.version == 1


# ---------------------------------------------------------------------------------------------------- consistency


@pytest.mark.parametrize("role", ["targets", "demo-stable"])
def test_a_role_of_another_version_than_listed_is_inconsistent(site: Site, client: Client, role: str) -> None:
    site.publish()
    data = site.path(role, 1).read_bytes()  # properly signed in its day
    site.put(role, data, version=2)
    site.sign_snapshot()
    site.sign_timestamp()
    with pytest.raises(VerificationError) as caught:
        client.look().role("demo", "stable")
    assert caught.value.code == "INCONSISTENT"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_role_in_the_place_of_another_is_refused(site: Site, client: Client, role: str) -> None:
    other = site.path("targets" if role != "targets" else "snapshot").read_bytes()
    site.put(role, other)
    if role != "timestamp":
        if role == "targets":
            site.sign_snapshot()
        site.sign_timestamp()
    assert client.refused().code in {"BAD_METADATA", "INCONSISTENT"}


def test_one_version_number_for_two_snapshots_is_refused(site: Site, client: Client) -> None:
    # python-tuf keeps the snapshot that it has when the number is the same, whatever is listed.
    client.look()
    site.expires["snapshot"] = site.now + timedelta(days=3)
    site.sign_snapshot(version=1)
    site.sign_timestamp()
    assert client.refused().code == "INCONSISTENT"
    site.sign_snapshot()
    site.sign_timestamp()
    assert client.look().snapshot.version == 2


def test_metadata_that_lists_no_hashes_is_read(site: Site, client: Client) -> None:
    # Not how Sealcast publishes; the specification lets a repository leave them out.
    def bare(snapshot: Snapshot) -> None:
        for name, meta in snapshot.meta.items():
            snapshot.meta[name] = MetaFile(meta.version)

    site.sign_snapshot(change=bare)
    site.snapshot_meta = MetaFile(site.versions["snapshot"])
    site.sign_timestamp()
    assert client.look().channel("demo", "stable").revision == 1


# ---------------------------------------------------------------------------------------------------- strict reading


def _twice(data: bytes) -> bytes:
    return data.replace(b'{"signatures"', b'{"signed":{"evil":1},"signatures"', 1)


def _set(*keys: Any, to: Any) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        value = json.loads(data)
        node = value
        for key in keys[:-1]:
            node = node[key]
        if to is ...:
            del node[keys[-1]]
        else:
            node[keys[-1]] = to
        return json.dumps(value).encode()

    return change


BAD_METADATA: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "not JSON": lambda data: data[:-5],
    "not an object": lambda data: b"[]",
    "null": lambda data: b"null",
    "a key twice": _twice,
    "a key twice inside": lambda data: data.replace(b'"version":', b'"version":1,"version":', 1),
    "no signed part": _set("signed", to=...),
    "signed is null": _set("signed", to=None),
    "no signatures": _set("signatures", to=...),
    "signatures are an object": _set("signatures", to={"a": 1}),
    "version is null": _set("signed", "version", to=None),
    "version is missing": _set("signed", "version", to=...),
    "version is true": _set("signed", "version", to=True),
    "version is text": _set("signed", "version", to="2"),
    "version is negative": _set("signed", "version", to=-1),
    "spec version is null": _set("signed", "spec_version", to=None),
    "spec version is a number": _set("signed", "spec_version", to=1),
    "spec version of the future": _set("signed", "spec_version", to="2.0.0"),
    "no expiry": _set("signed", "expires", to=...),
    "expiry is null": _set("signed", "expires", to=None),
    "no type": _set("signed", "_type", to=...),
    "NaN": lambda data: data.replace(b'"version":1', b'"version":NaN', 1),
    "a float": lambda data: data.replace(b'"version":1', b'"version":1.0', 1),
    "a huge number": lambda data: data.replace(b'"version":1', b'"version":1' + b"0" * 400, 1),
    "half a character": _set("signed", "x", to="\ud800"),
    "deep": lambda data: b'{"signed":' * 1_500,
    "bytes": lambda data: b"\xff\xfe" + data,
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
}


@pytest.mark.parametrize("what", BAD_METADATA)
@pytest.mark.parametrize("role", ["timestamp", "root"])
def test_what_two_parsers_could_read_differently_is_refused(site: Site, client: Client, role: str, what: str) -> None:
    client.look()
    data = BAD_METADATA[what](site.path(role, 1).read_bytes())
    site.store("metadata/timestamp.json" if role == "timestamp" else "metadata/2.root.json", data)
    error = client.refused()
    assert error.code == "BAD_METADATA"
    if role == "root":
        (site.folder / "metadata/2.root.json").unlink()
    site.sign_timestamp()
    assert client.look().timestamp.version == 2


@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize("what", ["a key twice", "version is null", "not an object", "a key twice inside"])
def test_listed_metadata_is_read_as_strictly(site: Site, client: Client, role: str, what: str) -> None:
    site.put(role, BAD_METADATA[what](site.path(role).read_bytes()))
    if role == "targets":
        site.sign_snapshot()
    site.sign_timestamp()
    assert client.refused().code == "BAD_METADATA"


# ---------------------------------------------------------------------------------------------------- keys


def _root_with(change: Callable[[Root], None]) -> Callable[[Site], None]:
    return lambda site: site.sign_root(change=change)


def test_a_key_under_an_id_that_is_not_its_hash_is_refused(site: Site, client: Client) -> None:
    def rename(root: Root) -> None:
        role = root.roles["timestamp"]
        key = root.keys.pop(role.keyids[0])
        key.keyid = "ab" * 32
        root.keys[key.keyid] = key
        role.keyids = [key.keyid]

    site.sign_root(change=rename)
    assert client.refused().code == "KEYID_MISMATCH"


def test_one_key_under_two_ids_does_not_meet_a_threshold_of_two(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    client = Client(site, tmp_path / "client")
    client.look()
    signer = site.signers["timestamp"][0]
    twin = CryptoSigner(signer._private_key)
    key = type(signer.public_key)("", "ed25519", "ed25519", {"public": signer.public_key.keyval["public"].upper()})
    key.keyid = key_id(key.to_dict())
    twin._public_key = key

    def double(root: Root) -> None:
        root.add_key(key, "timestamp")
        root.roles["timestamp"].threshold = 2

    site.sign_root(change=double)
    site.sign_timestamp(signers=[signer, twin])
    assert client.refused().code == "DUPLICATE_KEY"


@pytest.mark.parametrize("threshold", [0, -1, 2, 99])
@pytest.mark.parametrize("role", ["root", "timestamp"])
def test_a_threshold_that_means_nothing_is_refused(site: Site, client: Client, role: str, threshold: int) -> None:
    site.sign_root()
    site.store(
        "metadata/2.root.json", _set("signed", "roles", role, "threshold", to=threshold)(site.path("root").read_bytes())
    )
    assert client.refused().code == "BAD_THRESHOLD"


@pytest.mark.parametrize("threshold", [0, -1, True, 2])
def test_thresholds_and_keys_of_delegations_are_held_to_the_same_rules(
    site: Site, client: Client, threshold: Any
) -> None:
    site.sign_targets()
    good = site.path("targets").read_bytes()
    site.put("targets", _set("signed", "delegations", "roles", 0, "threshold", to=threshold)(good))
    site.sign_snapshot()
    site.sign_timestamp()
    assert client.refused().code == "BAD_THRESHOLD"
    key = next(iter(json.loads(good)["signed"]["delegations"]["keys"].values()))
    site.put("targets", _set("signed", "delegations", "keys", "00" * 32, to=key)(good))
    site.sign_snapshot()
    site.sign_timestamp()
    assert client.refused().code == "KEYID_MISMATCH"


def test_a_role_that_stands_for_many_has_a_threshold_too() -> None:
    def targets(threshold: Any) -> bytes:
        succinct = {"keyids": ["a"], "threshold": threshold, "bit_length": 8, "name_prefix": "bin"}
        signed = {"version": 1, "spec_version": "1.0.31", "delegations": {"keys": {}, "succinct_roles": succinct}}
        return json.dumps({"signed": signed}).encode()

    check_metadata(targets(1), "targets")
    for threshold in (0, True, 2, None):
        with pytest.raises(VerificationError) as caught:
            check_metadata(targets(threshold), "targets")
        assert caught.value.code == "BAD_THRESHOLD"


@pytest.mark.parametrize(
    ("role", "signed", "code"),
    [
        ("root", {}, "BAD_METADATA"),
        ("root", {"roles": {}}, "BAD_METADATA"),
        ("root", {"roles": {}, "keys": []}, "BAD_METADATA"),
        ("root", {"roles": [], "keys": {}}, "BAD_METADATA"),
        ("root", {"roles": {"root": None}, "keys": {}}, "BAD_METADATA"),
        ("targets", {"delegations": {"keys": {}, "roles": {}}}, "BAD_METADATA"),
        ("targets", {"delegations": {"keys": None, "roles": []}}, "BAD_METADATA"),
        ("targets", {"delegations": {"keys": {}, "roles": [1]}}, "BAD_METADATA"),
        ("targets", {"delegations": {"keys": {}, "roles": []}}, ""),
        ("targets", {"delegations": None}, ""),
        ("demo-stable", {"delegations": {"keys": {"x": {}}, "roles": []}}, "KEYID_MISMATCH"),
        ("snapshot", {"delegations": []}, ""),
    ],
)
def test_delegators_are_checked_whatever_their_shape(role: str, signed: dict[str, Any], code: str) -> None:
    data = json.dumps({"signed": {"version": 1, "spec_version": "1.0.31"} | signed}).encode()
    try:
        check_metadata(data, role)
    except VerificationError as error:
        assert error.code == code  # noqa: PT017 - one of several outcomes
    else:
        assert code == ""


def test_ids_of_other_peoples_repositories_may_be_free() -> None:
    keys = {"any-name": {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "00"}}}
    role = {"keyids": ["any-name"], "threshold": 1}
    signed = {"version": 1, "spec_version": "1.0.31", "keys": keys, "roles": {"root": role}}
    data = json.dumps({"signed": signed}).encode()
    check_metadata(data, "root", ids=False)
    with pytest.raises(VerificationError, match="not its hash"):
        check_metadata(data, "root")


def test_each_role_has_its_limit() -> None:
    for role, limit in {
        "root": 512_000,
        "timestamp": 16_384,
        "snapshot": 2_000_000,
        "targets": 5_000_000,
        "x-y": 5_000_000,
    }.items():
        with pytest.raises(VerificationError) as caught:
            check_metadata(b" " * (limit + 1), role)
        assert caught.value.code == "TOO_LARGE"
        with pytest.raises(VerificationError) as caught:
            check_metadata(b" " * limit, role)
        assert caught.value.code == "BAD_METADATA"


# ---------------------------------------------------------------------------------------------------- delegations


def test_unknown_apps_and_channels_are_told_from_broken_ones(site: Site, client: Client) -> None:
    view = client.look()
    with pytest.raises(VerificationError) as caught:
        view.policy("other")
    assert (caught.value.code, caught.value.hint) == ("UNKNOWN_APP", "It publishes: demo.")
    with pytest.raises(VerificationError) as caught:
        view.channel("demo", "beta")
    assert (caught.value.code, caught.value.hint) == ("UNKNOWN_CHANNEL", "The app's channels: stable.")
    for read in (lambda: view.halt("other"), lambda: view.channel("other", "stable")):
        with pytest.raises(VerificationError) as caught:
            read()
        assert caught.value.code == "UNKNOWN_APP"


def test_a_role_that_owns_another_folder_is_not_the_channels(site: Site, client: Client) -> None:
    def widen(targets: Targets) -> None:
        assert targets.delegations is not None
        assert targets.delegations.roles is not None
        targets.delegations.roles["demo-stable"].paths = ["demo/*/*", "demo/stable/*"]

    site.sign_targets(change=widen)
    site.sign_snapshot()
    site.sign_timestamp()
    with pytest.raises(VerificationError) as caught:
        client.look().channel("demo", "stable")
    assert caught.value.code == "UNKNOWN_CHANNEL"


def test_a_repository_without_delegations_has_no_channels(site: Site, client: Client) -> None:
    site.sign_targets(change=lambda targets: setattr(targets, "delegations", None))
    site.sign_snapshot()
    site.sign_timestamp()
    view = client.look()
    assert view.apps == ("demo",)
    with pytest.raises(VerificationError) as caught:
        view.role("demo", "stable")
    assert caught.value.code == "UNKNOWN_CHANNEL"


def test_a_role_that_the_snapshot_does_not_list_is_inconsistent(site: Site, client: Client) -> None:
    del site.meta["demo-stable.json"]
    site.sign_snapshot()
    site.sign_timestamp()
    with pytest.raises(VerificationError) as caught:
        client.look().role("demo", "stable")
    assert caught.value.code == "INCONSISTENT"


def test_a_channel_cannot_speak_for_another(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", channels=("stable", "beta"))
    beta = site.store_target("demo/stable/channel.json", encode(site.channels["stable"]))

    def reach(targets: Targets) -> None:
        targets.targets["demo/stable/channel.json"] = beta

    site.sign_delegated("demo-beta", change=reach)
    site.change("stable", revision=9)
    site.sign_delegated("demo-stable")
    site.sign_snapshot()
    site.sign_timestamp()
    view = Client(site, tmp_path / "client").look()
    assert view.channel("demo", "stable").revision == 9


def test_a_role_whose_key_was_replaced_is_refused_also_from_the_folder(site: Site, client: Client) -> None:
    client.look().role("demo", "stable")
    site.signers["demo-stable"] = [new_signer()]
    site.sign_targets()
    site.sign_snapshot()
    site.sign_timestamp()  # the role itself is still the one that the old key signed
    view = client.look()
    with pytest.raises(VerificationError) as caught:
        view.role("demo", "stable")
    assert caught.value.code == "THRESHOLD"
    site.publish()
    assert client.look().role("demo", "stable").version == 2


def test_a_channel_without_a_document_is_unknown(site: Site, client: Client) -> None:
    site.sign_delegated("demo-stable", change=lambda role: role.targets.clear())
    site.sign_delegated("demo-halt", change=lambda role: role.targets.clear())
    site.sign_snapshot()
    site.sign_timestamp()
    view = client.look()
    for read, name in (
        (lambda: view.channel("demo", "stable"), "channel.json"),
        (lambda: view.halt("demo"), "halt.json"),
    ):
        with pytest.raises(VerificationError, match=f"signs no {name}") as caught:
            read()
        assert caught.value.code == "UNKNOWN_CHANNEL"


def test_apps_are_those_with_a_policy(site: Site, client: Client) -> None:
    site.more_targets = [
        site.store_target(path, encode(Policy(app="another", channels={})))
        for path in ("another/policy.json", "readme")
    ]
    site.publish()
    view = client.look()
    assert view.apps == ("another", "demo")
    assert view.policy("another").channels == {}


# ---------------------------------------------------------------------------------------------------- documents


@pytest.mark.parametrize(
    ("what", "path"),
    [("policy", "demo/policy.json"), ("channel", "demo/stable/channel.json"), ("halt", "demo/halt/halt.json")],
)
def test_an_altered_document_is_refused_and_not_kept(site: Site, client: Client, what: str, path: str) -> None:
    def read(view: View) -> object:
        return (
            {"policy": view.policy, "halt": view.halt}[what]("demo")
            if what != "channel"
            else view.channel("demo", "stable")
        )

    place = site.target(path)
    good = place.read_bytes()
    place.write_bytes(good.replace(b"demo", b"domo", 1))
    with pytest.raises(VerificationError) as caught:
        read(client.look())
    assert caught.value.code == "HASH_MISMATCH"
    for data, code in ((good + b" ", "TOO_LARGE"), (b"", "HASH_MISMATCH")):
        place.write_bytes(data)
        with pytest.raises(SealcastError) as longer:
            read(client.look())
        assert longer.value.code == code
    place.unlink()
    with pytest.raises(TransferError) as missing:
        read(client.look())
    assert missing.value.code == "NOT_FOUND"
    assert list((client.folder / "documents").iterdir()) == []
    place.write_bytes(good)
    assert read(client.look())


def test_a_kept_document_is_hashed_again(site: Site, client: Client) -> None:
    client.look().channel("demo", "stable")
    digest = content_of(encode(site.channels["stable"])).sha256
    kept = client.folder / "documents" / digest
    good = kept.read_bytes()
    assert good == encode(site.channels["stable"])
    for damage in (b"", good[:-1], good.replace(b"demo", b"evil")):
        kept.write_bytes(damage)
        assert client.look().channel("demo", "stable") == site.channels["stable"]
        assert kept.read_bytes() == good
    site.target("demo/stable/channel.json").unlink()
    assert client.look().channel("demo", "stable").revision == 1  # from the folder alone


@pytest.mark.parametrize(
    "digest", ["../../precious", "..", ".", "", "a" * 63, "A" * 64, "\0" * 64, "/etc/passwd", "a/../../../precious"]
)
def test_a_digest_that_would_be_a_path_reaches_nothing(site: Site, client: Client, digest: str) -> None:
    # Whoever holds a channel's key could otherwise have any file of the device read and removed.
    precious = client.folder.parent / "precious"
    precious.write_bytes(b"precious")
    entry = TargetFile(8, {"sha256": digest}, "demo/stable/channel.json")
    site.sign_delegated("demo-stable", change=lambda role: role.targets.update({entry.path: entry}))
    site.sign_snapshot()
    site.sign_timestamp()
    with pytest.raises(VerificationError) as caught:
        client.look().channel("demo", "stable")
    assert caught.value.code == "BAD_METADATA"
    assert precious.read_bytes() == b"precious"


def test_a_document_that_is_listed_too_large_is_not_fetched(site: Site, client: Client) -> None:
    entry = TargetFile(2 * 1024 * 1024 + 1, {"sha256": "ab" * 32}, "demo/policy.json")
    view = client.look()
    with pytest.raises(VerificationError) as caught:
        view.read_target(entry)
    assert caught.value.code == "TOO_LARGE"
    entry.length -= 1
    with pytest.raises(TransferError) as missing:
        view.read_target(entry)
    assert missing.value.code == "NOT_FOUND"


def test_documents_must_be_those_of_their_app_and_channel(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", channels=("stable", "beta"))
    site.channels["stable"] = site.channels["beta"]
    site.halt = HaltDocument(app="other", revision=1)
    site.policy = Policy(app="other", channels={})
    site.publish()
    view = Client(site, tmp_path / "client").look()
    for read in (lambda: view.channel("demo", "stable"), lambda: view.halt("demo"), lambda: view.policy("demo")):
        with pytest.raises(VerificationError) as caught:
            read()
        assert caught.value.code == "BAD_METADATA"


def test_a_document_of_the_future_is_told_from_a_broken_one(site: Site, client: Client) -> None:
    newer = json.loads(encode(site.channels["stable"])) | {"type": "sealcast/channel/2"}
    entry = site.store_target("demo/stable/channel.json", json.dumps(newer).encode())
    site.sign_delegated("demo-stable", change=lambda role: role.targets.update({entry.path: entry}))
    site.sign_snapshot()
    site.sign_timestamp()
    with pytest.raises(VerificationError) as caught:
        client.look().channel("demo", "stable")
    assert caught.value.code == "UNKNOWN_DOCUMENT"


def test_old_documents_are_forgotten(site: Site, client: Client) -> None:
    for _ in range(5):
        site.change()
        site.publish()
        client.look().channel("demo", "stable")
    folder = client.folder / "documents"
    for number, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (number, number))
    newest = {path.name for path in sorted(folder.iterdir())[-2:]}
    view = client.look()
    view.forget_documents(64)
    assert len(list(folder.iterdir())) == 5
    view.forget_documents(2)
    assert {path.name for path in folder.iterdir()} == newest
    assert client.look().channel("demo", "stable").revision == 6


def test_documents_that_are_in_use_stay_however_old_they_are(site: Site, client: Client) -> None:
    view = client.look()
    view.channel("demo", "stable")
    view.forget_documents(0)
    assert len(list((client.folder / "documents").iterdir())) == 1
    client.look().forget_documents(0)
    assert list((client.folder / "documents").iterdir()) == []


# ---------------------------------------------------------------------------------------------------- signed time


@pytest.mark.parametrize(
    "ours", [None, {}, [], "x", {"issued": None}, {"issued": 3}, {"issued": "soon"}, {"issued": "2026-02-30T00:00:00Z"}]
)
def test_a_timestamp_must_say_when_it_was_signed(site: Site, client: Client, ours: Any) -> None:
    def change(timestamp: Any) -> None:
        if ours is None:
            del timestamp.unrecognized_fields[EXTENSION]
        else:
            timestamp.unrecognized_fields[EXTENSION] = ours

    site.sign_timestamp(change=change)
    view = client.look()
    with pytest.raises(VerificationError) as caught:
        _ = view.issued
    assert caught.value.code == "BAD_METADATA"
    assert view.channel("demo", "stable").revision == 1


# ---------------------------------------------------------------------------------------------------- the folder


def damages() -> Iterator[tuple[str, Callable[[Path], None]]]:
    yield "empty", lambda path: path.write_bytes(b"") and None
    yield "truncated", lambda path: path.write_bytes(path.read_bytes()[:-7]) and None
    yield "flipped", flip
    yield "garbage", lambda path: path.write_bytes(b"\0\xff" * 50) and None
    yield "gone", Path.unlink


@pytest.mark.parametrize("damage", [pytest.param(act, id=name) for name, act in damages()])
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "demo-stable"])
def test_a_damaged_folder_heals(site: Site, client: Client, role: str, damage: Callable[[Path], None]) -> None:
    client.look().channel("demo", "stable")
    damage(client.folder / "metadata" / f"{role}.json")
    assert client.look().channel("demo", "stable").revision == 1
    assert client.look().channel("demo", "stable").revision == 1


def test_a_lost_folder_heals_from_the_embedded_root(site: Site, client: Client) -> None:
    site.sign_root()
    client.look()
    shutil.rmtree(client.folder)
    assert client.look().root.version == 2


def test_a_folder_that_another_process_moves_on_is_not_mixed(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What python-tuf verified in memory and what lies in the folder are held together by their digests.
    refresh = Updater.refresh

    def swap(updater: Updater) -> None:
        refresh(updater)
        place = client.folder / "metadata" / "targets.json"
        place.write_bytes(place.read_bytes().replace(b'"version":1', b'"version":7'))

    monkeypatch.setattr(Updater, "refresh", swap)
    assert client.refused().code == "INCONSISTENT"


def test_another_role_in_the_folder_is_refused(site: Site, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh = Updater.refresh

    def swap(updater: Updater) -> None:
        refresh(updater)
        (client.folder / "metadata/timestamp.json").write_bytes(site.path("snapshot").read_bytes())

    monkeypatch.setattr(Updater, "refresh", swap)
    with pytest.raises(VerificationError, match="is of another role"):
        client.look()


@pytest.mark.parametrize("terminating", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_nobody_else_may_speak_for_a_channel(site: Site, client: Client, terminating: bool, first: bool) -> None:
    # Such a role could keep python-tuf from ever looking at the channel's own.
    client.look().role("demo", "stable")

    def widen(targets: Targets) -> None:
        assert targets.delegations is not None
        roles = targets.delegations.roles
        assert roles is not None
        keyid = site.signers["demo-halt"][0].public_key.keyid
        other = DelegatedRole("demo-x", [keyid], 1, terminating, paths=["demo/*/*"])
        targets.delegations.roles = {"demo-x": other, **roles} if first else {**roles, "demo-x": other}

    site.sign_targets(change=widen)
    site.sign_snapshot()
    site.sign_timestamp()
    with pytest.raises(VerificationError, match="Others than the role demo-stable") as caught:
        client.look().channel("demo", "stable")
    assert caught.value.code == "INCONSISTENT"


def test_the_targets_role_does_not_speak_for_a_channel(site: Site, client: Client) -> None:
    site.more_targets = [site.store_target("demo/stable/-", b"x")]
    site.publish()
    with pytest.raises(VerificationError) as caught:
        client.look().role("demo", "stable")
    assert caught.value.code == "INCONSISTENT"


def test_a_delegation_of_no_role_is_not_followed(site: Site, client: Client) -> None:
    def only_other(targets: Targets) -> None:
        assert targets.delegations is not None
        targets.delegations.roles = {
            "x": DelegatedRole("x", [site.signers["demo-stable"][0].public_key.keyid], 1, True, ["x/*"])
        }

    site.sign_targets(change=only_other)
    site.sign_snapshot()
    site.sign_timestamp()
    with pytest.raises(VerificationError) as caught:
        client.look().role("demo", "stable")
    assert caught.value.code == "UNKNOWN_CHANNEL"

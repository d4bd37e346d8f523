"""Metadata that is signed and malformed: what two parsers read differently, what makes one run out of stack or memory.

Whatever comes, the answer is one typed error, and nothing of it stays behind to block the next good check.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

from sealcast.errors import ObjectError, TransferError, VerificationError
from tests.attacks.forger import Edit
from tests.attacks.scene import Device, Scene

ROLES = ("root", "timestamp", "snapshot", "targets", "demo-stable", "demo-halt")


def with_member(text: bytes) -> Callable[[bytes], bytes]:
    """Put one more member first into the signed part."""
    return lambda data: data.replace(b'"signed":{', b'"signed":{"x":' + text + b",", 1)


SPOILS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: b"",
    "a half": lambda data: data[: len(data) // 2],
    "a list": lambda data: b"[" + data + b"]",
    "a number": lambda data: b"7",
    "null": lambda data: b"null",
    "two documents": lambda data: data + data,
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "not UTF-8": lambda data: data.replace(b'"tuf"', b'"\xff"').replace(b'"signed":{', b'"signed":{"\xff":1,', 1),
    "a key twice": lambda data: data.replace(b'"version":', b'"version":1,"version":', 1),
    "the signed part twice": lambda data: data[:-1] + b',"signed":{}}',
    "no signed part": lambda data: data.replace(b'"signed":', b'"sinned":'),
    "no signatures": lambda data: data.replace(b'"signatures":', b'"signature":'),
    "upper-case signatures": lambda data: re.sub(rb'(?<="sig":")[0-9a-f]+', lambda text: text[0].upper(), data),
    "upper-case key ids": lambda data: re.sub(rb'(?<="keyid":")[0-9a-f]+', lambda text: text[0].upper(), data),
    "half a byte of a signature": lambda data: data.replace(b'"sig":"', b'"sig":"0', 1),
    "a signature of null": lambda data: re.sub(rb'"sig":"[0-9a-f]+"', b'"sig":null', data),
    "a signature that is a text": lambda data: data.replace(b'"signatures":[', b'"signatures":["x",', 1),
    "signatures of null": lambda data: b'{"signatures":null,' + data[data.index(b'"signed"') :],
    "NaN": with_member(b"NaN"),
    "infinity": with_member(b"-Infinity"),
    "a fraction": with_member(b"1.5"),
    "10 to the 400": with_member(b"1e400"),
    "10 to the 400, written out": with_member(b"1" + b"0" * 400),
    "an integer of 5,000 digits": with_member(b"9" * 5000),
    "2 to the 53": with_member(b"9007199254740992"),
    "100,000 lists": with_member(b"[" * 100_000 + b"]" * 100_000),
    "100,000 objects": with_member(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "half a character": with_member(rb'"\ud800"'),
}

EDITS: dict[str, Edit] = {
    "version null": lambda signed: signed.update(version=None),
    "version true": lambda signed: signed.update(version=True),
    "version text": lambda signed: signed.update(version="9"),
    "spec_version null": lambda signed: signed.update(spec_version=None),
    "spec_version of another specification": lambda signed: signed.update(spec_version="2.0.0"),
    "expires null": lambda signed: signed.update(expires=None),
    "expires on no day": lambda signed: signed.update(expires="2030-02-30T00:00:00Z"),
    "another type": lambda signed: signed.update(_type="mirrors"),
    "no type": lambda signed: signed.pop("_type"),
}


def put(scene: Scene, role: str, edit: Edit | None, spoil: Callable[[bytes], bytes] | None) -> None:
    scene.host(2)
    more = {name: value for name, value in (("edit", edit), ("spoil", spoil)) if value}
    scene.forger().publish(role, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ROLES)
def test_what_two_parsers_could_read_differently(scene: Scene, role: str) -> None:
    device = scene.device(1)
    names = list(SPOILS)
    # Every role meets the same reader: all of it for one role, a share for each of the others.
    chosen = names if role == "timestamp" else names[ROLES.index(role) :: 4]
    for name in chosen:
        put(scene, role, None, SPOILS[name])
        error = scene.refused(device, "BAD_METADATA", "INCONSISTENT", "TOO_LARGE")
        assert error.exit_status in {6, 9}, name
        assert len(str(error)) < 600, name
    scene.recovers(device)


def test_python_tuf_never_sees_what_is_read_in_two_ways(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    take = TrustedMetadataSet.update_timestamp

    def watch(self: TrustedMetadataSet, data: bytes) -> object:
        seen.append(data)
        return take(self, data)

    monkeypatch.setattr(TrustedMetadataSet, "update_timestamp", watch)
    device = scene.device(1)
    agreed = {"no signatures", "signatures of null"}  # no two readers differ about what is not there
    for name in SPOILS.keys() - agreed:
        put(scene, "timestamp", None, SPOILS[name])
        data = (scene.site / "metadata/timestamp.json").read_bytes()
        scene.refused(device, "BAD_METADATA", "TOO_LARGE")
        assert data not in seen, name
    scene.host(2)
    assert device.take().version == "2.0.0"
    assert (scene.site / "metadata/timestamp.json").read_bytes() in seen


@pytest.mark.parametrize("role", ROLES)
def test_fields_that_are_signed_and_wrong(scene: Scene, role: str) -> None:
    device = scene.device(1)
    chosen = list(EDITS.items())
    for name, edit in chosen if role == "timestamp" else chosen[ROLES.index(role) % 2 :: 2]:
        put(scene, role, edit, None)
        assert scene.refused(device, "BAD_METADATA", "INCONSISTENT").exit_status == 6, name
    scene.recovers(device)


def drop(name: str) -> Edit:
    return lambda signed: signed.pop(name)


@pytest.mark.parametrize(
    ("role", "edit"),
    [
        ("timestamp", drop("meta")),
        ("timestamp", lambda signed: signed.update(meta={})),
        ("timestamp", lambda signed: signed["meta"]["snapshot.json"].update(version=0)),
        ("timestamp", lambda signed: signed["meta"]["snapshot.json"].update(length=-1)),
        ("timestamp", lambda signed: signed["meta"]["snapshot.json"].update(hashes={})),
        ("timestamp", lambda signed: signed["meta"]["snapshot.json"].update(hashes={"sha256": "0" * 64})),
        ("timestamp", drop("x-sealcast")),
        ("timestamp", lambda signed: signed.update({"x-sealcast": {"issued": None}})),
        ("timestamp", lambda signed: signed.update({"x-sealcast": {"issued": "2026-02-30T00:00:00Z"}})),
        ("timestamp", lambda signed: signed.update({"x-sealcast": ["issued"]})),
        ("snapshot", lambda signed: signed["meta"].pop("targets.json")),
        ("snapshot", lambda signed: signed["meta"].pop("demo-stable.json")),
        ("snapshot", lambda signed: signed["meta"]["demo-stable.json"].update(hashes={"sha256": "../../../etc"})),
        ("snapshot", lambda signed: signed["meta"]["demo-stable.json"].update(length=3)),
        ("targets", drop("delegations")),
        ("targets", lambda signed: signed["targets"]["demo/policy.json"].update(hashes={"sha512": "0" * 128})),
        ("targets", lambda signed: signed["targets"]["demo/policy.json"]["hashes"].update(sha256="../../x")),
        ("targets", lambda signed: signed["targets"]["demo/policy.json"].update(length=2**40)),
        ("demo-stable", drop("targets")),
        ("demo-stable", lambda signed: signed.update(targets={})),
        ("demo-stable", lambda signed: signed["targets"]["demo/stable/channel.json"].update(length=3)),
        ("demo-stable", lambda signed: signed.update(expires="2020-01-01T00:00:00Z")),
        ("demo-halt", lambda signed: signed.update(targets={})),
        ("demo-halt", lambda signed: signed.update(expires="2020-01-01T00:00:00Z")),
    ],
)
def test_entries_that_are_signed_and_wrong(scene: Scene, role: str, edit: Edit) -> None:
    device = scene.device(1)
    put(scene, role, edit, None)
    error = scene.refused(
        device,
        *("BAD_METADATA", "INCONSISTENT", "HASH_MISMATCH", "TOO_LARGE", "EXPIRED", "UNKNOWN_APP", "UNKNOWN_CHANNEL"),
    )
    assert error.exit_status in {6, 9}
    scene.recovers(device)


DOCUMENTS: dict[str, Callable[[bytes], bytes]] = {
    **{name: SPOILS[name] for name in ("nothing", "a half", "a list", "UTF-16", "null")},
    "a key twice": lambda data: data[:-1] + b',"revision":99}',
    "NaN": lambda data: data[:-1] + b',"x":NaN}',
    "100,000 lists": lambda data: data[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an unknown version": lambda data: data.replace(b'/1"', b'/2"', 1),
    "what must be understood": lambda data: data[:-1] + b',"must_understand":["x"],"x":1}',
    "another app": lambda data: data.replace(b'"app":"demo"', b'"app":"omed"'),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("kind", ["channel", "halt"])
def test_documents_that_are_signed_and_malformed(scene: Scene, name: str, kind: str) -> None:
    device = scene.device(1)
    forger = scene.forger()
    if kind == "channel":
        forger.channel(spoil=DOCUMENTS[name])
    else:
        forger.halt({}, spoil=DOCUMENTS[name])
    scene.refused(device, "BAD_METADATA", "UNKNOWN_DOCUMENT")


@pytest.fixture
def cornered(scene: Scene) -> tuple[Scene, Device]:
    return scene, scene.device(1)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=settings().max_examples // 4,
)
@given(data=st.data())
def test_a_host_that_changes_any_byte_on_the_way(cornered: tuple[Scene, Device], data: st.DataObject) -> None:
    """Bits flipped, bytes dropped or doubled, in any file: refused by a typed error, or of no consequence."""
    scene, device = cornered
    names = ["1.root.json", "timestamp.json", "3.snapshot.json", "1.targets.json", "3.demo-stable.json"]
    place = scene.site / "metadata" / data.draw(st.sampled_from(names))
    good = place.read_bytes()
    start = data.draw(st.integers(0, len(good) - 1))
    length = data.draw(st.integers(0, 8))
    place.write_bytes(good[:start] + data.draw(st.binary(max_size=8)) + good[start + length :])
    kept = _kept(device)
    try:
        with scene.unharmed(device, floor="not lowered"):
            version = "2.0.0"
            try:
                found = device.check()
                version = found.version if found else "none"
            except (VerificationError, ObjectError, TransferError):
                pass  # refused by name: all else that may happen
            assert version == "2.0.0"
    finally:
        place.write_bytes(good)
    checked = device.check()
    assert checked is not None
    assert checked.version == "2.0.0"
    shutil.rmtree(device.folder)
    shutil.copytree(kept, device.folder, symlinks=True)


def _kept(device: Device) -> Path:
    kept = device.folder.with_name("site") / ".kept"
    if not kept.exists():
        shutil.copytree(device.folder, kept, symlinks=True)
    return kept


@pytest.mark.parametrize(
    ("role", "limit"), [("root", 512_000), ("timestamp", 16_384), ("snapshot", 2_000_000), ("demo-stable", 5_000_000)]
)
def test_metadata_at_its_limit_is_read_and_over_it_refused(scene: Scene, role: str, limit: int) -> None:
    """A size is bounded before anything is parsed."""
    device = scene.device(1)
    scene.forger().publish(role, spoil=lambda data: data + b" " * (limit + 1 - len(data)))
    scene.refused(device, "TOO_LARGE")
    if role == "root":
        (scene.site / "metadata/2.root.json").unlink()
    scene.forger().publish(role, spoil=lambda data: data + b" " * (limit - len(data)))
    assert device.check() is not None

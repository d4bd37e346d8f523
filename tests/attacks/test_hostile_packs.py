"""Packs and deltas that a channel's signer signed, and that are malformed: by mistake, or by theft of its key.

A signature says who, not what: readers stay strict, end with one typed error, within bounded memory and time. A delta
that cannot be used costs its bytes, and the packs are taken.
"""

from __future__ import annotations

import json
import shutil
import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sealcast.client import Kind
from sealcast.documents import encode
from sealcast.model import read_manifest, skeleton
from sealcast.packs.container import MAGIC
from sealcast.packs.zstandard import compress, zstd
from sealcast.values import content_of
from tests.attacks.forger import Json, manifest_of
from tests.attacks.scene import Device, Gallery, Scene, gallery

FILES = {"a.bin": b"first content " * 8, "b.bin": b"second content " * 5, "c.bin": b"third"}
JOINED = b"".join(FILES.values())
CODES = {"BAD_PACK", "TOO_LARGE", "UNKNOWN_CODEC", "UNKNOWN_DOCUMENT", "BAD_METADATA"}
MEMORY = 200 * 1024 * 1024
"""More than the largest skeleton and one frame need, and less than any bomb here unpacks to."""


def z(data: bytes) -> bytes:
    return compress(data, b"", 3)


def container(header: Json | bytes, *bodies: bytes, stored: int | None = None, decoded: int | None = None) -> bytes:
    """Return the container of packs and deltas, its lengths true unless they are given."""
    text = header if isinstance(header, bytes) else encode(header)
    packed = z(text)
    lengths = struct.pack("<II", len(packed) if stored is None else stored, len(text) if decoded is None else decoded)
    return MAGIC + lengths + packed + b"".join(bodies)


def raw_header(packed: bytes, decoded: int, *bodies: bytes) -> bytes:
    return MAGIC + struct.pack("<II", len(packed), decoded) + packed + b"".join(bodies)


def frames(*frames: Json, **more: Json) -> Json:
    return {"type": "sealcast/pack/1", "frames": list(frames), **more}


BODY = z(JOINED)
FRAME: dict[str, Any] = {"size": len(BODY), "pieces": 3}
GOOD = container(frames(FRAME), BODY)


def with_body(body: bytes, **more: Json) -> bytes:
    return container(frames({**FRAME, "size": len(body), **more}), body)


@cache
def bomb(size: int) -> bytes:
    """Return a frame that holds ``size`` zeros."""
    compressor = zstd.ZstdCompressor(level=1)
    chunk = bytes(1024 * 1024)
    parts = [compressor.compress(chunk) for _ in range(size // len(chunk))]
    return b"".join((*parts, compressor.flush()))


def stating(size: int) -> bytes:
    """Return the beginning of a frame that states ``size`` bytes (RFC 8878, section 3.1.1)."""
    return b"\x28\xb5\x2f\xfd\xc0\x58" + struct.pack("<Q", size) + b"\x01\x00\x00"


def deep(count: int) -> bytes:
    return b'{"type":"sealcast/pack/1","frames":' + b"[" * count + b"]" * count + b"}"


PACKS: dict[str, bytes] = {
    "nothing but the magic": MAGIC,
    "another magic": b"SEALPAK2" + GOOD[8:],
    "a zip": b"PK\x03\x04" + bytes(60),
    "a header beyond the end": container(frames(FRAME), BODY, stored=2**32 - 1),
    "a header of no bytes": container(frames(FRAME), BODY, stored=0),
    "a header that states less": container(frames(FRAME), BODY, decoded=3),
    "a header that states more": container(frames(FRAME), BODY, decoded=4000),
    "a header of 4 GiB": container(frames(FRAME), BODY, decoded=2**32 - 1),
    "a header that is a bomb": raw_header(bomb(64 * 2**20), 100, BODY),
    "a header that is a bomb and says so": raw_header(bomb(64 * 2**20), 4 * 2**20, BODY),
    "a header that is not compressed": raw_header(encode(frames(FRAME)), len(encode(frames(FRAME))), BODY),
    "a header that is not JSON": container(b"\x00" * 20, BODY),
    "a header that is a list": container(b"[]", BODY),
    "a header that nests 100,000 lists": container(deep(100_000)),
    "a header with a key twice": container(encode(frames(FRAME))[:-1] + b',"frames":[]}', BODY),
    "a header of another kind": container({**frames(FRAME), "type": "sealcast/delta/1"}, BODY),
    "a header of a later version": container({**frames(FRAME), "type": "sealcast/pack/2"}, BODY),
    "a header that demands more": container(frames(FRAME, must_understand=["salt"], salt=1), BODY),
    "no list of frames": container({"type": "sealcast/pack/1"}, BODY),
    "no frame": container(frames()),
    "65,537 frames": container(frames(*[{"size": 1}] * 65_537), bytes(65_537)),
    "a frame of no bytes": container(frames({**FRAME, "size": 0})),
    "a frame of negative size": container(frames({**FRAME, "size": -1}), BODY),
    "a frame of 2 to the 53 bytes": container(frames({**FRAME, "size": 2**53 - 1}), BODY),
    "a frame of 64 MiB": container(frames({**FRAME, "size": 64 * 2**20}), BODY),
    "frames beyond the end": container(frames(FRAME, FRAME), BODY),
    "bytes that no frame has": container(frames(FRAME), BODY, b"x"),
    "no piece": container(frames({**FRAME, "pieces": 0}), BODY),
    "a piece too many": container(frames({**FRAME, "pieces": 4}), BODY),
    "a piece too few": container(frames({**FRAME, "pieces": 2}), BODY),
    "2 to the 53 pieces": container(frames({**FRAME, "pieces": 2**53 - 1}), BODY),
    "pieces that are text": container(frames({**FRAME, "pieces": "3"}), BODY),
    "an unknown codec": container(frames({**FRAME, "codec": "xz"}), BODY),
    "a codec of null": container(frames({**FRAME, "codec": None}), BODY),
    "a codec of 100,000 letters": container(frames({**FRAME, "codec": "z" * 100_000}), BODY),
    "a body that is not compressed": with_body(JOINED),
    "a body of zeros": with_body(bytes(len(BODY))),
    "half a body": with_body(BODY[: len(BODY) // 2]),
    "a body and more": with_body(BODY + b"x"),
    "a body twice": with_body(BODY + BODY),
    "a body that is skipped": with_body(b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"skip" + BODY),
    "a body that holds less": with_body(z(JOINED[:-1])),
    "a body that holds more": with_body(z(JOINED + b"x")),
    "a body that is a bomb": with_body(bomb(256 * 2**20)),
    "a body that states 2 to the 62 bytes": with_body(stating(2**62)),
    "a body that states what it does not hold": with_body(stating(len(JOINED))),
    "a body that needs a prefix": with_body(compress(JOINED, JOINED * 9, 3)),
    "the bytes of another content": with_body(z(JOINED[1:] + b"x")),
    "contents in another order": with_body(z(b"".join(reversed(list(FILES.values()))))),
}

HOLDS: dict[str, Json] = {
    "holds nothing": [],
    "holds a content that does not exist": [[0, 4]],
    "holds no content": [[0, 0], [0, 3]],
    "holds one content twice": [[0, 2], [0, 1]],
    "holds contents out of order": [[1, 2], [0, 1]],
    "holds a part beyond the end": [[0, 0, 10_000], [1, 2]],
    "holds an empty part": [[0, 0, 0], [0, 3]],
    "holds parts that overlap": [[0, 0, 60], [0, 40, 72], [1, 1]],
    "holds a part with a gap": [[0, 10, 102], [1, 2]],
    "holds half a million contents": [[0, 2**19 + 1]],
    "holds 2 to the 53 contents": [[0, 2**53 - 1]],
    "holds from 2 to the 53": [[2**53 - 1, 1]],
    "holds a negative run": [[-1, 3]],
    "holds a run of one number": [[0]],
    "holds a run of four numbers": [[0, 1, 2, 3]],
    "holds text": [["0", "3"]],
}


def pack_entry(data: bytes, holds: Json = None, **lies: Json) -> Json:
    return {**content_of(data)._asdict(), "holds": [[0, 3]] if holds is None else holds, **lies}


BASE = "a good delta"
NOTHING_WRONG = "nothing wrong"


@pytest.fixture(scope="module")
def hostile(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with gallery(prepared, tmp_path_factory.mktemp("hostile")) as made:
        forger = made.forger
        forger.put(GOOD)
        made.add(NOTHING_WRONG, forger.build(manifest_of(FILES, pack_entry(GOOD))))
        for case, data in PACKS.items():
            forger.put(data)
            made.add(case, forger.build(manifest_of(FILES, pack_entry(data))))
        for case, holds in HOLDS.items():
            made.add(case, forger.build(manifest_of(FILES, pack_entry(GOOD, holds))))
        for case, manifest, carrier in carriers():
            made.add(case, forger.build(manifest, carrier=carrier))
        slot = made.scene.device(1).slot("1.0.0")
        old = (slot / "manifest.json").read_bytes()
        base = content_of(old).sha256
        for case, data in deltas(old).items():
            build = forger.build(manifest_of(FILES, pack_entry(GOOD)))
            build["deltas"] = [{"from": base, **forger.put(data)._asdict(), "codecs": ["zstd", "zstd-from"]}]
            made.add(case, build)
        made.open()
        yield made


# ------------------------------------------------------------------------------------------------ carriers and deltas


def carriers() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield manifests whose own pack is wrong: the case, the manifest that is signed, the pack."""
    manifest = encode(manifest_of(FILES, pack_entry(GOOD)))
    yield "another manifest in its pack", manifest, _single(manifest.replace(b"6.6.6", b"6.6.7"))
    yield "a longer manifest in its pack", manifest, _single(manifest + b" ")
    yield "a manifest's pack that is a bomb", manifest, container(frames({"size": 0}))
    yield "a manifest's pack that is none", manifest, manifest
    yield "a manifest in two pieces", manifest, _two_pieces(manifest)
    yield "a manifest that is empty", b"", _single(b" ")


def _single(data: bytes) -> bytes:
    return container(frames({"size": len(z(data))}), z(data))


def _two_pieces(data: bytes) -> bytes:
    return container(frames({"size": len(z(data[:9]))}, {"size": len(z(data[9:]))}), z(data[:9]), z(data[9:]))


CARRIERS = tuple(case for case, _, _ in carriers())


INPUTS: Json = [[0, 5]]


def delta(old: bytes, bare: bytes, *bodies: bytes, times: int = 1, **lies: Json) -> bytes:
    """Return a delta whose skeleton is ``bare``; ``lies`` change its header, where `INPUTS` come so many ``times``.

    They are repeated in the text: written one by one, a million would take seconds, and all who collect tests wait.
    """
    body = compress(bare, old, 3)
    stated: Json = {
        "type": "sealcast/delta/1",
        "manifest": {"size": len(body), "length": len(bare)},
        "makes": [[0, 3]],
        "frames": [{"codec": "zstd", "size": len(data), "pieces": 3} for data in bodies],
    }
    once = encode(INPUTS)
    header = encode({**stated, **lies}).replace(once, b"[" + b",".join([once[1:-1]] * times) + b"]")
    return container(header, body, *bodies)


def deltas(old: bytes) -> dict[str, bytes]:
    """Return hostile deltas from the manifest ``old`` to the release of `FILES`."""
    new = manifest_of(FILES, pack_entry(GOOD))
    manifest = read_manifest(encode(new))
    bare = skeleton(manifest, [0, 1, 2])
    frame = {"codec": "zstd", "size": len(BODY), "pieces": 3}
    prefixed = {**frame, "codec": "zstd-from"}
    other = compress(JOINED, JOINED * 9, 3)

    def named(path: str) -> bytes:
        return bare.replace(b'"a.bin"', json.dumps(path).encode())

    def blank(text: bytes) -> bytes:
        return bare.replace(b'"sha256":1', b'"sha256":' + text)

    wrong = {
        "a delta for another base": delta(old + b" ", bare, BODY),
        "a delta that makes another release": delta(old, bare.replace(b"6.6.6", b"6.6.7"), BODY),
        "a delta of other bytes": delta(old, bare, z(JOINED[1:] + b"x")),
        "a delta that is a pack": GOOD,
        "a delta without frames": delta(old, bare),
        "a delta that makes nothing": delta(old, bare, BODY, makes=[]),
        "a delta that makes a content twice": delta(old, bare, BODY, makes=[[0, 1], [0, 2]]),
        "a delta that makes what does not exist": delta(old, bare, BODY, makes=[[1, 3]]),
        "a delta that makes a part": delta(old, bare, BODY, makes=[[0, 0, 5], [1, 2]]),
        "a delta that makes 2 to the 53": delta(old, bare, BODY, makes=[[0, 2**53 - 1]]),
        "a delta with inputs out of range": delta(old, bare, BODY, frames=[{**frame, "inputs": [[10_000, 1]]}]),
        "a delta with inputs beyond the end": delta(old, bare, BODY, frames=[{**frame, "inputs": [[0, 0, 2**40]]}]),
        "a delta with inputs for a codec without": delta(old, bare, BODY, frames=[{**frame, "inputs": [[0, 1]]}]),
        "a delta with millions of inputs": delta(
            old, bare, BODY, times=900_000, frames=[{**prefixed, "inputs": INPUTS}]
        ),
        "a delta with 100,000 inputs": delta(
            old,
            bare,
            z(b"x"),
            times=20_000,
            frames=[{**prefixed, "size": len(z(b"x")), "inputs": INPUTS}],
        ),
        "a delta with the wrong inputs": delta(
            old, bare, other, frames=[{**prefixed, "size": len(other), "inputs": [[1, 1]]}]
        ),
        "a delta that is a bomb": delta(old, bare, bomb(256 * 2**20)),
        "a skeleton of no bytes": delta(old, bare, BODY, manifest={"size": 0, "length": 1}),
        "a skeleton of 64 MiB and more": delta(old, bare, BODY, manifest={"size": 9, "length": 2**26 + 1}),
        "a skeleton that is a bomb": container(
            {"type": "sealcast/delta/1", "manifest": {"size": len(bomb(2**26)), "length": 2**26}}, bomb(2**26)
        ),
        "a skeleton that is not JSON": delta(old, b"\x00" * 50, BODY),
        "a skeleton that is a list": delta(old, b"[1,2,3]", BODY),
        "a skeleton without files": delta(old, b"{}", BODY),
        "a skeleton of a number": delta(old, b"7", BODY),
        "a skeleton of files that are text": delta(old, b'{"files":"abc"}', BODY),
        "a skeleton of nested lists": delta(old, b'{"files":' + b"[" * 90_000 + b"]" * 90_000 + b"}", BODY),
        "a skeleton with blanks out of order": delta(old, bare.replace(b'"sha256":0', b'"sha256":2'), BODY),
        "a skeleton with a blank of 2 to the 53": delta(old, blank(b"9007199254740991"), BODY),
        "a skeleton with a negative blank": delta(old, blank(b"-1"), BODY),
        "a skeleton with a digest of lists": delta(old, blank(b"[1]"), BODY),
        "a skeleton with a digest that stands in for a blank": delta(
            old, bare.replace(b'"sha256":0', b'"sha256":"' + b"0" * 63 + b'1"'), BODY
        ),
        "a skeleton with a negative size": delta(old, bare.replace(b'"size":112', b'"size":-112'), BODY),
        "a skeleton with a huge size": delta(old, bare.replace(b'"size":112', b'"size":9007199254740991'), BODY),
        "a skeleton with a size of true": delta(old, bare.replace(b'"size":112', b'"size":true'), BODY),
        "a skeleton with a way out": delta(old, named("../../../home/notes.txt"), BODY),
        "a skeleton with an absolute path": delta(old, named("/tmp/owned"), BODY),
        "a skeleton with a path twice": delta(old, named("b.bin"), BODY),
        "a skeleton with a device": delta(old, named("aux.txt"), BODY),
    }
    assert bare.count(b'"size":112') == 1
    return {**wrong, BASE: delta(old, bare, BODY)}


DELTAS = tuple(deltas(b"{}"))

# -------------------------------------------------------------------------------------------------------- the tests


@pytest.fixture
def at(tmp_path: Path) -> Path:
    return tmp_path / "at"


def test_nothing_wrong(hostile: Gallery, at: Path) -> None:
    """The builds differ from a good one in what their case says, and in nothing else."""
    _, device = hostile.device(at, NOTHING_WRONG)
    device.update()
    launch = device.start()
    assert {path.name: path.read_bytes() for path in launch.files.iterdir()} == FILES
    shutil.rmtree(at)
    _, device = hostile.device(at, BASE)
    device.update()
    assert not list(noted(device))
    assert device.start().version == "6.6.6"


@contextmanager
def within_bounds(case: str) -> Iterator[None]:
    """Hold that the block takes little time and, where the case is about much of something, little memory."""
    measured = any(word in case for word in ("bomb", "states", "iB", "2 to the", "0,000"))
    started = time.monotonic()
    if measured:
        tracemalloc.start()
    try:
        yield
        assert not measured or tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < 100


@pytest.mark.parametrize("case", [*PACKS, *HOLDS, *CARRIERS])
def test_a_malformed_pack(hostile: Gallery, at: Path, case: str) -> None:
    scene, device = hostile.device(at, case)
    codes = CODES | ({"HASH_MISMATCH"} if case in CARRIERS else set())
    with within_bounds(case):
        error = scene.refused(device, *codes, floor="not lowered")
    assert error.exit_status in {6, 8}
    assert len(str(error)) < 600
    assert not [path for path in device.leftovers() if not path.startswith(("downloads/", "staging/"))]
    if case not in PACKS:  # for a share of the cases, which all end in one place
        # The device is as able as before: a good build comes through, and what was refused is cleared away.
        hostile.follow(device, NOTHING_WRONG)
        device.update()
        assert device.start().version == "6.6.6"
        assert device.leftovers() == []


@pytest.mark.parametrize("case", [case for case in DELTAS if case != BASE])
def test_a_malformed_delta(hostile: Gallery, at: Path, case: str) -> None:
    scene, device = hostile.device(at, case)
    bystanders = (scene.home / "notes.txt").read_bytes()
    with within_bounds(case):
        device.update()
    (why,) = noted(device)
    assert why in CODES | {"DELTA_MISMATCH", "UNSAFE_NAME"}
    launch = device.start()
    assert {path.name: path.read_bytes() for path in launch.files.iterdir()} == FILES
    assert (scene.home / "notes.txt").read_bytes() == bystanders
    assert device.leftovers() == []


def noted(device: Device) -> Iterator[str]:
    """Yield the codes of the deltas that could not be used."""
    for line in (device.folder / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == Kind.DOWNLOAD_FAILED:
            yield event["why"]


def test_sizes_that_lie(scene: Scene) -> None:
    """What the channel says of an object's size bounds what is taken; what it says of the whole, what is begun."""
    device = scene.device(1)
    real = content_of(GOOD)
    manifest = manifest_of(FILES, pack_entry(GOOD))
    lies: list[tuple[Json, tuple[str, ...]]] = [
        ({"installed": 2**53 - 1}, ("NO_SPACE",)),
        ({"packs": {"count": 1, "size": 2**53 - 1}}, ("NO_SPACE",)),
    ]
    for lie, codes in lies:
        forger = scene.forger()
        forger.put(GOOD)
        forger.release("6.6.6", {"any": {**forger.build(manifest), **lie}})
        scene.refused(device, *codes, floor="not lowered")
        assert not [request for request in scene.server.requests if real.sha256 in request.path]
    for size in (real.size - 1, real.size + 1, 0):
        forger = scene.forger()
        forger.put(GOOD)
        forger.release("6.6.6", {"any": forger.build(manifest_of(FILES, pack_entry(GOOD, size=size)))})
        scene.refused(device, "HASH_MISMATCH", floor="not lowered")

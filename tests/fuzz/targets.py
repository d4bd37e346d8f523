"""Every parser that reads bytes from the network or the disk, each with real samples and a way to change them.

A target takes changed bytes and may raise nothing but a `SealcastError`.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shlex
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from sealcast.cli import main
from sealcast.client.events import Events
from sealcast.client.floor import FloorStore
from sealcast.client.freshness import freshness
from sealcast.client.record import Records
from sealcast.client.settings import read_settings
from sealcast.client.shape import read_release
from sealcast.client.stamp import stamp_holds
from sealcast.errors import SealcastError
from sealcast.fetch import HttpOptions, HttpSource, Limits, wire
from sealcast.fetch.location import parse_location
from sealcast.model import (
    complete,
    read_channel,
    read_halt,
    read_manifest,
    read_policy,
    skeleton,
    skeleton_contents,
)
from sealcast.packs import DeltaReader, PackReader, pieces_from_runs, read_single
from sealcast.packs import diff as diffs
from sealcast.packs.copies import Copy
from sealcast.packs.tar import Member, read_archive, read_list
from sealcast.packs.zstandard import compress, decompress
from sealcast.values import content_of
from sealcast.verify import check_metadata
from tests.clocks import START, HandClock
from tests.fuzz.mutate import mutate, mutate_json
from tests.fuzz.samples import Samples, opened

Change = Callable[[bytes, random.Random, list[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test."""

    name: str
    samples: list[bytes]
    run: Callable[[bytes], object]
    change: Change = mutate


def targets(samples: Samples, folder: Path) -> Iterator[Target]:
    """Yield every target. ``folder`` is for what they write."""
    yield from _documents(samples)
    yield from _device(samples, folder)
    yield from _objects(samples)
    yield from _network(samples)
    yield _command_line(folder)


def either(data: bytes, chosen: random.Random, others: list[bytes]) -> bytes:
    """Change the JSON, or the bytes."""
    return mutate(data, chosen, others) if chosen.random() < 0.4 else mutate_json(data, chosen)


# --------------------------------------------------------------------------------------------- documents, metadata


def _documents(samples: Samples) -> Iterator[Target]:
    one, two = samples.manifests
    skeletons = [skeleton(manifest, frozenset({0, 1})) for manifest in samples.releases]
    channel = partial(read_channel, app="demo", channel="stable")
    yield Target("channel", samples.of("targets/demo/stable/*.channel.json"), channel, either)
    yield Target("halt", samples.of("targets/demo/halt/*.halt.json"), partial(read_halt, app="demo"), either)
    yield Target("policy", samples.of("targets/demo/*.policy.json"), partial(read_policy, app="demo"), either)
    yield Target("manifest", [one, two], read_manifest, either)
    yield Target("skeleton", skeletons, _skeleton, either)
    for role in ("root", "timestamp", "snapshot", "targets", "demo-stable"):
        pattern = "metadata/timestamp.json" if role == "timestamp" else f"metadata/*.{role}.json"
        yield Target(f"metadata-{role}", samples.of(pattern), _metadata(role), either)


def _skeleton(data: bytes) -> None:
    blank = [number for number, (digest, _) in enumerate(skeleton_contents(data)) if digest is None]
    read_manifest(complete(data, {number: f"{number:064x}" for number in blank}))


def _metadata(role: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        check_metadata(data, role)
        # What passes goes to python-tuf, whose errors `sealcast.verify` knows.
        with contextlib.suppress(RepositoryError):
            metadata = Metadata.from_bytes(data)
            metadata.signed.is_expired(START)
            if role == "root":
                metadata.verify_delegate("root", metadata)

    return run


# ---------------------------------------------------------------------------------------------------- state on disk


def _device(samples: Samples, folder: Path) -> Iterator[Target]:
    device = folder / "device"
    device.mkdir(mode=0o700)
    shutil.copytree(samples.device / "repository" / "metadata", device / "metadata")
    events = Events(device, HandClock())

    def kept(name: str, file: str, read: Callable[[], object], change: Change, *, slot: str = "") -> Target:
        def run(data: bytes) -> None:
            (device / file).write_bytes(data)
            read()

        return Target(name, samples.kept(f"{slot}{file}"), run, change)

    yield kept("record", "state.json", Records(device).read, checked)
    yield kept("floor", "floor.json", FloorStore(device).read, checked)
    yield kept("settings", "client.json", lambda: read_settings(device), either)
    yield kept("events", "events.jsonl", lambda: list(events.read()), lines)
    yield kept("release", "release.json", lambda: read_release(device), either, slot="slot/")
    yield kept("stamp", "stamp", lambda: stamp_holds(device), mutate, slot="slot/")
    fresh = partial(freshness, device, "demo", "stable", START)
    yield kept("freshness", "metadata/timestamp.json", fresh, either, slot="repository/")


def checked(data: bytes, chosen: random.Random, others: list[bytes]) -> bytes:
    """Change a state file; mostly so that its digest is right again."""
    if chosen.random() < 0.3:
        return mutate(data, chosen, others)
    body = either(data[65:], chosen, others)
    return content_of(body).sha256.encode() + b"\n" + body


def lines(data: bytes, chosen: random.Random, others: list[bytes]) -> bytes:
    """Change one of several lines of JSON."""
    each = data.splitlines(keepends=True)
    place = chosen.randrange(len(each))
    each[place] = either(each[place], chosen, others) + b"\n"
    return b"".join(each)


# ---------------------------------------------------------------------------------------------------------- objects


def _objects(samples: Samples) -> Iterator[Target]:
    base, new = samples.releases
    objects = samples.of("objects/*/*")
    packs = {pack.sha256: pack for manifest in (base, new) for pack in manifest.packs}
    bodies = {content_of(data).sha256: data for data in objects}
    sizes = [content.size for content in new.contents]
    held = [samples.content(0, number) for number in range(len(base.contents))]
    deltas = [data for digest, data in bodies.items() if digest not in packs and _is_delta(data)]

    def pack(data: bytes) -> None:
        file, size = opened(data)
        reader = PackReader(file, size)
        for known in new.packs:
            for _ in reader.frames(pieces_from_runs(known.holds, sizes), wanted=set(range(len(sizes)))):
                pass

    def delta(data: bytes) -> None:
        file, size = opened(data)
        reader = DeltaReader(file, size, [content.size for content in base.contents])
        skeleton_contents(reader.skeleton(samples.manifests[0]))
        pieces = reader.pieces(sizes)
        for _ in reader.frames(pieces, lambda number, offset, length: held[number][offset : offset + length]):
            pass

    yield Target("pack", [bodies[known.sha256] for known in new.packs], pack, wrapped)
    yield Target("delta", deltas, delta, wrapped)
    singles = [data for digest, data in bodies.items() if digest not in packs and data not in deltas]
    yield Target("single", singles, lambda data: read_single(data, len(samples.manifests[1])), wrapped)
    inputs = max(held, key=len)
    output = inputs[:5000] + b"new" * 100 + inputs[5100:]
    copies = [Copy(0, 0, 5000), Copy(5100, 5300, len(output) - 5300)]
    body = diffs.encode(output, inputs, copies, best=True) or b""
    yield Target("diff", [body], lambda data: diffs.decode(data, inputs, len(output)))
    packed = compress(output, inputs, 3)
    yield Target("zstd", [packed], lambda data: decompress(data, inputs, len(output)))
    archives = samples.of("targets/demo/stable/*.tar.zst")
    yield Target("archive-list", archives, _listed)
    members = [Member(file.path, file.size, file.executable) for file in new.files]
    yield Target("archive", archives, lambda data: list(read_archive(io.BytesIO(data), members)))


def _is_delta(data: bytes) -> bool:
    try:
        DeltaReader(io.BytesIO(data), len(data), [2**40] * 1000)
    except SealcastError:
        return False
    return True


def _listed(data: bytes) -> None:
    _skeleton(read_list(io.BytesIO(data)))


def wrapped(data: bytes, chosen: random.Random, others: list[bytes]) -> bytes:
    """Change the header of a pack or delta, packed again as it should be; or the bytes."""
    if data[:8] != b"SEALPAK1" or chosen.random() < 0.4:
        return mutate(data, chosen, others)
    stored, length = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
    header = mutate_json(bytes(decompress(data[16 : 16 + stored], b"", length)), chosen)
    frame = compress(header, b"", 1)
    return data[:8] + len(frame).to_bytes(4, "little") + len(header).to_bytes(4, "little") + frame + data[16 + stored :]


# ---------------------------------------------------------------------------------------------------------- network

ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: application/json\r\n\r\nhello",
    b'HTTP/1.1 206 Partial\r\nContent-Length: 5\r\nContent-Range: bytes 3-7/8\r\nETag: "x"\r\n\r\nhello',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /elsewhere?x=1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 416 Range\r\nContent-Range: bytes */3\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n<html>",
]
URLS = [
    b"https://updates.example.org/a%20b/",
    b"http://127.0.0.1:8000/x",
    b"https://user:pw@[::1]:443/%2e%2e/a?b#c",
    b"file:///etc/passwd",
]


def _network(samples: Samples) -> Iterator[Target]:
    instant = Limits(connect_seconds=1, gap_seconds=0.2, total_seconds=1, tries=1, backoff_seconds=0)
    options = HttpOptions(proxy="", limits=instant, sleep=lambda _: None, jitter=lambda: 0.5)

    def answer(data: bytes) -> None:
        source = HttpSource("http://127.0.0.1:9/site", options)
        try:
            with _answering(data):
                if data[-1:] < b"\x80":
                    source.read("metadata/timestamp.json", limit=1000)
                else:
                    list(source.stream("objects/ab/cd", limit=1000, start=3))
        finally:
            with contextlib.suppress(AttributeError):
                source._wire._pool.close()  # type: ignore[union-attr]

    yield Target("http", ANSWERS, answer)
    yield Target("location", URLS, lambda data: parse_location(data.decode("utf-8", "surrogateescape")))


@contextlib.contextmanager
def _answering(data: bytes) -> Iterator[None]:
    """Have every connection answered by these bytes, whatever it asks."""
    real = wire._connect
    ends: list[socket.socket] = []

    def connect(host: str, port: int) -> socket.socket:
        ours, theirs = socket.socketpair()
        ends.extend((ours, theirs))
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        return ours

    wire._connect = connect
    try:
        yield
    finally:
        wire._connect = real
        for one in ends:
            one.close()


# ----------------------------------------------------------------------------------------------------- command line

COMMANDS = [
    b"client check --dir d --json",
    b"client update --dir d --native 1.0.0",
    b"client init --url https://x.example --root root.json --app demo --channel stable --dir d",
    b"client ready --dir d",
    b"client fail --reason x --dir d",
    b"client rollback --dir d",
    b"client status --dir d --json",
    b"client events --dir d",
    b"-C . status",
    b"-C w release list --json",
    b"-C w channel rollout stable 2.0.0 --steps 10%@0h,50%@24h",
    b"verify site --root root.json --deep --json",
    b"tuf --metadata-dir m --metadata-url http://127.0.0.1:9/x refresh",
    b"key show keys/alice.pub.json",
    b"--help",
]
KNOWN = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
LASTING = frozenset({"serve", "demo", "run", "--follow", "-f", "new", "add", "publish", "build", "init-workspace"})
"""Words that start what does not end by itself, or what takes long: not for a loop."""


def _command_line(folder: Path) -> Target:
    place = folder / "command-line"
    place.mkdir()
    (place / "root.json").write_text("{}")

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape").replace("\0", "")
        try:
            words = shlex.split(text)
        except ValueError:
            words = text.split()
        words = [word for word in words if "/" not in word[:1] and ".." not in word]
        if LASTING & set(words):
            return
        said = io.StringIO()
        with contextlib.chdir(place), contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            status = main(words)
        if status not in KNOWN or "Traceback" in said.getvalue() or "error[INTERNAL]" in said.getvalue():
            raise AssertionError(f"status {status}: {said.getvalue()}")

    def change(data: bytes, chosen: random.Random, others: list[bytes]) -> bytes:
        words = data.split()
        for _ in range(chosen.randint(1, 3)):
            match chosen.randrange(4):
                case 0:
                    words.insert(chosen.randrange(len(words) + 1), chosen.choice(chosen.choice(others).split()))
                case 1:
                    del words[chosen.randrange(len(words)) :][:1]
                case 2 if words:
                    place_ = chosen.randrange(len(words))
                    words[place_] = mutate(words[place_], chosen, others)
                case _:
                    chosen.shuffle(words)
        return b" ".join(words)

    os.environ |= {"HOME": str(place), "XDG_DATA_HOME": str(place), "NO_PROXY": "*"}
    return Target("command-line", COMMANDS, run, change)

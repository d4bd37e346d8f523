"""Objects made by hand, so that what the readers are held to does not come from our own writers."""

from __future__ import annotations

import io
import json
import random
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sealcast.packs import Side
from sealcast.packs.zstandard import zstd
from sealcast.values import content_of

MIB = 1024 * 1024


def frame_of(data: bytes) -> bytes:
    """A plain Zstandard frame that states its size."""
    return zstd.compress(data)


def object_with(
    header: Any,
    *bodies: bytes,
    magic: bytes = b"SEALPAK1",
    stored: int | None = None,
    decoded: int | None = None,
) -> bytes:
    """A container, every part of which can be wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    frame = frame_of(text)
    lengths = struct.pack("<II", len(frame) if stored is None else stored, len(text) if decoded is None else decoded)
    return magic + lengths + frame + b"".join(bodies)


def open_object(data: bytes) -> tuple[io.BytesIO, int]:
    """What readers take: a file and the object's size."""
    return io.BytesIO(data), len(data)


def noise(length: int, seed: int = 0) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(length)


def side(files: Mapping[str, bytes]) -> Side:
    """A release's contents, in the order that a manifest numbers them."""
    first: dict[bytes, str] = {}
    for path in sorted(files):
        if files[path]:
            first.setdefault(files[path], path)
    return Side([content_of(data) for data in first], list(first.values()), reader(list(first)))


def reader(contents: Sequence[bytes]) -> Callable[[int, int, int], bytes]:
    """Reads ranges of contents in memory."""
    return lambda number, offset, length: contents[number][offset : offset + length]


def words(count: int, seed: int) -> bytes:
    """Text that compresses as text does."""
    dice = random.Random(seed)
    return b" ".join(dice.choice(_VOCABULARY) for _ in range(count))


_VOCABULARY = [bytes(random.Random(number).choices(range(97, 123), k=3 + number % 9)) for number in range(800)]

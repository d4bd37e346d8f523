"""The container of packs and deltas: a header and frame bodies, to exactly the end of the object.

    offset   size   what
    0        8      the magic bytes "SEALPAK1"
    8        4      length of the header as stored, little-endian
    12       4      length of the header decoded, little-endian
    16       …      the header: a JSON document in one Zstandard frame
    …        …      the bodies, one after the other, as the header lists their sizes

Readers get bytes whose SHA-256 somebody has signed and checked; they stay strict all the same, so that a publisher's
mistake is one clear error on every device, before anything was decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Annotated, BinaryIO, TypeVar

import msgspec

from ..documents import Document, decode, encode
from ..errors import ObjectError, VerificationError
from . import codecs
from .bounds import FRAME_STORED_LIMIT, HEADER_LIMIT, OBJECT_LIMIT, PIECES_LIMIT, bad_pack, too_large

MAGIC = b"SEALPAK1"
_LENGTHS = struct.Struct("<II")
_FIXED = len(MAGIC) + _LENGTHS.size
_HEADER_LEVEL = 19  # headers are small: the level is not worth an option

T = TypeVar("T", bound=Document)

StoredSize = Annotated[int, msgspec.Meta(ge=1, le=FRAME_STORED_LIMIT)]
PieceCount = Annotated[int, msgspec.Meta(ge=1, le=PIECES_LIMIT)]


def join(header: Document, bodies: Iterable[bytes]) -> bytes:
    """Return the object made of ``header`` and ``bodies``. Raises ``ObjectError`` (TOO_LARGE)."""
    text = encode(header)
    if len(text) > HEADER_LIMIT:
        raise too_large("The pack's header", len(text), HEADER_LIMIT)
    stored = codecs.encode("zstd", text, level=_HEADER_LEVEL)
    data = b"".join((MAGIC, _LENGTHS.pack(len(stored), len(text)), stored, *bodies))
    if len(data) > OBJECT_LIMIT:
        raise too_large("The pack", len(data), OBJECT_LIMIT)
    return data


def read_header(file: BinaryIO, size: int, kind: type[T]) -> tuple[T, int]:
    """Return the header of the object of ``size`` bytes that ``file`` stands at the start of, and its length in all.

    Raises ``ObjectError`` (BAD_PACK, TOO_LARGE) or ``VerificationError`` (UNKNOWN_DOCUMENT).
    """
    if size > OBJECT_LIMIT:
        raise too_large("The pack", size, OBJECT_LIMIT)
    if size < _FIXED:
        raise bad_pack("it is shorter than a header")
    start = read_exactly(file, _FIXED)
    if start[: len(MAGIC)] != MAGIC:
        raise bad_pack("it does not start as a pack")
    stored, length = _LENGTHS.unpack_from(start, len(MAGIC))
    if stored > size - _FIXED:
        raise bad_pack("its header is longer than the whole")
    if length > HEADER_LIMIT:
        raise too_large("The pack's header", length, HEADER_LIMIT)
    text = bytes(codecs.decode("zstd", read_exactly(file, stored), length=length))
    try:
        return decode(text, kind, what="The pack's header", limit=HEADER_LIMIT), _FIXED + stored
    except VerificationError as error:
        if error.code == "UNKNOWN_DOCUMENT":  # a newer version: what to do about it is to update, not to fetch again
            raise
        raise ObjectError("BAD_PACK", error.what) from error


def check_total(size: int, header_length: int, bodies: Iterable[int]) -> None:
    """Check that header and bodies fill the object exactly. Raises ``ObjectError`` (BAD_PACK)."""
    total = header_length + sum(bodies)
    if total != size:
        raise bad_pack(f"its header lists {total} bytes and it has {size}")


def read_exactly(file: BinaryIO, length: int) -> bytes:
    """Return the next ``length`` bytes of ``file``. Raises ``ObjectError`` (BAD_PACK) when it ends before."""
    data = file.read(length)
    if len(data) != length:
        raise bad_pack("it ends too early")
    return data

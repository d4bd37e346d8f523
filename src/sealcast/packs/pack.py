"""Packs: objects that carry contents and need nothing else to be read.

A pack knows nothing of digests or paths. It yields a fixed number of pieces in order, and the manifest's entry for the
pack says which contents they are: so a pack that holds the same bytes serves in every release that has them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Annotated, BinaryIO, NamedTuple

import msgspec

from ..documents import Document
from . import codecs
from .bounds import FRAME_OUTPUT_LIMIT, FRAMES_LIMIT, bad_pack, too_large
from .container import PieceCount, StoredSize, check_total, join, read_exactly, read_header
from .pieces import Piece, Runs, check_rising


class EncodedFrame(NamedTuple):
    """A frame ready to be written: its codec, body, number of output pieces, and (deltas only) its inputs."""

    codec: str
    body: bytes
    pieces: int
    inputs: Runs = ()


class PackFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One frame in a pack's header; ``size`` is its stored size."""

    codec: str = "zstd"
    size: StoredSize
    pieces: PieceCount = 1


class PackHeader(Document, frozen=True, kw_only=True, omit_defaults=True):
    """The header of a pack."""

    type: str = "sealcast/pack/1"
    frames: Annotated[tuple[PackFrame, ...], msgspec.Meta(min_length=1, max_length=FRAMES_LIMIT)]


def write_pack(frames: Sequence[EncodedFrame]) -> bytes:
    """Return the pack made of ``frames``. Raises ``ObjectError``: TOO_LARGE, or BAD_PACK where there are none."""
    if not frames:
        raise bad_pack("it would hold nothing")
    listed = tuple(PackFrame(codec=frame.codec, size=len(frame.body), pieces=frame.pieces) for frame in frames)
    return join(PackHeader(frames=listed), (frame.body for frame in frames))


class PackReader:
    """Reads the pack of ``size`` bytes that ``file`` stands at the start of, one frame at a time.

    Raises ``ObjectError`` (BAD_PACK, TOO_LARGE, UNKNOWN_CODEC) or ``VerificationError`` (UNKNOWN_DOCUMENT) for a header
    that cannot be right, before any frame is decoded.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        start = file.tell()
        self._header, length = read_header(file, size, PackHeader)
        check_total(size, length, (frame.size for frame in self._header.frames))
        for frame in self._header.frames:
            codecs.check_codec(frame.codec)
        self._offsets = tuple(accumulate((frame.size for frame in self._header.frames), initial=start + length))

    def frames(self, pieces: Sequence[Piece], *, wanted: Container[int] | None = None) -> Iterator[tuple[Piece, bytes]]:
        """Yield each of ``pieces`` (what the manifest says the pack holds, in order) with its bytes.

        With ``wanted``, only pieces of those contents; frames that hold none of them are passed over undecoded. At most
        one frame is in memory. The bytes are proved by the pack's digest alone: whoever writes files hashes them again.
        Raises ``ObjectError`` (BAD_PACK, TOO_LARGE).
        """
        check_rising(pieces)
        shares = share_out(pieces, (frame.pieces for frame in self._header.frames))
        for frame, offset, share in zip(self._header.frames, self._offsets, shares, strict=False):
            if wanted is not None and not any(piece.content in wanted for piece in share):
                continue
            self._file.seek(offset)
            body = read_exactly(self._file, frame.size)
            for piece, data in cut(codecs.decode(frame.codec, body, length=output_length(share)), share):
                if wanted is None or piece.content in wanted:
                    yield piece, data


def share_out(pieces: Sequence[Piece], counts: Iterable[int]) -> tuple[Sequence[Piece], ...]:
    """Return the pieces of each frame, where the frames make ``counts`` pieces.

    Raises ``ObjectError``: BAD_PACK when the counts do not add up to the pieces, TOO_LARGE for a frame that makes more
    bytes than a frame may.
    """
    shares: list[Sequence[Piece]] = []
    start = 0
    for count in counts:
        shares.append(pieces[start : start + count])
        start += count
        if (length := output_length(shares[-1])) > FRAME_OUTPUT_LIMIT:
            raise too_large("A frame's output", length, FRAME_OUTPUT_LIMIT)
    if start != len(pieces):
        raise bad_pack(f"its frames make {start} pieces where {len(pieces)} are expected")
    return tuple(shares)


def output_length(pieces: Iterable[Piece]) -> int:
    """Return the bytes that ``pieces`` have together."""
    return sum(piece.length for piece in pieces)


def cut(data: bytes | bytearray, pieces: Iterable[Piece]) -> Iterator[tuple[Piece, bytes]]:
    """Yield each of ``pieces``, whose bytes ``data`` joins, with its own bytes."""
    view = memoryview(data)
    start = 0
    for piece in pieces:
        yield piece, bytes(view[start : start + piece.length])
        start += piece.length

"""Deltas: objects that rebuild what a release adds from the release before it.

A delta's first body is the new manifest's skeleton (the digests of what the delta makes left out), encoded against the
base manifest's bytes. Its frames then make the contents in ``makes``, each whole, from their own bytes and from inputs
anywhere in the base. To read one: `DeltaReader.skeleton`, then `pieces` with the sizes that the skeleton tells, then
`frames`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Annotated, BinaryIO

import msgspec

from ..documents import Document
from ..errors import ObjectError
from ..values import MAX_INTEGER
from . import codecs
from .bounds import (
    FRAME_INPUT_LIMIT,
    FRAMES_LIMIT,
    INPUT_PIECES_LIMIT,
    OBJECT_LIMIT,
    SKELETON_LIMIT,
    bad_pack,
    too_large,
)
from .container import PieceCount, StoredSize, check_total, join, read_exactly, read_header
from .pack import EncodedFrame, cut, output_length, share_out
from .pieces import Piece, Runs, check_whole, count_pieces, pieces_from_runs

ReadRange = Callable[[int, int, int], bytes]
"""Returns ``length`` bytes at ``offset`` of the content with this number: ``read(content, offset, length)``."""

Run = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)], ...], msgspec.Meta(min_length=2, max_length=3)
]


class SkeletonBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body that holds the manifest's skeleton: ``size`` as stored, ``length`` decoded."""

    codec: str = "zstd-from"
    size: Annotated[int, msgspec.Meta(ge=1, le=OBJECT_LIMIT)]
    length: Annotated[int, msgspec.Meta(ge=1, le=SKELETON_LIMIT)]


class DeltaFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One frame in a delta's header; ``inputs`` are runs over the base release's contents, joined in order."""

    codec: str = "zstd-from"
    size: StoredSize
    pieces: PieceCount = 1
    inputs: tuple[Run, ...] = ()


class DeltaHeader(Document, frozen=True, kw_only=True, omit_defaults=True):
    """The header of a delta; ``makes`` are runs over the new release's contents."""

    type: str = "sealcast/delta/1"
    manifest: SkeletonBody
    makes: tuple[Run, ...] = ()
    frames: Annotated[tuple[DeltaFrame, ...], msgspec.Meta(max_length=FRAMES_LIMIT)] = ()


def write_delta(
    skeleton: bytes, base_manifest: bytes, makes: Runs, frames: Sequence[EncodedFrame], *, level: int
) -> bytes:
    """Return the delta made of a manifest's skeleton and of ``frames``. Raises ``ObjectError`` (TOO_LARGE)."""
    for what, data in (("The manifest's skeleton", skeleton), ("The base manifest", base_manifest)):
        if len(data) > SKELETON_LIMIT:
            raise too_large(what, len(data), SKELETON_LIMIT)
    body = codecs.encode("zstd-from", skeleton, inputs=base_manifest, level=level)
    header = DeltaHeader(
        manifest=SkeletonBody(size=len(body), length=len(skeleton)),
        makes=makes,
        frames=tuple(
            DeltaFrame(codec=frame.codec, size=len(frame.body), pieces=frame.pieces, inputs=frame.inputs)
            for frame in frames
        ),
    )
    return join(header, (body, *(frame.body for frame in frames)))


class DeltaReader:
    """Reads the delta of ``size`` bytes that ``file`` stands at the start of; ``base_sizes`` are the base's contents.

    Raises ``ObjectError`` (BAD_PACK, TOO_LARGE, UNKNOWN_CODEC) or ``VerificationError`` (UNKNOWN_DOCUMENT) for a header
    that cannot be right, before anything is decoded.
    """

    def __init__(self, file: BinaryIO, size: int, base_sizes: Sequence[int]) -> None:
        self._file = file
        self._base_sizes = base_sizes
        start = file.tell()
        self._header, length = read_header(file, size, DeltaHeader)
        bodies = (self._header.manifest.size, *(frame.size for frame in self._header.frames))
        check_total(size, length, bodies)
        self._offsets = tuple(accumulate(bodies, initial=start + length))
        codecs.check_codec(self._header.manifest.codec, has_inputs=True)
        for frame in self._header.frames:
            codecs.check_codec(frame.codec, has_inputs=bool(frame.inputs))
        if sum(count_pieces(frame.inputs) for frame in self._header.frames) > INPUT_PIECES_LIMIT:
            raise bad_pack("its frames have more inputs than a delta may")

    @property
    def codecs(self) -> tuple[str, ...]:
        """The codecs that a client needs to apply the delta, sorted: what the channel document lists."""
        return tuple(sorted({self._header.manifest.codec, *(frame.codec for frame in self._header.frames)}))

    def skeleton(self, base_manifest: bytes) -> bytes:
        """Return the new manifest's skeleton. Raises ``ObjectError`` (BAD_PACK, TOO_LARGE)."""
        if len(base_manifest) > SKELETON_LIMIT:
            raise too_large("The base manifest", len(base_manifest), SKELETON_LIMIT)
        entry = self._header.manifest
        return bytes(codecs.decode(entry.codec, self._body(0, entry.size), inputs=base_manifest, length=entry.length))

    def pieces(self, new_sizes: Sequence[int]) -> tuple[Piece, ...]:
        """Return what the delta makes, in order: contents of the new release, each exactly once and whole.

        Raises ``ObjectError`` (BAD_PACK).
        """
        pieces = pieces_from_runs(self._header.makes, new_sizes)
        check_whole(pieces, new_sizes)
        return pieces

    def frames(self, pieces: Sequence[Piece], read_base: ReadRange) -> Iterator[tuple[Piece, bytes]]:
        """Yield each of ``pieces`` (what `pieces` returned) with its bytes, one frame at a time.

        At most one frame's inputs and output are in memory. The bytes are proved by hashing them, and only by that: a
        base that was altered gives other bytes. Raises ``ObjectError``: BAD_PACK; TOO_LARGE; OBJECT_DAMAGED when
        ``read_base`` returns fewer or more bytes than asked for.
        """
        shares = share_out(pieces, (frame.pieces for frame in self._header.frames))
        for frame in self._header.frames:
            self._inputs(frame)  # all are checked before the first is used, and none is kept: they may be many
        for number, (frame, share) in enumerate(zip(self._header.frames, shares, strict=True), start=1):
            data = codecs.decode(
                frame.codec,
                self._body(number, frame.size),
                inputs=_gather(self._inputs(frame), read_base),
                length=output_length(share),
            )
            yield from cut(data, share)

    def _inputs(self, frame: DeltaFrame) -> tuple[Piece, ...]:
        ranges = pieces_from_runs(frame.inputs, self._base_sizes)
        if (length := output_length(ranges)) > FRAME_INPUT_LIMIT:
            raise too_large("A frame's inputs", length, FRAME_INPUT_LIMIT)
        return ranges

    def _body(self, number: int, size: int) -> bytes:
        self._file.seek(self._offsets[number])
        return read_exactly(self._file, size)


def _gather(ranges: Sequence[Piece], read: ReadRange) -> bytearray:
    """Return the bytes of ``ranges``, joined, in a buffer made once."""
    buffer = bytearray(output_length(ranges))
    start = 0
    for content, offset, length in ranges:
        data = read(content, offset, length)
        if len(data) != length:
            raise ObjectError(
                "OBJECT_DAMAGED",
                f"The base release gave {len(data)} bytes of content {content} where {length} were asked for.",
                hint="The installed release was altered: take the packs instead.",
                content=content,
            )
        buffer[start : start + length] = data
        start += length
    return buffer

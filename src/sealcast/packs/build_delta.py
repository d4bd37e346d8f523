"""Making a delta: the whole base release serves as input, since builds rename files and move code between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..documents import MIB
from ..errors import ObjectError
from ..values import Content
from . import codecs
from .bounds import FRAME_INPUT_LIMIT, FRAME_OUTPUT_LIMIT, OBJECT_LIMIT
from .delta import ReadRange, write_delta
from .likeness import SAME_FOLDER, Likeness
from .pack import EncodedFrame, output_length
from .pieces import Piece, runs_from_pieces, segments
from .source import VerifiedSource

KEPT_LIMIT = 4 * MIB
"""Inputs of a frame that the new release still has: they help a new file that was modelled on an old one. More of them
costs time at high levels and gains nothing on the packages that were measured."""


class Side(NamedTuple):
    """One of the two releases: its contents, the first path of each, and what reads them."""

    contents: Sequence[Content]
    paths: Sequence[str]
    read: ReadRange


def make_delta(base: Side, new: Side, *, base_manifest: bytes, skeleton: bytes, level: int) -> bytes | None:
    """Return the delta that brings a device from ``base`` to ``new``, or None where it would not fit into one object.

    ``skeleton`` is the new manifest with the digests of the contents in `made` left out. The result depends on the
    arguments' values and on libzstd alone. In memory at once: 64 MiB of inputs, 16 MiB of output, libzstd's tables for
    them (up to 0.5 GiB at level 19), and the delta.

    Raises ``RepositoryError`` (SOURCE_CHANGED) when what a side reads is not the content that was listed.
    """
    sizes = [content.size for content in base.contents]
    base_source, new_source = VerifiedSource(base.contents, base.read), VerifiedSource(new.contents, new.read)
    makes = [
        piece for number in made(base.contents, new.contents) for piece in segments(number, new.contents[number].size)
    ]
    frames: list[EncodedFrame] = []
    room = OBJECT_LIMIT
    for outputs in _fill(makes):
        inputs = _choose_inputs(base, new, outputs)
        body = codecs.encode("zstd-from", new_source.join(outputs), inputs=base_source.join(inputs), level=level)
        room -= len(body)
        if room < 0:
            return None
        frames.append(EncodedFrame("zstd-from", body, len(outputs), runs_from_pieces(inputs, sizes)))
    runs = runs_from_pieces(makes, [content.size for content in new.contents])
    try:
        return write_delta(skeleton, base_manifest, runs, frames, level=level)
    except ObjectError as error:
        if error.code == "TOO_LARGE":
            return None
        raise


def made(base: Sequence[Content], new: Sequence[Content]) -> tuple[int, ...]:
    """Return the numbers of the contents in ``new`` that ``base`` lacks: those that a delta makes."""
    held = {content.sha256 for content in base}
    return tuple(number for number, content in enumerate(new) if content.sha256 not in held)


def _fill(makes: Sequence[Piece]) -> Iterator[tuple[Piece, ...]]:
    """Yield the pieces that share a frame: as many neighbours as its output may have bytes."""
    frame: list[Piece] = []
    length = 0
    for piece in makes:
        if length + piece.length > FRAME_OUTPUT_LIMIT:
            yield tuple(frame)
            frame, length = [], 0
        frame.append(piece)
        length += piece.length
    if frame:
        yield tuple(frame)


def _choose_inputs(base: Side, new: Side, outputs: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return what a frame reads of the base, in the base's order.

    First what the new release no longer has, the likest first: changed and renamed files. Then what it keeps, as far as
    it looks alike.
    """
    likeness = Likeness(outputs, new.paths)
    kept = {content.sha256 for content in new.contents}
    gone_pieces: list[tuple[int, Piece]] = []
    kept_pieces: list[tuple[int, Piece]] = []
    for number, content in enumerate(base.contents):
        for piece in segments(number, content.size):
            rank = likeness.rank(piece, base.paths[number])
            if content.sha256 not in kept:
                gone_pieces.append((rank, piece))
            elif rank <= SAME_FOLDER:
                kept_pieces.append((rank, piece))
    chosen = _take(gone_pieces, FRAME_INPUT_LIMIT)
    chosen += _take(kept_pieces, min(KEPT_LIMIT, FRAME_INPUT_LIMIT - output_length(chosen)))
    return tuple(sorted(chosen))


def _take(ranked: Sequence[tuple[int, Piece]], limit: int) -> list[Piece]:
    """Return the pieces of lowest rank that have at most ``limit`` bytes together."""
    taken: list[Piece] = []
    for _, piece in sorted(ranked):
        if piece.length <= limit:
            taken.append(piece)
            limit -= piece.length
    return taken

"""Pieces of contents, and the runs that write them down.

A release's contents are numbered (see `sealcast.model.manifest.Manifest`). A piece is a range of one content's bytes. A
list of pieces is written as runs: ``[first, count]`` for whole contents with consecutive numbers, ``[content, offset,
length]`` for a part of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .bounds import FRAME_OUTPUT_LIMIT, PIECES_LIMIT, bad_pack

Runs = tuple[tuple[int, ...], ...]
"""Pieces as documents hold them."""

_WHOLE = 2  # numbers in [first, count]
_PART = 3  # numbers in [content, offset, length]


class Piece(NamedTuple):
    """A range of bytes of the content with this number: never empty, never beyond the content's end."""

    content: int
    offset: int
    length: int


def pieces_from_runs(runs: Iterable[Sequence[int]], sizes: Sequence[int]) -> tuple[Piece, ...]:
    """Return the pieces that ``runs`` name, where content number ``n`` has ``sizes[n]`` bytes.

    Raises ``ObjectError`` (BAD_PACK): a run of another shape, outside the contents, empty, or more pieces than
    `PIECES_LIMIT`. What is allocated is bounded by that limit, whatever the numbers in the runs.
    """
    pieces: list[Piece] = []
    for run in runs:
        if len(run) == _WHOLE:
            first, count = run
            if first < 0 or not 1 <= count <= min(len(sizes) - first, PIECES_LIMIT - len(pieces)):
                raise bad_pack(f"the run {list(run)} names contents that do not exist, or too many")
            pieces.extend(Piece(number, 0, sizes[number]) for number in range(first, first + count))
        elif len(run) == _PART:
            piece = Piece(*run)
            if not 0 <= piece.content < len(sizes) or piece.offset < 0 or len(pieces) >= PIECES_LIMIT:
                raise bad_pack(f"the run {list(run)} names a content that does not exist, or is one too many")
            if not 1 <= piece.length <= sizes[piece.content] - piece.offset:
                raise bad_pack(f"the run {list(run)} reaches beyond its content's {sizes[piece.content]} bytes")
            pieces.append(piece)
        else:
            raise bad_pack(f"a run has {len(run)} numbers, not two or three")
    return tuple(pieces)


def runs_from_pieces(pieces: Iterable[Piece], sizes: Sequence[int]) -> Runs:
    """Return the shortest runs that name ``pieces``, in their order: what `pieces_from_runs` reads back."""
    runs: list[tuple[int, ...]] = []
    for piece in pieces:
        if piece.offset or piece.length != sizes[piece.content]:
            runs.append(tuple(piece))
        elif runs and len(runs[-1]) == _WHOLE and sum(runs[-1]) == piece.content:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((piece.content, 1))
    return tuple(runs)


def count_pieces(runs: Iterable[Sequence[int]]) -> int:
    """Return how many pieces well-formed ``runs`` name, without making them."""
    return sum(run[1] if len(run) == _WHOLE else 1 for run in runs)


def segments(content: int, size: int) -> tuple[Piece, ...]:
    """Return the pieces of at most one frame's output each that a content of ``size`` bytes is cut into."""
    return tuple(
        Piece(content, offset, min(FRAME_OUTPUT_LIMIT, size - offset)) for offset in range(0, size, FRAME_OUTPUT_LIMIT)
    )


def check_rising(pieces: Iterable[Piece]) -> None:
    """Check that no byte of a content is named twice, and that each content's pieces come in rising order.

    Whoever writes pieces down as they come may then hash a content while it grows. Raises ``ObjectError`` (BAD_PACK).
    """
    ends: dict[int, int] = {}
    for content, offset, length in pieces:
        if offset < ends.get(content, 0):
            raise bad_pack(f"content {content} is made twice, or out of order")
        ends[content] = offset + length


def check_whole(pieces: Iterable[Piece], sizes: Sequence[int]) -> None:
    """Check that every content among ``pieces`` is there exactly once, from its first byte to its last, in order.

    Raises ``ObjectError`` (BAD_PACK).
    """
    ends: dict[int, int] = {}
    for content, offset, length in pieces:
        if offset != ends.get(content, 0):
            raise bad_pack(f"content {content} is made twice, with a gap, or out of order")
        ends[content] = offset + length
    for content, end in ends.items():
        if end != sizes[content]:
            raise bad_pack(f"content {content} is not made whole")

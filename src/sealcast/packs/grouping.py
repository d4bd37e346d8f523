"""Which contents share a pack.

Neighbours in path order share a pack, so that hundreds of small files cost one request and compress together. Where a
pack ends must not depend on what lies far away, or one added file would shift every pack after it. So the row of
contents is split where chance, drawn from the paths alone, says so: before the content whose path has the lowest hash,
then each half again, until every group fits into one frame. (The splits form a treap, which has one shape for one set
of paths, whatever their history.) Changing a content leaves the splits where they are; adding one changes the group
that it falls into, or cuts it in two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

from ..values import Content
from .bounds import FRAME_OUTPUT_LIMIT
from .pieces import Piece, segments

GROUP_LIMIT = FRAME_OUTPUT_LIMIT
"""Bytes of contents in one group; the average is half of it. Smaller groups cost ratio: on @ionic/core (21 MB) packs
took 1.2 times a solid archive at 16 MiB, 1.6 at 8 MiB and 2.1 at 4 MiB: the same code stands there in many folders."""

SEGMENTS_PER_PACK = 3
"""Segments of a larger content in one pack: four of 16 MiB would not fit into 64 MiB where they do not compress."""

Identity = tuple[tuple[str, int, int], ...]
"""What a pack holds, whatever its release: digest, offset and length of each piece in order."""


class Group(NamedTuple):
    """The contents of one pack: the pieces of each of its frames."""

    frames: tuple[tuple[Piece, ...], ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces, in order."""
        return tuple(chain.from_iterable(self.frames))


def group(sizes: Sequence[int], paths: Sequence[str]) -> tuple[Group, ...]:
    """Return the groups that hold each content once; content ``n`` has ``sizes[n]`` bytes and first path ``paths[n]``.

    Groups of small contents come first, then the larger contents, each with packs of its own.
    """
    small = [number for number, size in enumerate(sizes) if size <= GROUP_LIMIT]
    groups = [
        Group((tuple(Piece(number, 0, sizes[number]) for number in numbers),))
        for numbers in _split(small, sizes, paths)
    ]
    for number, size in enumerate(sizes):
        if size > GROUP_LIMIT:
            frames = [(piece,) for piece in segments(number, size)]
            groups.extend(
                Group(tuple(frames[start : start + SEGMENTS_PER_PACK]))
                for start in range(0, len(frames), SEGMENTS_PER_PACK)
            )
    return tuple(groups)


def identity(pieces: Sequence[Piece], contents: Sequence[Content]) -> Identity:
    """Return what a pack with these pieces holds, in terms that mean the same in every release."""
    return tuple((contents[piece.content].sha256, piece.offset, piece.length) for piece in pieces)


def _split(numbers: Sequence[int], sizes: Sequence[int], paths: Sequence[str]) -> Iterator[Sequence[int]]:
    """Yield the stretches of ``numbers`` that share a pack, in order."""
    ends = tuple(accumulate((sizes[number] for number in numbers), initial=0))
    chances = [hashlib.sha256(paths[number].encode()).digest() for number in numbers]
    waiting = [(0, len(numbers))] if numbers else []
    while waiting:
        first, last = waiting.pop()
        if ends[last] - ends[first] <= GROUP_LIMIT:
            yield numbers[first:last]
        else:
            middle = min(range(first + 1, last), key=chances.__getitem__)
            waiting += [(middle, last), (first, middle)]

"""Making a delta: the whole base release serves as input, since builds rename files and move code between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ..documents import MIB
from ..errors import ObjectError
from ..values import Content
from . import codecs
from .bounds import FRAME_INPUT_LIMIT, FRAME_OUTPUT_LIMIT, OBJECT_LIMIT
from .delta import ReadRange, write_delta
from .effort import Effort
from .likeness import SAME_FOLDER, SAME_NAME, Likeness
from .pack import EncodedFrame, output_length
from .pieces import Piece, runs_from_pieces, segments
from .source import VerifiedSource

KEPT_LIMIT = 4 * MIB
"""Inputs of a frame that the new release still has: they help a new file that was modelled on an old one. More of them
costs time at high levels and gains nothing on the packages that were measured."""


GONE_LIMIT = 4 * MIB
"""Inputs that went away and resemble nothing new by name: files are moved and merged. There are more of them where more
is to be made that resembles nothing old. All of them would cost a search of 64 MiB for each frame of a large release,
several times what these cost, for the same bytes on the packages that were measured."""

MEMORY = 1024 * MIB
"""What making a delta may take by default."""

_SHORT_LIST = 4 * MIB

_COST_PER_BYTE = 8
_COST_FIXED = 128 * MIB
MEMORY_LEAST = _COST_FIXED + _COST_PER_BYTE * FRAME_OUTPUT_LIMIT
"""What one frame takes without any inputs."""


class Side(NamedTuple):
    """One of the two releases: its contents, the first path of each, and what reads them.

    ``forget`` lets go of what reading keeps in memory, when nothing more is read for a while.
    """

    contents: Sequence[Content]
    paths: Sequence[str]
    read: ReadRange
    forget: Callable[[], None] = lambda: None


class _Task(NamedTuple):
    """A frame to be made."""

    outputs: tuple[Piece, ...]
    inputs: tuple[Piece, ...]

    @property
    def cost(self) -> int:
        """Bytes of memory that encoding takes, at most: measured, with some air."""
        return _COST_FIXED + _COST_PER_BYTE * (output_length(self.inputs) + output_length(self.outputs))


def make_delta(
    base: Side,
    new: Side,
    *,
    base_manifest: bytes,
    skeleton: bytes,
    effort: Effort,
    workers: int = 1,
    memory: int = MEMORY,
) -> bytes | None:
    """Return the delta that brings a device from ``base`` to ``new``, or None where it would not fit into one object.

    ``skeleton`` is the new manifest with the digests of the contents in `made` left out. Frames are made in at most
    ``workers`` threads, and in no more than ``memory`` bytes, beside what the sides keep: with less of it, a frame gets
    fewer inputs (`MEMORY_LEAST` leaves it none). The result depends on the arguments but ``workers`` and on the
    libraries alone.

    Raises ``RepositoryError`` (SOURCE_CHANGED) when what a side reads is not the content that was listed.
    """
    base_sizes = [content.size for content in base.contents]
    new_sizes = [content.size for content in new.contents]
    makes = [piece for number in made(base.contents, new.contents) for piece in segments(number, new_sizes[number])]
    tasks = [_Task(outputs, _choose_inputs(base, new, outputs, memory)) for outputs in _fill(makes)]
    frames: list[EncodedFrame] = []
    room = OBJECT_LIMIT
    for task, (codec, body) in zip(tasks, _encode(base, new, tasks, effort, workers, memory), strict=False):
        room -= len(body)
        if room < 0:
            return None
        frames.append(EncodedFrame(codec, body, len(task.outputs), runs_from_pieces(task.inputs, base_sizes)))
    try:
        level = effort.list_level if len(skeleton) <= _SHORT_LIST else effort.level
        return write_delta(skeleton, base_manifest, runs_from_pieces(makes, new_sizes), frames, level=level)
    except ObjectError as error:
        if error.code == "TOO_LARGE":
            return None
        raise


def _encode(
    base: Side, new: Side, tasks: Sequence[_Task], effort: Effort, workers: int, memory: int
) -> Iterator[tuple[str, bytes]]:
    """Yield each task's codec and body, in order. Each side is read in one thread, beside the other."""
    base_source, new_source = VerifiedSource(base.contents, base.read), VerifiedSource(new.contents, new.read)
    together = max(1, min(workers, memory // max((task.cost for task in tasks), default=1)))
    waiting: deque[Future[tuple[str, bytes]]] = deque()
    pool = ThreadPoolExecutor(max_workers=together, thread_name_prefix="delta")
    reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="base")
    try:
        for task in tasks:
            if len(waiting) == together:
                yield waiting.popleft().result()
            reading = reader.submit(base_source.join, task.inputs)
            output, inputs = new_source.join(task.outputs), reading.result()
            waiting.append(
                pool.submit(codecs.encode_smallest, effort.codecs, output, inputs=inputs, level=effort.level)
            )
            del reading, output, inputs  # the worker lets go of them, and nobody else holds them
        base.forget()  # the last search may take long; the other release is asked for again, by the next delta
        while waiting:
            yield waiting.popleft().result()
    finally:
        reader.shutdown(cancel_futures=True)
        pool.shutdown(cancel_futures=True)


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


def _choose_inputs(base: Side, new: Side, outputs: Sequence[Piece], memory: int) -> tuple[Piece, ...]:
    """Return what a frame reads of the base, in the base's order, as far as it can be encoded in ``memory`` bytes.

    First what the new release no longer has: all that looks alike by name (changed and renamed files), then of the rest
    what seems worth it. Then what it keeps, as far as it looks alike.
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
    limit = max(0, min(FRAME_INPUT_LIMIT, (memory - MEMORY_LEAST) // _COST_PER_BYTE))
    chosen = _take([(rank, piece) for rank, piece in gone_pieces if rank <= SAME_NAME], limit)
    known = Likeness([piece for _, piece in gone_pieces], base.paths)
    unlike = [piece for piece in outputs if known.rank(piece, new.paths[piece.content]) > SAME_NAME]
    others = [(rank, piece) for rank, piece in gone_pieces if rank > SAME_NAME]
    chosen += _take(others, min(limit - output_length(chosen), max(GONE_LIMIT, 2 * output_length(unlike))))
    chosen += _take(kept_pieces, min(KEPT_LIMIT, limit - output_length(chosen)))
    return tuple(sorted(chosen))


def _take(ranked: Sequence[tuple[int, Piece]], limit: int) -> list[Piece]:
    """Return the pieces of lowest rank that have at most ``limit`` bytes together."""
    taken: list[Piece] = []
    for _, piece in sorted(ranked):
        if piece.length <= limit:
            taken.append(piece)
            limit -= piece.length
    return taken

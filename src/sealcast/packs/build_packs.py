"""Making a release's packs, and reusing those that an earlier release already has."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ..values import Content
from . import codecs
from .delta import ReadRange
from .grouping import Group, Identity, group, identity
from .pack import EncodedFrame, output_length, write_pack
from .pieces import Runs, pieces_from_runs, runs_from_pieces
from .source import VerifiedSource

Progress = Callable[[int], None]
"""Is told how many more bytes of contents are done."""


class BuiltPack(NamedTuple):
    """A pack object and the pieces that it holds, as the manifest lists them."""

    content: Content
    holds: Runs


def known_packs(contents: Sequence[Content], packs: Iterable[BuiltPack]) -> dict[Identity, Content]:
    """Return the packs of an earlier release (its contents, its packs) by what they hold, for `build_packs` to reuse.

    Raises ``ObjectError`` (BAD_PACK).
    """
    sizes = [content.size for content in contents]
    return {identity(pieces_from_runs(pack.holds, sizes), contents): pack.content for pack in packs}


def build_packs(
    contents: Sequence[Content],
    paths: Sequence[str],
    read: ReadRange,
    keep: Callable[[bytes], Content],
    *,
    level: int,
    workers: int = 1,
    known: Mapping[Identity, Content] | None = None,
    progress: Progress = lambda _: None,
) -> tuple[BuiltPack, ...]:
    """Return the packs that hold each of ``contents`` once; ``paths`` are their first paths.

    ``read`` brings contents and ``keep`` stores a finished pack and names it (`ObjectStore.put`, or what seals and then
    stores); both are called from this thread only. Compression runs in ``workers`` threads, with at most 48 MiB of
    contents and one pack in hand for each and one more. The result depends on contents, paths, level and libzstd alone.
    Packs in ``known`` are neither read nor made. ``progress`` is told the bytes of contents done.

    Raises ``RepositoryError`` (SOURCE_CHANGED) when what ``read`` brings is not the content that was listed.
    """
    sizes = [content.size for content in contents]
    source = VerifiedSource(contents, read)
    built: list[BuiltPack] = []
    waiting: deque[tuple[Group, Content | list[Future[bytes]]]] = deque()

    def finish() -> None:
        group, result = waiting.popleft()
        content = result if isinstance(result, Content) else keep(_pack(group, result))
        built.append(BuiltPack(content, runs_from_pieces(group.pieces, sizes)))
        progress(output_length(group.pieces))

    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="pack")
    try:
        for each in group(sizes, paths):
            content = (known or {}).get(identity(each.pieces, contents))
            waiting.append(
                (each, content or [pool.submit(_encode, source.join(frame), level) for frame in each.frames])
            )
            while len(waiting) > workers:
                finish()
        while waiting:
            finish()
    finally:
        pool.shutdown(cancel_futures=True)
    return tuple(built)


def _encode(data: bytes | bytearray, level: int) -> bytes:
    return codecs.encode("zstd", data, level=level)


def _pack(group: Group, bodies: Iterable[Future[bytes]]) -> bytes:
    return write_pack(
        [EncodedFrame("zstd", body.result(), len(pieces)) for pieces, body in zip(group.frames, bodies, strict=True)]
    )

"""The contents of a release that is in the object store, read back from its packs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator

from ..errors import ObjectError
from ..model import Manifest
from ..packs import ObjectStore, PackReader, Piece, pieces_from_runs
from ..values import MAX_INTEGER

CACHE_BYTES = 64 * 1024 * 1024
"""Decoded bytes kept at hand: neighbours are read together, so a few packs serve most reads."""

_WHOLE = 3  # numbers that stand for a run of whole contents, [first, count], and for the pack that holds it


class StoredContents:
    """Reads any range of any content of a release. One pack at a time is decoded; the last few stay in memory."""

    def __init__(self, manifest: Manifest, store: ObjectStore) -> None:
        self._packs = manifest.packs
        self._store = store
        self._sizes = [content.size for content in manifest.contents]
        # Runs are not taken apart into pieces here: most of a release is never asked for.
        self._runs = sorted((*run, number) for number, pack in enumerate(manifest.packs) for run in pack.holds)
        self._cache: OrderedDict[int, dict[Piece, bytes]] = OrderedDict()
        self._cached = 0

    def read(self, content: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes of a content. Raises ``ObjectError`` (OBJECT_MISSING, HASH_MISMATCH, BAD_PACK)."""
        found = []
        for piece, pack in self._holding(content):
            start, end = max(offset, piece.offset), min(offset + length, piece.offset + piece.length)
            if start < end:
                found.append(self._decoded(pack)[piece][start - piece.offset : end - piece.offset])
        data = b"".join(found)
        if len(data) != length:
            raise ObjectError("BAD_PACK", f"The release's packs do not hold content {content} whole.")
        return data

    def forget(self) -> None:
        """Let go of the packs that are kept in memory."""
        self._cache.clear()
        self._cached = 0

    def _holding(self, content: int) -> Iterator[tuple[Piece, int]]:
        """Yield the pieces of a content, in order, and the number of the pack that holds each."""
        end = bisect_right(self._runs, (content, MAX_INTEGER))
        start = bisect_left(self._runs, (content,))
        for run in self._runs[start if start < end else max(start - 1, 0) : end]:
            if len(run) == _WHOLE and content < run[0] + run[1]:
                yield Piece(content, 0, self._sizes[content]), run[-1]
            elif len(run) != _WHOLE and run[0] == content:
                yield Piece(*run[:3]), run[-1]

    def _decoded(self, number: int) -> dict[Piece, bytes]:
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        pack = self._packs[number]
        with self._store.open(pack.content) as file:
            decoded = dict(PackReader(file, pack.size).frames(pieces_from_runs(pack.holds, self._sizes)))
        self._cache[number] = decoded
        self._cached += sum(map(len, decoded.values()))
        while self._cached > CACHE_BYTES and len(self._cache) > 1:
            _, dropped = self._cache.popitem(last=False)
            self._cached -= sum(map(len, dropped.values()))
        return decoded

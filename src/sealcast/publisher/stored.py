"""The contents of a release that is in the object store, read back from its packs."""

from __future__ import annotations

from collections import OrderedDict

from ..errors import ObjectError
from ..model import Manifest
from ..packs import ObjectStore, PackReader, Piece, pieces_from_runs

CACHE_BYTES = 64 * 1024 * 1024
"""Decoded bytes kept at hand: neighbours are read together, so a few packs serve most reads."""


class StoredContents:
    """Reads any range of any content of a release. One pack at a time is decoded; the last few stay in memory."""

    def __init__(self, manifest: Manifest, store: ObjectStore) -> None:
        self._packs = manifest.packs
        self._store = store
        self._sizes = [content.size for content in manifest.contents]
        self._pieces = [pieces_from_runs(pack.holds, self._sizes) for pack in manifest.packs]
        self._where: dict[int, list[tuple[Piece, int]]] = {}
        for number, pieces in enumerate(self._pieces):
            for piece in pieces:
                self._where.setdefault(piece.content, []).append((piece, number))
        self._cache: OrderedDict[int, dict[Piece, bytes]] = OrderedDict()
        self._cached = 0

    def read(self, content: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes of a content. Raises ``ObjectError`` (OBJECT_MISSING, HASH_MISMATCH, BAD_PACK)."""
        found = []
        for piece, pack in sorted(self._where.get(content, [])):
            start, end = max(offset, piece.offset), min(offset + length, piece.offset + piece.length)
            if start < end:
                found.append(self._decoded(pack)[piece][start - piece.offset : end - piece.offset])
        data = b"".join(found)
        if len(data) != length:
            raise ObjectError("BAD_PACK", f"The release's packs do not hold content {content} whole.")
        return data

    def _decoded(self, number: int) -> dict[Piece, bytes]:
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        pack = self._packs[number]
        with self._store.open(pack.content) as file:
            decoded = dict(PackReader(file, pack.size).frames(self._pieces[number]))
        self._cache[number] = decoded
        self._cached += sum(map(len, decoded.values()))
        while self._cached > CACHE_BYTES and len(self._cache) > 1:
            _, dropped = self._cache.popitem(last=False)
            self._cached -= sum(map(len, dropped.values()))
        return decoded

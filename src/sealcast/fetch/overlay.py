"""A source as it will be: how a publication is tried before it is committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .source import Source, bad_range, too_large


class Overlay:
    """Another source, with some of its files as they will be."""

    def __init__(self, source: Source, files: Mapping[str, bytes]) -> None:
        self._source = source
        self._files = files

    @property
    def location(self) -> str:
        """Where the other files come from."""
        return self._source.location

    def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
        """Return the file as it will be."""
        data = self._files.get(path)
        if data is None:
            return self._source.read(path, limit=limit, anew=anew)
        if len(data) > limit:
            raise too_large(path, limit)
        return data

    def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        """Yield the file from byte ``start`` on, as it will be."""
        if path not in self._files:
            return self._source.stream(path, limit=limit, start=start)
        if start > len(self._files[path]):
            raise bad_range(path, "ends before the byte that was asked for")
        return iter([self.read(path, limit=limit)[start:]])

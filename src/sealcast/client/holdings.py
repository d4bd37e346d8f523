"""What this device already has: complete releases to build the next one from, and single contents by digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from ..errors import InstallError, SealcastError
from ..model import Manifest, read_manifest
from ..values import content_of
from .shape import FILES, MANIFEST
from .slots import Slots


class Held(Struct, frozen=True, dict=True):  # caches what it read
    """A complete release in a folder in the shape of a slot. What is read from it is proved by digest only."""

    folder: Path
    digest: str

    @cached_property
    def manifest_bytes(self) -> bytes:
        """The manifest, of the digest that names it. Raises ``InstallError`` (SLOT_CHANGED)."""
        try:
            data = (self.folder / MANIFEST).read_bytes()
        except OSError:
            data = b""
        if content_of(data).sha256 != self.digest:
            raise InstallError("SLOT_CHANGED", f"The manifest in {str(self.folder)!r} is not the one it was.")
        return data

    @cached_property
    def manifest(self) -> Manifest:
        """What the folder holds. Raises as `manifest_bytes` does."""
        return read_manifest(self.manifest_bytes)

    def read(self, content: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset`` of the content of this number, fewer where the file has not as many."""
        paths = self.manifest.paths[self.manifest.contents[content].sha256]
        path = self.folder / FILES / paths[0]
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError:
            return b""  # whoever asked finds too few bytes, and takes another route


class Holdings:
    """The complete releases on this device, by manifest digest: the slots, and what the app embeds.

    A slot that is not as it was verified is no release any more; single files of it may still be good.
    """

    def __init__(self, slots: Slots, embedded: Path | None = None) -> None:
        self._held: dict[str, Held] = {}
        self._damaged: list[Held] = []
        for digest in slots:
            held = Held(slots.folder(digest), digest)
            if slots.is_intact(digest):
                self._held[digest] = held
            else:
                self._damaged.append(held)
        if embedded is not None and (digest := _digest_of(embedded)):
            self._held.setdefault(digest, Held(embedded, digest))

    def __contains__(self, digest: object) -> bool:
        """Tell whether the release with this manifest is here."""
        return digest in self._held

    def __iter__(self) -> Iterator[str]:
        """Yield the manifests' digests."""
        return iter(self._held)

    def get(self, digest: str) -> Held | None:
        """Return the release with this manifest, or None."""
        return self._held.get(digest)

    def contents(self, first: str | None = None) -> Mapping[str, tuple[Path, ...]]:
        """Return the files that should have each content, by digest; those of the release ``first`` before others.

        Of a whole release one file is named for each content; of a damaged one all, since one may be good.
        """
        found: dict[str, tuple[Path, ...]] = {}
        for held in sorted(self._held.values(), key=lambda held: held.digest != first):
            for digest, paths in _paths(held):
                if digest not in found:
                    found[digest] = (held.folder / FILES / paths[0],)
        for held in self._damaged:
            for digest, paths in _paths(held):
                found[digest] = (*found.get(digest, ()), *(held.folder / FILES / path for path in paths))
        return found


def _paths(held: Held) -> Iterable[tuple[str, tuple[str, ...]]]:
    try:
        return held.manifest.paths.items()
    except SealcastError:
        return ()  # changed since it was found whole: it gives nothing


def _digest_of(folder: Path) -> str:
    try:
        return content_of((folder / MANIFEST).read_bytes()).sha256
    except OSError:
        return ""

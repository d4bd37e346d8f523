"""From input files to a release's objects: manifest and packs.

What it makes depends on the input and the settings alone, never on the machine, the order of files or their dates.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..documents import MIB, encode
from ..errors import ObjectError
from ..model import (
    Build,
    File,
    Manifest,
    ManifestEntry,
    Object,
    Pack,
    PackTotal,
    check_holds,
)
from ..model.manifest import MANIFEST_LIMIT
from ..packs import (
    EFFORTS,
    MEMORY,
    ObjectStore,
    encoder,
    pieces_from_runs,
    write_single,
)
from ..packs.build_packs import build_packs
from ..values import Content, Progress, content_of
from .entries import Entry
from .made import PackMemory

PACK_COST = 160 * MIB
"""Memory that making one pack takes, at most: measured at the highest level, with some air. One more is being read."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a build is called: app, version, platform."""

    app: str
    version: str
    platform: str


def build_release(
    names: Names,
    files: tuple[File, ...],
    entries: Sequence[Entry],
    *,
    effort: str,
    known: PackMemory,
    progress: Progress,
    memory: int = MEMORY,
) -> Manifest:
    """Make the packs of ``files``, whose bytes come from ``entries``, keep them in ``known``, return the manifest.

    Packs that are ``known`` already are used again. As many are made at once as there are cores and ``memory`` bytes
    for; at least one. Raises ``RepositoryError`` (SOURCE_CHANGED, UNREADABLE),
    ``OSError``.
    """
    level = EFFORTS[effort].level
    bare = _manifest(names, level, files, ())
    first: dict[Content, Entry] = {}
    for entry, file in zip(entries, files, strict=True):
        first.setdefault(file.content, entry)
    sources = [first[content] for content in bare.contents]
    total, done = sum(content.size for content in bare.contents), 0

    def packed(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total, "packing")

    packs = build_packs(
        bare.contents,
        bare.first_paths,
        lambda number, offset, length: sources[number].read(offset, length),
        known.keep,
        level=level,
        workers=max(1, min(os.cpu_count() or 1, memory // PACK_COST - 1)),
        known=known,
        progress=packed,
    )
    manifest = _manifest(
        names,
        level,
        files,
        tuple(Pack(sha256=pack.content.sha256, size=pack.content.size, holds=pack.holds) for pack in packs),
    )
    check_packs(manifest)
    return manifest


def _manifest(names: Names, level: int, files: tuple[File, ...], packs: tuple[Pack, ...]) -> Manifest:
    return Manifest(
        app=names.app,
        version=names.version,
        platform=names.platform,
        encoder=encoder(level),
        files=files,
        packs=packs,
    )


def store_manifest(manifest: Manifest, native: str, effort: str, store: ObjectStore) -> Build:
    """Put the manifest, as a pack of one piece, into ``store`` and return the build that refers to it.

    Raises ``ObjectError`` (TOO_LARGE), ``OSError``.
    """
    data = encode(manifest)
    if len(data) > MANIFEST_LIMIT:
        raise ObjectError(
            "TOO_LARGE",
            f"The list of {len(manifest.files)} files takes {len(data)} bytes, more than the {MANIFEST_LIMIT} that "
            "clients read.",
            safe="The workspace is as it was; nothing was signed or published.",
            hint="Put many small files into fewer larger ones.",
        )
    carrier, content = store.put(write_single(data, EFFORTS[effort].level)), content_of(data)
    return Build(
        manifest=ManifestEntry(
            sha256=content.sha256, size=content.size, pack=Object(sha256=carrier.sha256, size=carrier.size)
        ),
        packs=PackTotal(count=len(manifest.packs), size=sum(pack.size for pack in manifest.packs)),
        installed=manifest.size,
        native=native,
    )


def check_packs(manifest: Manifest) -> None:
    """Check that the packs of ``manifest`` hold every content exactly once. Raises ``ObjectError`` (BAD_PACK)."""
    sizes = [content.size for content in manifest.contents]
    pieces = [piece for pack in manifest.packs for piece in pieces_from_runs(pack.holds, sizes)]
    check_holds(manifest, [(piece.content, piece.offset, piece.length) for piece in pieces])

"""From input files to a release's objects: manifest, packs, deltas.

What it makes depends on the input and the settings alone, never on the machine, the order of files or their dates.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ..documents import encode
from ..errors import RepositoryError
from ..model import (
    Build,
    Delta,
    File,
    Manifest,
    ManifestEntry,
    Object,
    Pack,
    PackTotal,
    check_holds,
    read_manifest,
    skeleton,
)
from ..packs import (
    BuiltPack,
    DeltaReader,
    Identity,
    ObjectStore,
    Side,
    build_packs,
    encoder,
    known_packs,
    made,
    make_delta,
    pieces_from_runs,
    read_single,
    write_single,
)
from ..values import Content, Progress
from .sources import READ_SIZE, Entry
from .stored import StoredContents

EFFORT_LEVELS = {"fast": 3, "normal": 12, "best": 19}
"""The zstd level of each effort."""


@dataclass(frozen=True, slots=True)
class Built:
    """A release for one platform, as objects in the store."""

    manifest: Manifest
    data: bytes
    build: Build


def build_release(
    entries: Sequence[Entry],
    *,
    app: str,
    version: str,
    platform: str,
    native: str,
    effort: str,
    before: Iterable[Manifest],
    store: ObjectStore,
    progress: Progress,
) -> Built:
    """Make a release's manifest and packs from ``entries``, in path order, and put them into ``store``.

    Packs that a release of ``before`` holds already are used again. Raises ``RepositoryError`` (SOURCE_CHANGED) when a
    file changes while it is read, ``OSError``.
    """
    contents = _hash(entries, progress)
    files = tuple(
        File(path=entry.path, size=entry.size, sha256=content.sha256, executable=entry.executable)
        for entry, content in zip(entries, contents, strict=True)
    )
    level = EFFORT_LEVELS[effort]
    bare = Manifest(app=app, version=version, platform=platform, encoder=encoder(level), files=files, packs=())
    first: dict[Content, Entry] = {}
    for entry, content in zip(entries, contents, strict=True):
        first.setdefault(content, entry)
    total, done = sum(content.size for content in bare.contents), 0

    def packed(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total, "packing")

    packs = build_packs(
        bare.contents,
        _first_paths(bare),
        _EntryReader([first[content] for content in bare.contents]).read,
        store.put,
        level=level,
        workers=os.cpu_count() or 1,
        known=_known_packs(before),
        progress=packed,
    )
    manifest = Manifest(
        app=app,
        version=version,
        platform=platform,
        encoder=bare.encoder,
        files=files,
        packs=tuple(Pack(sha256=pack.content.sha256, size=pack.content.size, holds=pack.holds) for pack in packs),
    )
    check_packs(manifest)
    return Built(manifest, encode(manifest), store_manifest(manifest, native, level, store))


def store_manifest(manifest: Manifest, native: str, level: int, store: ObjectStore) -> Build:
    """Put the manifest, as a pack of one piece, into ``store`` and return the build that refers to it."""
    data = encode(manifest)
    carrier = store.put(write_single(data, level))
    return Build(
        manifest=ManifestEntry(
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            pack=Object(sha256=carrier.sha256, size=carrier.size),
        ),
        packs=PackTotal(count=len(manifest.packs), size=sum(pack.size for pack in manifest.packs)),
        installed=manifest.size,
        native=native,
    )


def load_manifest(build: Build, store: ObjectStore) -> Manifest:
    """Return the manifest of ``build`` from ``store``. Raises ``ObjectError`` (OBJECT_MISSING, HASH_MISMATCH)."""
    return read_manifest(read_single(store.read(build.manifest.pack.content), build.manifest.size))


def check_packs(manifest: Manifest) -> None:
    """Check that the packs of ``manifest`` hold every content exactly once. Raises ``ObjectError`` (BAD_PACK)."""
    sizes = [content.size for content in manifest.contents]
    pieces = [piece for pack in manifest.packs for piece in pieces_from_runs(pack.holds, sizes)]
    check_holds(manifest, [(piece.content, piece.offset, piece.length) for piece in pieces])


def make_deltas(
    build: Build, bases: Iterable[Build], known: Mapping[tuple[str, str], Delta], effort: str, store: ObjectStore
) -> Build:
    """Return ``build`` with a delta from each of ``bases``, where one is smaller than the packs that it spares.

    ``known`` holds deltas made before, by the digests of both manifests: nothing is made twice.
    """
    manifest = load_manifest(build, store)
    deltas = {delta.base: delta for delta in build.deltas}
    for base in bases:
        start, end = base.manifest.sha256, build.manifest.sha256
        if start == end or start in deltas:
            continue
        delta = known.get((start, end)) or _make_delta(base, load_manifest(base, store), build, manifest, effort, store)
        if delta is not None:
            deltas[start] = delta
    return msgspec.structs.replace(build, deltas=tuple(deltas.values()))


def _make_delta(
    base_build: Build, base: Manifest, new_build: Build, new: Manifest, effort: str, store: ObjectStore
) -> Delta | None:
    data = make_delta(
        Side(base.contents, _first_paths(base), StoredContents(base, store).read),
        Side(new.contents, _first_paths(new), StoredContents(new, store).read),
        base_manifest=encode(base),
        skeleton=skeleton(new, made(base.contents, new.contents)),
        level=EFFORT_LEVELS[effort],
    )
    if data is None or len(data) >= _packs_cost(base, new_build, new):
        return None
    content = store.put(data)
    reader = DeltaReader(io.BytesIO(data), len(data), [content.size for content in base.contents])
    return Delta(base=base_build.manifest.sha256, sha256=content.sha256, size=content.size, codecs=reader.codecs)


def _packs_cost(base: Manifest, new_build: Build, new: Manifest) -> int:
    """Return the bytes that a device with ``base`` fetches without a delta: the manifest, and packs it lacks."""
    lacking = set(made(base.contents, new.contents))
    sizes = [content.size for content in new.contents]
    return new_build.manifest.pack.size + sum(
        pack.size
        for pack in new.packs
        if any(piece.content in lacking for piece in pieces_from_runs(pack.holds, sizes))
    )


def _first_paths(manifest: Manifest) -> list[str]:
    return [manifest.paths[content.sha256][0] for content in manifest.contents]


def _known_packs(before: Iterable[Manifest]) -> dict[Identity, Content]:
    """Return the packs of earlier releases by what they hold."""
    known: dict[Identity, Content] = {}
    for manifest in before:
        packs = [BuiltPack(pack.content, pack.holds) for pack in manifest.packs]
        known.update(known_packs(manifest.contents, packs))
    return known


def _hash(entries: Sequence[Entry], progress: Progress) -> list[Content]:
    """Return what each entry holds. Raises ``RepositoryError`` (SOURCE_CHANGED)."""
    total, done, contents = sum(entry.size for entry in entries), 0, []
    for entry in entries:
        digest, size = hashlib.sha256(), 0
        with entry.open() as file:
            while chunk := file.read(READ_SIZE):
                digest.update(chunk)
                size += len(chunk)
        if size != entry.size:
            raise _changed(entry)
        done += size
        progress(done, total, f"reading {entry.path}")
        contents.append(Content(digest.hexdigest(), size))
    return contents


class _EntryReader:
    """Reads ranges of the input by the number of the content that an entry was the first to have."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def read(self, content: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes of a content. Raises ``RepositoryError`` (SOURCE_CHANGED)."""
        entry = self._entries[content]
        with entry.open() as file:
            file.seek(offset)
            data = file.read(length)
        if len(data) != length:
            raise _changed(entry)
        return data


def _changed(entry: Entry) -> RepositoryError:
    return RepositoryError(
        "SOURCE_CHANGED",
        f"{entry.path} changed while it was read.",
        hint="Wait until the build is done, then add the release again.",
        path=entry.path,
    )

"""Deltas of a channel's releases: from which to which, and only where one is worth it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping

import msgspec

from ..documents import encode
from ..model import Build, ChannelDocument, Delta, Manifest, skeleton
from ..packs import EFFORTS, DeltaReader, ObjectStore, Side, made, make_delta, pieces_from_runs
from .building import first_paths, load_manifest
from .stored import StoredContents

Known = Mapping[tuple[str, str], Delta]
"""Deltas that were made before, by the digests of the manifests of both ends."""


def with_deltas(
    document: ChannelDocument, sequence: int, *, count: int, known: Known, effort: str, store: ObjectStore
) -> ChannelDocument:
    """Return ``document`` with deltas to the release of this sequence from the ``count`` newest before it.

    A delta that is ``known`` is not made again. Raises ``ObjectError`` (OBJECT_MISSING, HASH_MISMATCH), ``OSError``.
    """
    bases = sorted((other for other in document.releases if other.sequence < sequence), key=lambda old: -old.sequence)
    releases = []
    for release in document.releases:
        if release.sequence == sequence:
            platforms = {
                # A device whose platform has a build of its own may still run the one for any.
                name: _with_deltas(build, [base.build_for(name) for base in bases[:count]], known, effort, store)
                for name, build in release.platforms.items()
            }
            release = msgspec.structs.replace(release, platforms=platforms)
        releases.append(release)
    return msgspec.structs.replace(document, releases=tuple(releases))


def known_deltas(documents: Iterable[ChannelDocument], store: ObjectStore) -> Known:
    """Return every delta that ``documents`` list and ``store`` has."""
    return {
        (delta.base, build.manifest.sha256): delta
        for document in documents
        for release in document.releases
        for build in release.platforms.values()
        for delta in build.deltas
        if store.has(delta.sha256)
    }


def without_deltas(build: Build) -> Build:
    """Return the build as the catalogue keeps it: deltas belong to a channel's history."""
    return msgspec.structs.replace(build, deltas=())


def _with_deltas(build: Build, bases: Iterable[Build | None], known: Known, effort: str, store: ObjectStore) -> Build:
    deltas = {delta.base: delta for delta in build.deltas}
    for base in bases:
        if base is None or base.manifest == build.manifest or base.manifest.sha256 in deltas:
            continue
        delta = known.get((base.manifest.sha256, build.manifest.sha256)) or _make_delta(base, build, effort, store)
        if delta is not None:
            deltas[delta.base] = delta
    return msgspec.structs.replace(build, deltas=tuple(deltas.values()))


def _make_delta(base_build: Build, new_build: Build, effort: str, store: ObjectStore) -> Delta | None:
    base, new = load_manifest(base_build, store), load_manifest(new_build, store)
    data = make_delta(
        Side(base.contents, first_paths(base), StoredContents(base, store).read),
        Side(new.contents, first_paths(new), StoredContents(new, store).read),
        base_manifest=encode(base),
        skeleton=skeleton(new, made(base.contents, new.contents)),
        effort=EFFORTS[effort],
        workers=os.cpu_count() or 1,
    )
    if data is None or len(data) >= _cost_of_packs(base, new_build, new):
        return None
    content = store.put(data)
    reader = DeltaReader(io.BytesIO(data), len(data), [content.size for content in base.contents])
    return Delta(base=base_build.manifest.sha256, sha256=content.sha256, size=content.size, codecs=reader.codecs)


def _cost_of_packs(base: Manifest, new_build: Build, new: Manifest) -> int:
    """Return the bytes that a device with ``base`` fetches without a delta: the manifest, and every pack of which it
    lacks a content.
    """
    lacking = set(made(base.contents, new.contents))
    sizes = [content.size for content in new.contents]
    return new_build.manifest.pack.size + sum(
        pack.size
        for pack in new.packs
        if any(piece.content in lacking for piece in pieces_from_runs(pack.holds, sizes))
    )

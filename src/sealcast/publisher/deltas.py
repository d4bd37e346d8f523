"""Deltas of a channel's releases: from which to which, and only where one is worth it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata

import msgspec

from ..documents import encode
from ..model import Build, ChannelDocument, Delta, Manifest, Pack, skeleton
from ..packs import EFFORTS, MEMORY, DeltaReader, ObjectStore, Side, made, make_delta
from .made import DeltaMemory, pack_encoder
from .manifests import Manifests
from .stored import StoredContents

Known = Mapping[tuple[str, str], Delta]
"""Deltas that were made before, by the digests of the manifests of both ends."""

Baselines = Callable[[str], Iterable[Build]]
"""Returns the builds that native apps of a platform shipped with."""


@dataclass(frozen=True, slots=True)
class DeltaMaker:
    """What deltas are made from and with. One that is ``known`` or ``remembered`` is not made again.

    ``memory`` is in bytes.
    """

    store: ObjectStore
    manifests: Manifests
    known: Known
    remembered: DeltaMemory
    effort: str
    memory: int = MEMORY
    _new: dict[str, Side] = field(default_factory=dict)

    def new_side(self, sha256: str, manifest: Manifest) -> Side:
        """Return the release that deltas are made to: what was decoded of it for one serves the next."""
        if sha256 not in self._new:
            self._new.clear()
            self._new[sha256] = self.side(manifest)
        return self._new[sha256]

    def side(self, manifest: Manifest) -> Side:
        """Return a release as one side of a delta."""
        stored = StoredContents(manifest, self.store)
        return Side(manifest.contents, manifest.first_paths, stored.read, stored.forget)


def with_deltas(
    document: ChannelDocument, sequence: int, *, count: int, maker: DeltaMaker, baselines: Baselines = lambda _: ()
) -> ChannelDocument:
    """Return ``document`` with deltas to the release of this sequence from the ``count`` newest before it.

    And from the ``baselines`` of each platform, wherever they are. Raises ``ObjectError`` (OBJECT_MISSING,
    HASH_MISMATCH), ``OSError``.
    """
    bases = sorted((other for other in document.releases if other.sequence < sequence), key=lambda old: -old.sequence)
    releases = []
    for release in document.releases:
        if release.sequence == sequence:
            platforms = {
                # A device whose platform has a build of its own may still run the one for any.
                name: _with_deltas(build, [*(base.build_for(name) for base in bases[:count]), *baselines(name)], maker)
                for name, build in release.platforms.items()
            }
            release = msgspec.structs.replace(release, platforms=platforms)
        releases.append(release)
    return msgspec.structs.replace(document, releases=tuple(releases))


def known_deltas(documents: Iterable[ChannelDocument]) -> Known:
    """Return every delta that ``documents`` list."""
    return {
        (delta.base, build.manifest.sha256): delta
        for document in documents
        for release in document.releases
        for build in release.platforms.values()
        for delta in build.deltas
    }


def delta_encoder(effort: str, memory: int) -> dict[str, str]:
    """Return what decides a delta's bytes besides the releases at both ends."""
    try:
        search = metadata.version("hdiffpatch")
    except metadata.PackageNotFoundError:
        search = ""
    return {**pack_encoder(effort), "effort": effort, "memory": str(memory), "hdiffpatch": search}


def without_deltas(build: Build) -> Build:
    """Return the build as the catalogue keeps it: deltas belong to a channel's history."""
    return msgspec.structs.replace(build, deltas=())


def _with_deltas(build: Build, bases: Iterable[Build | None], maker: DeltaMaker) -> Build:
    deltas = {delta.base: delta for delta in build.deltas}
    for base in bases:
        if base is None or base.manifest == build.manifest or base.manifest.sha256 in deltas:
            continue
        ends = base.manifest.sha256, build.manifest.sha256
        delta = maker.known.get(ends)
        if delta is None or not maker.remembered.is_whole(delta):
            delta = maker.remembered.find(*ends, partial(_make_delta, base, build, maker))
        if delta is not None:
            deltas[delta.base] = delta
    return msgspec.structs.replace(build, deltas=tuple(deltas.values()))


def _make_delta(base_build: Build, new_build: Build, maker: DeltaMaker) -> Delta | None:
    base, new = maker.manifests.load(base_build), maker.manifests.load(new_build)
    data = make_delta(
        maker.side(base),
        maker.new_side(new_build.manifest.sha256, new),
        base_manifest=encode(base),
        skeleton=skeleton(new, made(base.contents, new.contents)),
        effort=EFFORTS[maker.effort],
        workers=os.cpu_count() or 1,
        memory=maker.memory,
    )
    if data is None or len(data) >= _cost_of_packs(base, new_build, new):
        return None
    content = maker.store.put(data)
    reader = DeltaReader(io.BytesIO(data), len(data), [content.size for content in base.contents])
    return Delta(base=base_build.manifest.sha256, sha256=content.sha256, size=content.size, codecs=reader.codecs)


def _cost_of_packs(base: Manifest, new_build: Build, new: Manifest) -> int:
    """Return the bytes that a device with ``base`` fetches without a delta: the manifest, and every pack of which it
    lacks a content.
    """
    lacking = set(made(base.contents, new.contents))
    return new_build.manifest.pack.size + sum(pack.size for pack in new.packs if _holds_any(pack, lacking))


def _holds_any(pack: Pack, contents: AbstractSet[int]) -> bool:
    return any(
        not contents.isdisjoint(range(run[0], run[0] + run[1]) if len(run) == 2 else run[:1]) for run in pack.holds
    )

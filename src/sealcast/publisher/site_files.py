"""Which files make up the site: everything that a client can reach from the newest snapshot, or from an older one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets

from ..errors import SealcastError
from ..model import Build, ChannelDocument, read_channel
from ..model.roles import published_path
from ..values import object_path
from .current import channel_documents
from .manifests import Manifests
from .state import State, damaged
from .workspace import Workspace

T = TypeVar("T", Snapshot, Targets)

OLDER_SNAPSHOTS = 32
"""How many stay for readers that hold an older timestamp. They ask for a new one first, and so are minutes behind, at
most the days for which an old one is cached; and what was published before stays where it is."""


def site_files(workspace: Workspace, state: State, now: datetime) -> dict[str, Path]:
    """Return the local file of every path to publish but the timestamp: objects, targets, metadata.

    A reader may hold an older timestamp, so the last older snapshots stay with all that they list, for as long as they
    are not expired and so of use to anybody. Raises ``RepositoryError`` (WORKSPACE_DAMAGED) or ``ObjectError`` when
    something of the current state is missing.
    """
    collection = _Collection(workspace)
    for document in channel_documents(workspace, state).values():
        for build in _builds(document):
            collection.add_build(build)
    for entry in state.listed.values():
        collection.add(published_path(entry))
    for role in (*state.roles, "snapshot"):
        collection.add(f"metadata/{state.version(role)}.{role}.json")
    for number in range(1, state.version("root") + 1):
        collection.add(f"metadata/{number}.root.json")
    lacking = [path for path, place in collection.files.items() if not place.is_file()]
    if lacking:
        raise damaged(f"{lacking[0]} is missing")
    for snapshot in _older_snapshots(workspace, state, now):
        collection.add_older(snapshot)
    return {path: place for path, place in collection.files.items() if place.is_file()}


def _builds(document: ChannelDocument) -> Iterator[Build]:
    for release in document.releases:
        yield from release.platforms.values()


def _older_snapshots(workspace: Workspace, state: State, now: datetime) -> Iterator[Snapshot]:
    current = state.version("snapshot")
    for number in range(max(1, current - OLDER_SNAPSHOTS), current):
        snapshot = _read(workspace, "snapshot", Snapshot, MetaFile(number))
        if snapshot is not None and snapshot.signed.expires > now:
            with contextlib.suppress(tuf_errors.UnsignedMetadataError):
                state.root.signed.verify_delegate("snapshot", snapshot.signed_bytes, snapshot.signatures)
                yield snapshot.signed


def _read(workspace: Workspace, role: str, kind: type[T], listed: MetaFile) -> Metadata[T] | None:
    """Return an older metadata file, or None where it is gone or damaged: nothing current depends on it."""
    try:
        data = (workspace.metadata / f"{listed.version}.{role}.json").read_bytes()
        listed.verify_length_and_hashes(data)
        metadata: Metadata[T] = Metadata.from_bytes(data)
    except (OSError, tuf_errors.RepositoryError):
        return None
    return metadata if isinstance(metadata.signed, kind) else None


class _Collection:
    """The files found so far, by their path in the site."""

    def __init__(self, workspace: Workspace) -> None:
        self.files: dict[str, Path] = {}
        self._workspace = workspace
        self._seen: set[str] = set()
        self._manifests = Manifests(workspace.objects)

    def add(self, path: str) -> None:
        """Take the file of this path, which is the same in the workspace as in the site."""
        self.files[path] = self._workspace.folder / path

    def add_build(self, build: Build) -> None:
        """Take the objects that a build needs: manifest, packs, deltas. Raises ``ObjectError``."""
        digests = [delta.sha256 for delta in build.deltas]
        if build.manifest.sha256 not in self._seen:
            packs = self._manifests.load(build).packs
            digests += [build.manifest.pack.sha256, *(pack.sha256 for pack in packs)]
            self._seen.add(build.manifest.sha256)
        for sha256 in digests:
            self.add(object_path(sha256))

    def add_older(self, snapshot: Snapshot) -> None:
        """Take what an older snapshot reaches, as far as it can be read here.

        What is gone here is found where it was published, by whoever still needs it.
        """
        self.add(f"metadata/{snapshot.version}.snapshot.json")
        for file, listed in snapshot.meta.items():
            path = f"metadata/{listed.version}.{file}"
            if path not in self.files:
                role = _read(self._workspace, file.removesuffix(".json"), Targets, listed)
                if role is not None:
                    self.add(path)
                    for entry in role.signed.targets.values():
                        self._add_older_target(entry)

    def _add_older_target(self, entry: TargetFile) -> None:
        app, _, rest = entry.path.partition("/")
        channel, _, name = rest.partition("/")
        if name != "channel.json":
            self.add(published_path(entry))
            return
        with contextlib.suppress(SealcastError):
            document = read_channel(self._workspace.read_target(entry), app=app, channel=channel)
            self.add(published_path(entry))
            for build in _builds(document):
                with contextlib.suppress(SealcastError):
                    self.add_build(build)

"""Which files make up the site: everything that a client can reach from any snapshot still kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets

from ..errors import RepositoryError
from ..model import ChannelDocument, Policy, read_channel, read_policy
from ..model.roles import published_path, role_prefix
from ..values import object_path
from .building import load_manifest
from .workspace import State, Workspace


def site_files(workspace: Workspace, state: State) -> Iterator[tuple[str, Path]]:
    """Yield (path in the site, local file) of every file to publish: objects first, ``timestamp.json`` last.

    Older snapshots are kept with all that they list, since a reader may still hold an older timestamp. Raises
    ``RepositoryError`` (WORKSPACE_DAMAGED) or ``ObjectError`` when something of the current state is missing.
    """
    paths: dict[str, Path] = {}
    for document in channel_documents(workspace, state).values():
        for sha256 in referred_objects(workspace, document):
            paths[object_path(sha256)] = workspace.objects.path(sha256)
    for name, entries in _metadata(workspace, state):
        for entry in entries:
            place = published_path(entry)
            if (workspace.folder / place).is_file():
                paths[place] = workspace.folder / place
            elif name is None:
                raise _missing(place)
        if name is not None:
            paths[f"metadata/{name}"] = workspace.metadata / name
    paths["metadata/timestamp.json"] = workspace.metadata / "timestamp.json"
    yield from paths.items()


def policies(workspace: Workspace, state: State) -> dict[str, Policy]:
    """Return the policy of each app, by name."""
    found = {}
    for path, entry in state.targets.targets.items():
        app = path.removesuffix("/policy.json")
        found[app] = read_policy(workspace.read_target(entry), app=app)
    return found


def channel_documents(workspace: Workspace, state: State) -> dict[tuple[str, str], ChannelDocument]:
    """Return the current document of each channel, by app and channel."""
    documents = {}
    for app, policy in policies(workspace, state).items():
        for channel in policy.channels:
            prefix = role_prefix(app, channel)
            entry = state.roles[f"{app}-{channel}"].signed.targets[f"{prefix}/channel.json"]
            documents[app, channel] = read_channel(workspace.read_target(entry), app=app, channel=channel)
    return documents


def referred_objects(workspace: Workspace, document: ChannelDocument) -> Iterator[str]:
    """Yield the digests of the objects that a channel's releases need: manifests, packs and deltas."""
    for release in document.releases:
        for build in release.platforms.values():
            yield build.manifest.pack.sha256
            yield from (pack.sha256 for pack in load_manifest(build, workspace.objects).packs)
            yield from (delta.sha256 for delta in build.deltas)


def _metadata(workspace: Workspace, state: State) -> Iterator[tuple[str | None, list[TargetFile]]]:
    """Yield the metadata files with the targets that each lists; first, under None, all that is current."""
    yield None, [entry for role in state.roles.values() for entry in role.signed.targets.values()]
    for version in range(1, state.root.signed.version + 1):
        yield f"{version}.root.json", []
    for path in sorted(workspace.metadata.glob("*.snapshot.json")):
        # A number beyond the committed one was left by a command that was killed.
        if int(path.name.partition(".")[0]) <= state.snapshot.signed.version:
            yield path.name, []
            yield from _roles_of(workspace, path)


def _roles_of(workspace: Workspace, path: Path) -> Iterator[tuple[str, list[TargetFile]]]:
    try:
        snapshot: Metadata[Snapshot] = Metadata.from_file(str(path))
        for file, meta in snapshot.signed.meta.items():
            name = f"{meta.version}.{file}"
            if (workspace.metadata / name).is_file():
                role: Metadata[Targets] = Metadata.from_file(str(workspace.metadata / name))
                yield name, list(role.signed.targets.values())
    except tuf_errors.RepositoryError as error:
        raise _missing(f"metadata/{path.name}") from error


def _missing(path: str) -> RepositoryError:
    return RepositoryError(
        "WORKSPACE_DAMAGED",
        f"{path} is part of the site, and this workspace does not have it whole.",
        safe="Nothing was published.",
        hint="Bring it back from the published site or from version control.",
        path=path,
    )

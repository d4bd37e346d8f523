"""Adding a release: from input files to a new channel document, prepared whole before anything is signed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tuf.api.metadata import TargetFile

from ..config import AppConfig
from ..errors import RepositoryError
from ..files import hash_file
from ..model import Build, ChannelDocument, Delta, Manifest, parse_constraint
from ..model.roles import published_path, role_prefix, target
from ..values import Progress, check_name
from .archive import archive_name, write_archive
from .building import EFFORT_LEVELS, Built, build_release, load_manifest, make_deltas
from .sources import Entry, Input, open_input
from .versions import parse_version
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What somebody wants to release: see `sealcast.publisher.Repository.add_release`."""

    path: Path
    app: str
    version: str
    platform: str = "any"
    notes: str = ""
    native: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A release whose objects and archive are stored, and which nothing refers to yet."""

    built: Built
    archive: TargetFile | None


def check_new(new: NewRelease, known: Iterable[str], *, allow_lower: bool) -> None:
    """Check what can be checked before any file is read.

    Raises ``ConfigError`` (BAD_VERSION, UNSAFE_NAME) or ``RepositoryError`` (VERSION_LOWER).
    """
    version = parse_version(new.version)
    check_name(new.platform, "platform")
    if new.native:
        parse_constraint(new.native)
    newest = max(map(parse_version, known), default=None)
    if newest is not None and version < newest and not allow_lower:
        raise RepositoryError(
            "VERSION_LOWER",
            f"Version {new.version} is lower than {newest}, the newest of {new.app}.",
            hint="Give a higher version, or say --allow-lower for a fix to an old line.",
        )


def prepare(
    workspace: Workspace, new: NewRelease, settings: AppConfig, channel: ChannelDocument, progress: Progress
) -> Prepared:
    """Build the release's objects and archive. Raises as `open_input` and `build_release` do, and ``OSError``."""
    with open_input(new.path) as opened:
        built = build_release(
            opened.entries,
            app=new.app,
            version=new.version,
            platform=new.platform,
            native=new.native,
            effort=settings.effort,
            before=_manifests(workspace, channel, new.platform),
            store=workspace.objects,
            progress=progress,
        )
        archive = _archive(workspace, new, settings, channel.channel, opened)
    return Prepared(built, archive)


def _manifests(workspace: Workspace, channel: ChannelDocument, platform: str) -> list[Manifest]:
    builds = [release.platforms.get(platform) for release in channel.releases]
    return [load_manifest(build, workspace.objects) for build in builds if build is not None]


def _archive(
    workspace: Workspace, new: NewRelease, settings: AppConfig, channel: str, opened: Input
) -> TargetFile | None:
    if settings.archive == "none":
        return None
    name = archive_name(new.app, new.version, new.platform, settings.archive)
    return store_archive(
        workspace, f"{role_prefix(new.app, channel)}/{name}", opened.entries, settings.archive, settings.effort
    )


def store_archive(workspace: Workspace, path: str, entries: Iterable[Entry], kind: str, effort: str) -> TargetFile:
    """Write an archive and put it under its digest as the target ``path``."""
    workspace.cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace.cache) as folder:
        made = Path(folder) / "archive"
        write_archive(made, entries, kind, EFFORT_LEVELS[effort])
        entry = target(path, hash_file(made))
        place = workspace.folder / published_path(entry)
        place.parent.mkdir(parents=True, exist_ok=True)
        made.replace(place)
    return entry


def with_deltas(
    workspace: Workspace,
    documents: Mapping[tuple[str, str], ChannelDocument],
    document: ChannelDocument,
    sequence: int,
    settings: AppConfig,
) -> ChannelDocument:
    """Return ``document`` with deltas to the release of this sequence from the newest releases before it."""
    release = document.release(sequence)
    if release is None:
        raise ValueError(f"no release has the sequence {sequence}")
    earlier = sorted(
        (other for other in document.releases if other.sequence != sequence), key=lambda other: -other.sequence
    )[: settings.deltas]
    known = _known_deltas(documents.values())
    platforms = {}
    for platform, build in release.platforms.items():
        bases = [base for other in earlier if (base := other.platforms.get(platform)) is not None]
        platforms[platform] = make_deltas(build, bases, known, settings.effort, workspace.objects)
    grown = msgspec.structs.replace(release, platforms=platforms)
    releases = tuple(grown if old.sequence == sequence else old for old in document.releases)
    return msgspec.structs.replace(document, releases=releases)


def _known_deltas(documents: Iterable[ChannelDocument]) -> dict[tuple[str, str], Delta]:
    return {
        (delta.base, build.manifest.sha256): delta
        for document in documents
        for release in document.releases
        for build in release.platforms.values()
        for delta in build.deltas
    }


def without_deltas(build: Build) -> Build:
    """Return the build as the catalogue keeps it: deltas belong to a channel's history."""
    return msgspec.structs.replace(build, deltas=())

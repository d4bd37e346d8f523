"""Adding a release: from input files to objects and an archive, prepared whole before anything is signed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from tuf.api.metadata import TargetFile

from ..config import AppConfig
from ..errors import ConfigError, ObjectError, RepositoryError
from ..model import Build, ChannelDocument, File, parse_constraint, skeleton
from ..model.roles import archive_path
from ..values import Progress, check_name
from .archive_targets import make_archive
from .building import Names, build_release, store_manifest
from .change import Change
from .channels import version_exists
from .entries import Entry
from .hash_cache import HashCache
from .reading import read_files
from .sources import open_input
from .versions import parse_version

_NOTES_LIMIT = 16_384
_NATIVE_LIMIT = 256


@dataclass(frozen=True, slots=True)
class NewRelease:
    """What somebody wants to release: see `sealcast.publisher.Repository.add_release`."""

    path: Path
    names: Names
    notes: str = ""
    native: str = ""
    allow_secrets: bool = False
    use_cache: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A release whose objects and archive are stored, and which nothing refers to yet. Sizes are in bytes."""

    build: Build
    files: int
    size: int
    archive: TargetFile | None


def check_new(new: NewRelease, workspace: Path) -> None:
    """Check what can be checked before any file is read.

    Raises ``ConfigError`` (BAD_VERSION, UNSAFE_NAME, BAD_NOTES) or ``RepositoryError`` (INPUT_HOLDS_WORKSPACE).
    """
    parse_version(new.names.version)
    check_name(new.names.platform, "platform")
    if new.native:
        parse_constraint(new.native)
    if len(new.native) > _NATIVE_LIMIT:
        raise ConfigError(
            "BAD_VERSION",
            f"The native constraint is longer than {_NATIVE_LIMIT} characters.",
            hint='Write it as ">=3.2.0,<4.0.0".',
        )
    if len(new.notes) > _NOTES_LIMIT or not _is_text(new.notes):
        raise ConfigError(
            "BAD_NOTES",
            f"The notes are not text of up to {_NOTES_LIMIT:,} characters.",
            hint="Shorten the notes, and link to the rest.",
        )
    if workspace.resolve().is_relative_to(new.path.resolve()):
        raise RepositoryError(
            "INPUT_HOLDS_WORKSPACE",
            "The folder to release holds this very workspace, with its private keys.",
            hint="Give the folder that your build writes.",
        )


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, as a name that is not UTF-8 brings along
        return False
    return True


def prepare(
    change: Change,
    new: NewRelease,
    settings: AppConfig,
    channel: ChannelDocument,
    known: Build | None,
    progress: Progress,
) -> Prepared:
    """Bring the release's objects and its archive into the workspace.

    ``known`` is the build that this version and platform has already: the same files lead to it again, and what is
    missing of it is made anew. Raises ``RepositoryError`` (VERSION_EXISTS), as `open_input` and `build_release` do, and
    ``OSError``.
    """
    with open_input(new.path, change.workspace.cache) as entries:
        files = _read(change, new, entries, progress)
        build = _known_build(change, new, files, known)
        if build is None:
            build = _new_build(change, new, settings, channel, files, entries, progress)
            if known is not None and build.manifest.sha256 != known.manifest.sha256:
                raise version_exists(new.names.version, new.names.platform)
        archive = _archive(change, new.names, settings, channel, build, list(zip(files, entries, strict=True)))
    return Prepared(build, len(files), sum(file.size for file in files), archive)


def _new_build(
    change: Change,
    new: NewRelease,
    settings: AppConfig,
    channel: ChannelDocument,
    files: tuple[File, ...],
    entries: Sequence[Entry],
    progress: Progress,
) -> Build:
    packs = change.packs(settings.effort)
    for release in channel.releases:
        before = release.build_for(new.names.platform)
        if before is not None and release.version != new.names.version:
            packs.learn(before.manifest.sha256, partial(change.manifests.load, before))
    manifest = build_release(
        new.names, files, entries, effort=settings.effort, known=packs, progress=progress, memory=change.memory
    )
    build = store_manifest(manifest, new.native, settings.effort, change.workspace.objects)
    change.manifests.add(build, manifest)
    packs.finish(build.manifest.sha256)
    return build


def _read(change: Change, new: NewRelease, entries: Sequence[Entry], progress: Progress) -> tuple[File, ...]:
    cache = None
    if new.path.is_dir():  # a file inside an archive has no times of its own that could be trusted
        cache = HashCache(change.workspace.kept / "inputs", new.path, change.now, fresh=not new.use_cache)
    workers = os.cpu_count() or 1
    files = read_files(entries, progress, allow_secrets=new.allow_secrets, cache=cache, workers=workers)
    if cache is not None:
        cache.save()
    return files


def _known_build(change: Change, new: NewRelease, files: tuple[File, ...], known: Build | None) -> Build | None:
    """Return the build that the version has, if it has these files and all of it is here."""
    if known is None:
        return None
    try:
        manifest = change.manifests.load(known)
    except ObjectError:  # damaged: making the release again brings it back
        return None
    if manifest.files != files:
        raise version_exists(new.names.version, new.names.platform)
    if not all(change.proofs.is_whole(pack.content) for pack in manifest.packs):
        return None
    return msgspec.structs.replace(known, native=new.native or known.native)


def _archive(
    change: Change,
    names: Names,
    settings: AppConfig,
    channel: ChannelDocument,
    build: Build,
    members: Sequence[tuple[File, Entry]],
) -> TargetFile | None:
    if settings.archive == "none":
        return None
    try:
        found = change.carried_archive(channel, names.version, names.platform, settings.archive)
    except RepositoryError:  # damaged: it is made again
        found = None
    if found is not None:
        return found
    path = archive_path(channel.app, channel.channel, names.version, names.platform, settings.archive)
    manifest = change.manifests.load(build)
    listed = skeleton(manifest, range(len(manifest.contents)))
    return make_archive(change.workspace, path, members, settings.archive, settings.effort, listed)

"""The publisher's face: everything that the command line does in a workspace, from Python.

from sealcast.publisher import Repository

repo = Repository.open("updates/")
repo.add_release("dist/", app="demo", version="1.4.0", channel="beta")
plan = repo.plan_publish("/srv/updates")
plan.run()
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec
from tuf.api.metadata import TargetFile

from ..audit import Report
from ..config import AppConfig, find_workspace
from ..errors import ConfigError, RepositoryError
from ..files import TEMPORARY_PREFIX
from ..model import ChannelDocument, Release, channel_flaw
from ..model.roles import published_path, role_name, role_prefix, target
from ..signing import EnvironmentSecrets, Secrets
from ..values import Clock, Content, Progress, format_time, no_progress
from . import channels
from .adding import NewRelease, Prepared, check_new, prepare, with_deltas, without_deltas
from .archive import archive_name
from .building import load_manifest
from .catalogue import Catalogue, ReleaseRecord, grown
from .creation import Wanted, create_solo
from .differences import Differences, differences
from .publication import Publication, plan_publication
from .refresh import Refreshed, RoleStatus, plan_refresh, role_statuses, run_refresh
from .signatory import Signatory
from .site_files import channel_documents
from .workspace import State, Workspace


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Added:
    """What adding a release did. Sizes are in bytes; ``archive`` is None where none is made."""

    app: str
    channel: str
    release: Release
    files: int
    size: int
    archive: int | None


class Repository:
    """A workspace, opened. Every change is one step: done whole, or not at all."""

    def __init__(
        self,
        workspace: Workspace,
        secrets: Secrets,
        *,
        signers: Sequence[str] = (),
        clock: Clock = _now,
        random: Callable[[int], bytes] = os.urandom,
        progress: Progress = no_progress,
    ) -> None:
        """Take an opened workspace. ``signers`` are URIs beside those that the configuration names."""
        self.workspace = workspace
        self._clock = clock
        self._random = random
        self._progress = progress
        self._catalogue = Catalogue(workspace.folder / "releases")
        self._signatory = Signatory(workspace.config.signers, secrets, workspace.folder)
        for uri in signers:
            self._signatory.add(uri)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        secrets: Secrets | None = None,
        signers: Sequence[str] = (),
        clock: Clock = _now,
        progress: Progress = no_progress,
    ) -> Self:
        """Open the workspace at ``folder`` or the nearest above it.

        Passphrases come from ``secrets``, by default from the environment (SEALCAST_PASSPHRASE). Raises
        ``ConfigError`` (NO_WORKSPACE, BAD_CONFIG).
        """
        workspace = Workspace(find_workspace(Path(folder).absolute()))
        asked = secrets or EnvironmentSecrets(os.environ)
        return cls(workspace, asked, signers=signers, clock=clock, progress=progress)

    @classmethod
    def create_solo(
        cls,
        folder: str | Path,
        *,
        app: str,
        channels: Sequence[str] = ("stable",),
        secrets: Secrets | None = None,
        encrypted: bool = True,
        clock: Clock = _now,
        random: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Make a lone maintainer's workspace in ``folder``: keys, configuration and the first signed metadata.

        Raises ``ConfigError`` (UNSAFE_NAME, NAME_TAKEN), ``RepositoryError`` (FOLDER_NOT_EMPTY), ``SigningError``.
        """
        asked = secrets or EnvironmentSecrets(os.environ)
        place = Path(folder).absolute()
        create_solo(place, Wanted(app, channels, clock(), random), asked, encrypted=encrypted)
        return cls(Workspace(place), asked, clock=clock, random=random)

    # ------------------------------------------------------------------------------------------------- releases

    def add_release(
        self,
        path: str | Path,
        *,
        version: str,
        app: str | None = None,
        channel: str | None = None,
        platform: str = "any",
        notes: str = "",
        native: str = "",
        candidate: bool = False,
        allow_lower: bool = False,
    ) -> Added:
        """Add the folder or archive at ``path`` as a release, and make it the channel's stable one.

        ``candidate`` makes it the candidate instead, offered to nobody yet. Adding the same files under the same
        version again is no error, and finishes what a killed run began. Raises ``ConfigError``, ``RepositoryError``
        (VERSION_EXISTS, VERSION_LOWER, NO_INPUT, SOURCE_CHANGED, BUSY, …), ``ObjectError`` (UNSAFE_NAME),
        ``SigningError``.
        """
        app, settings = self.workspace.config.app(app)
        channel = self._channel_name(app, settings, channel)
        new = NewRelease(Path(path), app, version, platform, notes, native)
        check_new(new, self._catalogue.versions(app), allow_lower=allow_lower)
        with self._changing(role_name(app, channel)) as state:
            documents = channel_documents(self.workspace, state)
            prepared = prepare(self.workspace, new, settings, documents[app, channel], self._progress)
            self._record(new, prepared)
            document, sequence = channels.enter(
                documents[app, channel], version, {platform: prepared.built.build}, notes=notes
            )
            if candidate:
                document = channels.make_candidate(document, sequence, self._random(16).hex())
            else:
                document = channels.make_stable(document, sequence, settings.keep)
            document = with_deltas(self.workspace, documents, document, sequence, settings)
            self._commit(state, document, [prepared.archive] if prepared.archive else [])
        release = document.release(sequence)
        if release is None:
            raise ValueError("the release left its channel while it was added")
        archive = prepared.archive.length if prepared.archive else None
        manifest = prepared.built.manifest
        return Added(app, channel, release, len(manifest.files), manifest.size, archive)

    def releases(self, app: str | None = None) -> tuple[ReleaseRecord, ...]:
        """Return the app's releases, the newest version first. Raises ``ConfigError`` (UNKNOWN_APP)."""
        app, _ = self.workspace.config.app(app)
        return tuple(self._catalogue.require(app, version) for version in self._catalogue.versions(app))

    def release(self, version: str, app: str | None = None) -> ReleaseRecord:
        """Return one release. Raises ``RepositoryError`` (UNKNOWN_RELEASE)."""
        app, _ = self.workspace.config.app(app)
        return self._catalogue.require(app, version)

    def differences(self, old: str, new: str, *, app: str | None = None, platform: str = "any") -> Differences:
        """Return which files differ between two releases. Raises ``RepositoryError`` (UNKNOWN_RELEASE)."""
        manifests = []
        for version in (old, new):
            record = self.release(version, app)
            build = record.builds.get(platform)
            if build is None:
                raise RepositoryError(
                    "UNKNOWN_RELEASE",
                    f"Release {version} has no build for {platform}.",
                    hint=f"It has: {', '.join(record.builds)}.",
                )
            manifests.append(load_manifest(build, self.workspace.objects))
        return differences(*manifests)

    def remove_release(self, version: str, app: str | None = None) -> tuple[str, ...]:
        """Forget a release that is live nowhere, and return the channels that no longer keep it.

        Raises ``RepositoryError``: UNKNOWN_RELEASE, RELEASE_LIVE.
        """
        app, settings = self.workspace.config.app(app)
        self._catalogue.require(app, version)
        left = []
        with self.workspace.changing():
            state = self.workspace.load()
            documents = channel_documents(self.workspace, state)
            changed = {}
            for channel in settings.channels:
                document = channels.remove(documents[app, channel], version)
                if document != documents[app, channel]:
                    changed[channel] = document
            if changed:
                self._signatory.require(
                    [*(role_name(app, channel) for channel in changed), "snapshot", "timestamp"],
                    state.root.signed,
                    state.targets,
                )
            for channel, document in changed.items():
                state = self._commit(state, document, [])
                left.append(channel)
            self._catalogue.remove(app, version)
        return tuple(left)

    # ------------------------------------------------------------------------------------------------- channels

    def channels(self, app: str | None = None) -> tuple[ChannelDocument, ...]:
        """Return the app's channel documents, in the configured order."""
        app, settings = self.workspace.config.app(app)
        documents = channel_documents(self.workspace, self.workspace.load())
        return tuple(documents[app, channel] for channel in settings.channels if (app, channel) in documents)

    def channel(self, name: str, app: str | None = None) -> ChannelDocument:
        """Return one channel's document. Raises ``RepositoryError`` (UNKNOWN_CHANNEL)."""
        app, settings = self.workspace.config.app(app)
        self._channel_name(app, settings, name)
        return channel_documents(self.workspace, self.workspace.load())[app, name]

    def promote(
        self, source: str, destination: str, *, version: str | None = None, app: str | None = None
    ) -> ChannelDocument:
        """Make a release of one channel, by default its stable one, the stable release of another.

        The same release, byte for byte: nothing is built or uploaded again but deltas from what the other channel had.
        Raises ``RepositoryError``: UNKNOWN_CHANNEL, UNKNOWN_RELEASE, NOT_NEWER; ``SigningError``.
        """
        app, settings = self.workspace.config.app(app)
        for name in (source, destination):
            self._channel_name(app, settings, name)
        with self._changing(role_name(app, destination)) as state:
            documents = channel_documents(self.workspace, state)
            origin = documents[app, source]
            release = origin.by_version(version) if version else origin.release(origin.stable)
            if release is None or release.sequence in origin.recall:
                raise RepositoryError(
                    "UNKNOWN_RELEASE",
                    f"The channel {source} offers no release {version or 'yet'}.",
                    hint=f"It lists: {', '.join(r.version for r in origin.releases) or 'none'}.",
                )
            builds = {platform: without_deltas(build) for platform, build in release.platforms.items()}
            document, sequence = channels.enter(
                documents[app, destination], release.version, builds, notes=release.notes
            )
            document = channels.make_stable(document, sequence, settings.keep)
            document = with_deltas(self.workspace, documents, document, sequence, settings)
            self._commit(state, document, self._copied_archives(state, app, source, destination, release))
        return document

    # ----------------------------------------------------------------------------------- signatures, publication

    def status(self) -> tuple[RoleStatus, ...]:
        """Return every role with its version, expiry and holders, and when it is due."""
        return tuple(role_statuses(self.workspace.load()))

    def refresh(self, *, dry_run: bool = False) -> Refreshed:
        """Sign again every role that is due and whose signers are at hand. Nothing due: nothing done.

        Safe to run from a scheduler, and twice. Raises ``RepositoryError`` (BUSY), ``SigningError``.
        """
        with self.workspace.changing():
            state = self.workspace.load()
            now = self._clock()
            work = plan_refresh(state, self._signatory, now)
            if not dry_run:
                run_refresh(self.workspace, state, work.signed, self._signatory, now)
        return work

    def plan_publish(self, destination: str | Path) -> Publication:
        """Return the plan of publishing to ``destination``; its ``run`` does it. Raises as `plan_publication`."""
        return plan_publication(self.workspace, self.workspace.load(), str(destination), self._clock)

    def build(self, folder: str | Path) -> Report:
        """Write the whole site to ``folder`` and verify it, every byte, as a new client would."""
        return self.plan_publish(folder).run(deep=True, progress=self._progress)

    # ------------------------------------------------------------------------------------------------- in common

    @contextmanager
    def _changing(self, role: str) -> Iterator[State]:
        """Hold the workspace, with its committed state, once it is clear that the change can be signed here."""
        with self.workspace.changing():
            state = self.workspace.load()
            self._signatory.require([role, "snapshot", "timestamp"], state.root.signed, state.targets)
            yield state

    def _channel_name(self, app: str, settings: AppConfig, channel: str | None) -> str:
        if channel is None and len(settings.channels) == 1:
            return settings.channels[0]
        if channel is None or channel not in settings.channels:
            raise ConfigError(
                "UNKNOWN_CHANNEL",
                "Which channel is meant?" if channel is None else f"The app {app} has no channel {channel!r}.",
                hint=f"Its channels: {', '.join(settings.channels)}.",
            )
        return channel

    def _record(self, new: NewRelease, prepared: Prepared) -> None:
        """Enter the release into the catalogue. Raises ``RepositoryError`` (VERSION_EXISTS) for other files."""
        build = prepared.built.build
        known = self._catalogue.get(new.app, new.version)
        if known is None:
            record = ReleaseRecord(
                app=new.app,
                version=new.version,
                added=format_time(self._clock()),
                builds={new.platform: build},
                notes=new.notes,
            )
        else:
            there = known.builds.get(new.platform)
            if there is not None and there.manifest.sha256 != build.manifest.sha256:
                raise RepositoryError(
                    "VERSION_EXISTS",
                    f"There is a release {new.version} for {new.platform} already, with other files.",
                    hint="A release never changes. Give the new files a new version.",
                )
            record = grown(known, {new.platform: build}, new.notes)
        self._catalogue.put(record)

    def _commit(self, state: State, document: ChannelDocument, archives: Sequence[TargetFile]) -> State:
        """Sign and commit ``document`` under its next revision, with the archives of the releases that it lists."""
        app, channel = document.app, document.channel
        role, prefix = role_name(app, channel), role_prefix(app, channel)
        document = msgspec.structs.replace(document, revision=document.revision + 1)
        if flaw := channel_flaw(document):
            raise ValueError(f"the new channel document contradicts itself: {flaw}")
        names = {
            f"{prefix}/{archive_name(app, release.version, platform, kind)}"
            for release in document.releases
            for platform in release.platforms
            for kind in ("tar.zst", "zip")
        }
        entries = {path: entry for path, entry in state.roles[role].signed.targets.items() if path in names}
        entries.update({entry.path: entry for entry in archives})
        document_entry = self.workspace.add_document(f"{prefix}/channel.json", document)
        return self.workspace.commit(state, {role: [document_entry, *entries.values()]}, self._signatory, self._clock())

    def _copied_archives(
        self, state: State, app: str, source: str, destination: str, release: Release
    ) -> list[TargetFile]:
        """Return the archives of ``release`` as targets of another channel, their files linked or copied."""
        copies = []
        there = state.roles[role_name(app, source)].signed.targets
        for platform in release.platforms:
            for kind in ("tar.zst", "zip"):
                name = archive_name(app, release.version, platform, kind)
                entry = there.get(f"{role_prefix(app, source)}/{name}")
                if entry is not None:
                    content = Content(entry.hashes["sha256"], entry.length)
                    copy = target(f"{role_prefix(app, destination)}/{name}", content)
                    self._copy(published_path(entry), published_path(copy))
                    copies.append(copy)
        return copies

    def _copy(self, source: str, destination: str) -> None:
        place = self.workspace.folder / destination
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            temporary = place.with_name(f"{TEMPORARY_PREFIX}{place.name[:40]}")
            shutil.copyfile(self.workspace.folder / source, temporary)
            temporary.replace(place)

"""The publisher's face: everything that the command line does in a workspace, from Python.

from sealcast.publisher import Repository

repo = Repository.open("updates/")
repo.add_release("dist/", app="demo", version="1.4.0", channel="beta")
plan = repo.plan_publish("/srv/updates")
plan.run()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from ..audit import Report
from ..config import AppConfig, Effort, find_workspace
from ..errors import ConfigError, RepositoryError
from ..model import Build, ChannelDocument, Release
from ..model.roles import role_name
from ..packs import MEMORY
from ..signing import EnvironmentSecrets, Secrets
from ..values import Clock, Progress, format_time, no_progress
from . import channels
from .adding import NewRelease, check_new, prepare
from .beginning import begin
from .building import Names
from .carried import carried_floor
from .catalogue import Catalogue, ReleaseRecord
from .ceremonies import Ceremonies
from .change import Change, changing
from .creation import Wanted, create_solo
from .current import channel_documents, document_of
from .deltas import without_deltas
from .differences import Differences, differences
from .manifests import Manifests
from .publication import Publication, plan_publication
from .refresh import Refreshed, RoleStatus, plan_refresh, role_statuses, run_refresh
from .signatory import Signatory
from .workspace import Workspace

_LOWER_HINT = "Give a higher version, or say --allow-lower for a fix to an old line."


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

    @property
    def ceremonies(self) -> Ceremonies:
        """What the holders of root and targets sign together."""
        return Ceremonies(self.workspace, self._signatory, self._clock, self._random)

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
        allow_secrets: bool = False,
        use_cache: bool = True,
        baseline: bool = False,
        effort: Effort | None = None,
        memory: int = MEMORY,
        dry_run: bool = False,
    ) -> Added:
        """Add the folder or archive at ``path`` as a release, and make it the channel's stable one.

        ``candidate`` makes it the candidate instead, offered to nobody yet. ``allow_secrets`` lets files with private
        keys pass (test fixtures, say). Files of a folder that did not change since they were last read are not read
        again, unless ``use_cache`` is false. ``baseline`` says that a native app ships with this release, so that every
        later one gets a delta from it (`set_baseline`). ``effort`` takes the place of the configured one, for this
        release; ``memory`` is what making packs and deltas may take, in bytes: with less, deltas may become larger.

        Adding the same files under the same version again is no error, finishes what a killed run began, and brings
        back what was lost or damaged of the release. ``dry_run`` builds everything, signs nothing and changes no
        channel; what it built is found again by the real run.

        Raises ``ConfigError`` (UNKNOWN_APP, UNKNOWN_CHANNEL, BAD_VERSION, BAD_NOTES, UNSAFE_NAME, NAME_TAKEN),
        ``RepositoryError`` (BUSY, VERSION_EXISTS, VERSION_LOWER, NOT_NEWER, ROLLOUT_RUNNING, RELEASE_RECALLED,
        WORKSPACE_DAMAGED, CLOCK_BACK; about the input NO_INPUT, EMPTY_INPUT, BAD_ARCHIVE, UNSAFE_TYPE, UNREADABLE,
        SOURCE_CHANGED, SECRET_IN_INPUT, INPUT_HOLDS_WORKSPACE), ``ObjectError`` (UNSAFE_NAME, OBJECT_MISSING,
        HASH_MISMATCH, TOO_LARGE) or ``SigningError``.
        """
        app, settings = self.workspace.config.app(app)
        settings = msgspec.structs.replace(settings, effort=effort or settings.effort)
        channel = self._channel_name(app, settings, channel)
        new = NewRelease(Path(path), Names(app, version, platform), notes, native, allow_secrets, use_cache)
        check_new(new, self.workspace.folder)
        with self._changing(trial=dry_run, memory=memory) as change:
            before = document_of(change.documents, app, channel)
            change.require([role_name(app, channel)])
            if not allow_lower:
                channels.check_not_lower(version, before, hint=_LOWER_HINT)
            record = self._catalogue.get(app, version)
            known = record.builds.get(platform) if record else None
            prepared = prepare(change, new, settings, before, known, self._progress)
            builds = {platform: prepared.build}
            document, sequence = channels.enter(before, version, builds, notes=notes)
            document = self._place(document, sequence, settings, candidate=candidate)
            document = change.with_deltas(document, sequence, settings)
            change.commit([document], [prepared.archive] if prepared.archive else [])
            if not dry_run:
                self._remember(app, version, builds, notes, change.now, baseline=baseline)
        release = {release.sequence: release for release in document.releases}[sequence]
        archive = prepared.archive.length if prepared.archive else None
        return Added(app, channel, release, prepared.files, prepared.size, archive)

    def _place(
        self, document: ChannelDocument, sequence: int, settings: AppConfig, *, candidate: bool
    ) -> ChannelDocument:
        if candidate:
            return channels.make_candidate(document, sequence, self._random(16).hex())
        return channels.make_stable(document, sequence, settings.keep)

    def _remember(
        self, app: str, version: str, builds: dict[str, Build], notes: str, now: datetime, *, baseline: bool
    ) -> None:
        self._catalogue.add(app, version, builds, notes=notes, now=format_time(now))
        if baseline:
            self._catalogue.set_baseline(app, version, builds, on=True)

    def releases(self, app: str | None = None) -> tuple[ReleaseRecord, ...]:
        """Return the app's releases, the newest version first. Raises ``ConfigError`` (UNKNOWN_APP)."""
        app, _ = self.workspace.config.app(app)
        return self._catalogue.all(app)

    def release(self, version: str, app: str | None = None) -> ReleaseRecord:
        """Return one release. Raises ``RepositoryError`` (UNKNOWN_RELEASE)."""
        app, _ = self.workspace.config.app(app)
        return self._catalogue.require(app, version)

    def baselines(self, app: str | None = None) -> Mapping[str, tuple[str, ...]]:
        """Return the platforms for which each release is a baseline, by version. Raises ``ConfigError``."""
        app, _ = self.workspace.config.app(app)
        return self._catalogue.baselines(app)

    def set_baseline(
        self, version: str, app: str | None = None, *, platform: str | None = None, on: bool = True
    ) -> tuple[str, ...]:
        """Make a release a baseline, one that native apps ship with, or none any more; return its platforms as such.

        Every release that is added or promoted from then on, in whichever channel, gets a delta from each baseline of
        its platform, and the objects of baselines are never cleaned up. Without ``platform`` all builds of the release
        are meant. Raises ``RepositoryError`` (UNKNOWN_RELEASE, BUSY, WORKSPACE_DAMAGED).
        """
        app, _ = self.workspace.config.app(app)
        with self._changing(trial=False):
            builds = self._catalogue.require(app, version).builds
            if platform is not None and platform not in builds:
                raise _no_build(version, platform, builds)
            self._catalogue.set_baseline(app, version, builds if platform is None else [platform], on=on)
        return self._catalogue.baselines(app).get(version, ())

    def differences(self, old: str, new: str, *, app: str | None = None, platform: str = "any") -> Differences:
        """Return which files differ between two releases. Raises ``RepositoryError`` (UNKNOWN_RELEASE)."""
        manifests = []
        for version in (old, new):
            record = self.release(version, app)
            build = record.builds.get(platform)
            if build is None:
                raise _no_build(version, platform, record.builds)
            manifests.append(Manifests(self.workspace.objects).load(build))
        return differences(*manifests)

    def remove_release(self, version: str, app: str | None = None, *, dry_run: bool = False) -> tuple[str, ...]:
        """Take out a release that is live nowhere, and return the channels that no longer keep it.

        Its version stays taken: it never gets other files. ``dry_run`` only returns them. Raises
        ``RepositoryError``: UNKNOWN_RELEASE, RELEASE_LIVE, RELEASE_IS_BASELINE.
        """
        app, _ = self.workspace.config.app(app)
        with self._changing(trial=dry_run) as change:
            self._catalogue.require(app, version)
            if version in self._catalogue.baselines(app):
                raise RepositoryError(
                    "RELEASE_IS_BASELINE",
                    f"Release {version} is a baseline: apps in the field start from it.",
                    hint=f"When none does any more: sealcast release baseline {version} --off",
                )
            mine = {key: document for key, document in change.documents.items() if key[0] == app}
            smaller = {key: channels.remove(document, version) for key, document in mine.items()}
            changed = {key: document for key, document in smaller.items() if document != mine[key]}
            if changed:
                change.require(role_name(*key) for key in changed)
            change.commit(changed.values())
            if not dry_run:
                self._catalogue.remove(app, version)
        return tuple(channel for _, channel in changed)

    # ------------------------------------------------------------------------------------------------- channels

    def channels(self, app: str | None = None) -> tuple[ChannelDocument, ...]:
        """Return the app's channel documents, in the configured order."""
        app, settings = self.workspace.config.app(app)
        documents = channel_documents(self.workspace, self.workspace.load())
        return tuple(documents[app, channel] for channel in settings.channels if (app, channel) in documents)

    def channel(self, name: str, app: str | None = None) -> ChannelDocument:
        """Return one channel's document. Raises ``ConfigError`` (UNKNOWN_CHANNEL)."""
        app, settings = self.workspace.config.app(app)
        self._channel_name(app, settings, name)
        return document_of(channel_documents(self.workspace, self.workspace.load()), app, name)

    def promote(
        self,
        source: str,
        destination: str,
        *,
        version: str | None = None,
        app: str | None = None,
        dry_run: bool = False,
    ) -> ChannelDocument:
        """Make a release of one channel, by default its stable one, the stable release of another.

        The same release, byte for byte: nothing is built or uploaded again but deltas from what the other channel had.
        ``dry_run`` returns the document without signing or committing it. Raises ``ConfigError``
        (UNKNOWN_CHANNEL, SAME_CHANNEL), ``RepositoryError`` (UNKNOWN_RELEASE, NOT_NEWER,
        VERSION_LOWER unless ``version`` is given, RELEASE_RECALLED, BUSY, WORKSPACE_DAMAGED), ``SigningError``.
        """
        app, settings = self.workspace.config.app(app)
        for name in (source, destination):
            self._channel_name(app, settings, name)
        if source == destination:
            raise ConfigError(
                "SAME_CHANNEL",
                f"A release of {source} cannot be promoted to {source}.",
                hint="Name the channel that it comes from, then the one that it goes to.",
            )
        with self._changing(trial=dry_run) as change:
            before = document_of(change.documents, app, destination)
            origin = document_of(change.documents, app, source)
            change.require([role_name(app, destination)])
            release = channels.offered(origin, version)
            if version is None:
                hint = f"If that is meant, name it: --version {release.version}"
                channels.check_not_lower(release.version, before, hint=hint)
            builds = {platform: without_deltas(build) for platform, build in release.platforms.items()}
            document, sequence = channels.enter(before, release.version, builds, notes=release.notes)
            document = channels.make_stable(document, sequence, settings.keep)
            document = change.with_deltas(document, sequence, settings)
            (document,) = change.commit([document], change.carried_archives(document, release))
        return document

    # ----------------------------------------------------------------------------------- signatures, publication

    def status(self) -> tuple[RoleStatus, ...]:
        """Return every role with its version, expiry and holders, and when it is due."""
        return tuple(role_statuses(self.workspace, self.workspace.load()))

    def floor(self) -> bytes:
        """Return the floor that an app built now should carry, as a document (`sealcast.model.CarriedFloor`).

        It is of this workspace: publish before an app that carries it is shipped, or it refuses what is live.
        """
        documents = [document for app in self.workspace.config.apps for document in self.channels(app)]
        return carried_floor(self.workspace.load(), documents)

    def refresh(self, *, dry_run: bool = False) -> Refreshed:
        """Sign again every role that is due and whose signers are at hand. Nothing due: nothing done.

        Safe to run from a scheduler, and twice. Raises ``RepositoryError`` (BUSY, WORKSPACE_DAMAGED, CLOCK_BACK),
        ``SigningError`` when snapshot or timestamp are due and their signers are here and refuse.
        """
        with self.workspace.changing() as state:
            now = self._clock()
            plan = plan_refresh(self.workspace, state, self._signatory, now)
            return plan if dry_run else run_refresh(self.workspace, state, plan, self._signatory, now)

    def plan_publish(self, destination: str | Path) -> Publication:
        """Return the plan of publishing to ``destination``; its ``run`` does it. Raises as `plan_publication`."""
        return plan_publication(self.workspace, self.workspace.load(), str(destination), self._clock)

    def build(self, folder: str | Path) -> Report:
        """Write the whole site to ``folder`` and verify it, every byte, as a new client would."""
        return self.plan_publish(folder).run(deep=True, progress=self._progress)

    # ------------------------------------------------------------------------------------------------- in common

    def _changing(self, *, trial: bool, memory: int = MEMORY) -> AbstractContextManager[Change]:
        if not trial and not self.workspace.has_begun:
            begin(self.workspace, self._signatory, self._clock())
        return changing(self.workspace, self._catalogue, self._signatory, self._clock(), trial=trial, memory=memory)

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


def _no_build(version: str, platform: str, builds: Iterable[str]) -> RepositoryError:
    return RepositoryError(
        "UNKNOWN_RELEASE",
        f"Release {version} has no build for {platform}.",
        hint=f"It has: {', '.join(builds)}.",
    )

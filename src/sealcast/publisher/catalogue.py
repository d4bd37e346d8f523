"""The catalogue: one small file for each release that was ever added, whatever channels offer it.

A record is written after the channel that offers the release was committed. `Catalogue.catch_up` writes those that a
killed command left out, so that what is in the catalogue was offered, and what was offered is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from ..documents import MIB, Document, decode, encode
from ..errors import ConfigError, RepositoryError, VerificationError
from ..files import make_directory, write_durably
from ..model import Build, ChannelDocument
from .channels import merged
from .deltas import without_deltas
from .versions import parse_version


class ReleaseRecord(Document, frozen=True, kw_only=True, omit_defaults=True):
    """A release as the workspace knows it: its builds by platform, without deltas, and what was said about it.

    A ``removed`` one is kept, so that its version never gets other files.
    """

    type: str = "sealcast/release/1"
    app: str
    version: str
    added: str
    builds: dict[str, Build]
    notes: str = ""
    removed: bool = False


class Baselines(Document, frozen=True, kw_only=True):
    """The releases that native builds of an app shipped with: the platforms of each, by version."""

    type: str = "sealcast/baselines/1"
    app: str
    releases: dict[str, tuple[str, ...]]


class Catalogue:
    """The releases of one workspace, under ``releases/<app>/<version>.json``; and ``releases/<app>.baselines.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, app: str, version: str) -> ReleaseRecord | None:
        """Return the release, also a removed one, or None. Raises ``RepositoryError`` (WORKSPACE_DAMAGED)."""
        path = self._path(app, version)
        try:
            record = decode(path.read_bytes(), ReleaseRecord, what=f"The record {path.name}", limit=MIB)
        except FileNotFoundError:
            return None
        except VerificationError as error:
            raise _damaged(path, error.what) from error
        if (record.app, record.version) != (app, version):
            # Where case does not count, 1.0.0-A and 1.0.0-a are one file.
            raise _damaged(path, f"The record {path.name} is that of {record.app} {record.version}.")
        return record

    def require(self, app: str, version: str) -> ReleaseRecord:
        """Return the release. Raises ``RepositoryError`` (UNKNOWN_RELEASE, WORKSPACE_DAMAGED)."""
        parse_version(version)
        record = self.get(app, version)
        if record is None or record.removed:
            known = ", ".join(record.version for record in self.all(app)[:8]) or "none yet"
            raise RepositoryError(
                "UNKNOWN_RELEASE", f"There is no release {version} of {app} here.", hint=f"There are: {known}."
            )
        return record

    def all(self, app: str) -> tuple[ReleaseRecord, ...]:
        """Return the app's releases but the removed ones, the newest version first, as SemVer orders them."""
        versions = []
        for path in (self._folder / app).glob("*.json"):
            try:
                versions.append((parse_version(path.stem), path.stem))
            except ConfigError as error:
                raise _damaged(path, f"{path.name} is not named after a version.") from error
        records = [self.get(app, text) for _, text in sorted(versions, reverse=True)]
        return tuple(record for record in records if record is not None and not record.removed)

    def put(self, record: ReleaseRecord) -> None:
        """Store the record, durably, in place of an older one of the same version."""
        path = self._path(record.app, record.version)
        make_directory(path.parent)
        write_durably(path, encode(record))

    def add(self, app: str, version: str, builds: dict[str, Build], *, notes: str, now: str) -> None:
        """Enter a release, or more builds of one, or newer notes; a removed one is back."""
        record = self.get(app, version) or ReleaseRecord(app=app, version=version, added=now, builds={})
        grown = {
            platform: merged(record.builds.get(platform), without_deltas(build)) for platform, build in builds.items()
        }
        self.put(
            msgspec.structs.replace(
                record, builds={**record.builds, **grown}, notes=notes or record.notes, removed=False
            )
        )

    def remove(self, app: str, version: str) -> None:
        """Take the release out, and remember what it was. Its objects stay until they are cleaned up."""
        self.put(msgspec.structs.replace(self.require(app, version), removed=True))

    def baselines(self, app: str) -> Mapping[str, tuple[str, ...]]:
        """Return the platforms for which each release is a baseline, by version.

        The objects of these releases are never cleaned up: later releases have deltas from them. Raises
        ``RepositoryError`` (WORKSPACE_DAMAGED).
        """
        path = self._baselines_path(app)
        try:
            found = decode(path.read_bytes(), Baselines, what=f"The record {path.name}", limit=MIB)
        except FileNotFoundError:
            return {}
        except VerificationError as error:
            raise _damaged(path, error.what) from error
        if found.app != app:
            raise _damaged(path, f"The record {path.name} is that of {found.app}.")
        return found.releases

    def set_baseline(self, app: str, version: str, platforms: Iterable[str], *, on: bool) -> None:
        """Make a release a baseline for these platforms, or none any more. Raises as `require` does."""
        self.require(app, version)
        releases = {known: set(those) for known, those in self.baselines(app).items()}
        there = releases.pop(version, set())
        there = there | set(platforms) if on else there - set(platforms)
        if there:
            releases[version] = there
        sorted_releases = {known: tuple(sorted(those)) for known, those in releases.items()}
        if sorted_releases != self.baselines(app):
            make_directory(self._folder)
            write_durably(self._baselines_path(app), encode(Baselines(app=app, releases=sorted_releases)))

    def baseline_builds(self, app: str, platform: str, before: str) -> list[Build]:
        """Return the baselines that a device of this platform may start from, of those added no later than ``before``.

        ``before`` is a version. The oldest comes last. Raises ``RepositoryError`` (WORKSPACE_DAMAGED).
        """
        limit = self.get(app, before)
        records = [
            (record, platform if platform in platforms else "any")
            for version, platforms in self.baselines(app).items()
            if {platform, "any"} & set(platforms) and (record := self.get(app, version)) is not None
        ]
        records.sort(key=lambda found: (found[0].added, found[0].version), reverse=True)
        return [
            record.builds[name]
            for record, name in records
            if name in record.builds and record.version != before and (limit is None or record.added <= limit.added)
        ]

    def catch_up(self, documents: Iterable[ChannelDocument], now: str) -> None:
        """Enter what channels offer and the catalogue lacks: a command was killed between the two."""
        for document in documents:
            for release in document.releases:
                record = self.get(document.app, release.version)
                if record is None or record.removed or not release.platforms.keys() <= record.builds.keys():
                    self.add(document.app, release.version, release.platforms, notes=release.notes, now=now)

    def _baselines_path(self, app: str) -> Path:
        return self._folder / f"{app}.baselines.json"

    def _path(self, app: str, version: str) -> Path:
        return self._folder / app / f"{parse_version(version)}.json"


def _damaged(path: Path, what: str) -> RepositoryError:
    return RepositoryError(
        "WORKSPACE_DAMAGED",
        what,
        hint=f"Bring {path.parent.name}/{path.name} back from version control, or remove it.",
    )

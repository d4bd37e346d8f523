"""The catalogue: one small file for each release that was ever added, whatever channels offer it.

A record is written after the channel that offers the release was committed. `Catalogue.catch_up` writes those that a
killed command left out, so that what is in the catalogue was offered, and what was offered is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
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


class Catalogue:
    """The releases of one workspace, under ``releases/<app>/<version>.json``."""

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

    def catch_up(self, documents: Iterable[ChannelDocument], now: str) -> None:
        """Enter what channels offer and the catalogue lacks: a command was killed between the two."""
        for document in documents:
            for release in document.releases:
                record = self.get(document.app, release.version)
                if record is None or record.removed or not release.platforms.keys() <= record.builds.keys():
                    self.add(document.app, release.version, release.platforms, notes=release.notes, now=now)

    def _path(self, app: str, version: str) -> Path:
        return self._folder / app / f"{parse_version(version)}.json"


def _damaged(path: Path, what: str) -> RepositoryError:
    return RepositoryError(
        "WORKSPACE_DAMAGED",
        what,
        hint=f"Bring {path.parent.name}/{path.name} back from version control, or remove it.",
    )

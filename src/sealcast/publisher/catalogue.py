"""The catalogue: one small file for each release that was ever added, whatever channels offer it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..documents import MIB, Document, decode, encode
from ..errors import RepositoryError, VerificationError
from ..files import write_durably
from ..model import Build
from .versions import parse_version


class ReleaseRecord(Document, frozen=True, kw_only=True, omit_defaults=True):
    """A release as the workspace knows it: its builds by platform, without deltas, and what was said about it."""

    type: str = "sealcast/release/1"
    app: str
    version: str
    added: str
    builds: dict[str, Build]
    notes: str = ""


class Catalogue:
    """The releases of one workspace, under ``releases/<app>/<version>.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, app: str, version: str) -> ReleaseRecord | None:
        """Return the release, or None. Raises ``RepositoryError`` (WORKSPACE_DAMAGED)."""
        path = self._path(app, version)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return decode(data, ReleaseRecord, what=f"The catalogue's record {path.name}", limit=MIB)
        except VerificationError as error:
            raise RepositoryError(
                "WORKSPACE_DAMAGED",
                error.what,
                hint=f"Bring {path.parent.name}/{path.name} back from version control, or remove it.",
            ) from error

    def require(self, app: str, version: str) -> ReleaseRecord:
        """Return the release. Raises ``RepositoryError`` (UNKNOWN_RELEASE)."""
        record = self.get(app, version)
        if record is None:
            known = ", ".join(self.versions(app)[:8]) or "none yet"
            raise RepositoryError(
                "UNKNOWN_RELEASE", f"There is no release {version} of {app} here.", hint=f"There are: {known}."
            )
        return record

    def versions(self, app: str) -> tuple[str, ...]:
        """Return the app's versions, the newest first, as SemVer orders them."""
        names = [path.stem for path in (self._folder / app).glob("*.json")]
        return tuple(sorted(names, key=parse_version, reverse=True))

    def put(self, record: ReleaseRecord) -> None:
        """Store the record, durably, in place of an older one of the same version."""
        path = self._path(record.app, record.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, encode(record))

    def remove(self, app: str, version: str) -> None:
        """Forget the release. Its objects stay until they are cleaned up."""
        self._path(app, version).unlink(missing_ok=True)

    def _path(self, app: str, version: str) -> Path:
        return self._folder / app / f"{parse_version(version)}.json"


def grown(record: ReleaseRecord, builds: dict[str, Build], notes: str) -> ReleaseRecord:
    """Return the record with more platforms' builds, and newer notes if there are some."""
    return msgspec.structs.replace(record, builds={**record.builds, **builds}, notes=notes or record.notes)

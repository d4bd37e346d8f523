"""What the publisher's tests work with: input folders, a clock that is set by hand, a reader of the site."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sealcast.audit import Report, audit
from sealcast.fetch import FolderSource
from sealcast.files import TEMPORARY_PREFIX
from sealcast.publisher import Repository

Files = Mapping[str, bytes | str]

# Text that does not compress to nothing, so that deltas have something to spare.
_TEXT = [hashlib.sha256(bytes([number])).hexdigest() for number in range(200)]

V1: Files = {"index.html": "<h1>one</h1>", "assets/app.js": "\n".join(_TEXT), "logo.svg": "<svg/>"}
V2: Files = {**V1, "index.html": "<h1>two</h1>", "assets/app.js": "\n".join([*_TEXT, "one more line"])}
V3: Files = {**V2, "index.html": "<h1>three</h1>"}


@dataclass(slots=True)
class Time:
    """A clock that stands still until somebody moves it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def this_second() -> Time:
    # The TUF library asks the real clock about expiry, so tests start from it.
    return Time(datetime.now(UTC).replace(microsecond=0))


def write(folder: Path, files: Files) -> Path:
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def digests(folder: Path, *, but: str = "\0") -> dict[str, str]:
    """Every file below a folder with the digest of what it holds; what is kept to save work does not count."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and but not in (name := path.relative_to(folder).as_posix())
        and not name.startswith((".sealcast/kept/", ".sealcast/settled"))
    }


def temporaries(folder: Path) -> list[Path]:
    return list(folder.rglob(f"{TEMPORARY_PREFIX}*"))


def read_site(site: Path, root: bytes, clock: Time, *, deep: bool = True) -> Report:
    """Read a site as a new client would."""
    with tempfile.TemporaryDirectory() as folder:
        return audit(FolderSource(site), root=root, folder=Path(folder), now=clock(), deep=deep)


def first_root(repository: Repository) -> bytes:
    return (repository.workspace.metadata / "1.root.json").read_bytes()

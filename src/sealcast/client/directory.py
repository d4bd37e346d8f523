"""Where everything of one client lies on the device, and whose folder that must be.

client.json  root.json          what `init` wrote, never changed (`settings`)
state.json  state.previous.json which release runs, was good, is on trial (`record`)
floor.json  floor.copy.json     the least that is accepted from the repository (`floor`)
slots/  staging/  downloads/    releases: complete, being assembled, being fetched
trash/                          what was given up and is being deleted
repository/                     verified metadata and documents (`sealcast.verify`)
events.jsonl                    what happened (`events`)
*.lock                          one updater at a time, one change of the state at a time

`StateDirectory` makes it and refuses one that others could write to.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from msgspec import Struct

from ..errors import InstallError
from ..files import is_directory


class StateDirectory(Struct, frozen=True):
    """The state directory of one client, and the names in it."""

    path: Path

    @property
    def settings(self) -> Path:
        """What the client follows, and for which device."""
        return self.path / "client.json"

    @property
    def root(self) -> Path:
        """The trusted root that the client was given."""
        return self.path / "root.json"

    @property
    def slots(self) -> Path:
        """The complete releases."""
        return self.path / "slots"

    @property
    def staging(self) -> Path:
        """The release that is being assembled."""
        return self.path / "staging"

    @property
    def downloads(self) -> Path:
        """Objects, partial and whole."""
        return self.path / "downloads"

    @property
    def trash(self) -> Path:
        """What is being deleted."""
        return self.path / "trash"

    @property
    def repository(self) -> Path:
        """The verifier's folder."""
        return self.path / "repository"

    @property
    def updater_lock(self) -> Path:
        """Held by the one updater for as long as it works."""
        return self.path / "updater.lock"

    def create(self) -> None:
        """Make the directory, for its owner alone. Raises ``InstallError`` (UNSAFE_OWNER)."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check_owner()
        self.make_folders()

    def check_owner(self) -> None:
        """Refuse a directory that somebody else owns or may write to: what is started from it would be theirs.

        Raises ``InstallError`` (UNSAFE_OWNER). Windows has no such modes: there the folder's own access list counts.
        """
        _check_owned(self.path, self.path.stat())

    def make_folders(self) -> None:
        """Make the folders in here that are missing; refuse one that somebody else owns or may write to, or a link.

        For whoever writes or deletes there. Raises ``InstallError`` (UNSAFE_OWNER, UNSAFE_PATH), ``OSError``.
        """
        for folder in (self.slots, self.staging, self.downloads, self.trash, self.repository):
            if not os.path.lexists(folder):
                folder.mkdir(mode=0o700)
            found = folder.lstat()
            if not is_directory(found):
                raise InstallError(
                    "UNSAFE_PATH",
                    f"{str(folder)!r} is no folder, but a link or a file.",
                    safe="Nothing was written or deleted there.",
                    hint="Another program wrote into the state directory. Give Sealcast a directory of its own.",
                    path=str(folder),
                )
            _check_owned(folder, found)


def _check_owned(path: Path, found: os.stat_result) -> None:
    if sys.platform == "win32":  # pragma: no cover - no owner and no mode there
        return
    if found.st_uid != os.geteuid():
        raise _unsafe(path, "belongs to another user", "Run as the user that owns it.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unsafe(path, "may be written to by others", f"chmod 700 {path}")


def _unsafe(path: Path, why: str, hint: str) -> InstallError:
    return InstallError(
        "UNSAFE_OWNER",
        f"The state directory {str(path)!r} {why}.",
        safe="Nothing of it was started or changed.",
        hint=hint,
        path=str(path),
    )

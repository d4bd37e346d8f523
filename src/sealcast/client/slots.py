"""Installed releases: one folder each, there only when complete and verified.

A slot is named by the first half of its manifest's digest and holds

    files/          the release
    manifest.json   what `files` must be, by the digest that the record names
    release.json    what the channel said of it, so that a copy of the folder can be embedded in an app
    stamp           size, times and inode of every file when it was last verified

A start compares the stamp, which is quick; only where something differs are all the files hashed again. Files that
a release's own program adds beside them are its own affair.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
import sys
from collections.abc import Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..documents import decode, encode
from ..errors import InstallError, SealcastError
from ..files import hash_file, remove_temporaries, sync_directory, write_durably
from .record import Installed

if TYPE_CHECKING:
    from ..model import Manifest

FILES, MANIFEST, RELEASE, STAMP = "files", "manifest.json", "release.json", "stamp"
_NAME = re.compile(r"[0-9a-f]{32}")
_RELEASE_LIMIT = 64 * 1024


class Slots:
    """The slots of one state directory; ``trash`` is where they go to be deleted."""

    def __init__(self, directory: Path, trash: Path) -> None:
        self._directory = directory
        self._trash = trash

    def folder(self, manifest: str) -> Path:
        """Return the slot of the release with this manifest, whether it is there or not."""
        return self._directory / manifest[:32]

    def files(self, manifest: str) -> Path:
        """Return where the release's files are."""
        return self.folder(manifest) / FILES

    def __iter__(self) -> Iterator[str]:
        """Yield the digest of every held manifest that is whole, in no order."""
        from ..values import content_of

        for folder in self._directory.iterdir():
            if _NAME.fullmatch(folder.name):
                try:
                    digest = content_of((folder / MANIFEST).read_bytes()).sha256
                except OSError:
                    continue
                if digest.startswith(folder.name):
                    yield digest

    def manifest(self, manifest: str) -> Manifest:
        """Return the manifest of a slot. Raises ``InstallError`` (SLOT_CHANGED)."""
        from ..model import read_manifest

        return read_manifest(self.manifest_bytes(manifest))

    def manifest_bytes(self, manifest: str) -> bytes:
        """Return the manifest of a slot as it was signed for. Raises ``InstallError`` (SLOT_CHANGED)."""
        from ..values import content_of

        try:
            data = (self.folder(manifest) / MANIFEST).read_bytes()
        except OSError as error:
            raise _changed(manifest, "its manifest cannot be read") from error
        if content_of(data).sha256 != manifest:
            raise _changed(manifest, "its manifest is another one")
        return data

    def is_intact(self, manifest: str) -> bool:
        """Tell whether a slot is as it was verified; where the stamp cannot tell, hash it all and stamp it again."""
        folder = self.folder(manifest)
        if stamp_holds(folder):
            return True
        try:
            self.verify(manifest)
        except SealcastError:
            return False
        with contextlib.suppress(OSError):  # a full disk: the next start hashes again
            write_stamp(folder, [file.path for file in self.manifest(manifest).files])
        return True

    def verify(self, manifest: str) -> None:
        """Hash every file of a slot. Raises ``InstallError`` (SLOT_CHANGED) for the first that differs."""
        files = self.files(manifest)
        for file in self.manifest(manifest).files:
            path = files / file.path
            try:
                found = hash_file(path)
                executable = bool(path.stat().st_mode & stat.S_IXUSR)
            except OSError as error:
                raise _changed(manifest, f"the file {file.path!r} cannot be read ({error.strerror})") from error
            if found != file.content:
                raise _changed(manifest, f"the file {file.path!r} has other bytes")
            if sys.platform != "win32" and executable != file.executable:
                raise _changed(manifest, f"the file {file.path!r} lost or won its executable bit")

    def install(self, staged: Path, manifest: str) -> Path:
        """Make the complete folder ``staged`` the slot, by one durable rename, and return the slot."""
        folder = self.folder(manifest)
        self.discard(manifest)  # what stands there was found not to be whole
        staged.rename(folder)
        sync_directory(self._directory)
        sync_directory(staged.parent)
        return folder

    def discard(self, manifest: str) -> None:
        """Take a slot away, if it is there: renamed in one step, then deleted."""
        self._throw_away(self.folder(manifest))

    def clean_up(self, keep: Container[str]) -> None:
        """Row 17: delete every slot whose folder is not that of a manifest in ``keep``, and what is left in the trash.

        ``keep`` holds names of folders. A slot that the system does not let go of (Windows, while a program runs
        from it) stays until the next time.
        """
        for folder in list(self._directory.iterdir()):
            if folder.name in keep:
                remove_temporaries(folder)
            else:
                self._throw_away(folder)
        empty(self._trash)

    def _throw_away(self, folder: Path) -> None:
        thrown = self._trash / folder.name
        shutil.rmtree(thrown, ignore_errors=True)
        try:
            folder.rename(thrown)
        except FileNotFoundError:
            return
        except PermissionError:  # pragma: no cover - Windows, in use
            if sys.platform == "win32":
                return
            raise
        sync_directory(folder.parent)
        shutil.rmtree(thrown, ignore_errors=True)


def empty(folder: Path) -> None:
    """Delete what is in ``folder``, as far as the system lets go of it. Follows no link."""
    for path in list(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_release(folder: Path, release: Installed) -> None:
    """Write into a slot what the channel said of its release."""
    write_durably(folder / RELEASE, encode(release))


def read_release(folder: Path) -> Installed:
    """Return the release of a slot, or of a folder in the shape of one.

    Raises ``InstallError`` (BAD_EMBEDDED): an app that embeds a release must ship the whole folder.
    """
    try:
        with (folder / RELEASE).open("rb") as file:
            data = file.read(_RELEASE_LIMIT + 1)
        return decode(data, Installed, what=str(folder / RELEASE), limit=_RELEASE_LIMIT)
    except (OSError, SealcastError) as error:
        raise InstallError(
            "BAD_EMBEDDED",
            f"The embedded release in {str(folder)!r} cannot be used.",
            hint=f"It must be a copy of a slot: {FILES}/, {MANIFEST} and {RELEASE}.",
            path=str(folder),
        ) from error


def write_stamp(folder: Path, paths: list[str]) -> None:
    """Note how the verified files of a slot look to the file system."""
    lines = [f"{_look(folder / FILES / path)} {path}" for path in paths]
    write_durably(folder / STAMP, "".join(f"{line}\n" for line in lines).encode())


def stamp_holds(folder: Path) -> bool:
    """Tell whether the files of a slot look as they did when they were verified, and the manifest is there."""
    try:
        lines = (folder / STAMP).read_text("utf-8").split("\n")[:-1]
        looks = (line.split(" ", 5) for line in lines)
        same = all(_look(folder / FILES / path) == " ".join(look) for *look, path in looks)
    except (OSError, ValueError):
        return False
    return same and (folder / MANIFEST).is_file()


def _look(path: Path) -> str:
    """Return kind and mode, size, time of the bytes, time of anything, and inode: what an edit cannot leave alone."""
    found = path.lstat()
    return f"{found.st_mode:o} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def _changed(manifest: str, why: str) -> InstallError:
    return InstallError(
        "SLOT_CHANGED",
        f"The installed release {manifest[:12]} is not as it was verified: {why}.",
        safe="It is not started from; the release that was good before it is.",
        hint="Run an update: what is damaged is fetched again.",
        manifest=manifest,
    )

"""Installed releases: one folder each, there only when complete and verified.

A slot is named by the first half of its manifest's digest and holds

    files/          the release
    manifest.json   what `files` must be, by the digest that the record names
    release.json    what the channel said of it, so that a copy of the folder can be embedded in an app
    stamp           how every file looked when it was last verified (`sealcast.client.stamp`)

A start compares the stamp, which is quick; only where something differs are all the files hashed again. Files that
a release's own program adds beside them are its own affair.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InstallError, SealcastError
from ..files import is_held_open, move, remove_temporaries, sync_directory
from .shape import FILES, MANIFEST, STAMP
from .stamp import stamp_holds, take_looks, write_stamp

if TYPE_CHECKING:
    from ..model import Manifest

_NAME = re.compile(r"[0-9a-f]{32}")


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
            paths = [file.path for file in self.manifest(manifest).files]
            looks = take_looks(folder, paths)  # first: what changes while it is hashed is not stamped
            self.verify(manifest)
        except (SealcastError, OSError):
            return False
        with contextlib.suppress(OSError):  # a full disk: the next start hashes again
            write_stamp(folder, looks)
        return True

    def verify(self, manifest: str) -> None:
        """Hash every file of a slot. Raises ``InstallError`` (SLOT_CHANGED) for the first that differs."""
        from .examine import faults

        for found in faults(self.folder(manifest), self.manifest(manifest)):
            raise _changed(manifest, f"{found.path}: {found.why}")

    def distrust(self, manifest: str) -> None:
        """Let no start believe in a slot before every file of it was hashed again. Raises ``OSError``."""
        (self.folder(manifest) / STAMP).unlink(missing_ok=True)

    def install(self, staged: Path, manifest: str) -> Path:
        """Make the complete folder ``staged`` the slot, durably, and return the slot.

        A slot that is there was found not to be whole. It changes places with the new one in one step where the system
        can, else it goes first; then it lies in the trash, where a program that runs from it still finds it until the
        next clean-up. Raises ``InstallError`` (SLOT_IN_USE) on Windows, ``OSError``.
        """
        from .exchange import exchange

        folder = self.folder(manifest)
        if exchange(staged, folder):
            self._throw_away(staged)
        else:
            self._throw_away(folder)
            move(staged, folder)
        sync_directory(self._directory)
        sync_directory(staged.parent)
        return folder

    def clean_up(self, keep: Container[str]) -> None:
        """Row 17: delete every slot whose folder is not that of a manifest in ``keep``, and what is left in the trash.

        ``keep`` holds names of folders. A slot that the system does not let go of (Windows, while a program runs
        from it) stays until the next time.
        """
        for folder in list(self._directory.iterdir()):
            if folder.name in keep:
                remove_temporaries(folder)
                continue
            try:
                self._throw_away(folder, os.replace)
            except InstallError:
                continue
            sync_directory(self._directory)
        empty(self._trash)

    def _throw_away(self, folder: Path, rename: Callable[[Path, Path], object] = move) -> None:
        """Rename a folder into the trash, if it is there."""
        thrown = self._trash / folder.name
        _delete(thrown)
        try:
            rename(folder, thrown)
        except FileNotFoundError:
            return
        except OSError as error:
            if not is_held_open(error):
                raise
            raise InstallError(
                "SLOT_IN_USE",
                "A program that runs from the installed release does not let go of it.",
                safe="The release was left as it is.",
                hint="Close the program, then run the command again.",
                path=str(folder),
            ) from error


def empty(folder: Path) -> None:
    """Delete what is in ``folder``, as far as the system lets go of it. Follows no link."""
    for path in list(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            _delete(path)
        else:
            path.unlink(missing_ok=True)


def _delete(folder: Path) -> None:
    """Delete a folder as far as the system lets go of it, folders that a program made read-only in it included."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir():
        return
    for where, names, _ in os.walk(folder):
        for path in (Path(where, name) for name in names):
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(stat.S_IRWXU)  # before the walk enters it
    shutil.rmtree(folder, ignore_errors=True)


def _changed(manifest: str, why: str) -> InstallError:
    return InstallError(
        "SLOT_CHANGED",
        f"The installed release {manifest[:12]} is not as it was verified: {why}.",
        safe="It is not started from; the release that was good before it is.",
        hint="Fetch again what is damaged: sealcast client repair",
        manifest=manifest,
    )

"""How the verified files of a slot look to the file system, so that a start need not hash them all again.

A look is what no edit leaves alone: kind and mode, size, time of the bytes, time of any change, inode. Of a directory
it is kind, mode and inode: a program may add files of its own, but not put a link in its place.

What a stamp cannot see: a bit that flips on the disk (`sealcast client verify` reads every byte); an edit of the same
size within one tick of the file system's clock (4 ms at most on Linux) after the look; and where the system keeps no
time of change (Windows, FAT), an edit of the same size that sets the time of the bytes back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from .checked import read_checked, write_checked
from .shape import FILES, MANIFEST, STAMP

_LIMIT = 256 * 1024 * 1024
"""Bytes of a stamp: several times those of the largest manifest, which names the same files."""


def look(found: os.stat_result) -> str:
    """Return how a file or directory looks."""
    if stat.S_ISDIR(found.st_mode):
        return f"{found.st_mode:o} - - - {found.st_ino}"
    return f"{found.st_mode:o} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def take_looks(folder: Path, paths: Iterable[str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the looks of the files at ``paths`` in a slot, and of the directories they are in; those known as given.

    Take them before the files are hashed: what changes in between is then found out, not stamped. Raises ``OSError``.
    """
    looks: dict[str, str] = {".": look((folder / FILES).lstat())}
    for path in paths:
        directory = path
        while (directory := directory.rpartition("/")[0]) and directory not in looks:
            looks[directory] = look((folder / FILES / directory).lstat())
        looks[path] = known[path] if known and path in known else look((folder / FILES / path).lstat())
    return looks


def write_stamp(folder: Path, looks: Mapping[str, str]) -> None:
    """Note how the verified files of a slot look. Raises ``OSError``."""
    write_checked(folder / STAMP, "".join(f"{looked} {path}\n" for path, looked in looks.items()).encode())


def stamp_holds(folder: Path) -> bool:
    """Tell whether the files of a slot look as they did when they were verified, and the manifest is there.

    A stamp that is not whole tells nothing: cut off, it would speak for the files that it still names, or for none.
    """
    data = read_checked(folder / STAMP, _LIMIT)
    if data is None:
        return False
    try:
        lines = data.decode().split("\n")[:-1]
        looks = (line.split(" ", 5) for line in lines)
        same = all(look((folder / FILES / path).lstat()) == " ".join(seen) for *seen, path in looks)
    except (OSError, ValueError):
        return False
    return same and not folder.is_symlink() and (folder / MANIFEST).is_file()

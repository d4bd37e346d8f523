"""What a release is made from: a folder, or an archive, read into entries that are checked before anything is built."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from ..errors import ObjectError, RepositoryError
from ..values import check_paths, printable
from .archive_input import archive_entries
from .entries import Entry, Read, Stamp, source_changed, unsafe_type

_OPEN = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):  # the last: a pipe must not hold us up
    _OPEN |= getattr(os, _name, 0)

# What a file answers that was replaced or removed after it was listed.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO})
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: a link to a directory that Windows does not call a link


@contextmanager
def open_input(path: Path, scratch: Path) -> Iterator[tuple[Entry, ...]]:
    """Open a folder, ``.zip``, ``.whl``, ``.tar`` or compressed ``.tar.*``, and give its files in path order.

    They stay readable until it is closed; archives are unpacked into one nameless file in the folder ``scratch``.
    Raises ``RepositoryError`` (NO_INPUT, EMPTY_INPUT, BAD_ARCHIVE, UNSAFE_TYPE, UNREADABLE), ``ObjectError``
    (UNSAFE_NAME) or ``OSError``.
    """
    if path.is_dir():
        yield _checked(path, list(_folder_entries(path)))
    elif path.is_file():
        with archive_entries(path, scratch) as entries:
            yield _checked(path, entries)
    else:
        raise RepositoryError(
            "NO_INPUT",
            f"{printable(str(path))} is neither a folder nor an archive.",
            hint="Give what your build wrote: a folder, .zip, .whl, .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst.",
            path=printable(str(path)),
        )


def _checked(path: Path, entries: list[Entry]) -> tuple[Entry, ...]:
    if not entries:
        raise RepositoryError(
            "EMPTY_INPUT",
            f"{printable(str(path))} holds no file.",
            hint="Did the build run?",
            path=printable(str(path)),
        )
    entries.sort(key=lambda entry: entry.path)
    for before, after in pairwise(entries):
        if before.path == after.path:
            raise ObjectError(
                "UNSAFE_NAME",
                f"{printable(str(path))} holds {after.path!r} twice.",
                hint="Which of the two is meant cannot be told: make the archive again.",
                path=printable(after.path),
            )
    check_paths(entry.path for entry in entries)
    return tuple(entries)


def _folder_entries(root: Path) -> Iterator[Entry]:
    pending = [(str(root), "")]
    while pending:
        folder, prefix = pending.pop()
        with _readable(prefix or str(root)), os.scandir(folder) as found:
            for item in found:
                # Not item.stat(): on Windows that repeats what the directory says, which may be out of date. And no
                # Path, here and below: it would take longer than all else that is done for a file.
                name, facts = prefix + item.name, os.lstat(item.path)
                if stat.S_ISLNK(facts.st_mode) or getattr(facts, "st_reparse_tag", 0) == _JUNCTION:
                    raise unsafe_type(name, "a link")
                if stat.S_ISDIR(facts.st_mode):
                    pending.append((item.path, f"{name}/"))
                elif stat.S_ISREG(facts.st_mode):
                    executable = os.name == "posix" and bool(facts.st_mode & stat.S_IXUSR)
                    yield Entry(name, facts.st_size, executable, _reader(item.path, name), stamp_of(facts))
                else:
                    raise unsafe_type(name, "neither a file nor a directory")


def stamp_of(facts: os.stat_result) -> Stamp:
    """Return what tells an unchanged file."""
    return Stamp(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)


def _reader(place: str, name: str) -> Read:
    def read(offset: int, length: int) -> bytes:
        with _readable(name):
            handle = os.open(place, _OPEN)
            with os.fdopen(handle, "rb", buffering=0) as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise source_changed(name)
                file.seek(offset)
                return _exactly(file.read, length)

    return read


def _exactly(read: Callable[[int], bytes | None], length: int) -> bytes:
    """Return ``length`` bytes, or what there is: the system may give less than asked for before the end."""
    parts = []
    while length > 0 and (part := read(length)):
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Say plainly which file or folder cannot be read. Raises ``RepositoryError``: SOURCE_CHANGED, UNREADABLE."""
    try:
        yield
    except OSError as error:
        if error.errno in _GONE:
            raise source_changed(name) from error
        raise RepositoryError(
            "UNREADABLE",
            f"{printable(name)} cannot be read: {error.strerror or error}.",
            hint="Give yourself the right to read it, or leave it out of the folder.",
            path=printable(name),
        ) from error

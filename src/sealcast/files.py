"""Files written so that a kill or a power cut leaves the old bytes or the new ones, never a mixture.

Everything that must survive goes through here: write to a temporary file, fsync, rename, fsync of the directory
(which Windows does not offer: there the rename alone is what the system gives).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from .errors import ConfigError, InstallError, SealcastError
from .values import Content, printable

CHUNK = 1024 * 1024
_SECRET_LIMIT = 4096
TEMPORARY_PREFIX = ".tmp-"
"""How the name of every unfinished file starts, so that a later run can tell it and remove it."""

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.2, 2.2, 2.4)
"""Seconds between the tries of a rename: ten in all."""
_HELD_OPEN = frozenset({5, 32, 33})
"""What Windows says of a file that another program has open: ERROR_ACCESS_DENIED, SHARING_VIOLATION, LOCK_VIOLATION."""
HAS_DIRECTORY_HANDLES = os.open in os.supports_dir_fd and os.mkdir in os.supports_dir_fd


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace the file at ``path`` with ``data`` in one durable step. Raises ``OSError``."""
    temporary = _write_temporary(path, (data,), mode)
    try:
        move(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def create_durably(path: Path, data: bytes, *, mode: int = 0o644) -> bool:
    """Write ``data`` to ``path`` unless a file is there; tell whether it was written.

    Two at once: exactly one is told True. Raises ``OSError``.
    """
    if path.exists():
        return False
    return _put_in_place(_write_temporary(path, (data,), mode), path)


def copy_durably(source: Path, path: Path, *, mode: int = 0o644) -> bool:
    """Copy ``source``, of any size, to ``path`` unless a file is there; tell whether it was copied.

    As `create_durably` for what does not fit into memory. Raises ``OSError``.
    """
    if path.exists():
        return False
    with source.open("rb") as file:
        return _put_in_place(_write_temporary(path, iter(lambda: file.read(CHUNK), b""), mode), path)


def move(source: Path, target: Path, *, sleep: Callable[[float], object] = time.sleep) -> None:
    """Rename a file, over one that is there, or a directory, to a name that is free.

    Windows refuses that while another program has one of them open, as scanners do with what is new: it is tried again
    for ten seconds. Raises ``OSError``; then everything is as it was.
    """
    for pause in _PAUSES:
        try:
            os.replace(source, target)
            return
        except OSError as error:
            if not is_held_open(error):
                raise
        sleep(pause)
    os.replace(source, target)


def is_held_open(error: OSError) -> bool:
    """Tell whether the system refused something because another program has the file open; only Windows does."""
    return getattr(error, "winerror", None) in _HELD_OPEN


def make_directory(path: Path) -> None:
    """Make a directory, with those above it that are missing, and bring their names to the disk. Raises ``OSError``."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(mode=0o755, exist_ok=True)
    sync_directory(path.parent)


def _write_temporary(path: Path, chunks: Iterable[bytes], mode: int) -> Path:
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.urandom(16).hex()}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            sync_file(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _put_in_place(temporary: Path, path: Path) -> bool:
    """Give a finished file its name unless the name is taken; tell whether it was given."""
    try:
        os.link(temporary, path)  # unlike a rename, a link never replaces
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links (FAT, some network mounts): exclusive creation is what is left.
        if not _replace_exclusively(temporary, path):
            return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)
    return True


def _replace_exclusively(finished: Path, path: Path) -> bool:
    """Take the name with an empty file, then put the finished one in its place.

    A kill in between leaves the name empty, never half a file: whoever names files by their digest finds it out.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o600))
    except FileExistsError:
        return False
    try:
        move(finished, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def sync_file(handle: int) -> None:
    """Bring an open file's bytes to the disk itself. Never call it again after it failed: the bytes may be gone."""
    if sys.platform == "darwin":  # pragma: no cover - fsync stops at the drive's cache there
        import fcntl

        with contextlib.suppress(OSError):  # a file system without it: fsync is what is left
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def sync_directory(path: Path) -> None:
    """Bring a directory's names to the disk, where the system can."""
    if sys.platform == "win32":  # pragma: no cover - a directory cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_directory(found: os.stat_result) -> bool:
    """Tell from its ``lstat`` whether something is a directory itself, and no link or junction that leads to one."""
    return stat.S_ISDIR(found.st_mode) and getattr(found, "st_reparse_tag", None) != _JUNCTION


def read_bounded(path: Path, limit: int, too_large: Callable[[], SealcastError]) -> bytes:
    """Return the file's bytes, or raise what ``too_large`` makes when there are more than ``limit``."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise too_large()
    return data


def read_secret(path: Path) -> str:
    """Return the one line in the file at ``path``: a passphrase, say. Raises ``ConfigError`` (BAD_PASSPHRASE_FILE)."""
    try:
        with path.open("rb") as file:
            text = file.read(_SECRET_LIMIT + 1).decode("utf-8")
    except OSError as error:
        raise _bad_secret(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _bad_secret(path, "is not UTF-8 text") from None
    line = text.removesuffix("\n").removesuffix("\r")
    if not line or "\n" in line or len(text) > _SECRET_LIMIT:
        raise _bad_secret(path, f"does not hold one line of up to {_SECRET_LIMIT} bytes")
    return line


def _bad_secret(path: Path, why: str) -> ConfigError:
    return ConfigError(
        "BAD_PASSPHRASE_FILE",
        f"The passphrase file {printable(str(path))} {why}.",
        hint="Put the passphrase, and nothing else, on its first line.",
        path=str(path),
    )


def hash_file(path: Path) -> Content:
    """Return the SHA-256 and size of the regular file at ``path``, never following a link at its end.

    Raises ``OSError``, also for a pipe or device that somebody put in its place: nothing is waited for.
    """
    digest = hashlib.sha256()
    size = 0
    with os.fdopen(_open_regular(path, _NOFOLLOW), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Content(digest.hexdigest(), size)


def read_regular(path: Path, limit: int) -> bytes:
    """Return the bytes of the regular file that ``path`` leads to: of one that others may have put there.

    Raises ``OSError``, also for a pipe, a device, or more than ``limit`` bytes: nothing is waited for.
    """
    with os.fdopen(_open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, limit) + 1)  # a buffer is made for all that is asked for
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", str(path))
    return data


def _open_regular(path: Path, flags: int = 0) -> int:
    handle = os.open(path, os.O_RDONLY | _NONBLOCK | _BINARY | _CLOEXEC | flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return handle


def remove_temporaries(directory: Path) -> None:
    """Remove what killed runs left unfinished in ``directory``. Call it only under the lock that guards it."""
    for path in directory.glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(path: Path, busy: Callable[[], SealcastError]) -> Iterator[None]:
    """Hold the lock file at ``path``, or raise what ``busy`` makes when another process holds it.

    The system drops the lock when the process ends, however it ends, so a lock file left behind locks nobody out.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _CLOEXEC, 0o600)
    try:
        if not _try_lock(handle):
            raise busy()
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":  # pragma: no cover - each system covers its own half

    def _try_lock(handle: int) -> bool:
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(handle: int) -> bool:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}:
                return False
            raise
        return True


class Tree:
    """Writes new files below one directory, relative to its handle and without following any link.

    A link that somebody plants in the tree while it is written stops the writing with ``InstallError`` (UNSAFE_PATH);
    nothing is ever written through it. Paths must have passed `sealcast.values.check_paths`. Where the system has
    no directory handles (Windows), each directory is checked before it is used.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_handle = HAS_DIRECTORY_HANDLES
        self._handles: dict[str, int] = {}
        self._made: set[str] = {""}
        if self._by_handle:
            self._handles[""] = os.open(root, os.O_RDONLY | os.O_DIRECTORY | _NOFOLLOW | _CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every handle. Does not bring names to the disk: `sync` does."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()

    def create(self, path: str, *, executable: bool = False) -> int:
        """Return a handle, open for reading and writing, of the new file at ``path``; the caller closes it.

        Raises ``InstallError`` (UNSAFE_PATH) when something is there already, or a directory is a link.
        """
        directory, _, name = path.rpartition("/")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY | _CLOEXEC
        mode = 0o755 if executable else 0o644
        try:
            where = self._directory(directory)
            if where is None:
                return os.open(self._root / path, flags, mode)
            return os.open(name, flags, mode, dir_fd=where)
        except (FileExistsError, NotADirectoryError) as error:
            raise self._unsafe(path) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._unsafe(path) from error
            raise

    def discard(self, path: str) -> None:
        """Take away the file at ``path`` again, which `create` made. Raises ``OSError``."""
        directory, _, name = path.rpartition("/")
        where = self._directory(directory)
        if where is None:
            (self._root / path).unlink()
        else:
            os.unlink(name, dir_fd=where)

    def sync(self) -> None:
        """Bring the names in every directory of the tree to the disk, the deepest first."""
        for directory in sorted(self._made, key=lambda name: -name.count("/")):
            sync_directory(self._root / directory)

    def _directory(self, path: str) -> int | None:
        """Return the handle of the directory at ``path``, made when missing; None where there are no handles."""
        if path in self._handles:
            return self._handles[path]
        if not self._by_handle:
            self._check_directory(path)
            return None
        if not self._handles:
            raise ValueError("the tree is closed")
        parent, _, name = path.rpartition("/")
        above = self._directory(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=above)
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _NOFOLLOW | _CLOEXEC, dir_fd=above)
        if len(self._handles) >= _MAX_HANDLES:
            oldest = next(known for known in self._handles if known)
            os.close(self._handles.pop(oldest))
        self._handles[path] = handle
        self._made.add(path)
        return handle

    def _check_directory(self, path: str) -> None:
        parts = path.split("/") if path else []
        for depth in range(1, len(parts) + 1):
            directory = "/".join(parts[:depth])
            if directory not in self._made:
                with contextlib.suppress(FileExistsError):
                    (self._root / directory).mkdir(mode=0o755)
                self._made.add(directory)
            found = (self._root / directory).lstat()
            if not is_directory(found):
                raise self._unsafe(path)

    @staticmethod
    def _unsafe(path: str) -> InstallError:
        return InstallError(
            "UNSAFE_PATH",
            f"Something that Sealcast did not write stands at {path[:200]!r}, or a directory above it is a link.",
            hint="Another program writes into the state directory. Give Sealcast a directory of its own.",
            path=path[:200],
        )


_JUNCTION = 0xA0000003
"""The tag of a Windows directory that leads elsewhere, unlike a link without any privilege (MOUNT_POINT)."""

_MAX_HANDLES = 200
"""Directory handles held at once; a default limit of 256 files (macOS) leaves room for the rest."""

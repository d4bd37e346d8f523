"""What a release is made from: a folder, or an archive, read into entries that are checked before anything is built.

Archives are only ever read member by member, never extracted: a publisher's archive is input like any other.
"""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Protocol

from ..errors import ObjectError, RepositoryError
from ..values import check_paths

READ_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the input: its path in the release, its size in bytes, whether it may be executed, how to open it."""

    path: str
    size: int
    executable: bool
    open: Callable[[], AbstractContextManager[IO[bytes]]]


class Input(Protocol):
    """A folder or archive, opened: its entries stay readable until it is closed."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The files, in path order."""
        ...


@dataclass(frozen=True, slots=True)
class _Opened:
    entries: tuple[Entry, ...]


@contextmanager
def open_input(path: Path) -> Iterator[Input]:
    """Open a folder, ``.zip``, ``.whl``, ``.tar`` or compressed ``.tar.*`` as the input of a release.

    Raises ``RepositoryError`` (NO_INPUT, EMPTY_INPUT, UNSAFE_TYPE, UNREADABLE) or ``ObjectError`` (UNSAFE_NAME).
    """
    try:
        if path.is_dir():
            yield _checked(path, list(_folder_entries(path)))
        elif not path.is_file():
            raise RepositoryError("NO_INPUT", f"{path} is neither a folder nor an archive.", path=str(path))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _checked(path, list(_zip_entries(path, archive)))
        else:
            with _open_tar(path) as tar:
                yield _checked(path, list(_tar_entries(path, tar)))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise _not_an_archive(path, str(error)) from error


def _checked(path: Path, entries: list[Entry]) -> Input:
    if not entries:
        raise RepositoryError("EMPTY_INPUT", f"{path} holds no file.", hint="Did the build run?", path=str(path))
    entries.sort(key=lambda entry: entry.path)
    for before, after in pairwise(entries):
        if before.path == after.path:
            raise ObjectError("UNSAFE_NAME", f"{path} holds {after.path!r} twice.", path=after.path)
    check_paths(entry.path for entry in entries)
    return _Opened(tuple(entries))


def _folder_entries(root: Path) -> Iterator[Entry]:
    pending = [root]
    while pending:
        folder = pending.pop()
        with _readable(folder), os.scandir(folder) as found:
            for item in found:
                path = Path(item.path)
                if item.is_symlink():
                    raise _unsafe_type(path, "a symbolic link")
                if item.is_dir():
                    pending.append(path)
                    continue
                facts = item.stat(follow_symlinks=False)
                if not stat.S_ISREG(facts.st_mode):
                    raise _unsafe_type(path, "neither a file nor a directory")
                executable = os.name == "posix" and bool(facts.st_mode & stat.S_IXUSR)
                yield Entry(path.relative_to(root).as_posix(), facts.st_size, executable, _opener(path))


def _opener(path: Path) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    def opened() -> IO[bytes]:
        with _readable(path):
            return path.open("rb")

    return opened


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say plainly which file or folder may not be read. Raises ``RepositoryError`` (UNREADABLE)."""
    try:
        yield
    except OSError as error:
        raise RepositoryError(
            "UNREADABLE",
            f"{path} cannot be read: {error.strerror}.",
            hint="Give yourself the right to read it, or leave it out of the folder.",
            path=str(path),
        ) from error


def _zip_entries(path: Path, archive: zipfile.ZipFile) -> Iterator[Entry]:
    for member in archive.infolist():
        if member.is_dir():
            continue
        mode = member.external_attr >> 16
        # Archives made on systems without modes leave the type out.
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
            raise _unsafe_type(path / member.filename, "not a plain file")
        if member.flag_bits & 1:
            raise _not_an_archive(path, f"{member.filename!r} in it is encrypted")
        yield Entry(member.filename, member.file_size, bool(mode & stat.S_IXUSR), _zip_opener(archive, member))


def _zip_opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    return lambda: archive.open(member)


def _open_tar(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path)
    except tarfile.ReadError as error:
        if path.name.endswith((".tar.zst", ".tzst")):
            return _open_tar_zst(path)
        raise _not_an_archive(path, "it is no tar or zip that this Python reads") from error


def _open_tar_zst(path: Path) -> tarfile.TarFile:
    """Open a zstd-compressed tar, unpacked into a temporary file, since members are read in any order."""
    import tempfile

    from ..packs.zstandard import zstd

    plain = tempfile.TemporaryFile()  # noqa: SIM115 - the tar file that is returned owns it
    try:
        with zstd.open(path, "rb") as packed:
            while chunk := packed.read(READ_SIZE):
                plain.write(chunk)
    except (zstd.ZstdError, EOFError) as error:
        plain.close()
        raise _not_an_archive(path, str(error)) from error
    plain.seek(0)
    return tarfile.open(fileobj=plain)


def _tar_entries(path: Path, archive: tarfile.TarFile) -> Iterator[Entry]:
    for member in archive:
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise _unsafe_type(path / member.name, "not a plain file")
        name = member.name.removeprefix("./")
        yield Entry(name, member.size, bool(member.mode & stat.S_IXUSR), _tar_opener(archive, member))


def _tar_opener(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    def opened() -> IO[bytes]:
        file = archive.extractfile(member)
        if file is None:
            raise tarfile.ReadError(f"{member.name} is not a file")
        return file

    return opened


def _unsafe_type(path: Path, kind: str) -> RepositoryError:
    return RepositoryError(
        "UNSAFE_TYPE",
        f"{path} is {kind}.",
        hint="A release holds plain files and directories only. Replace it by a copy, or leave it out.",
        path=str(path),
    )


def _not_an_archive(path: Path, why: str) -> RepositoryError:
    return RepositoryError(
        "NO_INPUT",
        f"{path} cannot be read as an archive: {why}.",
        hint="Give a folder, .zip, .whl, .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst.",
        path=str(path),
    )

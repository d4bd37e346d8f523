"""Archives as the input of a release: read member by member, never extracted by name.

A publisher's archive is input like any other. It is read once, from start to end, into one nameless file; what is
damaged, cut short, or means different things to different readers is refused.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from ..errors import RepositoryError
from ..packs.zstandard import zstd
from ..values import printable
from .entries import READ_SIZE, Entry, Read, unsafe_type

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second: a zip without members
_ZIP_END = b"PK\x05\x06"
_ZIP_END_SIZE = 22
_ZIP64 = 0xFFFF  # in place of a count: it is written elsewhere, with 64 bits
_COMPRESSED: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
    (b"\x28\xb5\x2f\xfd", zstd.open),
)

# What the standard library's readers raise on damaged input: a test damages archives in every way and adds to this.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    zstd.ZstdError,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,
    OverflowError,
    MemoryError,
    RecursionError,
)


@contextmanager
def archive_entries(path: Path, scratch: Path) -> Iterator[list[Entry]]:
    """Open the archive at ``path``, whose kind its first bytes tell, and give its files.

    Raises ``RepositoryError`` (BAD_ARCHIVE, UNSAFE_TYPE) or ``OSError``.
    """
    with tempfile.TemporaryFile(dir=scratch) as contents:
        try:
            entries = _entries(path, contents)
        except _DAMAGE as error:
            raise bad_archive(path, str(error) or type(error).__name__) from error
        except OSError as error:
            # No number: raised by a decompressor. EINVAL: the archive names a place before its start. The others are
            # the system's own: a full disk, a broken medium.
            if error.errno not in {None, errno.EINVAL}:
                raise
            raise bad_archive(path, str(error)) from error
        yield entries


def _entries(path: Path, contents: BinaryIO) -> list[Entry]:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_ZIP):
        with zipfile.ZipFile(path) as archive:
            _check_end(path, archive)
            return list(_zip_entries(path, archive, contents))
    unpack = next((unpack for magic, unpack in _COMPRESSED if start.startswith(magic)), _as_it_is)
    with unpack(path) as packed:
        shutil.copyfileobj(packed, contents, READ_SIZE)
    contents.seek(0)
    return list(_tar_entries(path, contents))


def _as_it_is(path: Path) -> BinaryIO:
    return path.open("rb")


def _check_end(path: Path, archive: zipfile.ZipFile) -> None:
    """Check that the zip ends where it says, and holds as many members as it says: zipfile looks at neither."""
    with path.open("rb") as file:
        file.seek(-_ZIP_END_SIZE - len(archive.comment), os.SEEK_END)
        end = file.read(_ZIP_END_SIZE)
    count = int.from_bytes(end[10:12], "little")
    if not end.startswith(_ZIP_END) or (count != _ZIP64 and count != len(archive.infolist()) & 0xFFFF):
        raise bad_archive(path, f"it is damaged: it lists {count} members, and {len(archive.infolist())} are found")


def _zip_entries(path: Path, archive: zipfile.ZipFile, contents: BinaryIO) -> Iterator[Entry]:
    lock = Lock()
    for member in archive.infolist():
        # The name as it is stored: zipfile cuts it at a NUL, and other readers do not.
        name, mode = member.orig_filename, member.external_attr >> 16
        # Archives made on systems without modes leave the type out.
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise unsafe_type(name, "not a plain file")
        if name.endswith("/"):
            if member.file_size:
                raise bad_archive(path, f"the directory {name!r} in it has contents")
            continue
        if member.flag_bits & 1:
            raise bad_archive(path, f"{name!r} in it is encrypted")
        start = contents.tell()
        with archive.open(member) as packed:
            shutil.copyfileobj(packed, contents, READ_SIZE)
        size = contents.tell() - start
        if size != member.file_size:
            raise bad_archive(path, f"{name!r} in it has {size} bytes and says it has {member.file_size}")
        yield Entry(name, size, bool(mode & stat.S_IXUSR), _part(contents, lock, start, size))


def _tar_entries(path: Path, contents: BinaryIO) -> Iterator[Entry]:
    end, lock = 0, Lock()
    with tarfile.open(fileobj=contents, mode="r:") as archive:
        for member in archive:
            end = member.offset_data
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise unsafe_type(member.name, "not a plain file")
            end += -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            # Everybody's tar writes ./name for what was packed as "."; it is the same file.
            name, mode = member.name.removeprefix("./"), member.mode
            read = _part(contents, lock, member.offset_data, member.size)
            yield Entry(name, member.size, bool(mode & stat.S_IXUSR), read)
    # tarfile takes a damaged header, and a file that ends too early, for the end of the archive.
    contents.seek(end)
    if contents.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise bad_archive(path, f"it is damaged or cut short at byte {end}, where its end mark should be")


def _part(contents: BinaryIO, lock: Lock, start: int, size: int) -> Read:
    def read(offset: int, length: int) -> bytes:
        with lock:  # several threads read members, and there is one position in the file
            contents.seek(start + offset)
            return contents.read(max(0, min(length, size - offset)))

    return read


def bad_archive(path: Path, why: str) -> RepositoryError:
    """Return what is raised for an archive that cannot be read whole."""
    return RepositoryError(
        "BAD_ARCHIVE",
        f"{printable(str(path))} cannot be read as an archive: {printable(why)}.",
        hint="Give a whole, unencrypted .zip, .whl, .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst.",
        path=printable(str(path)),
    )

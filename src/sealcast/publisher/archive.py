"""A release as one ordinary file, for people and for clients that know no packs: ``.tar.zst`` or ``.zip``.

The bytes depend on the release and the compressor alone: members in path order, no owner, one fixed date.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..files import sync_file
from ..model import File
from ..packs.zstandard import zstd
from .entries import READ_SIZE, Entry, source_changed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KINDS = ("tar.zst", "zip")

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

Members = Iterable[tuple[File, Entry]]
"""Each file as the manifest lists it, and where its bytes come from."""


def write_archive(place: Path, members: Members, kind: str, level: int) -> None:
    """Write the archive of ``members`` to ``place``, which must not exist.

    Raises ``RepositoryError`` (SOURCE_CHANGED) when a file is not what the manifest says; UNREADABLE; ``OSError``.
    """
    with place.open("xb") as file:
        if kind == "zip":
            _write_zip(file, members)
        else:
            _write_tar_zst(file, members, level)
        file.flush()
        sync_file(file.fileno())


def _write_tar_zst(file: BinaryIO, members: Members, level: int) -> None:
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: level,
        # libzstd writes other bytes with no workers than with some, and the same with any number of them.
        zstd.CompressionParameter.nb_workers: 2,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    with (
        zstd.ZstdFile(file, "wb", options=options) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for listed, entry in members:
            member = tarfile.TarInfo(listed.path)
            member.size, member.mode = listed.size, 0o755 if listed.executable else 0o644
            with io.BufferedReader(_Stream(_proved(listed, entry)), READ_SIZE) as content:
                tar.addfile(member, content)
                content.read(1)  # there is nothing left; it is at the end that the digest is compared


def _write_zip(file: BinaryIO, members: Members) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for listed, entry in members:
            member = zipfile.ZipInfo(listed.path, _ZIP_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.file_size = listed.size  # tells zipfile before it writes that 4 GiB will be exceeded
            member.create_system = 3  # Unix, so that modes are read on every system
            member.external_attr = (0o100755 if listed.executable else 0o100644) << 16
            with archive.open(member, "w") as out:
                for chunk in _proved(listed, entry):
                    out.write(chunk)


def _proved(listed: File, entry: Entry) -> Iterator[bytes]:
    """Yield the bytes of ``entry`` while they are those that were ``listed``. Raises as `write_archive` does."""
    digest = hashlib.sha256()
    for chunk in entry.chunks():
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != listed.sha256:
        raise source_changed(entry.path)


class _Stream(io.RawIOBase):
    """Chunks as the file that tarfile reads a member from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """See `io.RawIOBase.readable`."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """See `io.RawIOBase.readinto`."""
        target = memoryview(buffer)
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        part, self._rest = self._rest[: len(target)], self._rest[len(target) :]
        target[: len(part)] = part
        return len(part)

"""A release as one ordinary file, for people and for clients that know no packs: ``.tar.zst`` or ``.zip``.

The bytes depend on the release alone: members in path order, no owner, one fixed date.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from ..packs.zstandard import zstd
from .sources import READ_SIZE, Entry

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive_name(app: str, version: str, platform: str, kind: str) -> str:
    """Return the file name of a release's archive."""
    return f"{app}-{version}-{platform}.{kind}"


def write_archive(place: Path, entries: Iterable[Entry], kind: str, level: int) -> None:
    """Write the archive of ``entries`` to ``place``, which must not exist. Raises ``OSError``."""
    with place.open("xb") as file:
        if kind == "zip":
            _write_zip(file, entries)
        else:
            _write_tar_zst(file, entries, level)


def _write_tar_zst(file: BinaryIO, entries: Iterable[Entry], level: int) -> None:
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
        for entry in entries:
            member = tarfile.TarInfo(entry.path)
            member.size, member.mode = entry.size, 0o755 if entry.executable else 0o644
            with entry.open() as content:
                tar.addfile(member, content)


def _write_zip(file: BinaryIO, entries: Iterable[Entry]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            member = zipfile.ZipInfo(entry.path, _ZIP_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix, so that modes are read on every system
            member.external_attr = (0o100755 if entry.executable else 0o100644) << 16
            with entry.open() as content, archive.open(member, "w") as out:
                while chunk := content.read(READ_SIZE):
                    out.write(chunk)

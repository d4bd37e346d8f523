"""A release as one ordinary file, for people and for clients that know no packs: ``.tar.zst`` or ``.zip``.

The bytes depend on the release and the compressor alone: members in path order, no owner, one fixed date.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..files import sync_file
from ..model import File
from ..packs import tar
from .entries import Entry, source_changed

KINDS = ("tar.zst", "zip")

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

Members = Iterable[tuple[File, Entry]]
"""Each file as the manifest lists it, and where its bytes come from."""


def write_archive(place: Path, members: Members, kind: str, level: int, listed: bytes) -> None:
    """Write the archive of ``members`` to ``place``, which must not exist; a tar carries ``listed`` behind it.

    Raises ``RepositoryError`` (SOURCE_CHANGED) when a file is not what the manifest says; UNREADABLE; ``OSError``.
    """
    with place.open("xb") as file:
        if kind == "zip":
            _write_zip(file, members)
        else:
            _write_tar_zst(file, members, level)
            file.write(tar.list_frame(listed, level))
        file.flush()
        sync_file(file.fileno())


def _write_tar_zst(file: BinaryIO, members: Members, level: int) -> None:
    with tar.compressed(file, level) as packed:
        total = 0
        for listed, entry in members:
            head = tar.header(tar.Member(listed.path, listed.size, listed.executable))
            packed.write(head)
            for chunk in _proved(listed, entry):
                packed.write(chunk)
            rest = tar.padding(listed.size)
            packed.write(rest)
            total += len(head) + listed.size + len(rest)
        packed.write(tar.end(total))


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

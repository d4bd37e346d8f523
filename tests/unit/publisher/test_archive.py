"""Archives open with everybody's tools, hold what the release holds, and are the same wherever they are made."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealcast.errors import RepositoryError
from sealcast.model import File
from sealcast.packs.zstandard import zstd
from sealcast.publisher.archive import KINDS, write_archive
from sealcast.publisher.entries import READ_SIZE, Entry
from sealcast.values import content_of

FILES = {
    "bin/run": b"#!/bin/sh\n",
    "empty": b"",
    "large": os.urandom(READ_SIZE + 20_000) + b"end",
    "n" * 150 + "/long.txt": b"a long name",
    "ä ö 漢.txt": b"any script",
}


def members(files: dict[str, bytes] = FILES, changed: str = "") -> Iterator[tuple[File, Entry]]:
    for path, data in files.items():
        listed = File(path=path, size=len(data), sha256=content_of(data).sha256, executable=path == "bin/run")
        given = data[:-1] + b"!" if path == changed else data
        yield listed, Entry(path, len(data), listed.executable, lambda at, length, given=given: given[at : at + length])  # type: ignore[misc]


def test_a_tar_zst_holds_everything(tmp_path: Path) -> None:
    write_archive(tmp_path / "made", members(), "tar.zst", 3, b"listed")
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress((tmp_path / "made").read_bytes()))) as tar:
        found = tar.getmembers()
        assert [member.name for member in found] == list(FILES)
        for member in found:
            content = tar.extractfile(member)
            assert content is not None
            assert content.read() == FILES[member.name]
            assert member.isreg()
            assert member.mode == (0o755 if member.name == "bin/run" else 0o644)
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)


def test_a_zip_holds_everything(tmp_path: Path) -> None:
    write_archive(tmp_path / "made", members(), "zip", 3, b"")
    with zipfile.ZipFile(tmp_path / "made") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(FILES)
        for info in archive.infolist():
            assert archive.read(info) == FILES[info.filename]
            assert info.external_attr >> 16 == (0o100755 if info.filename == "bin/run" else 0o100644)
            assert (info.date_time, info.create_system) == ((1980, 1, 1, 0, 0, 0), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_each_time(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        write_archive(tmp_path / name, members(), kind, 3, b"listed")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("changed", ["bin/run", "large"])
def test_bytes_that_are_not_those_of_the_manifest_stop_it(tmp_path: Path, kind: str, changed: str) -> None:
    # The archive is signed: what was swapped between hashing and packing must not get in.
    with pytest.raises(RepositoryError) as caught:
        write_archive(tmp_path / "made", members(changed=changed), kind, 3, b"listed")
    assert (caught.value.code, caught.value.data["path"]) == ("SOURCE_CHANGED", changed)


def test_a_zip_member_of_over_4_gib_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is written is small; that zipfile is told the size beforehand is what lets it choose 64 bits.
    told: list[int] = []
    opened = zipfile.ZipFile.open

    def spying(self: zipfile.ZipFile, name: zipfile.ZipInfo, mode: str = "r", **rest: object) -> object:
        told.append(name.file_size)
        return opened(self, name, mode, **rest)  # type: ignore[call-overload]

    monkeypatch.setattr(zipfile.ZipFile, "open", spying)
    write_archive(tmp_path / "made", members({"a": b"12345"}), "zip", 3, b"")
    assert told == [5]


def test_it_never_writes_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_archive(tmp_path / "made", members(), "zip", 3, b"")
    assert (tmp_path / "made").read_bytes() == b"mine"

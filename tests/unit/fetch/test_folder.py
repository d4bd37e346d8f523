"""A site in a folder: the same promises as over the network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sealcast.errors import TransferError
from sealcast.fetch import FolderSource, open_source

DATA = bytes(range(256)) * 4000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "objects").mkdir(parents=True)
    (site / "objects/f.bin").write_bytes(DATA)
    (tmp_path / "secret").write_bytes(b"secret")
    return site


def refused(site: Path, path: str, *, limit: int = len(DATA), start: int = 0) -> TransferError:
    with pytest.raises(TransferError) as caught:
        b"".join(open_source(site).stream(path, limit=limit, start=start))
    return caught.value


def test_files_are_read_and_streamed(site: Path) -> None:
    source = open_source(str(site))
    assert source.location == str(site)
    assert source.read("objects/f.bin", limit=len(DATA)) == DATA
    pieces = list(source.stream("objects/f.bin", limit=len(DATA), start=1000))
    assert b"".join(pieces) == DATA[1000:]
    assert len(pieces) > 1
    assert list(source.stream("objects/f.bin", limit=len(DATA), start=len(DATA))) == []


def test_what_is_not_there_is_not_found(site: Path) -> None:
    for path in ("none", "objects", "objects/f.bin/below", "objects/none"):
        assert refused(site, path).code == "NOT_FOUND", path
    assert refused(site / "none", "x").code == "NOT_FOUND"


def test_unsafe_paths_are_refused_before_the_disk_is_touched(site: Path) -> None:
    for path in ("../secret", "/etc/passwd", "objects/../../secret", "C:/x", "CON", "a#b", "a%b", "a?b", "a\0b", ""):
        with pytest.raises(TransferError) as caught:
            FolderSource(site).stream(path, limit=10)
        assert caught.value.code == "UNSAFE_PATH", path


def test_size_and_start_are_bounded(site: Path) -> None:
    assert refused(site, "objects/f.bin", limit=len(DATA) - 1).code == "TOO_LARGE"
    with pytest.raises(TransferError):  # before the first piece, although that one would still fit
        next(open_source(site).stream("objects/f.bin", limit=len(DATA) - 1))
    assert refused(site, "objects/f.bin", start=len(DATA) + 1, limit=10**9).code == "BAD_RANGE"
    assert refused(site, "objects/f.bin", start=-1).code == "BAD_RANGE"


def test_a_file_that_grows_while_it_is_read_is_refused(site: Path) -> None:
    stream = open_source(site).stream("objects/f.bin", limit=len(DATA))
    next(stream)
    with (site / "objects/f.bin").open("ab") as file:
        file.write(b"more")
    with pytest.raises(TransferError) as caught:
        list(stream)
    assert caught.value.code == "TOO_LARGE"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_links_are_followed_inside_the_folder_only(site: Path) -> None:
    (site / "inside").symlink_to("objects/f.bin")
    (site / "outside").symlink_to("../secret")
    (site / "up").symlink_to("..", target_is_directory=True)
    (site / "circle").symlink_to("circle")
    assert open_source(site).read("inside", limit=len(DATA)) == DATA
    assert refused(site, "outside").code == "UNSAFE_PATH"
    assert refused(site, "up/secret").code == "UNSAFE_PATH"
    assert refused(site, "circle").code == "READ_FAILED"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_is_no_file_and_holds_nobody_up(site: Path) -> None:
    os.mkfifo(site / "pipe")
    assert refused(site, "pipe").code == "NOT_FOUND"


def test_what_the_disk_cannot_read_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", fail)
    error = refused(site, "objects/f.bin")
    assert error.code == "READ_FAILED"
    assert "Input/output error" in error.what
    assert refused(Path("a\0b"), "x").code == "READ_FAILED"

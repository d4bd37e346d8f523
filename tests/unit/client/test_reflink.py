"""Bytes shared on the disk: only where that cannot be told from a copy, and only what was hashed where it is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.client import assemble as module
from sealcast.client.assemble import WORTH_SHARING, Assembly
from sealcast.client.reflink import clone
from sealcast.client.stamp import stamp_holds
from tests.unit.client.test_slots import manifest_of

BIG = bytes(range(256)) * (WORTH_SHARING // 256)
FILES = {"big": BIG, "twin": BIG, "small": b"x"}


def test_a_file_system_clones_or_leaves_the_target_empty(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(BIG)
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        cloned = clone(source.fileno(), target.fileno())
    assert (tmp_path / "b").read_bytes() == (BIG if cloned else b"")


def test_other_systems_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert not clone(-1, -1)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's way of sharing")
def test_a_file_system_that_shares_is_asked_by_the_systems_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr("fcntl.ioctl", lambda *call: asked.append(call))
    assert clone(7, 8)
    assert asked == [(8, 0x40049409, 7)]


class Sharing:
    """A file system that shares: a clone is a copy that nobody can tell from it."""

    def __init__(self, spoil: Callable[[], object] = lambda: None) -> None:
        self.count = 0
        self._spoil = spoil

    def __call__(self, source: int, target: int) -> bool:
        self.count += 1
        self._spoil()
        os.lseek(source, 0, os.SEEK_SET)
        while data := os.read(source, 1 << 20):
            os.write(target, data)
        return True


def made(tmp_path: Path, source: Path) -> list[bool]:
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly:
        assembly._sharing = True
        taken = [assembly.take(number, source) for number, content in assembly.lacking.items() if content.size > 1]
        if all(taken):
            (small,) = assembly.lacking
            (tmp_path / "small").write_bytes(b"x")
            assert assembly.take(small, tmp_path / "small")
            assembly.finish()
            assembly.seal(b"manifest")
    return taken


def test_files_that_share_their_bytes_are_whole_and_stamped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sharing = Sharing()
    monkeypatch.setattr(module, "clone", sharing)
    (tmp_path / "source").write_bytes(BIG)
    assert made(tmp_path, tmp_path / "source") == [True]
    assert sharing.count == 2, "a small file is copied"
    assert {path.name: path.read_bytes() for path in (tmp_path / "x" / "files").iterdir()} == FILES
    assert stamp_holds(tmp_path / "x")
    assert (tmp_path / "x/files/big").stat().st_nlink == 1, "no two slots ever share a file that can be written to"


def test_a_source_that_changes_at_the_last_moment_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.write_bytes(BIG)
    monkeypatch.setattr(module, "clone", Sharing(lambda: source.write_bytes(BIG[::-1])))
    assert made(tmp_path, source) == [False]
    assert list((tmp_path / "x" / "files").iterdir()) == [], "nothing wrong stays"


def test_a_system_that_cannot_share_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(module, "clone", lambda *_: bool(asked.append(1)))
    (tmp_path / "source").write_bytes(BIG)
    assert made(tmp_path, tmp_path / "source") == [True]
    assert asked == [1]
    assert stamp_holds(tmp_path / "x")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links")
def test_what_is_no_file_gives_nothing_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "real").write_bytes(BIG)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("pipe", "link", "nothing"):
        assert made(_folder(tmp_path, name), tmp_path / name) == [False]


def _folder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / f"for-{name}"
    folder.mkdir()
    return folder


def test_a_disk_that_cannot_read_its_own_files_gives_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad sector under an old release must not stop the installation of a new one."""
    real = os.read

    def broken(handle: int, count: int) -> bytes:
        data = real(handle, count)
        if data.startswith(BIG[:64]) or not data:
            raise OSError(5, "Input/output error")
        return data

    (tmp_path / "source").write_bytes(BIG)
    monkeypatch.setattr(module, "clone", lambda *_: False)
    monkeypatch.setattr(module.os, "read", broken)
    assert made(tmp_path, tmp_path / "source") == [False]
    monkeypatch.setattr(module, "FRAME_OUTPUT_LIMIT", 10)
    assert made(_folder(tmp_path, "large"), tmp_path / "source") == [False]


def test_without_directory_handles_the_stamp_tells_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HAS_DIRECTORY_HANDLES", False)
    (tmp_path / "source").write_bytes(BIG)
    assert made(tmp_path, tmp_path / "source") == [True]
    assert stamp_holds(tmp_path / "x")

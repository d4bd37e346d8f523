from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from sealcast.client.slots import Slots
from sealcast.client.stamp import stamp_holds, take_looks, write_stamp
from tests.unit.client.test_slots import Kit


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


linking = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


@linking
@pytest.mark.parametrize("name", ["files/sub", "files", "."])
def test_a_folder_that_moved_away_behind_a_link_is_found_out(kit: Kit, tmp_path: Path, name: str) -> None:
    """Its files keep inode and times; but whoever owns the other place could change them unseen."""
    digest = kit.install()
    folder = kit.slots.folder(digest) / name
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert not stamp_holds(kit.slots.folder(digest))


@linking
def test_files_behind_a_linked_folder_are_not_the_release(kit: Kit, tmp_path: Path) -> None:
    digest = kit.install()
    folder = kit.slots.files(digest) / "sub"
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert not kit.slots.is_intact(digest)


def test_files_that_an_app_adds_change_no_look(kit: Kit) -> None:
    digest = kit.install()
    (kit.slots.files(digest) / "sub" / "cache").write_bytes(b"x")
    assert stamp_holds(kit.slots.folder(digest))


def test_what_changes_while_it_is_hashed_is_not_stamped(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = kit.install()
    kit.slots.distrust(digest)
    time.sleep(0.02)  # a file system's clock moves in steps of some milliseconds
    verify = Slots.verify

    def verify_then_change(slots: Slots, manifest: str) -> None:
        verify(slots, manifest)
        (slots.files(manifest) / "sub/data").write_bytes(b"evil data")

    monkeypatch.setattr(Slots, "verify", verify_then_change)
    kit.slots.is_intact(digest)
    monkeypatch.undo()
    assert not kit.slots.is_intact(digest)


def test_looks_that_are_known_are_not_taken_again(tmp_path: Path) -> None:
    (tmp_path / "files" / "a").mkdir(parents=True)
    (tmp_path / "files" / "a" / "b").write_bytes(b"x")
    looks = take_looks(tmp_path, ["a/b"], {"a/b": "as it was"})
    assert looks["a/b"] == "as it was"
    assert set(looks) == {".", "a", "a/b"}


def test_paths_with_spaces_are_told_apart_from_looks(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a b  c").write_bytes(b"x")
    (tmp_path / "manifest.json").write_bytes(b"{}")
    write_stamp(tmp_path, take_looks(tmp_path, ["a b  c"]))
    assert stamp_holds(tmp_path)
    (tmp_path / "files" / "a b  c").write_bytes(b"xy")
    assert not stamp_holds(tmp_path)


def test_a_stamp_of_an_earlier_version_costs_one_hashing(kit: Kit) -> None:
    """It said nothing of itself, so that a part of it could not be told from the whole."""
    digest = kit.install()
    stamp = kit.slots.folder(digest) / "stamp"
    stamp.write_bytes(stamp.read_bytes().partition(b"\n")[2])
    assert not stamp_holds(kit.slots.folder(digest))
    assert kit.slots.is_intact(digest)
    assert stamp_holds(kit.slots.folder(digest))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="threads that race are the same everywhere; once is enough")
def test_a_file_that_a_thread_changes_before_its_stamp_is_found_at_the_first_start(kit: Kit) -> None:
    """What is stamped is how a file looked to whoever wrote it, not how it looks when all are written."""
    from sealcast.client import assemble

    sealed = threading.Event()
    seal = assemble.Assembly.seal

    def change_then_seal(assembly: assemble.Assembly, manifest: bytes) -> None:
        path = assembly.folder / "files" / "sub" / "data"
        before = path.stat()
        while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of a file system moves in steps
            path.write_bytes(b"evil data")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        sealed.set()
        seal(assembly, manifest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble.Assembly, "seal", change_then_seal)
        digest = kit.install()
    assert sealed.is_set()
    assert not kit.slots.is_intact(digest)


@pytest.mark.parametrize("cut", ["emptied", "zeroed", "half of it", "all but a byte"])
def test_a_stamp_that_is_not_whole_vouches_for_nothing(kit: Kit, cut: str) -> None:
    digest = kit.install()
    stamp = kit.slots.folder(digest) / "stamp"
    whole = stamp.read_bytes()
    stamp.write_bytes(
        {"emptied": b"", "zeroed": bytes(len(whole)), "half of it": whole[: len(whole) // 2]}.get(cut, whole[:-1])
    )
    assert not stamp_holds(kit.slots.folder(digest))
    assert kit.slots.is_intact(digest)
    assert stamp.read_bytes() == whole, "hashed, and stamped again"

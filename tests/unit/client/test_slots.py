from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from sealcast.client.assemble import Assembly
from sealcast.client.shape import read_release, write_release
from sealcast.client.slots import Slots, empty
from sealcast.client.stamp import stamp_holds
from sealcast.documents import encode
from sealcast.errors import InstallError
from sealcast.model import File, Manifest
from sealcast.packs import Piece
from sealcast.values import content_of
from tests.unit.client.sites import release

CONTENTS = {"run.sh": b"#!/bin/sh\n", "sub/data": b"some data", "sub/empty": b""}


def manifest_of(contents: dict[str, bytes]) -> Manifest:
    files = tuple(
        File(path=path, size=len(data), sha256=content_of(data).sha256, executable=path.endswith(".sh"))
        for path, data in sorted(contents.items())
    )
    return Manifest(app="demo", version="1", platform="any", encoder={}, files=files, packs=())


class Kit:
    def __init__(self, folder: Path) -> None:
        for name in ("slots", "trash", "staging"):
            (folder / name).mkdir()
        self.folder = folder
        self.slots = Slots(folder / "slots", folder / "trash")

    def install(self, contents: dict[str, bytes] = CONTENTS) -> str:
        manifest = manifest_of(contents)
        data = encode(manifest)
        digest = content_of(data).sha256
        with Assembly(self.folder / "staging" / digest[:32], manifest) as assembly:
            for number, content in enumerate(manifest.contents):
                path = manifest.paths[content.sha256][0]
                assembly.put(Piece(number, 0, content.size), contents[path])
            assembly.finish()
            assembly.seal(data)
        self.slots.install(assembly.folder, digest)
        return digest


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def test_a_slot_is_whole_and_found(kit: Kit) -> None:
    digest = kit.install()
    assert list(kit.slots) == [digest]
    assert (kit.slots.files(digest) / "sub/data").read_bytes() == b"some data"
    assert kit.slots.manifest(digest) == manifest_of(CONTENTS)
    assert kit.slots.is_intact(digest)
    kit.slots.verify(digest)
    assert not list((kit.folder / "staging").iterdir())


def test_an_untouched_slot_is_not_hashed_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = kit.install()
    monkeypatch.setattr(Slots, "verify", lambda *_: pytest.fail("hashed"))
    assert kit.slots.is_intact(digest)


def test_a_slot_that_only_looks_changed_is_hashed_and_stamped_again(kit: Kit) -> None:
    digest = kit.install()
    os.utime(kit.slots.files(digest) / "sub/data", (1, 1))
    assert not stamp_holds(kit.slots.folder(digest))
    assert kit.slots.is_intact(digest)
    assert stamp_holds(kit.slots.folder(digest))


def test_a_disk_that_takes_no_stamp_makes_no_slot_bad(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = kit.install()
    os.utime(kit.slots.files(digest) / "sub/data", (1, 1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sealcast.client.stamp.write_checked", full)
    assert kit.slots.is_intact(digest)


def edit_unseen(target: Path) -> None:
    before = target.stat()
    target.write_bytes(b"some dAta")
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_file(target: Path) -> None:
    target.unlink()
    target.write_bytes(b"some dAta")


def link_to_itself(target: Path) -> None:
    target.rename(target.with_name("elsewhere"))
    target.symlink_to(target.with_name("elsewhere"))


def replace_by_folder(target: Path) -> None:
    target.unlink()
    target.mkdir()


def swap_manifest(target: Path) -> None:
    slot = target.parents[2]
    (slot / "manifest.json").write_bytes(encode(manifest_of({"a": b"b"})))
    (slot / "stamp").unlink()


def spoil_stamp(target: Path) -> None:
    (target.parents[2] / "stamp").write_bytes(b"\xff\xff")
    target.write_bytes(b"evil")


HARM = {
    "bytes, size and time kept": edit_unseen,
    "bytes, in place of the file": replace_file,
    "longer": lambda target: target.write_bytes(b"some data and more"),
    "missing": Path.unlink,
    "a link to its own bytes": link_to_itself,
    "a folder": replace_by_folder,
    "executable": lambda target: target.chmod(0o755),
    "not executable": lambda target: (target.parents[1] / "run.sh").chmod(0o644),
    "no manifest": lambda target: (target.parents[2] / "manifest.json").unlink(),
    "another manifest": swap_manifest,
    "no stamp": spoil_stamp,
}


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes")
@pytest.mark.parametrize("how", HARM)
def test_a_verified_slot_that_was_changed_is_found_out(kit: Kit, how: str) -> None:
    digest = kit.install()
    time.sleep(0.02)  # a file system's clock moves in steps of some milliseconds
    HARM[how](kit.slots.files(digest) / "sub/data")
    assert not kit.slots.is_intact(digest)
    with pytest.raises(InstallError) as caught:
        kit.slots.verify(digest)
    assert caught.value.code == "SLOT_CHANGED"


def test_what_an_app_adds_is_its_own_affair(kit: Kit) -> None:
    digest = kit.install()
    (kit.slots.files(digest) / "__pycache__").mkdir()
    (kit.slots.files(digest) / "log").write_bytes(b"line")
    assert kit.slots.is_intact(digest)


def test_a_slot_is_not_there_until_it_is(kit: Kit) -> None:
    assert not kit.slots.is_intact("a" * 64)
    with pytest.raises(InstallError):
        kit.slots.manifest_bytes("a" * 64)


def test_installing_replaces_what_was_damaged(kit: Kit) -> None:
    digest = kit.install()
    (kit.slots.files(digest) / "sub/data").write_bytes(b"bad")
    assert kit.install() == digest
    assert kit.slots.is_intact(digest)
    assert [path.name for path in (kit.folder / "trash").iterdir()] == [digest[:32]], "for a program that runs from it"
    kit.slots.clean_up({digest[:32]})
    assert not list((kit.folder / "trash").iterdir())
    assert kit.slots.is_intact(digest)


def test_folders_that_are_no_slots_are_passed_over(kit: Kit) -> None:
    digest = kit.install()
    (kit.folder / "slots" / "notes").mkdir()
    (kit.folder / "slots" / ("a" * 32)).mkdir()
    wrong = kit.folder / "slots" / ("b" * 32)
    shutil.copytree(kit.slots.folder(digest), wrong)
    assert list(kit.slots) == [digest]


def test_row_17_clean_up_keeps_what_it_is_told_and_sweeps_the_rest(kit: Kit) -> None:
    kept, gone = kit.install(), kit.install({"x": b"y"})
    (kit.folder / "trash" / "half").mkdir()
    (kit.folder / "trash" / "half" / "file").write_bytes(b"")
    kit.slots.clean_up({kept[:32]})
    assert list(kit.slots) == [kept]
    assert not kit.slots.folder(gone).exists()
    assert not list((kit.folder / "trash").iterdir())


def test_clean_up_finishes_what_a_kill_left_in_the_trash(kit: Kit) -> None:
    digest = kit.install()
    shutil.copytree(kit.slots.folder(digest), kit.folder / "trash" / digest[:32])
    kit.slots.clean_up(())
    assert not list((kit.folder / "trash").iterdir())
    assert not list(kit.slots)


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_emptying_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    (tmp_path / "trash").mkdir()
    (tmp_path / "trash" / "link").symlink_to(outside)
    (tmp_path / "trash" / "file").write_bytes(b"")
    empty(tmp_path / "trash")
    assert (outside / "precious").exists()
    assert not list((tmp_path / "trash").iterdir())


def test_a_release_is_read_back(tmp_path: Path) -> None:
    write_release(tmp_path, release(3, native=">=1"))
    assert read_release(tmp_path) == release(3, native=">=1")


@pytest.mark.parametrize("data", [None, b"", b"{}", b"[]"])
def test_an_embedded_release_that_is_not_whole_is_named(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "release.json").write_bytes(data)
    with pytest.raises(InstallError) as caught:
        read_release(tmp_path)
    assert caught.value.code == "BAD_EMBEDDED"


class InUseError(PermissionError):
    """What Windows says of a folder that a program runs from."""

    winerror = 32


def test_a_slot_that_a_program_runs_from_stays(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = kit.install()
    monkeypatch.setattr("sealcast.client.exchange.exchange", lambda *_: False)
    monkeypatch.setattr("sealcast.files._PAUSES", (0.0, 0.0))

    def refuse(source: Path, target: Path) -> None:
        raise InUseError(13, "The process cannot access the file", str(source), None, str(target))

    monkeypatch.setattr("sealcast.files.os.replace", refuse)
    kit.slots.clean_up(())
    assert list(kit.slots) == [digest], "until the next time"
    monkeypatch.setattr("sealcast.client.slots.move", refuse)
    with pytest.raises(InstallError) as caught:
        kit.slots.install(kit.folder / "staging", digest)
    assert caught.value.code == "SLOT_IN_USE"
    assert kit.slots.is_intact(digest)


def test_a_folder_that_the_system_refuses_to_move_is_an_error(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.install()

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sealcast.client.slots.os.replace", refuse)
    with pytest.raises(PermissionError):
        kit.slots.clean_up(())


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such mode there")
def test_a_folder_that_a_program_made_read_only_is_deleted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would stay for ever, and stop the next repair of the release that it was in."""
    locked = tmp_path / "trash" / "slot" / "files" / "cache" / "deep"
    locked.mkdir(parents=True)
    (locked / "x").write_bytes(b"x")
    (locked / "away").symlink_to(tmp_path, target_is_directory=True)
    for folder in (locked, locked.parent):
        folder.chmod(0o555)
    real = os.unlink

    def unlink(path: str, *, dir_fd: int | None = None) -> None:  # as for anybody but root, who may run the tests
        if path in {"x", "away"} and dir_fd is not None and not os.fstat(dir_fd).st_mode & 0o200:
            raise PermissionError(13, "Permission denied", path)
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    mode = tmp_path.stat().st_mode
    empty(tmp_path / "trash")
    assert list((tmp_path / "trash").iterdir()) == []
    assert tmp_path.stat().st_mode == mode, "no link was followed"

"""Releases put together from good and from hostile parts."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.client import assemble as module
from sealcast.client import flush
from sealcast.client.assemble import Assembly
from sealcast.client.stamp import stamp_holds
from sealcast.errors import InstallError, ObjectError, SealcastError
from sealcast.files import Tree
from sealcast.model import File, Manifest, read_manifest
from sealcast.packs import Piece
from sealcast.values import content_of
from tests.unit.client.test_slots import manifest_of

FILES = {"a/one": b"first", "a/two": b"second", "b/one": b"first", "empty": b"", "run.sh": b"#!/bin/sh"}


def number_of(manifest: Manifest, data: bytes) -> int:
    return manifest.contents.index(content_of(data))


def put_all(assembly: Assembly, manifest: Manifest, files: dict[str, bytes]) -> None:
    for number, content in enumerate(manifest.contents):
        assembly.put(Piece(number, 0, content.size), files[manifest.paths[content.sha256][0]])


def read_tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_every_path_gets_its_content(tmp_path: Path) -> None:
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly:
        assert len(assembly.lacking) == 3
        put_all(assembly, manifest, FILES)
        assert assembly.lacking == {}
        assert assembly.finish() == {}
        assembly.seal(b"manifest")
    assert read_tree(tmp_path / "x" / "files") == FILES
    assert (tmp_path / "x" / "manifest.json").read_bytes() == b"manifest"
    assert stamp_holds(tmp_path / "x")


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_only_what_is_listed_so_may_be_executed(tmp_path: Path) -> None:
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly:
        put_all(assembly, manifest, FILES)
        assembly.finish()
    modes = {path.name: path.stat().st_mode & 0o7111 for path in (tmp_path / "x" / "files").rglob("*o*")}
    assert modes == {"one": 0, "two": 0}
    assert (tmp_path / "x" / "files" / "run.sh").stat().st_mode & 0o100


def test_many_files_do_not_exhaust_the_handles(tmp_path: Path) -> None:
    files = {f"{number % 7}/{number:04}": b"%d" % number for number in range(300)}
    manifest = manifest_of(files)
    with Assembly(tmp_path / "x", manifest) as assembly:
        for number, content in enumerate(manifest.contents):
            assembly.put(Piece(number, 0, content.size), files[manifest.paths[content.sha256][0]])
            assert len(assembly._flusher._under_way) < flush.OPEN
        assembly.finish()
    assert read_tree(tmp_path / "x" / "files") == files


def test_a_content_that_comes_in_pieces_in_any_order(tmp_path: Path) -> None:
    files = {"big": b"abcdefghij", "copy": b"abcdefghij"}
    manifest = manifest_of(files)
    with Assembly(tmp_path / "x", manifest) as assembly:
        for offset in (6, 0, 3):
            data = files["big"][offset : offset + (4 if offset == 6 else 3)]
            assembly.put(Piece(0, offset, len(data)), data)
        assembly.finish()
    assert read_tree(tmp_path / "x" / "files") == files


def test_wrong_bytes_are_refused_before_they_have_a_name(tmp_path: Path) -> None:
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly, pytest.raises(ObjectError) as caught:
        assembly.put(Piece(number_of(manifest, b"first"), 0, 5), b"evil!")
    assert caught.value.code == "BAD_PACK"
    assert read_tree(tmp_path / "x" / "files") == {}


def test_pieces_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    manifest = manifest_of({"big": b"abcdefghij"})
    with Assembly(tmp_path / "x", manifest) as assembly:
        assembly.put(Piece(0, 0, 5), b"abcde")
        with pytest.raises(ObjectError) as caught:
            assembly.put(Piece(0, 0, 5), b"abcde")
    assert caught.value.code == "BAD_PACK"


def test_a_content_that_comes_twice_is_refused(tmp_path: Path) -> None:
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly:
        put_all(assembly, manifest, FILES)
        with pytest.raises(ObjectError) as caught:
            put_all(assembly, manifest, FILES)
    assert caught.value.code == "BAD_PACK"


def test_a_missing_content_is_refused(tmp_path: Path) -> None:
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly, pytest.raises(ObjectError) as caught:
        assembly.finish()
    assert caught.value.code == "BAD_PACK"


def test_an_empty_file_with_the_digest_of_another_is_refused(tmp_path: Path) -> None:
    file = File(path="empty", size=0, sha256="a" * 64)
    manifest = Manifest(app="demo", version="1", platform="any", encoder={}, files=(file,), packs=())
    with Assembly(tmp_path / "x", manifest) as assembly, pytest.raises(ObjectError) as caught:
        assembly.finish()
    assert caught.value.code == "BAD_PACK"


def test_blank_contents_are_told_when_they_are_made(tmp_path: Path) -> None:
    manifest = manifest_of({"a": b"known", "b": b"stand-in of a content"})
    blank = number_of(manifest, b"stand-in of a content")
    made = b"what the delta made.."
    with Assembly(tmp_path / "x", manifest, frozenset({blank})) as assembly:
        assembly.put(Piece(blank, 0, len(made)), made)
        assembly.put(Piece(1 - blank, 0, 5), b"known")
        assert assembly.finish() == {blank: content_of(made).sha256}
    assert (tmp_path / "x" / "files" / "b").read_bytes() == made


# ------------------------------------------------------------------------------------- from other releases' files


@pytest.mark.parametrize("limit", [3, 1000], ids=["in pieces", "whole"])
def test_a_file_of_another_release_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "FRAME_OUTPUT_LIMIT", limit)
    (tmp_path / "source").write_bytes(b"first")
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly:
        assert assembly.take(number_of(manifest, b"first"), tmp_path / "source")
    assert read_tree(tmp_path / "x" / "files") == {"a/one": b"first", "b/one": b"first"}


@pytest.mark.parametrize("limit", [3, 1000], ids=["in pieces", "whole"])
@pytest.mark.parametrize("there", [None, b"firSt", b"first and more", b"", "folder"])
def test_a_file_that_is_not_what_it_was_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, there: bytes | str | None
) -> None:
    monkeypatch.setattr(module, "FRAME_OUTPUT_LIMIT", limit)
    if isinstance(there, bytes):
        (tmp_path / "source").write_bytes(there)
    elif there:
        (tmp_path / "source").mkdir()
    manifest = manifest_of(FILES)
    number = number_of(manifest, b"first")
    with Assembly(tmp_path / "x", manifest) as assembly:
        assert not assembly.take(number, tmp_path / "source")
        assert number in assembly.lacking
    assert read_tree(tmp_path / "x" / "files") == {}


# --------------------------------------------------------------------------------------------------- hostile names

UNSAFE = st.sampled_from(
    [
        "..", "../x", "a/../../x", "/etc/passwd", "C:x", "C:/x", "a\\b", "a\0b", "con", "CON.txt", "nul", "x.", "x ",
        "a//b", "./a", "a/.", "", "\u202eabc", "e\u0301", "a\nb", "LPT1", "com9.tar", "aux/x", " a",
        "~", "a:b", "*", "a|b",
    ]
)  # fmt: skip


@given(name=UNSAFE | st.text(max_size=12))
def test_whatever_a_manifest_names_nothing_lands_outside(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    file = {"path": name, "size": 1, "sha256": content_of(b"x").sha256}
    fields = {"app": "demo", "version": "1", "platform": "any", "encoder": {}, "files": [file], "packs": []}
    data = json.dumps({"type": "sealcast/manifest/1", **fields}).encode()
    try:
        manifest = read_manifest(data)
    except SealcastError:
        return
    with Assembly(folder / "x", manifest) as assembly:
        assembly.put(Piece(0, 0, 1), b"x")
        assembly.finish()
    assert [path.name for path in folder.iterdir()] == ["x"]
    assert list(read_tree(folder / "x" / "files")) == [name]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
@pytest.mark.parametrize("planted", ["a", "a/one"])
def test_a_link_planted_in_the_staging_folder_stops_it(tmp_path: Path, planted: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "one").write_bytes(b"precious")
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly:
        place = tmp_path / "x" / "files" / planted
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(outside if planted == "a" else outside / "one")
        with pytest.raises(InstallError) as caught:
            put_all(assembly, manifest, FILES)
    assert caught.value.code == "UNSAFE_PATH"
    assert (outside / "one").read_bytes() == b"precious"
    assert [path.name for path in outside.iterdir()] == ["one"]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_folder_swapped_for_a_link_by_a_racing_thread_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    files = {f"d/{number:03}": b"%d" % number for number in range(200)}
    manifest = manifest_of(files)
    stop = threading.Event()

    def swap() -> None:
        place = tmp_path / "x" / "files" / "d"
        while not stop.is_set():
            try:
                place.rename(tmp_path / "moved")
                place.symlink_to(outside)
                place.unlink()
                (tmp_path / "moved").rename(place)
            except OSError:
                continue

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        with Assembly(tmp_path / "x", manifest) as assembly:
            put_all(assembly, manifest, files)
            assembly.finish()
    except (SealcastError, OSError):
        pass  # being stopped is fine; writing outside is not
    finally:
        stop.set()
        thread.join()
    assert not list(outside.iterdir())


def test_a_disk_that_fails_to_sync_fails_the_assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(flush, "sync_file", fail)
    manifest = manifest_of(FILES)
    with Assembly(tmp_path / "x", manifest) as assembly:
        put_all(assembly, manifest, FILES)
        with pytest.raises(OSError, match="Input/output"):
            assembly.finish()


def test_a_failure_is_heard_of_before_many_more_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(flush, "sync_file", fail)
    files = {f"{number:04}": b"%d" % number for number in range(300)}
    manifest = manifest_of(files)
    with Assembly(tmp_path / "x", manifest) as assembly:
        with pytest.raises(OSError, match="No space"):
            put_all(assembly, manifest, files)
        assert len(assembly.lacking) > 300 - 2 * flush.OPEN


def test_leaving_early_closes_every_handle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = manifest_of({"big": b"abcdefghij", "small": b"x"})
    handles: list[int] = []
    honest = Tree.create

    def noted(tree: Tree, path: str, *, executable: bool = False) -> int:
        handles.append(honest(tree, path, executable=executable))
        return handles[-1]

    monkeypatch.setattr(Tree, "create", noted)
    with Assembly(tmp_path / "x", manifest) as assembly:
        assembly.put(Piece(0, 0, 5), b"abcde")
        assembly.put(Piece(1, 0, 1), b"x")
        assert len(handles) == 2
    for handle in handles:
        with pytest.raises(OSError):  # noqa: PT011 - closed
            os.fstat(handle)


def test_a_file_that_cannot_be_read_gives_nothing(tmp_path: Path) -> None:
    """As from a disk that breaks: whoever wanted its bytes takes another route."""
    (tmp_path / "written").write_bytes(b"x")
    handle = os.open(tmp_path / "written", os.O_WRONLY)
    try:
        assert module._read(handle, 10) is None
    finally:
        os.close(handle)

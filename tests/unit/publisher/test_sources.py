"""Folders as input: plain files only, checked names, and nothing that changes under our hands."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.errors import ObjectError, RepositoryError, SealcastError
from sealcast.publisher import entries as entries_module
from sealcast.publisher.entries import READ_SIZE, Entry
from sealcast.publisher.sources import open_input
from tests.names import FINE, HOSTILE, Hostile
from tests.unit.publisher.workshop import write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "dist", {"a.txt": "a", "sub/b.txt": "bb"})


def read(path: Path) -> dict[str, tuple[bytes, bool]]:
    with open_input(path, path.parent) as entries:
        return {entry.path: (b"".join(entry.chunks()), entry.executable) for entry in entries}


def refusal(path: Path) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        read(path)
    return caught.value


def test_files_come_in_path_order_with_bytes_and_executable_bit(folder: Path) -> None:
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "empty").touch()
    write(folder, {"sub.txt": "between sub and sub/"})
    found = read(folder)
    assert list(found) == ["a.txt", "empty", "run.sh", "sub.txt", "sub/b.txt"]
    assert found["sub/b.txt"] == (b"bb", False)
    assert found["empty"] == (b"", False)
    assert found["run.sh"] == (b"#!/bin/sh\n", os.name == "posix")


def test_a_file_of_many_chunks_is_read_whole(folder: Path) -> None:
    data = os.urandom(2 * READ_SIZE)  # just as much as two reads give
    (folder / "large").write_bytes(data)
    (folder / "larger").write_bytes(data + b"!")
    found = read(folder)
    assert found["large"][0] == data
    assert found["larger"][0] == data + b"!"


def test_a_range_is_read_from_its_offset(folder: Path) -> None:
    (folder / "digits").write_bytes(b"0123456789")
    with open_input(folder, folder) as entries:
        digits = next(entry for entry in entries if entry.path == "digits")
        assert digits.read(3, 4) == b"3456"
        assert digits.read(8, 100) == b"89"
        assert digits.read(20, 5) == b""


def test_every_fine_name_is_taken(tmp_path: Path) -> None:
    for number, name in enumerate(FINE):
        folder = write(tmp_path / str(number), {name: "x"})
        assert list(read(folder)) == [name]


def refused(folder: Path) -> bool:
    """Whether the folder is refused for a name in it; anything else that is raised fails the test."""
    try:
        read(folder)
    except ObjectError as error:
        return error.code == "UNSAFE_NAME"
    return False


def can_be_made(case: Hostile) -> bool:
    """Whether a folder on Linux can hold these names at all; archives can hold them all."""
    if len(set(case.paths)) < len(case.paths):
        return False
    for path in case.paths:
        parts = path.split("/")
        try:
            encoded = [os.fsencode(part) for part in parts]
        except UnicodeEncodeError:
            return False
        if {"", ".", ".."} & set(parts) or any(b"\0" in part or len(part) > 255 for part in encoded):
            return False
    return all(len(path) < 3000 for path in case.paths)


def test_every_hostile_name_is_refused(tmp_path: Path) -> None:
    tried, taken = 0, []
    for number, case in enumerate(filter(can_be_made, HOSTILE)):
        try:
            folder = write(tmp_path / str(number), dict.fromkeys(case.paths, "x"))
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # a file where a directory is needed: no folder can hold it
        tried += 1
        if not refused(folder):
            taken.append(case)
    assert tried > 150
    assert taken == []


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / os.fsdecode(b"caf\xe9")).touch()
    error = refusal(tmp_path / "dist")
    assert error.code == "UNSAFE_NAME"
    str(error).encode()  # and can be printed


@pytest.mark.parametrize("missing", ["nothing", "dist/a.txt/nothing"])
def test_nothing_there(folder: Path, missing: str) -> None:
    assert refusal(folder.parent / missing).code == "NO_INPUT"


@pytest.mark.parametrize("empty", [(), ("only/folders/in/it",)])
def test_no_file_in_it(tmp_path: Path, empty: tuple[str, ...]) -> None:
    (tmp_path / "dist").mkdir()
    for name in empty:
        (tmp_path / "dist" / name).mkdir(parents=True)
    assert refusal(tmp_path / "dist").code == "EMPTY_INPUT"


def make_symlink(place: Path) -> None:
    place.symlink_to("a.txt")


def make_link_to_folder(place: Path) -> None:
    place.symlink_to("sub", target_is_directory=True)


def make_link_out(place: Path) -> None:
    place.symlink_to("/etc/passwd")


def make_dangling(place: Path) -> None:
    place.symlink_to("nowhere")


def make_fifo(place: Path) -> None:
    os.mkfifo(place)


def make_socket(place: Path) -> None:
    here = Path.cwd()
    os.chdir(place.parent)  # a socket's path may not be long
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(place.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    "make", [make_symlink, make_link_to_folder, make_link_out, make_dangling, make_fifo, make_socket]
)
def test_anything_but_files_and_directories_is_refused(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder / "sub" / "odd")
    error = refusal(folder)
    assert (error.code, error.data["path"]) == ("UNSAFE_TYPE", "sub/odd")


def test_a_device_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.lstat

    def as_device(path: str) -> os.stat_result:
        facts = list(real(path))
        if path.endswith("a.txt"):
            facts[0] = stat.S_IFCHR | 0o600
        return os.stat_result(facts)

    monkeypatch.setattr(os, "lstat", as_device)
    assert refusal(folder).code == "UNSAFE_TYPE"


def test_a_junction_is_a_link_though_windows_calls_it_a_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Junction:
        st_mode = stat.S_IFDIR | 0o777
        st_reparse_tag = 0xA0000003

    monkeypatch.setattr(os, "lstat", lambda path: Junction())
    assert refusal(folder).code == "UNSAFE_TYPE"


def test_the_input_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(folder, target_is_directory=True)
    assert list(read(tmp_path / "latest")) == ["a.txt", "sub/b.txt"]


@pytest.mark.parametrize("what", ["a.txt", "sub"])
def test_what_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    # Whoever runs this may be root, to whom modes mean nothing.
    def refuse(real: Callable[..., object]) -> Callable[..., object]:
        def opened(path: object, *rest: object, **named: object) -> object:
            if str(path).endswith(what):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *rest, **named)

        return opened

    monkeypatch.setattr(os, "open", refuse(os.open))
    monkeypatch.setattr(os, "scandir", refuse(os.scandir))
    error = refusal(folder)
    assert error.code == "UNREADABLE"
    assert str(error.data["path"]).rstrip("/") == what
    assert "Permission denied" in error.what


def test_a_name_in_a_message_cannot_speak_to_the_terminal(folder: Path) -> None:
    (folder / "\x1b[2J").symlink_to("a.txt")
    error = refusal(folder)
    assert "\x1b" not in error.what
    assert "\x1b" not in str(error.data["path"])


# ------------------------------------------------------------------------------------------ what changes meanwhile


def grow(place: Path) -> None:
    place.write_bytes(b"much longer")


def shrink(place: Path) -> None:
    place.write_bytes(b"")


def vanish(place: Path) -> None:
    place.unlink()


def become_link(place: Path) -> None:
    place.unlink()
    place.symlink_to("/etc/hostname")


def become_folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def become_fifo(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)  # opening it the plain way would wait for ever


@pytest.mark.parametrize("change", [grow, shrink, vanish, become_link, become_folder, become_fifo])
def test_a_file_that_changes_after_it_was_listed(folder: Path, change: Callable[[Path], None]) -> None:
    with open_input(folder, folder) as entries:
        change(folder / "a.txt")
        with pytest.raises(RepositoryError) as caught:
            list(entries[0].chunks())
    assert (caught.value.code, caught.value.data["path"]) == ("SOURCE_CHANGED", "a.txt")


def test_a_file_that_grows_for_ever_is_left_at_once() -> None:
    asked: list[int] = []

    def endless(offset: int, length: int) -> bytes:
        asked.append(length)
        return bytes(length)

    with pytest.raises(RepositoryError) as caught:
        list(Entry("log", 10, False, endless).chunks())
    assert caught.value.code == "SOURCE_CHANGED"
    assert sum(asked) == 11


def test_a_file_that_shrinks_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries_module, "READ_SIZE", 4)
    data = [b"0123", b"45", b""]
    entry = Entry("a", 10, False, lambda offset, length: data.pop(0))
    with pytest.raises(RepositoryError) as caught:
        list(entry.chunks())
    assert caught.value.code == "SOURCE_CHANGED"


def test_short_reads_of_the_system_are_no_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def __init__(self) -> None:
            self.rest = [b"a" * 3, b"b" * 4, b"c"]

        def read(self, size: int) -> bytes:
            return self.rest.pop(0) if self.rest else b""

    from sealcast.publisher.sources import _exactly

    slow = Slow()
    assert _exactly(slow.read, 8) == b"aaabbbbc"
    assert _exactly(slow.read, 8) == b""

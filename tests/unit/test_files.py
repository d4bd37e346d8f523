"""Files on disk: the old bytes or the new ones whatever fails, one winner whoever races, and no link followed."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealcast import files
from sealcast.errors import InstallError, TransferError
from sealcast.files import (
    TEMPORARY_PREFIX,
    Tree,
    copy_durably,
    create_durably,
    exclusive,
    hash_file,
    make_directory,
    read_bounded,
    read_regular,
    remove_temporaries,
    sync_directory,
    sync_file,
    write_durably,
)

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no modes, links without privilege, or signals")

Write = Callable[[Path, bytes], object]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def open_handles() -> int:
    """How many files this process holds open, where the system tells."""
    handles = Path("/proc/self/fd")
    return len(list(handles.iterdir())) if handles.exists() else 0


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# ---------------------------------------------------------------------------------------------------- durably


@pytest.mark.parametrize("write", [write_durably, create_durably])
def test_bytes_are_written_and_nothing_else_stays(tmp_path: Path, write: Write) -> None:
    for data in (b"", b"x", bytes(range(256)) * 5000, b"\r\n\x1a"):
        path = tmp_path / f"f{len(data)}"
        write(path, data)
        assert path.read_bytes() == data
    assert names(tmp_path) == {"f0", "f1", "f1280000", "f3"}


def test_a_file_of_any_size_is_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = tmp_path / "source", tmp_path / "f"
    data = bytes(range(256)) * (files.CHUNK // 256) * 2 + b"end"
    source.write_bytes(data)
    assert copy_durably(source, path, mode=0o600) is True
    assert path.read_bytes() == data
    source.write_bytes(b"other")
    assert copy_durably(source, path) is False
    assert path.read_bytes() == data
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(OSError, match="space"):
        copy_durably(source, tmp_path / "g")
    assert names(tmp_path) == {"source", "f"}
    with pytest.raises(FileNotFoundError):
        copy_durably(tmp_path / "none", tmp_path / "g")


@posix
def test_folders_are_made_and_each_name_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_directory", synced.append)
    make_directory(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a/b/c").is_dir()
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a/b"]
    make_directory(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3
    (tmp_path / "f").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "f")


def test_writing_replaces_and_creating_does_not(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert create_durably(path, b"first") is True
    assert create_durably(path, b"second") is False
    assert path.read_bytes() == b"first"
    write_durably(path, b"third, longer")
    write_durably(path, b"4")
    assert path.read_bytes() == b"4"
    assert names(tmp_path) == {"f"}


@posix
@pytest.mark.parametrize("write", [write_durably, create_durably])
def test_the_mode_is_the_one_asked_for_less_the_umask(tmp_path: Path, write: Callable[..., object]) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "default", b"x")
        write(tmp_path / "secret", b"x", mode=0o600)
        write(tmp_path / "program", b"x", mode=0o777)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"default": 0o640, "secret": 0o600, "program": 0o750}


@posix
def test_a_secret_is_at_no_time_readable_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def look(_: int) -> None:
        seen.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())

    monkeypatch.setattr(os, "fsync", look)
    write_durably(tmp_path / "secret", b"x", mode=0o600)
    assert set(seen) == {0o600}


@posix
@pytest.mark.parametrize("write", [write_durably, create_durably])
def test_bytes_reach_the_disk_before_their_name_and_the_name_after(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "f", []
    sync, replace, link = os.fsync, os.replace, os.link

    def note_sync(handle: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(handle).st_mode)
        done.append("directory" if is_directory else f"file of {os.fstat(handle).st_size}")
        sync(handle)

    def note_name(act: Callable[..., None]) -> Callable[..., None]:
        def noted(source: Path, target: Path) -> None:
            assert (source.parent, target) == (tmp_path, path)
            done.append("name")
            act(source, target)

        return noted

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_name(replace))
    monkeypatch.setattr(os, "link", note_name(link))
    write(path, b"12345")
    assert done == ["file of 5", "name", "directory"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen", "open"])
def test_a_failure_leaves_the_old_bytes(
    tmp_path: Path, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(OSError, match=r".") as caught:
        write_durably(path, b"new")
    monkeypatch.undo()
    assert caught.value.errno == number
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"f"}


@posix
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EPERM, errno.EOPNOTSUPP])
@pytest.mark.parametrize("calls", [["fsync"], ["fdopen"], ["open"], ["link", "replace"], ["link", "open"]])
def test_a_failure_to_create_leaves_nothing(
    tmp_path: Path, calls: list[str], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    if calls == ["link", "open"]:  # the disk is full only when the name is to be taken
        opened = os.open
        monkeypatch.setattr(
            os, "open", lambda place, *rest: failing(number)() if place == path else opened(place, *rest)
        )
        monkeypatch.setattr(os, "link", failing(number))
    else:
        for call in calls:
            monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(OSError, match=r".") as caught:
        create_durably(path, b"new")
    monkeypatch.undo()
    assert caught.value.errno == number
    assert names(tmp_path) == set()
    assert create_durably(path, b"new") is True


@pytest.mark.parametrize("write", [write_durably, create_durably])
def test_a_disk_that_fills_up_while_writing_leaves_nothing(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.fdopen

    @contextmanager
    def half(handle: int, mode: str) -> Iterator[object]:
        with opened(handle, mode) as file:

            class Full:
                def write(self, data: bytes) -> None:
                    file.write(data[: len(data) // 2])
                    failing(errno.ENOSPC)()

            yield Full()

    monkeypatch.setattr(os, "fdopen", half)
    with pytest.raises(OSError, match="space"):
        write(tmp_path / "f", b"x" * 1000)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_interrupt_leaves_no_unfinished_file(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "f", b"x")
    assert names(tmp_path) == set()


def test_a_failed_sync_is_never_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # After a failed fsync the system may have dropped the bytes, and a second one would tell nothing but good.
    calls = []

    def fail(handle: int) -> None:
        calls.append(handle)
        failing(errno.EIO)()

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"."):
        write_durably(tmp_path / "f", b"x")
    assert len(calls) == 1


@posix
def test_a_directory_that_cannot_be_synced_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def fail(handle: int) -> None:
        (failing(errno.EIO) if stat.S_ISDIR(os.fstat(handle).st_mode) else sync)(handle)

    monkeypatch.setattr(os, "fsync", fail)
    for write in (write_durably, create_durably):
        with pytest.raises(OSError, match=r"."):
            write(tmp_path / write.__name__, b"x")
    before = open_handles()
    for _ in range(5):
        with pytest.raises(OSError, match=r"."):
            sync_directory(tmp_path)
    assert open_handles() == before


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    for write in (write_durably, create_durably):
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "none" / "f", b"x")


@posix
def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    victim, link, dangling = tmp_path / "victim", tmp_path / "link", tmp_path / "dangling"
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    dangling.symlink_to(tmp_path / "none")
    assert create_durably(link, b"new") is False
    assert create_durably(dangling, b"new") is False
    write_durably(link, b"new")
    write_durably(dangling, b"new")
    assert victim.read_bytes() == b"precious"
    assert names(tmp_path) == {"victim", "link", "dangling"}
    assert not link.is_symlink()
    assert not dangling.is_symlink()


def test_syncing_a_file_is_the_systems_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handles: list[int] = []
    monkeypatch.setattr(os, "fsync", handles.append)
    monkeypatch.setattr(sys, "platform", "linux")
    sync_file(7)
    assert handles == [7]


# ---------------------------------------------------------------------------------------------------- races


def _no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))  # what FAT and many network mounts answer


@pytest.mark.parametrize("links", [True, False])
def test_one_of_twenty_threads_creates(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:
        _no_links(monkeypatch)
    barrier = threading.Barrier(20)

    def create(number: int) -> list[bool]:
        barrier.wait()
        return [create_durably(tmp_path / str(turn), str(number).encode()) for turn in range(10)]

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(create, range(20)))
    for turn in range(10):
        winners = [number for number, told in enumerate(results) if told[turn]]
        assert len(winners) == 1
        assert (tmp_path / str(turn)).read_bytes() == str(winners[0]).encode()
    assert names(tmp_path) == {str(turn) for turn in range(10)}


def test_without_hard_links_the_bytes_are_whole_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_links(monkeypatch)
    path = tmp_path / "f"
    assert create_durably(path, b"x" * 100_000, mode=0o600) is True
    assert create_durably(path, b"y") is False
    assert path.read_bytes() == b"x" * 100_000
    assert names(tmp_path) == {"f"}
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_hard_links_a_file_that_appears_in_between_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"

    def appear(*_: object) -> None:
        path.write_bytes(b"theirs")
        failing(errno.EPERM)()

    monkeypatch.setattr(os, "link", appear)
    assert create_durably(path, b"ours") is False
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == {"f"}


_RACER = """
import sys, time
from pathlib import Path
from sealcast.files import create_durably
folder, number = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
print("".join("01"[create_durably(folder / str(turn), number.encode())] for turn in range(200)))
"""


def _python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_one_of_several_processes_creates(tmp_path: Path) -> None:
    racers = [_python(_RACER, tmp_path, number) for number in range(4)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [racer.communicate()[0].strip() for racer in racers]
    assert [len(line) for line in told] == [200] * 4
    for turn in range(200):
        winners = [number for number, line in enumerate(told) if line[turn] == "1"]
        assert len(winners) == 1
        assert (tmp_path / str(turn)).read_text() == str(winners[0])
    assert len(names(tmp_path)) == 200


# ---------------------------------------------------------------------------------------------------- reading


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    too_large = TransferError("TOO_LARGE", "It is too large.")
    assert read_bounded(path, 5, lambda: too_large) == b"12345"
    with pytest.raises(TransferError) as caught:
        read_bounded(path, 4, lambda: too_large)
    assert caught.value is too_large
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none", 4, lambda: too_large)


@posix
def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    with pytest.raises(TransferError):  # /dev/zero never ends
        read_bounded(Path("/dev/zero"), 1000, lambda: TransferError("TOO_LARGE", "It is too large."))


@pytest.mark.parametrize("size", [0, 1, files.CHUNK - 1, files.CHUNK, 2 * files.CHUNK + 17])
def test_a_file_is_hashed_whole(tmp_path: Path, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    (tmp_path / "f").write_bytes(data)
    assert hash_file(tmp_path / "f") == (hashlib.sha256(data).hexdigest(), size)


@posix
def test_a_link_is_not_hashed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "link").symlink_to("f")
    with pytest.raises(OSError, match=r".") as caught:
        hash_file(tmp_path / "link")
    assert caught.value.errno in {errno.ELOOP, errno.EMLINK}


@posix
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_not_hashed_nor_waited_for(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    before = open_handles()
    with pytest.raises(OSError, match="not a regular file"):
        hash_file(path)
    assert open_handles() == before


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (f"{TEMPORARY_PREFIX}1", f"{TEMPORARY_PREFIX}abc", "kept", f"kept{TEMPORARY_PREFIX}", ".tmp"):
        (tmp_path / name).write_bytes(b"x")
    remove_temporaries(tmp_path)
    assert names(tmp_path) == {"kept", f"kept{TEMPORARY_PREFIX}", ".tmp"}
    remove_temporaries(tmp_path)


_KILLED = """
import os, sys
from pathlib import Path
from sealcast import files
os.fsync = lambda handle: os.abort()
files.write_durably(Path(sys.argv[1]), b"new")
"""


@posix
def test_what_a_killed_run_leaves_is_found_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with _python(_KILLED, path) as killed:
        killed.communicate()
    assert killed.returncode == -signal.SIGABRT
    assert path.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2
    remove_temporaries(tmp_path)
    assert names(tmp_path) == {"f"}


# ---------------------------------------------------------------------------------------------------- lock


def busy() -> TransferError:
    return TransferError("BUSY", "Another process is at work.")


def is_free(path: Path) -> bool:
    try:
        with exclusive(path, busy):
            return True
    except TransferError as error:
        if error.code != "BUSY":
            raise
        return False


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path, busy):
        assert not is_free(path)
        assert not is_free(path)  # the one that was refused did not set it free
        assert is_free(tmp_path / "other")
    assert is_free(path)
    assert path.exists()


def test_a_lock_is_freed_by_whatever_ends_the_block(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(KeyboardInterrupt), exclusive(path, busy):
        raise KeyboardInterrupt
    assert is_free(path)


def test_one_of_fifty_threads_gets_the_lock(tmp_path: Path) -> None:
    barrier, over = threading.Barrier(50), threading.Barrier(50)

    def take(_: int) -> bool:
        barrier.wait()
        try:
            with exclusive(tmp_path / "lock", busy):
                over.wait()  # hold it until each of the others was refused
                return True
        except TransferError:
            over.wait()
            return False

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(take, range(50))) == 1


_HOLDER = """
import sys
from pathlib import Path
from sealcast.errors import TransferError
from sealcast.files import exclusive
with exclusive(Path(sys.argv[1]), lambda: TransferError("BUSY", "…")):
    print("held", flush=True)
    sys.stdin.readline()
"""


@posix
def test_a_killed_process_locks_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with _python(_HOLDER, path) as holder:
        assert holder.stdout.readline() == "held\n"
        assert not is_free(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert is_free(path)


def test_a_lock_is_given_on_when_its_holder_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with _python(_HOLDER, path) as holder:
        assert holder.stdout.readline() == "held\n"
        assert not is_free(path)
        holder.communicate("done\n")
    assert holder.returncode == 0
    assert is_free(path)


@posix
def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path, busy):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    with child:
        deadline = time.monotonic() + 10
        while not (free := is_free(path)) and time.monotonic() < deadline:
            time.sleep(0.01)  # until the child has become another program, it is a copy of this one
        assert child.poll() is None
        child.communicate(b"\n")
    assert free


@posix
def test_a_lock_that_the_system_cannot_give_is_not_taken_for_a_busy_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    with pytest.raises(OSError, match=r".") as caught, exclusive(tmp_path / "lock", busy):
        pass
    assert caught.value.errno == errno.ENOLCK
    monkeypatch.setattr(fcntl, "flock", failing(errno.EACCES))
    with pytest.raises(TransferError), exclusive(tmp_path / "lock", busy):
        pass


# ---------------------------------------------------------------------------------------------------- tree


@pytest.fixture(params=["handles", "paths"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which trees are written: with directory handles, and as on Windows."""
    if request.param == "paths":
        monkeypatch.setattr(files, "HAS_DIRECTORY_HANDLES", False)
    elif not files.HAS_DIRECTORY_HANDLES:
        pytest.skip("this system has no directory handles")
    return str(request.param)


def put(tree: Tree, path: str, data: bytes = b"x", *, executable: bool = False) -> None:
    with os.fdopen(tree.create(path, executable=executable), "wb") as file:
        file.write(data)


def refused(tree: Tree, path: str) -> None:
    with pytest.raises(InstallError) as caught:
        os.close(tree.create(path))
    assert caught.value.code == "UNSAFE_PATH"
    assert path.startswith(str(caught.value.data["path"]))  # the file, or the directory above it


def test_a_tree_is_written(tmp_path: Path, ways: str) -> None:
    paths = ["top", "a/b/c", "a/b/d", "a/e", "z z/日本/😀", "a/b2/c"]
    with Tree(tmp_path) as tree:
        for path in paths:
            put(tree, path, path.encode())
        tree.sync()
    assert {path: (tmp_path / path).read_bytes() for path in paths} == {path: path.encode() for path in paths}
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == len(paths)


def test_a_handle_reads_what_it_wrote(tmp_path: Path, ways: str) -> None:
    with Tree(tmp_path) as tree:
        handle = tree.create("a/b")
        with os.fdopen(handle, "r+b") as file:
            file.write(b"hello\n")
            file.seek(0)
            assert file.read() == b"hello\n"


@posix
def test_modes_are_plain_or_executable(tmp_path: Path, ways: str) -> None:
    before = os.umask(0)
    try:
        with Tree(tmp_path) as tree:
            put(tree, "d/plain")
            put(tree, "d/program", executable=True)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("d", "d/plain", "d/program")]
    assert modes == [0o755, 0o644, 0o755]


def test_an_existing_file_is_never_touched(tmp_path: Path, ways: str) -> None:
    (tmp_path / "f").write_bytes(b"precious")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"precious")
    with Tree(tmp_path) as tree:
        refused(tree, "f")
        refused(tree, "d/f")
        put(tree, "d/g")
        refused(tree, "d/g")
    assert (tmp_path / "f").read_bytes() == (tmp_path / "d/f").read_bytes() == b"precious"


def test_a_file_where_a_directory_is_needed_stops_the_writing(tmp_path: Path, ways: str) -> None:
    (tmp_path / "f").write_bytes(b"precious")
    with Tree(tmp_path) as tree:
        refused(tree, "f/g")
        refused(tree, "f/g/h")
        put(tree, "made")
        refused(tree, "made/g")
    assert (tmp_path / "f").read_bytes() == b"precious"


def test_a_directory_where_a_file_belongs_stops_the_writing(tmp_path: Path, ways: str) -> None:
    (tmp_path / "d").mkdir()
    with Tree(tmp_path) as tree:
        refused(tree, "d")


@posix
@pytest.mark.parametrize("target", ["file", "folder", "none", ".", ".."])
def test_nothing_is_written_through_a_planted_link(tmp_path: Path, ways: str, target: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "file").write_bytes(b"precious")
    (outside / "folder").mkdir()
    (root / "link").symlink_to(target if target.startswith(".") else outside / target)
    (root / "d").mkdir()
    (root / "d" / "link").symlink_to(target if target.startswith(".") else outside / target)
    with Tree(root) as tree:
        for path in ("link", "link/f", "link/d/f", "d/link", "d/link/f"):
            refused(tree, path)
    assert (outside / "file").read_bytes() == b"precious"
    assert names(outside) == {"file", "folder"}
    assert names(outside / "folder") == set()
    assert names(root) == {"link", "d"}


@posix
def test_a_directory_that_becomes_a_link_stops_the_writing(tmp_path: Path, ways: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    with Tree(root) as tree:
        put(tree, "d/e/one")
        (root / "d").rename(root / "moved")
        (root / "d").symlink_to(outside)
        if ways == "handles":
            put(tree, "d/e/two")  # lands in the directory that was opened, wherever its name is now
            put(tree, "d/new/three")
            assert (root / "moved/e/two").read_bytes() == (root / "moved/new/three").read_bytes() == b"x"
        else:
            refused(tree, "d/e/two")
            refused(tree, "d/new/three")
    assert names(outside) == set()


def test_a_junction_is_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Windows makes them without any privilege, and says that they are directories.
    monkeypatch.setattr(files, "HAS_DIRECTORY_HANDLES", False)
    (tmp_path / "d").mkdir()
    (tmp_path / "junction").mkdir()
    plain = os.lstat

    class Junction:
        def __init__(self, facts: os.stat_result) -> None:
            self.st_mode, self.st_reparse_tag = facts.st_mode, 0xA0000003

    def lstat(path: Path) -> object:
        return Junction(plain(path)) if path.name == "junction" else plain(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    with Tree(tmp_path) as tree:
        put(tree, "d/f")
        refused(tree, "junction/f")


@posix
def test_the_root_itself_may_not_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match=r"."):
        Tree(tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        Tree(tmp_path / "none")


def test_three_hundred_nested_directories_stay_within_the_limit_of_handles(tmp_path: Path, ways: str) -> None:
    depths = range(1, 301) if ways == "handles" else range(20, 301, 40)  # checking each path anew takes its time
    paths = ["/".join(["d"] * depth + ["f"]) for depth in depths]
    before = open_handles()
    with Tree(tmp_path) as tree:
        put(tree, paths[-1])
        for path in paths[:-1]:
            put(tree, path)
        assert open_handles() <= before + files._MAX_HANDLES
        tree.sync()
    assert open_handles() == before
    assert sum(len(found) for _, _, found in os.walk(tmp_path)) == len(paths)


def test_many_directories_side_by_side_are_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_HANDLES", 3)
    paths = [f"a/b{number % 7}/c{number % 5}/{number}" for number in range(100)]
    with Tree(tmp_path) as tree:
        for path in paths:
            put(tree, path, path.encode())
    assert all((tmp_path / path).read_bytes() == path.encode() for path in paths)


@posix
def test_a_thread_that_swaps_directories_for_links_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MAX_HANDLES", 2)  # so that directories are opened again and again
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for name in ("d0", "d1", "d2"):
                try:
                    (root / name).rename(tmp_path / f"{name}.{time.monotonic_ns()}")
                    (root / name).symlink_to(outside)
                    (root / name).unlink()
                except OSError:  # not there yet, or there again
                    pass

    attacker = threading.Thread(target=swap)
    attacker.start()
    written = stopped = 0
    try:
        with Tree(root) as tree:
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline:
                try:
                    os.close(tree.create(f"d{(written + stopped) % 3}/{written + stopped}"))
                    written += 1
                except InstallError as error:
                    assert error.code == "UNSAFE_PATH"  # noqa: PT017 - one of many outcomes of a race
                    stopped += 1
                except FileNotFoundError:  # swapped away between making and opening it
                    stopped += 1
    finally:
        over.set()
        attacker.join()
    assert written > 0
    assert names(outside) == set()


def test_the_names_of_every_directory_are_synced_the_deepest_first(
    tmp_path: Path, ways: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(files, "sync_directory", lambda path: synced.append(path.relative_to(tmp_path).as_posix()))
    with Tree(tmp_path) as tree:
        for path in ("a/b/c/f", "a/f", "x/f", "f"):
            put(tree, path)
        tree.sync()
    assert sorted(synced) == [".", "a", "a/b", "a/b/c", "x"]
    depths = [0 if name == "." else 1 + name.count("/") for name in synced]
    assert depths == sorted(depths, reverse=True) or synced.index(".") > synced.index("a/b/c")
    assert synced.index("a/b/c") < synced.index("a/b") < synced.index("a")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_what_the_system_refuses_is_passed_on(
    tmp_path: Path, ways: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Tree(tmp_path) as tree:
        monkeypatch.setattr(os, "open", failing(number))
        with pytest.raises(OSError, match=r".") as caught:
            tree.create("f")
        monkeypatch.undo()
    assert caught.value.errno == number


def test_a_loop_of_links_is_a_link(tmp_path: Path, ways: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Tree(tmp_path) as tree:
        monkeypatch.setattr(os, "open", failing(errno.ELOOP))
        refused(tree, "f")
        monkeypatch.undo()


@pytest.mark.skipif(not files.HAS_DIRECTORY_HANDLES, reason="this system has no directory handles")
def test_a_closed_tree_is_not_written_to(tmp_path: Path) -> None:
    with Tree(tmp_path) as tree:
        put(tree, "d/f")
    for path in ("g", "d/g", "e/f"):
        with pytest.raises(ValueError, match="closed"):
            tree.create(path)
    assert names(tmp_path) == {"d"}


# ---------------------------------------------------------------------------------------------------------- renames


class Held:
    """A rename that another program stands in the way of, as Windows tells it, for the first ``times`` tries."""

    def __init__(self, times: int, winerror: int = 32) -> None:
        self.left = times
        self.winerror = winerror
        self.waited: list[float] = []
        self._replace = os.replace

    def __call__(self, source: Path, target: Path) -> None:
        if self.left:
            self.left -= 1
            error = PermissionError(errno.EACCES, "The process cannot access the file")
            error.winerror = self.winerror  # type: ignore[misc,unused-ignore]
            raise error
        self._replace(source, target)


@pytest.mark.parametrize("winerror", [5, 32, 33])
def test_a_rename_waits_until_a_scanner_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winerror: int) -> None:
    held = Held(7, winerror)
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", held)
    files.move(tmp_path / "new", tmp_path / "old", sleep=held.waited.append)
    assert (tmp_path / "old").read_bytes() == b"new"
    assert len(held.waited) == 7
    assert held.waited == sorted(held.waited)


def test_after_ten_seconds_the_old_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(1000)
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(PermissionError) as caught:
        files.move(tmp_path / "new", tmp_path / "old", sleep=held.waited.append)
    assert files.is_held_open(caught.value)
    assert 9.9 < sum(held.waited) < 10.1
    assert (tmp_path / "old").read_bytes() == b"old"


def test_what_a_system_refuses_for_good_is_not_tried_again(tmp_path: Path) -> None:
    waited: list[float] = []
    with pytest.raises(FileNotFoundError) as caught:
        files.move(tmp_path / "nothing", tmp_path / "x", sleep=waited.append)
    assert not files.is_held_open(caught.value)
    assert waited == []


def test_a_state_file_that_is_held_open_is_written_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(3)
    monkeypatch.setattr(os, "replace", held)
    files.write_durably(tmp_path / "state", b"new")
    assert (tmp_path / "state").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "state"]


def test_a_file_is_taken_away_again(tmp_path: Path, ways: str) -> None:
    with files.Tree(tmp_path) as tree:
        os.close(tree.create("a/b"))
        tree.discard("a/b")
        os.close(tree.create("a/b"))
        tree.discard("a/b")
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"]


def test_a_regular_file_is_read_within_its_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(tmp_path / "file", 4)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular"):
        read_regular(tmp_path / "pipe", 5)

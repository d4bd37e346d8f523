"""Objects from hosts that stop, lie, and lose things."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealcast.client.download import THREADS, Downloads
from sealcast.errors import ObjectError, TransferError
from sealcast.fetch.source import bad_range
from sealcast.values import Content, content_of, object_path

DATA = bytes(range(256)) * 64
WANTED = content_of(DATA)


class Host:
    """A host that does with each request what the script says: bytes from ``start`` on, or an error."""

    location = "host"

    def __init__(self, *script: bytes | TransferError) -> None:
        self.script = list(script)
        self.starts: list[int] = []

    def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
        raise AssertionError("objects are streamed")

    def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        assert path == object_path(WANTED.sha256)
        assert limit == WANTED.size
        self.starts.append(start)
        now = self.script.pop(0)
        if isinstance(now, TransferError):
            raise now
        for position in range(start, len(now), 1000):
            yield now[position : position + 1000]


def cut(data: bytes, at: int) -> Iterator[bytes]:
    yield data[:at]
    raise TransferError("NETWORK", "Gone.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def fetch(host: object, folder: Path) -> tuple[Downloads, list[int]]:
    counts: list[int] = []
    downloads = Downloads([host], folder, lambda _: None)  # type: ignore[arg-type]
    list(downloads.arriving([WANTED], counts.append))
    return downloads, counts


def test_an_object_comes_whole(folder: Path) -> None:
    downloads, counts = fetch(Host(DATA), folder)
    assert downloads.path(WANTED).read_bytes() == DATA
    assert sum(counts) == len(DATA)
    assert [path.name for path in folder.iterdir()] == [WANTED.sha256]


def test_an_object_that_is_here_is_not_fetched(folder: Path) -> None:
    fetch(Host(DATA), folder)
    host = Host()
    _, counts = fetch(host, folder)
    assert host.starts == []
    assert counts == [len(DATA)]


def test_an_object_that_rotted_is_fetched_again(folder: Path) -> None:
    (folder / WANTED.sha256).write_bytes(b"x" * len(DATA))
    downloads, _ = fetch(Host(DATA), folder)
    assert downloads.path(WANTED).read_bytes() == DATA


def test_a_beginning_is_hashed_and_continued(folder: Path) -> None:
    (folder / f"{WANTED.sha256}.part").write_bytes(DATA[:5000])
    host = Host(DATA)
    downloads, counts = fetch(host, folder)
    assert host.starts == [5000]
    assert downloads.path(WANTED).read_bytes() == DATA
    assert sum(counts) == len(DATA)


def test_a_whole_part_needs_no_request(folder: Path) -> None:
    (folder / f"{WANTED.sha256}.part").write_bytes(DATA)
    host = Host()
    fetch(host, folder)
    assert host.starts == []


@pytest.mark.parametrize("left", [b"x" * 5000, b"x" * len(DATA), DATA + b"more"], ids=["wrong", "wrong whole", "long"])
def test_a_wrong_beginning_costs_one_fetch_from_the_start(folder: Path, left: bytes) -> None:
    (folder / f"{WANTED.sha256}.part").write_bytes(left)
    host = Host(*[DATA] * 2)
    downloads, counts = fetch(host, folder)
    assert host.starts[-1] == 0
    assert downloads.path(WANTED).read_bytes() == DATA
    assert sum(counts) == len(DATA), "what was dropped is not counted"


def test_wrong_bytes_are_dropped_and_fetched_once_more(folder: Path) -> None:
    host = Host(b"x" * len(DATA), DATA)
    downloads, counts = fetch(host, folder)
    assert host.starts == [0, 0]
    assert downloads.path(WANTED).read_bytes() == DATA
    assert sum(counts) == len(DATA)


@pytest.mark.parametrize("wrong", [b"x" * len(DATA), DATA[:-1], b""], ids=["altered", "short", "empty"])
def test_wrong_bytes_twice_are_refused(folder: Path, wrong: bytes) -> None:
    host = Host(wrong, wrong, wrong)
    with pytest.raises(ObjectError) as caught:
        fetch(host, folder)
    assert caught.value.code == "HASH_MISMATCH"
    assert host.starts == [0, 0], "once more, not for ever"
    assert not (folder / WANTED.sha256).exists()


def test_a_signed_size_that_is_not_the_objects_is_refused(folder: Path) -> None:
    class Any(Host):
        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            yield DATA[start:]

    lie = Content(WANTED.sha256, WANTED.size + 1)
    with pytest.raises(ObjectError) as caught:
        list(Downloads([Any()], folder, lambda _: None).arriving([lie], lambda _: None))
    assert caught.value.code == "HASH_MISMATCH"


@pytest.mark.parametrize("code", ["TOO_LARGE", "BAD_RANGE"])
def test_another_file_under_the_name_is_wrong_bytes(folder: Path, code: str) -> None:
    (folder / f"{WANTED.sha256}.part").write_bytes(DATA[:10])
    error = bad_range("host", "ends") if code == "BAD_RANGE" else TransferError("TOO_LARGE", "Too large.")
    host = Host(error, DATA)
    fetch(host, folder)
    assert host.starts == [10, 0]


def test_an_object_that_is_gone(folder: Path) -> None:
    with pytest.raises(ObjectError) as caught:
        fetch(Host(TransferError("NOT_FOUND", "Gone.")), folder)
    assert caught.value.code == "INCOMPLETE_REPO"


def test_what_came_before_the_network_broke_is_kept(folder: Path) -> None:
    class Breaking(Host):
        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            return cut(DATA, 3000)

    with pytest.raises(TransferError) as caught:
        fetch(Breaking(), folder)
    assert caught.value.code == "NETWORK"
    host = Host(DATA)
    fetch(host, folder)
    assert host.starts == [3000]


def test_nothing_is_written_through_a_link(folder: Path) -> None:
    precious = folder / "precious"
    precious.write_bytes(b"precious")
    (folder / f"{WANTED.sha256}.part").symlink_to(precious)
    with pytest.raises(OSError):  # noqa: PT011 - the system's own refusal, which the client names
        fetch(Host(DATA), folder)
    assert precious.read_bytes() == b"precious"


def test_several_come_at_once_and_one_failure_stops_them(folder: Path) -> None:
    datas = [bytes([number]) * 100 for number in range(THREADS)]
    together = threading.Barrier(THREADS, timeout=120)

    class Slow:
        location = "slow"

        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            together.wait()
            number = next(n for n, data in enumerate(datas) if path == object_path(content_of(data).sha256))
            if number == 0:
                raise TransferError("NETWORK", "Gone.")
            while True:
                yield b""

    with pytest.raises(TransferError) as caught:
        list(Downloads([Slow()], folder, lambda _: None).arriving([content_of(data) for data in datas], lambda _: None))  # type: ignore[arg-type]
    assert caught.value.code == "NETWORK"


def test_one_object_is_asked_for_once(folder: Path) -> None:
    host = Host(DATA)
    assert list(Downloads([host], folder, lambda _: None).arriving([WANTED, WANTED], lambda _: None)) == [WANTED]
    assert len(host.starts) == 1


def test_one_is_there_while_the_next_is_on_its_way(folder: Path) -> None:
    datas = [bytes([number]) * 1000 for number in range(3)]
    first_is_used = threading.Event()

    class Waiting:
        location = "host"

        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            (data,) = (data for data in datas if path == object_path(content_of(data).sha256))
            if data is not datas[0]:
                assert first_is_used.wait(120)
            yield data

    arriving = Downloads([Waiting()], folder, lambda _: None).arriving(map(content_of, datas), lambda _: None)  # type: ignore[arg-type]
    assert next(arriving) == content_of(datas[0])
    first_is_used.set()
    assert list(arriving) == [content_of(data) for data in datas[1:]]


def test_whoever_stops_asking_stops_the_others(folder: Path) -> None:
    begun = threading.Event()

    class Endless:
        location = "host"

        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            if path == object_path(WANTED.sha256):
                yield DATA
                return
            while True:
                begun.set()
                yield b"x"

    other = Content("1" * 64, 2**40)
    arriving = Downloads([Endless()], folder, lambda _: None).arriving([WANTED, other], lambda _: None)  # type: ignore[arg-type]
    assert next(arriving) == WANTED
    assert begun.wait(120)
    arriving.close()  # it would never return
    assert (folder / f"{other.sha256}.part").exists(), "and what came is kept"


# ---------------------------------------------------------------------------------------------------- several hosts


def fetch_from(hosts: list[Host], folder: Path) -> tuple[list[int], list[str]]:
    counts: list[int] = []
    notes: list[str] = []
    downloads = Downloads(hosts, folder, lambda error: notes.append(error.code))
    list(downloads.arriving([WANTED], counts.append))
    assert downloads.path(WANTED).read_bytes() == DATA
    return counts, notes


GONE, DOWN, PINNED = (TransferError(code, "No.") for code in ("NOT_FOUND", "NETWORK", "PIN_MISMATCH"))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ((GONE,), "INCOMPLETE_REPO"),
        ((DOWN,), "NETWORK"),
        ((PINNED,), "PIN_MISMATCH"),
        ((b"x" * len(DATA), b"x" * len(DATA)), "HASH_MISMATCH"),
    ],
)
def test_what_one_host_does_not_give_comes_from_the_next(
    folder: Path, script: tuple[bytes | TransferError, ...], code: str
) -> None:
    second = Host(DATA)
    counts, notes = fetch_from([Host(*script), second, Host()], folder)
    assert (notes, second.starts, sum(counts)) == ([code], [0], len(DATA))


def test_the_next_host_continues_where_the_first_one_stopped(folder: Path) -> None:
    class Cut(Host):
        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            return cut(DATA, 5000)

    second = Host(DATA)
    counts, _ = fetch_from([Cut(), second], folder)
    assert second.starts == [5000]
    assert sum(counts) == len(DATA)


def test_a_first_half_that_was_wrong_costs_the_next_host_one_more_request(folder: Path) -> None:
    class Liar(Host):
        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            return cut(b"x" * len(DATA), 5000)

    second = Host(DATA, DATA)
    counts, _ = fetch_from([Liar(), second], folder)
    assert second.starts == [5000, 0]
    assert sum(counts) == len(DATA)


def test_the_first_hosts_failure_counts_when_all_fail(folder: Path) -> None:
    with pytest.raises(TransferError) as caught:
        fetch_from([Host(DOWN), Host(GONE)], folder)
    assert caught.value is DOWN


def test_a_host_that_failed_is_asked_last_from_then_on(folder: Path) -> None:
    other = content_of(DATA[:100])
    asked: list[tuple[str, str]] = []

    class Named(Host):
        def __init__(self, name: str, *, up: bool) -> None:
            self.location, self.up = name, up

        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            asked.append((self.location, path))
            if not self.up:
                raise DOWN
            return iter([DATA[:limit]])

    notes: list[str] = []
    downloads = Downloads([Named("a", up=False), Named("b", up=True)], folder, lambda error: notes.append(error.code))
    for wanted in (WANTED, other):
        list(downloads.arriving([wanted], lambda _: None))
    assert [name for name, _ in asked] == ["a", "b", "b"]
    assert notes == ["NETWORK"]


def test_a_host_that_fails_several_objects_at_once_is_told_of_once(folder: Path) -> None:
    other = content_of(DATA[:100])
    together = threading.Barrier(2)

    class Down(Host):
        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            together.wait(30)
            raise DOWN

    class Up(Host):
        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            return iter([DATA[:limit]])

    notes: list[str] = []
    downloads = Downloads([Down(), Up()], folder, lambda error: notes.append(error.code))
    assert list(downloads.arriving([WANTED, other], lambda _: None)) == [WANTED, other]
    assert notes == ["NETWORK"]

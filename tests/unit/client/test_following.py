"""Following events while they are written, and while full files are put away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sealcast.client import events as events_module
from sealcast.client import follow
from sealcast.client.events import Event, Events, Kind
from tests.clocks import HandClock


class _EndError(Exception):
    """Nothing more will come."""


class Follower:
    """Follows a folder; each pause lets the next of ``steps`` happen."""

    def __init__(self, folder: Path, *steps: Callable[[], object]) -> None:
        self._steps = iter(steps)
        self._stream: Iterator[Event] = follow(folder, self._pause)

    def _pause(self) -> None:
        step = next(self._steps, None)
        if step is None:
            raise _EndError
        step()

    def seen(self) -> list[int]:
        """The numbers of all events, until nothing more comes."""
        found: list[int] = []
        with contextlib.suppress(_EndError):
            found.extend(int(event.detail) for event in self._stream)
        return found


class Writer:
    """Writes events with rising numbers."""

    def __init__(self, folder: Path) -> None:
        self._events = Events(folder, HandClock())
        self._number = 0

    def __call__(self, count: int = 1) -> None:
        for _ in range(count):
            self._events.emit(Kind.CHECK, detail=str(self._number))
            self._number += 1


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def test_what_is_kept_comes_first_then_what_is_new(tmp_path: Path, write: Writer) -> None:
    write(3)
    assert Follower(tmp_path, write, lambda: None, lambda: write(2)).seen() == [0, 1, 2, 3, 4, 5]


def test_a_follower_may_be_there_before_the_first_event(tmp_path: Path, write: Writer) -> None:
    assert Follower(tmp_path, lambda: None, write).seen() == [0]


def test_a_line_is_told_when_it_is_whole(tmp_path: Path, write: Writer) -> None:
    write(2)
    path = tmp_path / "events.jsonl"
    lines = path.read_bytes()
    path.write_bytes(lines[:-10])

    def complete() -> None:
        with path.open("ab") as file:
            file.write(lines[-10:])

    assert Follower(tmp_path, lambda: None, complete).seen() == [0, 1]


def test_files_that_are_put_away_lose_nothing(tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "ROTATE_BYTES", 400)
    write(12)
    steps = [partial(write, count) for count in (1, 2, 3, 4, 3, 2, 1) * 12]
    found = Follower(tmp_path, *steps).seen()
    assert found == list(range(found[0], found[0] + len(found))), "in order, and each once"
    assert found[-1] == 12 + 16 * 12 - 1
    assert found[0] < 12


def test_between_the_old_file_and_the_new_one_there_may_be_none(tmp_path: Path, write: Writer) -> None:
    write(2)
    path = tmp_path / "events.jsonl"

    def put_away() -> None:
        write(1)
        path.replace(tmp_path / "events.previous.jsonl")

    assert Follower(tmp_path, put_away, lambda: None, write).seen() == [0, 1, 2, 3]


def test_a_file_that_was_put_away_while_it_was_first_read_is_told_once(
    tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sealcast.client import following

    write(2)
    real, looks = following._read, []

    def read(path: Path, inode: int, start: int) -> object:
        looks.append(path)
        if len(looks) == 2:
            (tmp_path / "events.jsonl").replace(tmp_path / "events.previous.jsonl")
        return real(path, inode, start)

    monkeypatch.setattr(following, "_read", read)
    assert Follower(tmp_path, write).seen() == [0, 1, 2]


def test_a_file_that_was_cut_is_told_from_its_start(tmp_path: Path, write: Writer) -> None:
    write(5)

    def cut() -> None:
        (tmp_path / "events.jsonl").write_bytes(b"")
        write(1)

    assert Follower(tmp_path, cut).seen() == [0, 1, 2, 3, 4, 5]

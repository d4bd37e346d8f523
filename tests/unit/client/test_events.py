from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealcast.client import events as module
from sealcast.client.events import Event, Events, Kind
from tests.unit.client.sites import HandClock


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def events(tmp_path: Path, clock: HandClock, heard: list[Event]) -> Events:
    return Events(tmp_path, clock, heard.append)


def test_events_are_told_and_kept(events: Events, heard: list[Event]) -> None:
    events.emit(Kind.CHECK)
    events.emit(Kind.STAGED, version="1.0", why="delta", detail="ünïcode\n", done=1, total=2)
    assert list(events.read()) == heard
    assert [event.event for event in heard] == [Kind.CHECK, Kind.STAGED]


def test_progress_is_told_and_not_kept(events: Events, heard: list[Event]) -> None:
    events.emit(Kind.PROGRESS, done=1, total=2)
    assert len(heard) == 1
    assert not list(events.read())


def test_nobody_needs_to_listen(tmp_path: Path, clock: HandClock) -> None:
    Events(tmp_path, clock).emit(Kind.CHECK)
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o077 == 0


def test_the_file_is_bounded(events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROTATE_BYTES", 500)
    for number in range(100):
        events.emit(Kind.CHECK, detail=str(number))
    kept = [event.detail for event in events.read()]
    assert kept == [str(number) for number in range(100 - len(kept), 100)], "the newest, in order"
    assert 5 < len(kept) < 30
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1300


def test_a_line_that_a_kill_cut_off_is_passed_over(events: Events, tmp_path: Path) -> None:
    events.emit(Kind.CHECK)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"event":"che\n{"event":"no such"}\n\xff\n')
    events.emit(Kind.READY)
    assert [event.event for event in events.read()] == [Kind.CHECK, Kind.READY]


def test_a_disk_that_takes_no_event_stops_nothing(events: Events, tmp_path: Path, heard: list[Event]) -> None:
    (tmp_path / "events.jsonl").mkdir()
    events.emit(Kind.CHECK)
    assert len(heard) == 1


def test_a_notice_that_stands_is_told_each_time_and_written_once(events: Events, heard: list[Event]) -> None:
    for text in ("Soon.", "Soon.", "Now.", "Soon."):
        events.emit(Kind.NOTICE, text={"en": text})
        events.emit(Kind.CHECK)
    events.emit(Kind.NOTICE, text={"en": "Soon."}, detail="https://example.org")
    kept = [event.text["en"] for event in events.read() if event.event is Kind.NOTICE]
    assert kept == ["Soon.", "Now.", "Soon.", "Soon."]
    assert len([event for event in heard if event.event is Kind.NOTICE]) == 5


def test_a_file_that_cannot_be_put_away_is_written_on(
    events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows: while somebody reads it."""
    monkeypatch.setattr(module, "ROTATE_BYTES", 1)
    (tmp_path / "events.previous.jsonl").mkdir()
    for _ in range(3):
        events.emit(Kind.CHECK)
    assert len(list(events.read())) == 3


def test_everybody_who_listens_is_told(tmp_path: Path, clock: HandClock, heard: list[Event]) -> None:
    Events(tmp_path, clock, None, heard.append, heard.append).emit(Kind.CHECK)
    assert len(heard) == 2


def test_every_kind_is_told_somewhere() -> None:
    folder = Path(module.__file__).parent
    places = [path.read_text("utf-8") for path in folder.glob("*.py")]
    told = {name for text in places for name in re.findall(r"(?:emit|_report)\(\s*Kind\.([A-Z_]+)", text)}
    told |= {name for text in places for name in re.findall(r"kind = Kind\.([A-Z_]+) if .* else Kind\.[A-Z_]+", text)}
    told |= {name for text in places for name in re.findall(r"kind = Kind\.[A-Z_]+ if .* else Kind\.([A-Z_]+)", text)}
    assert told == {kind.name for kind in Kind}

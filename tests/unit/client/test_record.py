from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from sealcast.client import record as module
from sealcast.client.checked import write_checked
from sealcast.client.record import Record, Records
from sealcast.documents import encode
from sealcast.errors import InstallError
from sealcast.files import exclusive
from tests.unit.client.sites import release

ONE, TWO = release(1), release(2)


def put(active: int) -> object:
    return lambda record: replace(record, active=release(active))


def test_where_nothing_is_written_the_record_is_empty(tmp_path: Path) -> None:
    assert Records(tmp_path).read() == Record()


def test_a_change_is_read_back_by_anybody(tmp_path: Path) -> None:
    changed = Records(tmp_path).change(lambda record: replace(record, active=ONE, trial=True, boots=1, nonce="n"))
    assert changed.generation == 1
    assert Records(tmp_path).read() == changed


def test_the_generation_before_is_kept(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for number in (1, 2, 3):
        records.change(put(number))  # type: ignore[arg-type]
    (tmp_path / "state.json").unlink()
    assert records.read().active == TWO


@pytest.mark.parametrize("damage", ["empty", "zeros", "half", "no checksum", "unknown", "impossible"])
def test_row_0_a_record_that_cannot_be_read_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    records = Records(tmp_path)
    records.change(put(1))  # type: ignore[arg-type]
    records.change(put(2))  # type: ignore[arg-type]
    path = tmp_path / "state.json"
    data = path.read_bytes()
    if damage == "unknown":
        write_checked(path, b'{"type":"sealcast/state/9"}')
    elif damage == "impossible":
        write_checked(path, encode(Record(trial=True, boots=1, nonce="n")))
    else:
        path.write_bytes({"empty": b"", "zeros": bytes(len(data)), "half": data[:80], "no checksum": data[65:]}[damage])
    assert records.read().active == ONE


@pytest.mark.parametrize(
    "record",
    [
        Record(active=ONE, trial=True, boots=0, nonce="n"),
        Record(active=ONE, trial=True, boots=1, nonce=""),
        Record(trial=True, boots=1, nonce="n"),
    ],
)
def test_a_trial_that_was_not_counted_is_no_record(tmp_path: Path, record: Record) -> None:
    write_checked(tmp_path / "state.json", encode(record))
    assert Records(tmp_path).read() == Record()


def test_row_0_with_both_damaged_the_record_is_empty(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.change(put(1))  # type: ignore[arg-type]
    records.change(put(2))  # type: ignore[arg-type]
    for name in ("state.json", "state.previous.json"):
        (tmp_path / name).write_bytes(b"")
    assert records.read() == Record()


def test_a_damaged_record_does_not_take_the_good_generations_place(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.change(put(1))  # type: ignore[arg-type]
    records.change(put(2))  # type: ignore[arg-type]
    (tmp_path / "state.json").write_bytes(b"")
    healed = records.change(lambda record: record)
    assert healed.active == ONE
    assert (tmp_path / "state.json").stat().st_size, "the record is written again, though nothing else changed"
    (tmp_path / "state.json").write_bytes(b"")
    assert records.read().active == ONE


def test_what_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.change(put(1))  # type: ignore[arg-type]
    before = (tmp_path / "state.json").stat()
    assert records.change(put(1)).generation == 1  # type: ignore[arg-type]
    assert (tmp_path / "state.json").stat() == before


def test_what_a_kill_left_is_swept_away_when_the_updater_asks(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1234").write_bytes(b"half")
    Records(tmp_path).change(put(1))  # type: ignore[arg-type]
    assert list(tmp_path.glob(".tmp-*")), "it may be a file that the updater is writing just now"
    Records(tmp_path).sweep()
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_transition_that_refuses_changes_nothing(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.change(put(1))  # type: ignore[arg-type]

    def refuse(_: Record) -> Record:
        raise InstallError("WRONG_NONCE", "No.")

    with pytest.raises(InstallError):
        records.change(refuse)
    assert records.read().active == ONE


def test_changes_at_once_lose_none(tmp_path: Path) -> None:
    Records(tmp_path).change(lambda record: record)

    def work() -> None:
        for _ in range(10):
            Records(tmp_path).change(lambda record: replace(record, boots=record.boots + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Records(tmp_path).read().boots == 40


def test_whoever_holds_the_record_too_long_makes_others_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    with exclusive(tmp_path / "state.lock", AssertionError), pytest.raises(InstallError) as caught:
        Records(tmp_path).change(lambda record: record)
    assert caught.value.code == "BUSY"
    assert "does not let go" in caught.value.what


def test_a_full_disk_leaves_the_record_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records(tmp_path)
    records.change(put(1))  # type: ignore[arg-type]
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        records.change(put(2))  # type: ignore[arg-type]
    assert records.read().active == ONE


def test_the_held_releases_are_each_named_once() -> None:
    record = Record(active=TWO, last_good=TWO, previous_good=ONE, pending=release(3))
    assert record.held == (TWO, ONE, release(3))

"""``sealcast client events``, and ``--events FILE``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealcast.client import Events
from sealcast.client.events import Kind
from tests.clocks import HandClock
from tests.unit.cli.devices import Device


def happened(device: Device, *days_ago: int) -> None:
    """Let a check have been made so many days ago, for each."""
    for days in days_ago:
        Events(device.place, HandClock(datetime.now(UTC) - timedelta(days=days))).emit(Kind.CHECK, detail=str(days))


def test_events_of_a_period(device: Device) -> None:
    device.init()
    happened(device, 30, 8, 3)
    assert [one["detail"] for one in device.json("events")["events"]] == ["30", "8", "3"]
    assert [one["detail"] for one in device.json("events", "--since", "2w")["events"]] == ["8", "3"]
    assert device.json("events", "--since", "48h")["events"] == []
    assert device.json("events", "--since", "5d", "--summary")["checks"] == 1
    for wrong in ("7", "d", "7y", "-7d", "99999999d"):
        device("events", "--dir", str(device.place), "--since", wrong)
        assert (device.status, "USAGE" in device.err) == (2, True), wrong


def test_a_summary(device: Device) -> None:
    device.init()
    device("update", "--dir", str(device.place))
    found = device.json("events", "--summary")
    assert (found["checks"], found["attempts"], found["successes"], found["failures"]) == (1, 1, 1, {})
    events = Events(device.place, HandClock())
    events.emit(Kind.ROLLED_BACK, why="not-ready")
    events.emit(Kind.DOWNLOAD_FAILED, why="NETWORK")
    shown = device("events", "--summary", "--dir", str(device.place))
    assert "1 x NETWORK" in shown
    assert "1 x not-ready" in shown
    assert "attempts     2" in shown


def test_a_notice_is_shown_with_its_text(device: Device) -> None:
    device.init()
    Events(device.place, HandClock()).emit(Kind.NOTICE, text={"en": "Soon.", "de": "Bald."}, detail="https://x")
    assert "https://x [de] Bald. [en] Soon." in device("events", "--dir", str(device.place))


def test_a_summary_cannot_be_followed(device: Device) -> None:
    device.init()
    device("events", "--dir", str(device.place), "--summary", "--follow")
    assert (device.status, "exclude each other" in device.err) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
@pytest.mark.parametrize("machine", [False, True])
def test_events_are_followed_until_ctrl_c(device: Device, machine: bool) -> None:
    device.init()
    happened(device, 9, 1)
    words = ["events", "--follow", "--since", "7d", "--dir", str(device.place), *(["--json"] if machine else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "sealcast", "client", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    Events(device.place, HandClock()).emit(Kind.STAGED, version="2.0.0", why="delta")
    second = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate()
    assert (process.returncode, rest, "INTERRUPTED" in said) == (130, "", True)
    if machine:
        assert [json.loads(line)["event"] for line in (first, second)] == ["check", "staged"]
    else:
        assert first.split()[1:] == ["check", "1"]
        assert second.split()[1:] == ["staged", "2.0.0", "delta"]


def lines(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_every_event_goes_to_a_file(device: Device) -> None:
    device.init()
    file = device.folder / "log"
    device("check", "--dir", str(device.place), "--events", str(file))
    assert lines(file) == ["check", "update_available"]
    device("update", "--dir", str(device.place), "--events", str(file))
    found = lines(file)[2:]
    assert list(dict.fromkeys(found)) == ["check", "update_available", "progress", "downloaded", "staged"]
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the app is a shell script")
def test_a_start_tells_too(device: Device) -> None:
    device.init()
    device("update", "--dir", str(device.place))
    file = device.folder / "log"
    device("run", "--dir", str(device.place), "--events", str(file), "--", "true")
    assert lines(file) == ["applied", "started"]


def test_standard_error_takes_events_and_the_result_stays_alone(device: Device) -> None:
    device.init()
    assert device.json("check", "--events", "-")["action"] == "update"
    assert [json.loads(line)["event"] for line in device.err.splitlines()] == ["check", "update_available"]


def test_a_file_that_cannot_be_written_is_an_error_at_once(device: Device) -> None:
    device.init()
    device("check", "--dir", str(device.place), "--events", str(device.folder / "nowhere" / "log"))
    assert (device.status, "NO_FILE" in device.err) == (10, True)
    assert device.json("events")["events"] == []


def test_a_file_that_fails_later_stops_nothing(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.init()

    def full(_path: Path, line: bytes) -> None:
        if line:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("sealcast.client.append_line", full, raising=False)
    device("check", "--dir", str(device.place), "--events", str(device.folder / "log"))
    assert device.status == 0

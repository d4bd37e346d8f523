"""``sealcast client``: what each command prints and returns. What happens on the device is tested with the client."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from sealcast.client import Client
from sealcast.client.events import Event, Kind
from tests.unit.cli.devices import Device


def test_a_client_is_made_and_told(device: Device) -> None:
    assert "demo/stable" in device.init()
    assert (device.status, (device.place / "client.json").exists()) == (0, True)
    device.init()
    assert device.status == 10
    assert "ALREADY_INITIALISED" in device.err


def test_what_is_given_reaches_the_settings(device: Device) -> None:
    device.init(
        "--dir", str(device.place), "--platform", "kiosk", "--device", "k7", "--native", "2.1",
        "--boot-limit", "5", "--ready-seconds", "9", "--quota", "2GiB", "--embedded", str(device.folder),
    )  # fmt: skip
    found = json.loads((device.place / "client.json").read_text())
    assert (found["platform"], found["device"], found["native"]) == ("kiosk", "k7", "2.1")
    assert (found["boot_limit"], found["ready_seconds"], found["embedded"]) == (5, 9, str(device.folder))
    assert found["quota"] == 2 << 30


def test_reports_are_off_unless_they_are_asked_for(device: Device) -> None:
    device.init()
    assert "report" not in json.loads((device.place / "client.json").read_text())
    device.place = device.folder / "e"
    device.init(
        "--dir", str(device.place), "--report", "https://x.example.org/v1", "--report-command", "logger -t 'a b'"
    )
    found = json.loads((device.place / "client.json").read_text())["report"]
    assert (found["url"], found["command"]) == ("https://x.example.org/v1", ["logger", "-t", "a b"])
    device("init", "--url", str(device.site), "--root", str(device.root), "--app", "demo", "--channel", "stable",
           "--report-command", "an 'open quote", "--dir", str(device.folder / "f"))  # fmt: skip
    assert (device.status, "USAGE" in device.err) == (2, True)


def test_the_main_job(device: Device) -> None:
    device.init()
    assert device.json("check") == {
        "action": "update",
        "why": "newer",
        "reason": "Release 1.0.0 is offered to this device.",
        "version": "1.0.0",
        "route": "archive",
        "bytes": device.json("check")["bytes"],
        "requests": 1,
        "mandatory": False,
        "notes": "First.",
        "notice": None,
        "freshness": "fresh",
    }
    assert "costs at most" in device("update", "--dir", str(device.place), "--dry-run")
    assert device.json("status")["phase"] == "empty"
    assert device.json("update", "--dry-run")["staged"] is False
    assert device.json("update")["staged"] is True
    assert device.json("update")["why"] == "staged"
    assert device.json("status")["phase"] == "pending"


@pytest.mark.skipif(sys.platform == "win32", reason="the app is a shell script")
def test_a_start_hands_on_what_the_app_says(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.init("--dir", str(device.place), "--boot-limit", "1")
    assert "Staged" in device("update", "--dir", str(device.place))
    out = device("run", "--dir", str(device.place), "--", "sh", "-c", "sh {slot}/run.sh; echo $SEALCAST_NONCE; exit 0")
    assert device.status == 0
    hello, nonce = out.split("\n")[:2]
    assert hello == "hello from 1.0.0"
    assert "starts" in device("status", "--dir", str(device.place))
    monkeypatch.setenv("SEALCAST_DIR", str(device.place))
    monkeypatch.setenv("SEALCAST_NONCE", "old")
    device("ready")
    assert (device.status, "WRONG_NONCE" in device.err) == (10, True)
    monkeypatch.setenv("SEALCAST_NONCE", nonce)
    assert "Ready." in device("ready")
    assert "nothing to report" in device("ready")
    assert device("run", "--", "./run.sh") == "hello from 1.0.0\n"
    assert device.status == 3
    assert "idle" in device("status")
    assert "ready" in device("events")
    assert [event["event"] for event in device.json("events")["events"]][:2] == ["check", "update_available"]
    device("fail", "--reason", "x")
    assert "NOT_ON_TRIAL" in device.err
    device("rollback")
    assert "NOTHING_TO_GO_BACK_TO" in device.err


@pytest.mark.skipif(sys.platform == "win32", reason="the app is a shell script")
def test_a_failure_and_a_way_back(device: Device) -> None:
    device.init()
    device("update", "--dir", str(device.place))
    device("run", "--dir", str(device.place), "--", "true")
    assert device.json("fail", "--reason", "no database") == {"reason": "no database"}
    shown = device("status", "--dir", str(device.place))
    assert "safe-mode" in shown
    assert "no database" in shown
    device("run", "--dir", str(device.place), "--", "true")
    assert (device.status, "SAFE_MODE" in device.err) == (10, True)
    assert device.json("check")["why"] == "quarantined"


@pytest.mark.skipif(sys.platform == "win32", reason="the app is a shell script")
def test_going_back_says_where_to(device: Device) -> None:
    device.init()
    device("update", "--dir", str(device.place))
    slot = next((device.place / "slots").iterdir())
    shutil.copytree(slot, device.folder / "embedded")
    device.place = device.folder / "e"
    device.init("--dir", str(device.place), "--embedded", str(device.folder / "embedded"), "--platform", "any")
    state = device.place / "state.json"
    from msgspec.structs import replace

    from sealcast.client.record import Installed, Records

    one = Installed(manifest="a" * 64, version="0.9", sequence=1, channel="stable")
    Records(state.parent).change(lambda record: replace(record, active=one, last_good=one))
    assert "the embedded release" in device("rollback", "--dir", str(device.place))


def test_the_only_client_of_a_user_needs_no_name(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_: device.folder / "data")
    device("status")
    assert (device.status, "WHICH_CLIENT" in device.err) == (2, True)
    made = device.init("--device", "x")
    assert str(Path("data") / "clients" / "demo-stable") in made
    assert "demo/stable" in device("status")


def test_a_directory_without_a_client_is_an_error_everywhere(device: Device) -> None:
    for verb in (["check"], ["update"], ["run", "--", "x"], ["ready"], ["fail", "--reason", "x"], ["rollback"],
                 ["status"], ["explain"], ["events"]):  # fmt: skip
        device(verb[0], "--dir", str(device.folder / "nowhere"), *verb[1:])
        assert (device.status, "NOT_INITIALISED" in device.err) == (10, True), verb


def test_warnings_and_notices_are_shown(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.init()
    from msgspec.structs import replace

    from sealcast.client.freshness import Freshness, State

    real = Client.outlook
    monkeypatch.setattr(
        Client,
        "outlook",
        lambda self: replace(
            real(self),
            notice={"text": {"en": "Back \x1b[31msoon."}, "url": ""},
            freshness=Freshness(State.STALE, "snapshot"),
        ),
    )
    out = device("check", "--dir", str(device.place))
    assert "notice [en] Back \\x1b[31msoon." in out
    assert "stale: the snapshot metadata expires soon" in device.err


def test_progress_goes_to_the_bar(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    from sealcast.cli import client as module
    from sealcast.cli.output import Output
    from sealcast.cli.session import Session

    drawn: list[tuple[int, int, str]] = []
    output = Output(sys.stdout, sys.stderr, {})
    monkeypatch.setattr(output, "progress", lambda *what: drawn.append(what))
    listen = module.progress(Session(output, None, {}, sys.stdin), "downloading")  # type: ignore[arg-type]
    listen(Event(event=Kind.PROGRESS, at="", version="2", done=1, total=4))
    listen(Event(event=Kind.STAGED, at=""))
    assert drawn == [(1, 4, "downloading 2")]

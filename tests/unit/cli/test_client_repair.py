"""``sealcast client verify`` and ``repair``: what they print and return."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.devices import Device


@pytest.fixture
def slot(device: Device) -> Path:
    """The folder of an installed release."""
    device.init()
    device("update", "--dir", str(device.place))
    device("run", "--dir", str(device.place), "--", "true")
    (slot,) = (device.place / "slots").iterdir()
    return slot


def test_what_is_whole_is_said_to_be(device: Device, slot: Path) -> None:
    assert "1.0.0: whole" in device("verify", "--dir", str(device.place))
    assert device.status == 0
    (slot / "files" / "log").write_bytes(b"")
    found = device.json("verify")
    assert device.status == 0
    assert found["ok"]
    assert found["releases"][0]["findings"] == [
        {"path": "files/log", "fault": "foreign", "why": "it does not belong to the release"}
    ]


def test_what_is_damaged_is_named_and_put_right(device: Device, slot: Path) -> None:
    (slot / "files" / "run.sh").write_bytes(b"rm -rf /")
    out = device("verify", "--dir", str(device.place))
    assert "damaged  files/run.sh" in out
    assert (device.status, "error[SLOT_CHANGED]" in device.err) == (10, True)
    assert "repair --all" not in device.err
    device("verify", "--all", "--dir", str(device.place))
    assert "repair --all" in device.err, "a plain repair would leave alone what is not active"
    found = device.json("verify", "--all")
    assert (device.status, found["ok"]) == (10, False)
    out = device("repair", "--dir", str(device.place))
    assert device.status == 0
    assert "Repaired" in out
    assert "Start the app again" in out
    assert device.json("verify")["ok"]
    (done,) = device.json("repair")["releases"]
    assert (done["repaired"], done["fetched"]) == (False, 0)


def test_a_long_list_is_cut_for_people_and_whole_for_machines(device: Device, slot: Path) -> None:
    for number in range(60):
        (slot / "files" / f"log-{number}").write_bytes(b"")
    assert "and 10 more" in device("verify", "--dir", str(device.place))
    assert len(device.json("verify")["releases"][0]["findings"]) == 60

"""``sealcast client explain``."""

from __future__ import annotations

from tests.unit.cli.devices import Device


def test_a_device_is_explained(device: Device) -> None:
    device.init()
    shown = device("explain", "--dir", str(device.place))
    assert device.status == 0
    assert "demo/stable on " in shown
    assert "No release was installed yet." in shown
    checked = device.json("check")
    found = device.json("explain")
    assert found["check"] == checked
    assert (found["app"], found["channel"]) == ("demo", "stable")
    assert {fact["topic"]: fact["word"] for fact in found["facts"]}["documents"] == "verified"


def test_the_native_build_can_be_named(device: Device) -> None:
    device.init()
    device("update", "--dir", str(device.place))
    told = device.json("explain", "--native", "2.0.0")["facts"]
    assert "The native build is 2.0.0 now" in next(fact["text"] for fact in told if fact["topic"] == "next-start")

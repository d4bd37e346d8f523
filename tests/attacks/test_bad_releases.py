"""Releases that are well signed and do not work: they crash, hang, or claim another's success.

A release on trial has a counted number of starts to report ready; what was good before it stays until then.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.client import Launch, child
from sealcast.errors import InstallError
from tests.attacks.conftest import Said
from tests.attacks.forger import Json
from tests.attacks.scene import Device, Scene

COMMAND = [sys.executable, "-S", "-E", "{slot}/app.py"]

CRASHES = b"raise SystemExit(3)\n"
HANGS = b"import time\ntime.sleep(60)\n"
DEAF = b"import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)\n"
SILENT = b"raise SystemExit(0)\n"
NO_PROGRAM = b"\x00\x01\x02"


def bad_update(scene: Scene, device: Device, program: bytes, **more: Json) -> None:
    """Stage a release with this program."""
    scene.forger().ship("3.0.0", {"app.py": program, "id": os.urandom(8)}, **more)
    assert device.update()


def run(device: Device) -> int:
    return device.launcher().run(COMMAND, {"PATH": os.environ["PATH"]})


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(InstallError) as caught:
        act()
    return caught.value.code


@pytest.mark.parametrize("program", [CRASHES, NO_PROGRAM], ids=["exits with an error", "is no program"])
def test_a_release_that_crashes_is_given_up_and_not_offered_again(scene: Scene, program: bytes) -> None:
    device = scene.device(2)
    bad_update(scene, device, program)
    assert run(device) == 0  # the good release's status: the user sees no failure
    assert device.running() == "2.0.0"
    started = [line for line in (device.folder / "events.jsonl").read_text().splitlines() if '"started"' in line]
    assert len([line for line in started[-4:] if "3.0.0" in line]) == 3
    (failure,) = device.record.quarantine.values()
    assert (failure.version, failure.reason) == ("3.0.0", "not-ready")
    for _ in range(2):
        found = device.client().outlook()
        assert (found.action, found.why) == ("blocked", "quarantined")
        assert device.running() == "2.0.0"


def test_a_signed_retry_lifts_the_quarantine_and_nothing_else_does(scene: Scene) -> None:
    device = scene.device(2)
    bad_update(scene, device, CRASHES)
    assert run(device) == 0
    forger = scene.forger()
    forger.heal()  # signed again, and no retry in it
    assert device.client().outlook().why == "quarantined"
    forger.channel(lambda document: document["releases"][-1].update(retry=1))
    assert device.update()
    launch = device.start()
    assert launch.version == "3.0.0"
    device.launcher().ready(launch.nonce)
    assert device.record.quarantine == {}
    assert device.running() != "2.0.0"


def test_a_newer_release_is_taken_past_one_that_failed(scene: Scene) -> None:
    device = scene.device(2)
    bad_update(scene, device, CRASHES)
    assert run(device) == 0
    scene.forger().ship("3.0.1", {"app.py": b"print('3.0.1')\n"})
    assert device.take().version == "3.0.1"
    assert device.record.previous_good is not None
    assert device.record.previous_good.version == "2.0.0"


@pytest.mark.parametrize("program", [HANGS, DEAF], ids=["sleeps", "does not hear that it should end"])
def test_a_release_that_hangs_before_it_is_ready(scene: Scene, program: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_GRACE_SECONDS", 0.2)
    device = scene.device(2)
    device.set_settings(ready_seconds=1, boot_limit=1)
    bad_update(scene, device, program)
    started = time.monotonic()
    assert run(device) == 0
    assert time.monotonic() - started < 100
    assert device.running() == "2.0.0"
    assert [failure.version for failure in device.record.quarantine.values()] == ["3.0.0"]


def test_a_release_that_ends_well_and_never_says_that_it_works(scene: Scene) -> None:
    device = scene.device(2)
    bad_update(scene, device, SILENT)
    for boots in (1, 2, 3):
        assert run(device) == 0
        assert (device.record.trial, device.record.boots) == (True, boots)
    assert run(device) == 0
    assert device.running() == "2.0.0"


def test_starts_are_counted_before_they_happen(scene: Scene) -> None:
    """A machine that dies in the middle of each start, as a driver in the release might make it."""
    device = scene.device(2)
    bad_update(scene, device, CRASHES)
    versions = [device.start().version for _ in range(5)]
    assert versions == ["3.0.0"] * 3 + ["2.0.0"] * 2


def test_a_report_of_an_earlier_start_proves_nothing(scene: Scene) -> None:
    device = scene.device(1)
    device.update()
    old: Launch = device.start()
    assert old.version == "2.0.0"
    new = device.start()
    for nonce in (old.nonce, "", "0" * 32, new.nonce.upper() + "x", "\0"):
        assert refused(lambda nonce=nonce: device.launcher().ready(nonce)) == "WRONG_NONCE"  # type: ignore[misc]
        assert device.record.trial
    assert device.launcher().ready(new.nonce)


def test_a_nonce_of_the_release_before_is_not_credited_to_the_new_one(scene: Scene) -> None:
    device = scene.device(1)
    good = device.take()
    bad_update(scene, device, CRASHES)
    assert not device.launcher().ready(good.nonce)  # nothing is on trial yet
    bad = device.start()
    assert bad.version == "3.0.0"
    assert refused(lambda: device.launcher().ready(good.nonce)) == "WRONG_NONCE"
    assert refused(lambda: device.launcher().fail("x", good.nonce)) == "WRONG_NONCE"
    assert device.record.trial
    device.launcher().fail("broken", bad.nonce)
    assert device.running() == "2.0.0"


def test_a_release_cannot_hold_itself_in_place_by_reporting_late(scene: Scene) -> None:
    device = scene.device(2)
    bad_update(scene, device, CRASHES)
    nonces = [device.start().nonce for _ in range(4)]
    assert not device.launcher().ready(nonces[2])  # its trial is over
    assert device.running() == "2.0.0"
    assert device.record.last_good is not None
    assert device.record.last_good.version == "2.0.0"


def test_a_device_whose_only_release_crashes_stops_in_safe_mode(scene: Scene) -> None:
    device = scene.device()
    bad_update(scene, device, CRASHES)
    assert refused(lambda: run(device)) == "SAFE_MODE"
    for _ in range(3):
        assert refused(lambda: run(device)) == "SAFE_MODE"
    assert device.client().status().phase == "safe-mode"
    assert device.client().outlook().why == "quarantined"
    scene.forger().ship("3.0.1", {"app.py": b"print('3.0.1')\n"})
    assert device.take().version == "3.0.1"


def test_both_slots_bad(scene: Scene) -> None:
    """The new release crashes, and the one before it has rotted: nothing unproved is started, and no loop."""
    device = scene.device(1)
    bad_update(scene, device, CRASHES)
    damage(device.slot("1.0.0"))
    assert refused(lambda: run(device)) == "SAFE_MODE"
    scene.forger().ship("3.0.1", {"app.py": b"print('3.0.1')\n"})
    assert device.take().version == "3.0.1"


def damage(slot: Path) -> None:
    for path in (slot / "files").rglob("*"):
        if path.is_file() and path.stat().st_size:
            path.write_bytes(bytes(path.stat().st_size))


def test_on_the_command_line(scene: Scene, sealcast: Callable[..., Said]) -> None:
    device = scene.device(2)
    bad_update(scene, device, CRASHES)
    assert sealcast("client", "run", "--dir", device.folder, "--", *COMMAND).status == 0
    said = sealcast("client", "status", "--dir", device.folder, "--json")
    assert said.document["active"] == "2.0.0"
    assert [failure["version"] for failure in said.document["quarantine"]] == ["3.0.0"]
    assert sealcast("client", "check", "--dir", device.folder, "--json").document["why"] == "quarantined"

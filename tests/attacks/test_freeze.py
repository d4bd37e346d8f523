"""The host stops the clock: it serves a state for ever, so that nobody hears of what came after.

What ended is refused, so nothing new is installed from it; what is installed starts all the same.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from sealcast.values import format_time
from tests.attacks.scene import START, Scene

PAST = format_time(START - timedelta(seconds=60))


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "demo-stable", "demo-halt"])
def test_what_ended_installs_nothing_and_stops_no_start(scene: Scene, role: str) -> None:
    device = scene.device(1)
    scene.forger().publish(role, lambda signed: signed.update(expires=PAST))
    for _ in range(2):
        assert "expired" in str(scene.refused(device, "EXPIRED")).lower()
    assert device.running() == "1.0.0"
    scene.recovers(device)


def test_a_release_that_was_staged_before_starts_after_the_end(scene: Scene) -> None:
    device = scene.device(1)
    device.update()
    scene.forger().publish("timestamp", lambda signed: signed.update(expires=PAST))
    with pytest.raises(Exception, match="expired"):
        device.check()
    launch = device.start()
    assert launch.version == "2.0.0"
    assert device.launcher().ready(launch.nonce)
    assert device.running() == "2.0.0"


def test_the_end_is_foretold(scene: Scene) -> None:
    device = scene.device(1)
    soon = format_time(START + timedelta(minutes=50))  # of a life of almost four hours
    scene.forger().publish("timestamp", lambda signed: signed.update(expires=soon))
    outlook = device.client().outlook()
    assert outlook.freshness is not None
    assert (outlook.freshness.state, outlook.freshness.role) == ("stale", "timestamp")
    assert outlook.plan is not None
    device.clock.forward(days=2)
    assert device.client().status().freshness.state == "expired"
    assert device.running() == "1.0.0"


@pytest.mark.parametrize("days", [-3650, -30, -2])
def test_a_clock_set_back_does_not_make_the_old_young(scene: Scene, days: int) -> None:
    device = scene.device(1)
    device.clock.forward(days=days)
    scene.refused(device, "CLOCK_AHEAD", "CLOCK_BACK")
    device.clock.now = START
    assert device.take().version == "2.0.0"


def test_a_signed_time_of_the_future_is_refused_and_not_remembered(scene: Scene) -> None:
    device = scene.device(1)
    for days in (2, 3650):
        issued = format_time(START + timedelta(days=days))
        scene.forger().publish("timestamp", lambda signed: signed["x-sealcast"].update(issued=issued))  # noqa: B023
        scene.refused(device, "CLOCK_AHEAD")
    scene.recovers(device)


def test_a_clock_far_ahead_remembers_no_time_that_was_not_signed(scene: Scene) -> None:
    device = scene.device(1)
    device.clock.forward(days=300)
    device.check()
    assert device.heights()["issued"] <= int(START.timestamp())
    device.clock.now = START
    assert device.take().version == "2.0.0"

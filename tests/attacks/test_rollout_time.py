"""A rollout goes by signed time alone: no clock of a device, and no silence of a signer, opens it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sealcast.values import format_time
from tests.attacks.forger import Forger
from tests.attacks.scene import START, Scene


def at(**span: float) -> str:
    return format_time(START + timedelta(**span))


@pytest.fixture
def forger(scene: Scene) -> Forger:
    """A site with a candidate for nobody yet, for everybody in an hour, and for nobody again in ten days."""
    forger = scene.forger()
    forger.ship("3.0.0", {"app.py": b"print('3.0.0')\n"})

    def roll(document: dict[str, object]) -> None:
        document["candidate"], document["stable"] = 3, 2
        steps = [{"at": at(hours=1), "permyriad": 10_000}, {"at": at(days=10), "permyriad": 0}]
        document["rollout"] = {"salt": "5a" * 16, "steps": steps}

    forger.channel(roll)
    return forger


def issue(forger: Forger, when: str) -> None:
    forger.publish("timestamp", lambda signed: signed["x-sealcast"].update(issued=when))


@pytest.mark.parametrize("days", [0.1, 1, 5, 400])
def test_a_clock_that_runs_ahead_opens_nothing(scene: Scene, forger: Forger, days: float) -> None:
    assert forger.live("demo-stable")
    device = scene.device(2)
    device.clock.forward(days=days)
    assert not device.update()
    assert device.running() == "2.0.0"


def test_a_clock_that_runs_behind_closes_nothing(scene: Scene, forger: Forger) -> None:
    device = scene.device(2)
    issue(forger, at(hours=2))
    device.clock.forward(hours=-20)
    assert device.update()


def test_the_signed_time_opens_it(scene: Scene, forger: Forger) -> None:
    device = scene.device(2)
    issue(forger, at(minutes=59))
    assert not device.update()
    issue(forger, at(hours=1))
    assert device.take().version == "3.0.0"


def test_an_older_signed_time_does_not_take_a_candidate_away(scene: Scene, forger: Forger) -> None:
    device, late = scene.device(2), scene.device(2, "late")
    issue(forger, at(hours=2))
    assert device.take().version == "3.0.0"
    issue(forger, at(hours=0))
    assert not device.update()
    assert device.running() == "3.0.0"
    assert not late.update()


def test_no_signed_time_of_the_future_opens_it(scene: Scene, forger: Forger) -> None:
    """The thief of the online key can be a day ahead, and no more."""
    device = scene.device(2)
    issue(forger, at(hours=25))
    scene.refused(device, "CLOCK_AHEAD")

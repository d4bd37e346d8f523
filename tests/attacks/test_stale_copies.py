"""A host of several copies, some of them behind: what was seen stays seen, whatever comes next."""

from __future__ import annotations

import pytest

from tests.attacks.scene import Scene


def test_stale_then_fresh_then_stale(scene: Scene) -> None:
    device = scene.device(1)
    scene.host(1)
    assert not device.update(), "an equal timestamp is no error"
    scene.host(2)
    assert device.take().version == "2.0.0"
    scene.host(1)
    scene.refused(device, "ROLLBACK")
    scene.host(2)
    assert not device.update()
    assert device.running() == "2.0.0"


@pytest.mark.long
def test_a_device_that_slept_through_three_hundred_roots(scene: Scene) -> None:
    """python-tuf follows 256 in one go; the next look goes on where that one stopped."""
    device = scene.device(1)
    forger = scene.forger()
    for _ in range(300):
        forger.publish_root()
    heights = device.heights()
    for _ in range(2):
        if device.heights()["root"] < 301:
            device.client().outlook()
    assert device.heights()["root"] == 301 > heights["root"]
    assert device.take().version == "2.0.0"

"""The device's clock is ten years wrong, or races: nothing new is believed, what is installed starts, the floor stays.

libfaketime turns the clock of the real command line, python-tuf's included, which reads the time itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.attacks.scene import Device, Scene

pytestmark = pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")

TEN_YEARS = {"+10y": "EXPIRED", "-10y": "CLOCK_BACK"}
"""What a check says where the clock is ahead, and where it is behind."""


def at(offset: str, device: Device, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the client under a clock that is off."""
    first, *others = words
    command = [sys.executable, "-m", "sealcast", "client", first, "--dir", str(device.folder), *others]
    faked = ["faketime", "-f", offset, *command]
    environment = os.environ | {"NO_PROXY": "*"}
    return subprocess.run(faked, check=False, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("offset", "code"), TEN_YEARS.items())
def test_ten_years_off(scene: Scene, offset: str, code: str) -> None:
    device = scene.device(1)
    with scene.unharmed(device):
        said = at(offset, device, "update")
        assert f"error[{code}]" in said.stderr, said.stderr
        assert said.returncode == 6
        started = at(offset, device, "run", "--", sys.executable, "{slot}/app.py")
        assert (started.returncode, started.stdout) == (0, "1.0.0\n"), started.stderr
    assert device.take().version == "2.0.0", "with the clock set right, all is well again"


@pytest.mark.long
@pytest.mark.parametrize("offset", TEN_YEARS)
def test_a_release_on_trial_and_a_clock_ten_years_off(scene: Scene, offset: str) -> None:
    """A trial, its report and the way back are counted, not timed."""
    device = scene.device(1)
    device.update()
    said = at(offset, device, "run", "--", sys.executable, "-m", "sealcast", "client", "ready")
    assert said.returncode == 0, said.stderr
    assert device.record.last_good == device.installed("2.0.0")
    assert at(offset, device, "rollback").returncode == 0
    assert device.running() == "1.0.0"


@pytest.mark.long
def test_a_clock_that_races(scene: Scene) -> None:
    """Eleven days a second: whatever a check makes of it, the next one with a right clock is in order."""
    device = scene.device(1)
    heights = device.heights()
    said = at("+0 x1000000", device, "update")
    assert "Traceback" not in said.stderr
    assert said.returncode in {0, 6, 9}, said.stderr
    assert all(device.heights()[name] >= number for name, number in heights.items())
    assert device.running() in {"1.0.0", "2.0.0"}
    assert device.take().version == "2.0.0"

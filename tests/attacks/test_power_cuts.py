"""The power is cut at any moment of an update, its activation and its ready: nothing is lost that must not be.

The calls of the real command line are recorded once; each image is what a disk may hold that was cut off after one of
them (`tests.attacks.power`). On each, the old release starts or the new one, the floor is not lower, what was reported
as done stays done, every slot is whole, and the next update brings everything in order without help. A sample of the
images is tried here, thousands in `make test-long`; docs/proof.md has the figures.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealcast.errors import SealcastError
from tests.attacks import power
from tests.attacks.power import Image, Recording
from tests.attacks.scene import Device, Scene, picture
from tests.attacks.tracing import calls, options, tracing
from tests.attacks.victims import Victims

pytestmark = tracing

STYLES = {
    "killed": power.KILLED,
    "nothing unflushed": power.NOTHING,
    "bytes first": power.BYTES_FIRST,
    **{f"names first, bytes {style.losses[0]}": style for style in power.NAMES_FIRST},
}


@dataclass
class Life:
    """What was recorded: the operations, and after how many of them each command was done."""

    scene: Scene
    device: Device
    recording: Recording
    done: dict[str, int]
    heights: dict[str, int]

    def image(self, length: int, seed: int, style: power.Style) -> Image:
        return self.recording.image(length, random.Random(seed), style)

    def check(self, image: Image, length: int, where: str) -> None:
        """Hold what must be true of a device whose disk looks like this."""
        shutil.rmtree(self.device.folder, ignore_errors=True)
        image.lay_out(self.device.folder)
        device = self.device
        self._slots_are_whole(where)
        assert all(device.heights()[name] >= number for name, number in self.heights.items()), where
        if length >= self.done["ready"]:
            good = device.record.last_good
            assert good is not None, where
            assert good.version == "2.0.0", f"{where}: it had been told that the release is good"
        runs = device.running()
        assert runs in {"1.0.0", "2.0.0"}, where
        if length >= self.done["update"]:
            assert runs == "2.0.0", f"{where}: it had been told that the release is staged"
        assert device.take().version == "2.0.0", where
        device.launcher()._slots.verify(device.installed("2.0.0").manifest)
        assert not device.update(), where
        assert device.leftovers() == [], where

    def _slots_are_whole(self, where: str) -> None:
        """A slot is there only when it is complete, whatever its stamp says."""
        slots = self.device.launcher()._slots
        for digest in slots:
            slots.verify(digest)
        named = {path.name for path in (self.device.folder / "slots").iterdir()}
        assert named == {digest[:32] for digest in slots}, where


def record(scene: Scene, **seeded: str) -> Life:
    """Record an update by delta, the first start of the release, and its report that it works."""
    device = scene.device(1)
    heights, recording, done = device.heights(), Recording(device.folder), {}
    (scene.folder / "log").mkdir()
    with Victims(scene.folder) as victims:
        for word, *more in (["update"], ["run", "--", "true"], ["ready"]):
            log = scene.folder / "log" / word
            environment = {"SEALCAST_DIR": str(device.folder), "NO_PROXY": "*", "SEALCAST_NONCE": device.record.nonce}
            words = ["client", word, "--dir", str(device.folder), *more]
            strace = options(log, moving=True)
            said: Any = victims.order("command", words=words, environment=environment, strace=strace, **seeded)
            assert said["code"] == "", said
            made = list(calls(log))
            own = next(call.thread for call in made if call.within(device.folder))
            recording.take(call for call in made if call.thread == own)
            done[word] = len(recording.operations)
    return Life(scene, device, recording, done, heights)


def test_power_cut_at_some_moments(scene: Scene, tmp_path: Path) -> None:
    life = record(scene)
    operations = len(life.recording.operations)
    assert 50 < life.done["update"] < life.done["run"] < life.done["ready"] == operations
    # The image of everything is the device as the commands left it: but for that, the rest would prove nothing.
    life.image(operations, 0, power.KILLED).lay_out(tmp_path / "image")
    assert picture(tmp_path / "image") == picture(life.device.folder)
    chosen = random.Random(operations)
    for seed in range(25):
        length = chosen.randrange(operations + 1)
        name, style = chosen.choice([*STYLES.items(), *[("anyhow", power.ANYHOW)] * 7])
        life.check(life.image(length, seed, style), length, f"{name}, after {length}, seed {seed}")


@pytest.mark.long
def test_power_cut_at_every_moment(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    life = record(scene)
    seen: set[str] = set()
    tried: Counter[str] = Counter()
    for length in range(len(life.recording.operations) + 1):
        styles = [*STYLES.items(), *[("anyhow", power.ANYHOW)] * 60]
        for number, (name, style) in enumerate(styles):
            seed = length * 100 + number
            image = life.image(length, seed, style)
            if (digest := f"{image.digest()} {length >= life.done['update']} {length >= life.done['ready']}") in seen:
                continue
            seen.add(digest)
            life.check(image, length, f"{name}, after {length}, seed {seed}")
            tried[name] += 1
    with capsys.disabled():
        operations = len(life.recording.operations)
        print(f"\npower cuts: {operations} operations, {tried.total()} different images ({dict(tried)}), 0 violations")


@pytest.mark.long
@pytest.mark.parametrize("forget", ["files", "folders"])
def test_a_client_that_does_not_flush_is_found(scene: Scene, forget: str) -> None:
    life = record(scene, forget=forget)
    styles = {"files": power.NAMES_FIRST[0], "folders": power.NOTHING}
    found = 0
    for length in (life.done["update"], life.done["ready"]):
        try:
            life.check(life.image(length, 0, styles[forget]), length, forget)
        except (AssertionError, SealcastError):
            found += 1
    assert found

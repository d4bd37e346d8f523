"""Killed at any point: the old release starts or the new one, readers see the old site or the new one, and the next
run finishes what was begun and clears what was left.

A sample of the points is tried here; with HYPOTHESIS_PROFILE=long, every one.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from sealcast.audit import audit
from sealcast.errors import SealcastError
from sealcast.fetch import FolderSource
from sealcast.publisher import Repository
from tests.attacks.scene import Device, Scene, app_files, picture, write_files
from tests.attacks.victims import Victims

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

EVERYWHERE = os.environ.get("HYPOTHESIS_PROFILE") == "long"
SAMPLES = 12


def points(count: int, samples: int) -> list[int]:
    """Return the changes to die at: spread over all of them, others each time the count changes."""
    if EVERYWHERE or count <= samples:
        return list(range(1, count + 1))
    chosen = random.Random(count)
    return sorted(chosen.sample(range(1, count + 1), samples))


@pytest.fixture
def victims(scene: Scene) -> Iterator[Victims]:
    with Victims(scene.folder) as running:
        yield running


def keep(folder: Path) -> Path:
    return Path(shutil.copytree(folder, folder.with_name(f"kept-{folder.name}"), symlinks=True))


def restore(folder: Path, kept: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(kept, folder, symlinks=True)


def holds(scene: Scene, device: Device, heights: dict[str, int]) -> None:
    """Hold what must be true of a device whose update was killed, and that the next one repairs it."""
    assert device.running() in {"1.0.0", "2.0.0"}
    assert all(device.heights()[name] >= number for name, number in heights.items())
    launch = device.take()
    assert launch.version == "2.0.0"
    device.launcher()._slots.verify(launch.manifest)
    assert device.record.previous_good is not None
    assert device.record.previous_good.version == "1.0.0"
    assert not device.update()
    assert device.leftovers() == []


def test_an_update_killed_at_any_change(scene: Scene, victims: Victims) -> None:
    device = scene.device(1)
    kept, heights = keep(device.folder), device.heights()
    whole = victims.order("update", folder=device.folder, url=device.url)
    assert whole["code"] == ""
    outside = picture(scene.folder, without=("device", "kept-device"))
    for point in points(whole["changes"], 13):
        restore(device.folder, kept)
        said = victims.order("update", folder=device.folder, url=device.url, at=point)
        assert said["killed"] or said["changes"] < point
        holds(scene, device, heights)
    assert picture(scene.folder, without=("device", "kept-device")) == outside


def test_an_update_killed_at_any_time(scene: Scene, victims: Victims) -> None:
    device = scene.device(1)
    kept, heights = keep(device.folder), device.heights()
    took = 0.0
    for _ in range(2):  # the first one also waits for the victims to be there
        restore(device.folder, kept)
        started = time.monotonic()
        assert victims.order("update", folder=device.folder, url=device.url)["code"] == ""
        took = time.monotonic() - started
    chosen = random.Random(1)
    killed = 0
    for _ in range(10 * SAMPLES if EVERYWHERE else SAMPLES):
        restore(device.folder, kept)
        said = victims.order("update", folder=device.folder, url=device.url, delay=chosen.uniform(0, took))
        killed += said["killed"]
        holds(scene, device, heights)
    assert killed


def test_an_update_killed_over_and_over_makes_progress(scene: Scene, victims: Victims) -> None:
    """Each run goes on where the last one died, so that a machine that never lasts a whole update still gets there."""
    device = scene.device(1)
    for _ in range(200):
        if device.record.pending is not None:
            break
        victims.order("update", folder=device.folder, url=device.url, at=70)
    assert device.record.pending is not None
    assert device.take().version == "2.0.0"


# -------------------------------------------------------------------------------------------------------- publisher


def strays(folder: Path) -> list[str]:
    """Return unfinished files, wherever they lie."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob(".tmp-*")]


def test_a_release_killed_at_any_change(scene: Scene, victims: Victims) -> None:
    scene.workspace()
    workspace = scene.folder / "ws"
    source = write_files(scene.folder / "in", app_files("3.0.0"))
    kept = keep(workspace)
    whole = victims.order("release", folder=workspace, input=source, version="3.0.0")
    assert whole["code"] == ""
    for point in points(whole["changes"], 8):
        restore(workspace, kept)
        said = victims.order("release", folder=workspace, input=source, version="3.0.0", at=point)
        assert said["killed"] or said["changes"] < point
        known = Repository.open(workspace).channel("stable")
        assert [release.version for release in known.releases][-1] in {"2.0.0", "3.0.0"}
        again = victims.order("release", folder=workspace, input=source, version="3.0.0")
        assert again["code"] == "", point
        document = Repository.open(workspace).channel("stable")
        assert [release.version for release in document.releases] == ["1.0.0", "2.0.0", "3.0.0"]
        assert document.last == 3
        assert strays(workspace) == []
    assert_publishable(scene, workspace)


def assert_publishable(scene: Scene, workspace: Path) -> None:
    site = scene.folder / "fresh-site"
    shutil.rmtree(site, ignore_errors=True)
    report = Repository.open(workspace).build(site)
    assert report.findings == ()


class Reader:
    """A device that checks over and over while others publish; it must always find a whole site, old or new."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.seen: list[str] = []
        self.failures: list[str] = []

    def _read(self) -> None:
        while not self._stop.is_set():
            try:
                found = self._device.client().outlook()
                self.seen.append(found.version or "")
            except SealcastError as error:
                self.failures.append(f"{error.code}: {error.what}")
            self._stop.wait(0.02)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_publication_killed_at_any_change_with_a_reader(scene: Scene, victims: Victims) -> None:
    workspace = scene.folder / "ws"
    scene.workspace().add_release(write_files(scene.folder / "in", app_files("3.0.0")), version="3.0.0")
    kept = keep(scene.site)
    whole = victims.order("publish", folder=workspace, site=scene.site)
    assert whole["code"] == ""
    for number, point in enumerate(points(whole["changes"], 6)):
        restore(scene.site, kept)
        reader = Reader(scene.device(1, f"reader-{number}"))
        with reader:
            said = victims.order("publish", folder=workspace, site=scene.site, at=point)
            assert said["killed"] or said["changes"] < point
            newcomer = scene.device(1, f"newcomer-{number}")
            assert newcomer.take().version in {"2.0.0", "3.0.0"}
            assert victims.order("publish", folder=workspace, site=scene.site)["code"] == "", point
        assert reader.failures == [], point
        assert set(reader.seen) <= {"2.0.0", "3.0.0"}
        assert newcomer.client().outlook().version in {"3.0.0", None}
        assert strays(scene.site) == []
        shutil.rmtree(scene.folder / "audit", ignore_errors=True)
        source = FolderSource(scene.site)
        report = audit(source, root=scene.root, folder=scene.folder / "audit", now=scene.clock(), deep=True)
        assert report.findings == ()


def test_a_release_published_under_the_eyes_of_readers(scene: Scene) -> None:
    repository = scene.workspace()
    with Reader(scene.device(1, "reader")) as reader:
        for version in ("3.0.0", "3.1.0"):
            repository.add_release(write_files(scene.folder / "in", app_files(version)), version=version)
            repository.plan_publish(scene.site).run()
    assert reader.failures == []
    assert reader.seen == sorted(reader.seen)

"""A verified release is altered where it lies: before its first start, between starts, or under the one to go back to.

What is not as it was verified is not started; what was good before it is, and the next update repairs it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.errors import InstallError
from tests.attacks.scene import Device, Scene, app_files

FILE = "files/lib/shared.bin"


def flip(slot: Path) -> None:
    path = slot / FILE
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def flip_and_hide(slot: Path) -> None:
    """Keep size and times as they were; the time of the change itself cannot be set."""
    times = (slot / FILE).stat()
    flip(slot)
    os.utime(slot / FILE, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(slot: Path) -> None:
    """Put another file in its place, as an editor or a copying program does."""
    data = bytearray((slot / FILE).read_bytes())
    data[0] ^= 1
    (slot / "other").write_bytes(data)
    shutil.copystat(slot / FILE, slot / "other")
    (slot / "other").replace(slot / FILE)


def link(slot: Path) -> None:
    """Let a file be a link to one of the same bytes, which may change later."""
    path = slot / FILE
    (slot / "kept").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(slot / "kept")


def widen(slot: Path) -> None:
    (slot / "files/app.py").chmod(0o755)


def garble_stamp(slot: Path) -> None:
    flip(slot)
    (slot / "stamp").write_bytes(b"\xff\x00" * 50)


def lie_in_manifest(slot: Path) -> None:
    flip(slot)
    (slot / "stamp").unlink()
    (slot / "manifest.json").write_bytes((slot / "manifest.json").read_bytes().replace(b"2.0.0", b"2.0.9"))


CHANGES: list[Callable[[Path], object]] = [
    *(flip, flip_and_hide, replace, link, widen, garble_stamp, lie_in_manifest),
    lambda slot: (slot / FILE).unlink(),
    lambda slot: (slot / FILE).write_bytes(b""),
    lambda slot: shutil.rmtree(slot / "files"),
    shutil.rmtree,
]


@pytest.mark.parametrize("change", CHANGES)
def test_before_its_first_start(scene: Scene, change: Callable[[Path], object]) -> None:
    device = scene.device(1)
    device.update()
    change(device.slot("2.0.0"))
    for _ in range(2):
        assert device.running() == "1.0.0"
    assert repaired(device) == "2.0.0"


@pytest.mark.parametrize("change", CHANGES)
def test_between_two_starts(scene: Scene, change: Callable[[Path], object]) -> None:
    device = scene.device(2)
    change(device.slot("2.0.0"))
    for _ in range(2):
        assert device.running() == "1.0.0"
    assert repaired(device) == "2.0.0"


def repaired(device: Device) -> str:
    """Return what an update leads to: the same release, fetched again."""
    assert device.take().version == "2.0.0"
    assert device.leftovers() == []
    return device.running()


def test_during_its_trial(scene: Scene) -> None:
    device = scene.device(1)
    device.update()
    assert device.start().version == "2.0.0"
    flip(device.slot("2.0.0"))
    assert device.running() == "1.0.0"
    assert [failure.reason for failure in device.record.quarantine.values()] == ["damaged"]


def test_under_the_release_to_go_back_to(scene: Scene) -> None:
    device = scene.device(2)
    flip(device.slot("1.0.0"))
    scene.forger().channel(lambda document: document.update(recall=[2]))
    device.check()
    assert device.running() == "2.0.0"  # recalled, and still better than what was altered
    with pytest.raises(InstallError) as caught:
        device.launcher().rollback()
    assert caught.value.code == "NOTHING_TO_GO_BACK_TO"


def test_everywhere(scene: Scene) -> None:
    device = scene.device(2)
    for version in ("1.0.0", "2.0.0"):
        flip(device.slot(version))
    for _ in range(2):
        with pytest.raises(InstallError) as caught:
            device.start()
        assert caught.value.code in {"SAFE_MODE", "NOTHING_INSTALLED"}
    assert repaired(device) == "2.0.0"


def test_a_damaged_base_gives_a_delta_nothing_wrong_to_build_on(scene: Scene) -> None:
    device = scene.device(1)
    found = device.check()
    assert found is not None
    flip(device.slot("1.0.0"))
    device.client().install(found)
    launch = device.start()
    assert launch.version == "2.0.0"
    assert (launch.files / "lib/shared.bin").read_bytes() == app_files("2.0.0")["lib/shared.bin"]


@pytest.mark.parametrize("name", ["state.json", "state.previous.json", "release.json"])
def test_records_that_are_damaged_start_nothing_unproved(scene: Scene, name: str) -> None:
    device = scene.device(2)
    place = device.slot("2.0.0") / name if name == "release.json" else device.folder / name
    for data in (b"", b"{}", b"\xff" * 100, place.read_bytes()[:-5]):
        place.write_bytes(data)
        assert device.running() in {"1.0.0", "2.0.0"}

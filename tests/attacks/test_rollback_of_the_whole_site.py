"""The host serves an earlier state of the whole site, properly signed in its day.

python-tuf's folder is a cache that a power cut can empty, and after that it would believe an older state. What stands
then is the floor, in two copies.
"""

from __future__ import annotations

import shutil
from itertools import chain, combinations, cycle, product
from pathlib import Path

import pytest

from sealcast.errors import VerificationError
from tests.attacks.scene import Device, Scene

CACHE = ("timestamp.json", "snapshot.json", "targets.json", "demo-stable.json", "root.json")


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def garble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE = (remove, empty, halve, zero, garble)


@pytest.fixture
def replayed(scene: Scene) -> Device:
    """A device that has seen release 2, and a host that went back to release 1."""
    device = scene.device(2)
    scene.host(1)
    return device


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(names, count) for count in range(len(names) + 1)))


def keep(device: Device) -> Path:
    kept = device.folder.with_name("kept")
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(device.folder, kept, symlinks=True)
    return kept


def restore(device: Device, kept: Path) -> None:
    shutil.rmtree(device.folder)
    shutil.copytree(kept, device.folder, symlinks=True)


def test_an_older_site_is_refused(scene: Scene, replayed: Device) -> None:
    scene.refused(replayed, "ROLLBACK")
    scene.host(2)
    assert not replayed.update()


def test_an_older_site_is_refused_whatever_is_lost_of_the_cache(scene: Scene, replayed: Device) -> None:
    metadata = replayed.folder / "repository" / "metadata"
    kept = keep(replayed)
    kinds = cycle(DAMAGE)
    cases = [(lost, next(kinds)) for lost in subsets(CACHE[:4])] + [(CACHE, damage) for damage in DAMAGE]
    for lost, damage in cases:
        restore(replayed, kept)
        for name in lost:
            damage(metadata / name)
        scene.refused(replayed, "ROLLBACK")
        # And nothing of the old state stays behind to block the next good check.
        if lost in {CACHE, CACHE[:2]}:
            scene.host(2)
            assert not replayed.update()
            scene.host(1)


def test_an_older_site_is_refused_without_any_cache(scene: Scene, replayed: Device) -> None:
    for lost in ("repository", "repository/metadata", "repository/documents", "repository/metadata/root_history"):
        kept = keep(replayed)
        shutil.rmtree(replayed.folder / lost)
        scene.refused(replayed, "ROLLBACK")
        restore(replayed, kept)


def test_one_copy_of_the_floor_is_enough_and_mends_the_other(scene: Scene, replayed: Device) -> None:
    kept = keep(replayed)
    for bad, damage in zip(cycle(replayed.floor_copies), DAMAGE, strict=False):
        restore(replayed, kept)
        good = bad.read_bytes()
        shutil.rmtree(replayed.folder / "repository")
        damage(bad)
        scene.refused(replayed, "ROLLBACK")
        scene.host(2)
        assert not replayed.update()
        assert bad.read_bytes() == good
        scene.host(1)


def test_without_a_floor_nothing_is_believed_and_what_runs_goes_on(scene: Scene, replayed: Device) -> None:
    scene.host(2)  # not even the newest state: who could tell that it is?
    kept = keep(replayed)
    for damages in product(DAMAGE, repeat=2):
        restore(replayed, kept)
        for path, damage in zip(replayed.floor_copies, damages, strict=True):
            damage(path)
        for _ in range(2):
            with pytest.raises(VerificationError) as caught:
                replayed.update()
            assert caught.value.code == "STATE_DAMAGED"
        assert replayed.running() == "2.0.0"
    assert scene.server.requests == []


def test_an_older_copy_of_the_floor_does_not_lower_it(scene: Scene) -> None:
    device = scene.device(1)
    old = device.floor_copies[0].read_bytes()
    assert device.take().version == "2.0.0"
    for path in device.floor_copies:
        kept = keep(device)
        path.write_bytes(old)
        shutil.rmtree(device.folder / "repository")
        scene.host(1)
        scene.refused(device, "ROLLBACK")
        restore(device, kept)


def test_an_older_state_record_does_not_lower_the_floor(scene: Scene, replayed: Device) -> None:
    shutil.copy(replayed.folder / "state.previous.json", replayed.folder / "state.json")
    before = replayed.heights()
    with pytest.raises(VerificationError) as caught:
        replayed.update()
    assert caught.value.code == "ROLLBACK"
    assert replayed.heights() == before


def test_a_root_carried_by_a_newer_app_does_not_unsay_the_floor(scene: Scene, replayed: Device) -> None:
    forger = scene.forger()
    scene.host(2)
    forger.publish_root()
    newer = (scene.site / "metadata" / "2.root.json").read_bytes()
    assert not replayed.update()
    assert replayed.heights()["root"] == 2
    scene.host(1)  # without the second root
    shutil.rmtree(replayed.folder / "repository")
    scene.refused(replayed, "ROLLBACK")
    replayed.root = newer
    scene.refused(replayed, "ROLLBACK")

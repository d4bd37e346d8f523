"""The disk is full, or breaks: one typed error, the old release runs, and with room again the next run succeeds.

Where the tests run as root on Linux, a small disk is really filled; everywhere, each change is refused by injection.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealcast.client import Event, Kind
from sealcast.errors import SealcastError
from sealcast.publisher import Repository
from tests.attacks.conftest import Said
from tests.attacks.scene import Device, Scene, app_files, write_files
from tests.attacks.test_killed import assert_publishable, keep, points, restore
from tests.attacks.victims import Victims

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

UPDATE_CODES = {errno.ENOSPC: {"NO_SPACE"}, errno.EIO: {"DISK_FAILED"}}


@forking
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_an_update_refused_by_the_disk_at_any_change(scene: Scene, number: int) -> None:
    device = scene.device(1)
    kept, heights = keep(device.folder), device.heights()
    with Victims(scene.folder) as victims:
        whole = victims.order("update", folder=device.folder, url=device.url)
        for point in points(whole["changes"], 6):
            restore(device.folder, kept)
            said = victims.order("update", folder=device.folder, url=device.url, at=point, refuse=number)
            # "": only what nothing depends on was refused, such as an event, or what is cleared away at the end.
            assert said["code"] in UPDATE_CODES[number] | {""}, point
            assert device.heights().keys() == heights.keys()
            assert all(device.heights()[name] >= seen for name, seen in heights.items())
            pending = device.record.pending is not None
            assert device.running() == ("2.0.0" if pending else "1.0.0")
            assert device.take().version == "2.0.0"
            assert not device.update()
            assert device.leftovers() == []


@forking
def test_a_release_refused_by_the_disk_at_any_change(scene: Scene) -> None:
    scene.workspace()
    workspace = scene.folder / "ws"
    source = write_files(scene.folder / "in", app_files("3.0.0"))
    kept = keep(workspace)
    with Victims(scene.folder) as victims:
        whole = victims.order("release", folder=workspace, input=source, version="3.0.0")
        for point in points(whole["changes"], 5):
            restore(workspace, kept)
            order = {"folder": workspace, "input": source, "version": "3.0.0"}
            said = victims.order("release", **order, at=point, refuse=errno.ENOSPC)
            assert said["code"] in {"", "NO_SPACE", "OSError ENOSPC"}, point
            assert victims.order("release", **order)["code"] == "", point
            assert Repository.open(workspace).channel("stable").last == 3
        assert_publishable(scene, workspace)


# ------------------------------------------------------------------------------------------------- a really full disk


def fill(disk: Path, leave: int = 0) -> None:
    """Use up everything but ``leave`` bytes."""
    with (disk / "ballast").open("ab") as file, contextlib.suppress(OSError):
        while (free := shutil.disk_usage(disk).free - leave) > 0:
            os.write(file.fileno(), bytes(min(free, 1024 * 1024)))


def clear(disk: Path) -> None:
    (disk / "ballast").unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MiB, really full when it is filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=0755", "sealcast-tests", str(folder)]
    subprocess.run(options, check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


mounting = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root on Linux can mount a small disk"
)


def on_disk(scene: Scene, disk: Path, state: int) -> Device:
    device = scene.device(state)
    shutil.copytree(device.folder, disk / "device", symlinks=True)
    device.folder = disk / "device"
    assert device.running()  # verified anew: a copy has other inodes
    return device


@mounting
def test_a_disk_that_is_full_before_an_update(scene: Scene, disk: Path) -> None:
    device = on_disk(scene, disk, 1)
    for leave in (0, 64 * 1024, 4 * 1024 * 1024):
        fill(disk, leave)
        with pytest.raises(SealcastError) as caught:
            device.update()
        assert caught.value.code == "NO_SPACE"
        assert device.running() == "1.0.0"
        clear(disk)
    assert not [request for request in scene.server.requests if "/objects/" in request.path]
    assert device.take().version == "2.0.0"


def test_a_quota_that_is_used_up(scene: Scene) -> None:
    """It counts like a full disk: nothing is fetched, the old release runs; with more of it, the update goes on."""
    device = scene.device(1)
    device.set_settings(quota=70_000)
    (device.folder / "trash" / "x").write_bytes(bytes(30_000))
    (device.folder / "downloads" / ("0" * 64)).write_bytes(bytes(20_000))
    error = scene.refused(device, "NO_SPACE", floor="not lowered")
    assert error.data["cleaned"] == 50_000
    assert "quota" in error.hint
    assert not [request for request in scene.server.requests if "/objects/" in request.path]
    device.set_settings(quota=200_000)
    assert device.take().version == "2.0.0"


@mounting
def test_a_disk_that_fills_up_during_a_download(scene: Scene, disk: Path) -> None:
    device = on_disk(scene, disk, 1)

    def listen(event: Event) -> None:
        if event.event == Kind.PROGRESS:
            fill(disk)

    found = device.check()
    assert found is not None
    heights = device.heights()
    with pytest.raises(SealcastError) as caught:
        device.client(listener=listen).install(found)
    assert caught.value.code == "NO_SPACE"
    assert device.running() == "1.0.0"
    assert device.heights() == heights
    clear(disk)
    assert device.take().version == "2.0.0"
    assert not device.update()
    assert device.leftovers() == []


@mounting
def test_a_start_on_a_full_disk(scene: Scene, disk: Path) -> None:
    """A trial that cannot be counted does not happen: what was good starts."""
    device = on_disk(scene, disk, 1)
    device.update()
    fill(disk)
    for _ in range(4):
        assert device.running() == "1.0.0"
    clear(disk)
    assert device.running() == "2.0.0"


@mounting
def test_a_release_added_on_a_full_disk(scene: Scene, disk: Path, sealcast: Callable[..., Said]) -> None:
    scene.workspace()
    workspace = shutil.copytree(scene.folder / "ws", disk / "ws")
    source = write_files(scene.folder / "in", app_files("3.0.0"))
    words = ("-C", workspace, "release", "add", source, "--version", "3.0.0")
    before = Repository.open(workspace).channel("stable")
    for leave in (0, 16 * 1024, 80 * 1024):
        fill(disk, leave)
        said = sealcast(*words)
        assert (said.status, said.code) == (3, "NO_SPACE"), said.err
        assert Repository.open(workspace).channel("stable") == before
        clear(disk)
    assert sealcast(*words).status == 0
    assert Repository.open(workspace).channel("stable").last == before.last + 1
    assert_publishable(scene, workspace)


@mounting
def test_a_publication_to_a_full_disk(scene: Scene, disk: Path) -> None:
    repository = scene.workspace()
    site = shutil.copytree(scene.site, disk / "site")
    repository.add_release(write_files(scene.folder / "in", app_files("3.0.0")), version="3.0.0")
    live = (site / "metadata/timestamp.json").read_bytes()
    for leave in (0, 16 * 1024):
        fill(disk, leave)
        with pytest.raises(SealcastError) as caught:
            repository.plan_publish(site).run()
        assert caught.value.code in {"STORE_FAILED", "NO_SPACE"}
        assert (site / "metadata/timestamp.json").read_bytes() == live
        clear(disk)
    repository.plan_publish(site).run()

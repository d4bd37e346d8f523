"""Somebody plants links in the state directory while the client writes there, so that it writes elsewhere.

Only the owner can, since the directory is nobody else's; but a client that runs with more rights than whoever planted
the link must not lend them. Whatever is planted, no file outside is made, changed or removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealcast.client import Event, Kind
from sealcast.errors import InstallError, SealcastError
from tests.attacks.scene import Device, Scene, picture, write_files


@pytest.fixture
def outside(scene: Scene) -> Path:
    """A folder and files that a link could lead to."""
    return write_files(scene.folder / "outside", {"victim": b"precious", "lib/victim": b"precious", "files/x": b"x"})


def next_slot(device: Device) -> str:
    """Return the name of the slot that the next release will have."""
    found = device.client().outlook()
    assert found.build is not None
    return found.build.manifest.sha256[:32]


def next_object(device: Device) -> str:
    """Return the object that the next update fetches."""
    found = device.client().outlook()
    assert found.plan is not None
    (step,) = found.plan.steps
    return step.delta.sha256


CACHED = "repository/metadata/timestamp.json"
Plant = Callable[[Device, Path], None]


def link(path: Path, to: Path) -> None:
    with contextlib.suppress(FileExistsError):
        path.symlink_to(to)


PLANTS: dict[str, Plant] = {
    "the folder of the release": lambda device, out: link(device.folder / "staging" / next_slot(device), out),
    "something in staging": lambda device, out: link(device.folder / "staging" / "x", out),
    "its slot": lambda device, out: link(device.folder / "slots" / next_slot(device), out),
    "its slot, to nowhere": lambda device, out: link(device.folder / "slots" / next_slot(device), out / "nowhere"),
    "another slot": lambda device, out: link(device.folder / "slots" / ("0" * 32), out),
    "the object": lambda device, out: link(device.folder / "downloads" / next_object(device), out / "victim"),
    "a document": lambda device, out: link(device.folder / "repository/documents" / ("0" * 64), out / "victim"),
    "cached metadata": lambda device, out: relink(device.folder / CACHED, out / "victim"),
    "a copy of the floor": lambda device, out: relink(device.floor_copies[0], out / "victim"),
    "the record": lambda device, out: relink(device.folder / "state.json", out / "victim"),
    "the record before": lambda device, out: relink(device.folder / "state.previous.json", out / "victim"),
}


def relink(path: Path, to: Path) -> None:
    path.unlink()
    path.symlink_to(to)


@pytest.mark.parametrize("name", PLANTS)
def test_planted_before_an_update(scene: Scene, outside: Path, name: str) -> None:
    device = scene.device(1)
    PLANTS[name](device, outside)
    before = picture(outside)
    with contextlib.suppress(SealcastError):
        device.update()
    assert picture(outside) == before
    device.start()
    assert picture(outside) == before
    # Whatever it cost, the device is not stuck.
    device.update()
    assert device.running() in {"1.0.0", "2.0.0"}
    assert picture(outside) == before


@pytest.mark.parametrize("name", ["slots", "staging", "downloads", "trash", "repository"])
def test_a_folder_of_the_client_that_became_a_link(scene: Scene, outside: Path, name: str) -> None:
    """Cleaning up there would delete elsewhere, and a release there would be somebody else's."""
    device = scene.device(1)
    folder = device.folder / name
    folder.rename(device.folder / "kept")
    folder.symlink_to(outside)
    before = picture(outside)
    for act in (device.check, device.update, device.client().repair):
        with pytest.raises(InstallError) as caught:
            act()
        assert caught.value.code == "UNSAFE_PATH"
    assert picture(outside) == before
    folder.unlink()
    (device.folder / "kept").rename(folder)
    assert device.take().version == "2.0.0"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("name", ["", "slots", "staging", "downloads", "trash", "repository"])
def test_a_folder_of_somebody_else(scene: Scene, name: str) -> None:
    device = scene.device(1)
    os.chown(device.folder / name, 54321, -1)
    for act in (device.check, device.update):
        with pytest.raises(InstallError) as caught:
            act()
        assert caught.value.code == "UNSAFE_OWNER"
    assert scene.server.requests == []
    os.chown(device.folder / name, os.geteuid(), -1)
    assert device.take().version == "2.0.0"


@contextmanager
def when(kind: Kind, act: Callable[[], object]) -> Iterator[Callable[[Event], None]]:
    """Act when the client tells of this kind of event."""

    def listen(event: Event) -> None:
        if event.event == kind:
            act()

    yield listen


@pytest.mark.parametrize("name", ["the folder of the release", "its slot", "another slot", "something in staging"])
def test_planted_during_a_download(scene: Scene, outside: Path, name: str) -> None:
    device = scene.device(1)
    found = device.check()
    assert found is not None
    assert found.outlook.build is not None
    slot = found.outlook.build.manifest.sha256[:32]
    places = {
        "the folder of the release": device.folder / "staging" / slot,
        "its slot": device.folder / "slots" / slot,
        "another slot": device.folder / "slots" / ("0" * 32),
        "something in staging": device.folder / "staging" / "x",
    }
    before = picture(outside)
    with when(Kind.PROGRESS, lambda: link(places[name], outside)) as listener, contextlib.suppress(SealcastError):
        device.client(listener=listener).install(found)
    assert picture(outside) == before
    assert device.running() in {"1.0.0", "2.0.0"}
    device.update()
    assert picture(outside) == before
    assert device.running() == "2.0.0"


def test_planted_by_a_thread_that_races(scene: Scene, outside: Path) -> None:
    """Links to outside appear wherever the release is about to be written, over and over."""
    device = scene.device(1)
    slot = next_slot(device)
    kept = scene.folder / "kept"
    shutil.copytree(device.folder, kept, symlinks=True)
    before = picture(outside)
    files = device.folder / "staging" / slot / "files"
    places = [files / name for name in ("lib", "bin", "app.py", "twin-a")]
    planted = 0

    def race(stop: threading.Event) -> None:
        nonlocal planted
        while not stop.is_set():
            for place in places:
                with contextlib.suppress(OSError):
                    place.symlink_to(outside if "." not in place.name else outside / "victim")
                    planted += 1

    codes: set[str] = set()
    for number in range(60):
        if number >= 8 and planted:
            break
        stop = threading.Event()
        thread = threading.Thread(target=race, args=(stop,))
        thread.start()
        try:
            device.update()
            codes.add("")
        except InstallError as error:
            codes.add(error.code)
        finally:
            stop.set()
            thread.join()
        assert picture(outside) == before
        assert device.running() in {"1.0.0", "2.0.0"}
        shutil.rmtree(device.folder)
        shutil.copytree(kept, device.folder, symlinks=True)
    assert planted
    assert "UNSAFE_PATH" in codes
    assert codes <= {"", "UNSAFE_PATH"}
    assert device.take().version == "2.0.0"


def test_links_in_the_site_of_a_publisher_lead_nowhere(scene: Scene, outside: Path) -> None:
    """A release holds files and directories: what a link leads to is not taken along."""
    repository = scene.workspace()
    folder = write_files(scene.folder / "dist", {"a.txt": b"a"})
    for name, to in (("link.txt", outside / "victim"), ("folder", outside), ("dangling", outside / "nowhere")):
        (folder / name).symlink_to(to)
        with pytest.raises(SealcastError) as caught:
            repository.add_release(folder, version="3.0.0")
        assert caught.value.code == "UNSAFE_TYPE"
        (folder / name).unlink()
    os.mkfifo(folder / "fifo")
    with pytest.raises(SealcastError) as caught:
        repository.add_release(folder, version="3.0.0")
    assert caught.value.code == "UNSAFE_TYPE"

"""What every attack needs: a published site, devices that follow it, a forger with keys, and an alibi for the rest.

The scene is a folder: ``site`` is what the host serves, ``device`` the state directory of one client, ``home`` stands
for everything else on that machine, and ``keys`` are the private keys of the repository, for whoever stole them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sealcast.client import Client, Launch, Launcher, Update
from sealcast.client.floor import Floor
from sealcast.client.record import Installed, Record, Records
from sealcast.documents import encode
from sealcast.errors import InstallError, SealcastError
from sealcast.fetch import HttpOptions, Limits
from sealcast.publisher import Repository
from tests.attacks.forger import Forger, Json
from tests.clocks import START, HandClock
from tests.servers import Server

FLOORED = ("timestamp", "issued", "snapshot", "revision", "lowest")


def app_files(version: str) -> dict[str, bytes]:
    """A small app: a program, data that versions share, data that changes a little, twins, and an empty file."""
    noise = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1200))
    return {
        "app.py": f"print({version!r})\n".encode(),
        "bin/tool": f"#!/bin/sh\necho {version}\n".encode(),
        "empty": b"",
        "lib/changing.bin": noise[:9000] + version.encode() * 40 + noise[9000:18000],
        "lib/shared.bin": noise[18000:],
        "twin-a": b"the same bytes " * 100,
        "twin-b": b"the same bytes " * 100,
    }


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        if path.startswith("bin/"):
            place.chmod(0o755)
    return folder


def picture(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, object]:
    """Return everything below ``folder`` by path: kind, mode, and bytes or where a link leads."""
    seen: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.partition("/")[0] in without:
            continue
        mode = path.lstat().st_mode
        if path.is_symlink():
            seen[name] = (mode, str(path.readlink()))
        else:
            seen[name] = (mode, path.read_bytes() if path.is_file() else None)
    return seen


PATIENT = Limits(backoff_seconds=0.01)
"""The client's own limits, with short pauses: a busy machine is no slow host."""

QUICK = Limits(connect_seconds=2, gap_seconds=0.4, total_seconds=1.0, speed_seconds=0.5, backoff_seconds=0.01)
"""The same with less patience, for hosts that are slow on purpose."""


@dataclass
class Device:
    """One client in its state directory."""

    folder: Path
    url: str
    root: bytes
    clock: HandClock
    limits: Limits = PATIENT
    asked: list[str] = field(default_factory=list)

    def client(self, **more: Any) -> Client:
        """Return the client, as a new process would open it."""
        fields = {"url": self.url, "root": self.root, "app": "demo", "channel": "stable", "platform": "any"}
        options = HttpOptions(limits=self.limits, proxy="")
        return Client(**{**fields, "directory": self.folder, "clock": self.clock, "http": options, **more})

    def launcher(self, **more: Any) -> Launcher:
        return Launcher(self.folder, clock=self.clock, **more)

    def check(self) -> Update | None:
        return self.client().check()

    def update(self) -> bool:
        """Check, and install what is found; tell whether there was something."""
        client = self.client()
        found = client.check()
        if found is not None:
            client.install(found)
        return found is not None

    def start(self) -> Launch:
        """Do what a start does, but for the process."""
        return self.launcher().start()

    def take(self) -> Launch:
        """Update, start what came, and let it report ready."""
        self.update()
        launch = self.start()
        self.launcher().ready(launch.nonce)
        return launch

    def running(self) -> str:
        """Start once more, as it is, and return the version whose files really lie there; empty where none does."""
        try:
            launch = self.start()
        except InstallError as error:
            if error.code == "NOTHING_INSTALLED":
                return ""
            raise
        return (launch.files / "app.py").read_text().strip().removeprefix("print('").removesuffix("')")

    @property
    def record(self) -> Record:
        return Records(self.folder).read()

    @property
    def floor(self) -> Floor:
        return self.launcher()._floor.read()

    @property
    def floor_copies(self) -> list[Path]:
        """Return the files that hold the floor."""
        found = sorted(self.folder.rglob("floor*.json"))
        assert len(found) == 2
        return found

    def heights(self) -> dict[str, int]:
        """Return the numbers of the floor."""
        floor = self.floor
        marks = {name: getattr(floor, name) for name in FLOORED}
        return {"root": floor.root} | {name: mark.number if mark else 0 for name, mark in marks.items()}

    def slot(self, version: str) -> Path:
        """Return the slot of a release that the record knows."""
        return self.folder / "slots" / self.installed(version).manifest[:32]

    def installed(self, version: str) -> Installed:
        return next(release for release in self.record.held if release.version == version)

    def set_settings(self, **changes: object) -> None:
        """Change what ``init`` wrote."""
        place = self.folder / "client.json"
        place.write_bytes(encode({**json.loads(place.read_bytes()), **changes}))

    def leftovers(self) -> list[str]:
        """Return what no finished run leaves behind: unfinished files, downloads, half slots."""
        held = {release.manifest[:32] for release in self.record.held}
        found = []
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder).as_posix()
            top = name.partition("/")[0]
            stray_slot = top == "slots" and name.count("/") == 1 and path.name not in held
            unfinished = path.name.startswith((".tmp-", "tmp")) or path.name.endswith(".part")
            if stray_slot or unfinished or (top in {"staging", "downloads", "trash"} and "/" in name):
                found.append(name)
        return found


class Scene:
    """A prepared repository and its surroundings, copied for one test."""

    def __init__(self, prepared: Path, folder: Path, server: Server) -> None:
        self._prepared = prepared
        self.folder = folder
        self.server = server
        self.clock = HandClock()
        self._forged = 0
        self.site = folder / "site"
        self.keys = prepared / "ws" / "keys"
        self.root = (prepared / "ws" / "metadata" / "1.root.json").read_bytes()
        self.home = write_files(folder / "home", {"notes.txt": b"mine", ".profile": b"PATH=/bin\n", "deep/x": b"x"})

    def host(self, state: int) -> None:
        """Serve the whole site as it was when release ``state`` was the newest."""
        shutil.rmtree(self.site, ignore_errors=True)
        shutil.copytree(self._prepared / f"site-{state}", self.site)

    def device(self, state: int = 0, name: str = "device") -> Device:
        """Return a device that runs release ``state`` and has seen no newer one; without releases for 0."""
        folder = self.folder / name
        device = Device(folder, self.server.url, self.root, self.clock)
        if not state:
            device.client()
        else:
            shutil.copytree(self._prepared / f"device-{state}", folder, symlinks=True)
            device.set_settings(url=self.server.url)
            for release in device.record.held:  # a copy has other inodes: let the stamps be those of this one
                assert device.launcher().conditions().intact(release)
        return device

    def workspace(self) -> Repository:
        """Return a copy of the publisher's workspace, as of the newest release."""
        folder = self.folder / "ws"
        if not folder.exists():
            shutil.copytree(self._prepared / "ws", folder)
        return Repository.open(folder, clock=self.clock)

    def forger(self) -> Forger:
        """Return a forger, whose versions are above those of the forger before."""
        self._forged += 100
        return Forger(self.site, self.keys, lowest=self._forged)

    def recovers(self, device: Device) -> None:
        """Hold that nothing of what was refused stays behind to block the next good check.

        Higher numbers are taken, since a timestamp that was in order counts as seen, whatever it led to.
        """
        self.host(2)
        self.forger().heal()
        assert device.take().version == "2.0.0"

    @contextmanager
    def unharmed(self, device: Device, *, floor: str = "as it was") -> Iterator[None]:
        """Hold that what runs, the floor, and everything outside the state directory are as before the block.

        ``floor``: "as it was", or "not lowered" where the signed documents were good and only a release is refused.
        """
        record, running, heights = device.record, device.running(), device.heights()
        outside = picture(self.folder, without=(device.folder.name, "site"))
        yield
        assert device.running() == running
        assert _lasting(device.record) == _lasting(record)
        if floor == "as it was":
            assert device.heights() == heights
        else:
            assert all(device.heights()[name] >= number for name, number in heights.items())
        assert picture(self.folder, without=(device.folder.name, "site")) == outside

    def refused(
        self, device: Device, *codes: str, act: Callable[[], object] | None = None, floor: str = "as it was"
    ) -> SealcastError:
        """Hold that ``act``, by default a whole update, is refused with one of ``codes`` and harms nothing."""
        with self.unharmed(device, floor=floor), pytest.raises(SealcastError) as caught:
            (act or device.update)()
        assert caught.value.code in codes, f"{caught.value.code}: {caught.value}"
        return caught.value


class Gallery:
    """One release with a hostile build for each of many cases, as one platform each: signed and served once."""

    def __init__(self, scene: Scene, prepared: Path) -> None:
        self.scene = scene
        self.forger = scene.forger()
        self._prepared = prepared
        self._builds: dict[str, Json] = {}
        self._platforms: dict[str, str] = {}

    def add(self, case: str, build: Json) -> None:
        self._platforms[case] = f"p{len(self._platforms)}"
        self._builds[self._platforms[case]] = build

    def open(self) -> None:
        """Publish the release."""
        self.forger.release("6.6.6", self._builds)

    def device(self, folder: Path, case: str) -> tuple[Scene, Device]:
        """Return a device that runs release 1 and is offered the build of ``case``, in a scene of its own."""
        scene = Scene(self._prepared, folder, self.scene.server)
        device = scene.device(1)
        self.follow(device, case)
        return scene, device

    def follow(self, device: Device, case: str) -> None:
        """Let the device be offered the build of ``case``."""
        device.set_settings(platform=self._platforms[case])


@contextmanager
def gallery(prepared: Path, folder: Path) -> Iterator[Gallery]:
    """Serve a gallery, still empty."""
    with Server(folder / "at" / "site") as server:
        scene = Scene(prepared, folder / "at", server)
        scene.host(2)
        yield Gallery(scene, prepared)


def _lasting(record: Record) -> tuple[object, ...]:
    return record.active, record.last_good, record.previous_good, record.pending, record.trial, record.quarantine


def prepare(folder: Path) -> None:
    """Make the workspace, the site after each of two releases, and a device that runs each."""
    clock = HandClock(START - timedelta(hours=5))
    Repository.create_solo(folder / "ws", app="demo", encrypted=False, clock=clock)
    settings = folder / "ws" / "sealcast.toml"
    # A zip is no route: first installs take the packs. `test_archive_route` has the attacks on archives.
    settings.write_text(settings.read_text("utf-8").replace('archive = "tar.zst"', 'archive = "zip"'), "utf-8")
    repository = Repository.open(folder / "ws", clock=clock)
    device = None
    for number in (1, 2):
        clock.forward(hours=1)
        version = f"{number}.0.0"
        repository.add_release(write_files(folder / "dist", app_files(version)), version=version)
        repository.plan_publish(folder / "site").run()
        shutil.copytree(folder / "site", folder / f"site-{number}")
        with Server(folder / "site") as server:
            root = (folder / "ws" / "metadata" / "1.root.json").read_bytes()
            device = Device(folder / "device", server.url, root, HandClock())
            assert device.take().version == version
        shutil.copytree(folder / "device", folder / f"device-{number}", symlinks=True)
    shutil.rmtree(folder / "site")


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread or process does."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)

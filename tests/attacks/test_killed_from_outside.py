"""The kill sweep: whatever call of the system a client dies at, or is refused, the device loses nothing.

strace strikes the real command line at each call that changes the disk, python-tuf's and the interpreter's included:
with SIGKILL, or with an error. After each: the old release starts or the new one, the floor is not lower, the same
command run again repairs what there is to repair, no orphan stays, and nothing outside the state directory changed.
A sample of the points is tried here, all of them in `make test-long`; docs/proof.md has the figures.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.scene import Device, Scene, picture
from tests.attacks.test_killed import keep
from tests.attacks.tracing import Call, calls, options, tracing
from tests.attacks.victims import Victims

pytestmark = tracing

KILL = "signal=SIGKILL"
ERRORS = ("ENOSPC", "EIO")
RARER = ("EDQUOT", "EROFS", "EACCES", "EMFILE")
TYPED = frozenset({"", "NO_SPACE", "DISK_FAILED", "NO_PERMISSION", "SYSTEM", "UNSAFE_PATH"})


@dataclass(frozen=True, slots=True)
class Work:
    """One command at one moment of a device's life.

    ``running`` is what may start while the command is cut off, ``ends`` what runs once it was done.
    """

    words: tuple[str, ...]
    prepare: Callable[[Scene], Device]
    running: frozenset[str]
    ends: str
    repeated: frozenset[str] = frozenset()
    """The codes with which the command may say, when it is run again, that it was done already."""


def fresh(scene: Scene) -> Device:
    return Device(scene.folder / "device", scene.server.url, scene.root, scene.clock)


def without_deltas(scene: Scene) -> Device:
    """The host has lost its deltas: the packs are taken."""
    documents = sorted(
        (scene.site / "targets/demo/stable").glob("*.channel.json"), key=lambda path: path.stat().st_size
    )
    for release in json.loads(documents[-1].read_bytes())["releases"]:
        for build in release["platforms"].values():
            for delta in build.get("deltas", ()):
                (scene.site / "objects" / delta["sha256"][:2] / delta["sha256"]).unlink()
    return scene.device(1)


def staged(scene: Scene) -> Device:
    device = scene.device(1)
    device.update()
    return device


def on_trial(scene: Scene) -> Device:
    device = staged(scene)
    nonce = device.start().nonce
    (scene.folder / "nonce").write_text(nonce)
    return device


def cluttered(scene: Scene) -> Device:
    """What runs that were killed have left: a slot that nobody holds, a half download, unfinished files."""
    device = scene.device(2)
    shutil.copytree(device.slot("1.0.0"), device.folder / "slots" / ("0" * 32))
    (device.folder / "downloads" / f"{'1' * 64}.part").write_bytes(b"half")
    shutil.copytree(device.slot("1.0.0"), device.folder / "staging" / ("2" * 32))
    (device.folder / "trash" / "old").mkdir()
    for folder in (device.folder, device.folder / "repository" / "metadata", device.slot("2.0.0")):
        (folder / f".tmp-{'3' * 32}").write_bytes(b"unfinished")
    return device


BOTH = frozenset({"1.0.0", "2.0.0"})
WORKS = {
    "init": Work(
        ("init", "--url={url}", "--root={root}", "--app=demo", "--channel=stable", "--platform=any"),
        fresh,
        frozenset({""}),
        "",
        frozenset({"ALREADY_INITIALISED"}),
    ),
    "install": Work(("update",), lambda scene: scene.device(0), frozenset({"", "2.0.0"}), "2.0.0"),
    "delta": Work(("update",), lambda scene: scene.device(1), BOTH, "2.0.0"),
    "packs": Work(("update",), without_deltas, BOTH, "2.0.0"),
    "activation": Work(("run", "--", "true"), staged, BOTH, "2.0.0"),
    "ready": Work(("ready",), on_trial, BOTH, "2.0.0"),
    "fail": Work(("fail", "--reason=broken"), on_trial, BOTH, "1.0.0", frozenset({"NOT_ON_TRIAL"})),
    "rollback": Work(("rollback",), lambda scene: scene.device(2), BOTH, "1.0.0", frozenset({"NOTHING_TO_GO_BACK_TO"})),
    "clean-up": Work(("check",), cluttered, frozenset({"2.0.0"}), "2.0.0"),
}


@dataclass
class Sweep:
    """One command, struck over and over."""

    scene: Scene
    work: Work
    victims: Victims
    device: Device
    tried: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    slowest: float = 0.0
    """Of the processor, for the run that repaired; the clock on the wall also counts whatever else the machine does."""

    def __post_init__(self) -> None:
        self.kept = keep(self.device.folder) if self.device.folder.exists() else None
        self.heights = self.device.heights() if self.kept else {}
        self.log = self.scene.folder / "log" / "strace"
        self.log.parent.mkdir()
        (self.log.parent / "root.json").write_bytes(self.scene.root)
        self.outside = self._outside()

    def _outside(self) -> dict[str, object]:
        return picture(self.scene.folder, without=("device", "kept-device", "log"))

    def again(self) -> None:
        """Put the device back to where the command begins."""
        shutil.rmtree(self.device.folder, ignore_errors=True)
        if self.kept:
            shutil.copytree(self.kept, self.device.folder, symlinks=True)

    def starts(self) -> str:
        """Return what would start now: tried on a copy, since a start is counted."""
        copy = self.scene.folder / "copy"
        shutil.copytree(self.device.folder, copy, symlinks=True)
        try:
            return replace(self.device, folder=copy).running()
        finally:
            shutil.rmtree(copy)

    def order(self, inject: str | None = None) -> Any:
        """Run the command under strace, with something to strike or only to be watched; or, with None, without it."""
        values = {"url": self.device.url, "root": self.log.parent / "root.json"}
        first, *others = (word.format(**values) for word in self.work.words)
        environment = {"SEALCAST_DIR": str(self.device.folder), "NO_PROXY": "*"}
        if (self.scene.folder / "nonce").exists():
            environment["SEALCAST_NONCE"] = (self.scene.folder / "nonce").read_text()
        words = ["client", first, "--dir", str(self.device.folder), *others]
        strace = {} if inject is None else {"strace": options(self.log, inject=inject)}
        return self.victims.order("command", words=words, environment=environment, **strace)

    def points(self) -> list[Call]:
        """Return the calls of the whole command that change the state directory."""
        self.again()
        said = self.order("")
        assert said["code"] == "", said
        made = [call for call in calls(self.log) if call.changes and call.within(self.device.folder)]
        return [call for call in made if call.thread == made[0].thread]  # not those of the app that is started

    def strike(self, point: Call, fault: str) -> None:
        """Have the command struck at one point, and hold that the device lost nothing."""
        self.again()
        said = self.order(f"{point.name}:{fault}:when={point.number}")
        where = f"{fault} at {point.name} {point.number}"
        if fault == KILL:
            hit = said["killed"]
        else:
            made = list(calls(self.log))
            hit = any(call.injected for call in made)
            assert said["code"] in TYPED, (where, said)
            self._never_flushed_again(made, where)
        self.tried[fault] += hit
        self.missed += not hit
        self.holds(where)

    @staticmethod
    def _never_flushed_again(made: list[Call], where: str) -> None:
        """A file whose fsync failed is given up: what another fsync says of it would be a lie."""
        for place, call in enumerate(made):
            if call.injected and call.name == "fsync":
                later = [other for other in made[place + 1 :] if other.name == "fsync" and other.paths == call.paths]
                assert not later or Path(call.paths[0]).is_dir(), where

    def holds(self, where: str) -> None:
        """Hold what must be true of a device whatever struck it, and that the same command repairs it."""
        device = self.device
        if (device.folder / "client.json").exists():
            assert self.starts() in self.work.running, where
            assert all(device.heights()[name] >= number for name, number in self.heights.items()), where
        said = self.order()
        if not (said["code"] == "" or said["code"] in self.work.repeated):
            raise AssertionError(f"{where}: run again, it says {said['code']}")
        assert self.starts() == self.work.ends, where
        self.slowest = max(self.slowest, said["seconds"])
        if self.work.ends == "2.0.0":
            assert device.take().version == "2.0.0", where
            device.launcher()._slots.verify(device.installed("2.0.0").manifest)
        if self.work.ends:
            assert not device.update(), where
        assert device.leftovers() == [], where
        assert self._outside() == self.outside, where


@pytest.fixture
def sweep(scene: Scene) -> Iterator[Callable[[str], Sweep]]:
    with Victims(scene.folder) as victims:
        yield lambda name: Sweep(scene, WORKS[name], victims, WORKS[name].prepare(scene))


@pytest.mark.parametrize(("name", "samples"), [("delta", 3), ("activation", 2), ("clean-up", 1)])
def test_struck_at_some_calls(sweep: Callable[[str], Sweep], name: str, samples: int) -> None:
    made = sweep(name)
    points = made.points()
    chosen = random.Random(len(points))
    for number, point in enumerate(chosen.sample(points, samples)):
        made.strike(point, KILL if number % 2 else f"error={chosen.choice(ERRORS)}")
    assert sum(made.tried.values()) >= samples - 1


@pytest.mark.long
@pytest.mark.parametrize("name", WORKS)
def test_struck_at_every_call(sweep: Callable[[str], Sweep], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = sweep(name)
    points = made.points()
    chosen = random.Random(0)
    for number, point in enumerate(points):
        for fault in (KILL, *(f"error={error}" for error in ERRORS)):
            made.strike(point, fault)
        if number % 5 == 0:
            made.strike(point, f"error={chosen.choice(RARER)}")
    with capsys.disabled():
        print(
            f"\n{name}: {len(points)} calls, {dict(made.tried)} struck, {made.missed} not reached, 0 violations,"
            f" repaired in {made.slowest:.2f} s of the processor at most"
        )
    assert made.missed <= len(points) // 20

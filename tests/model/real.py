"""The real client, put into a state of the model's and asked what it makes of an event: in memory, or on a disk.

Both run `sealcast.client.launcher` and `sealcast.client.transitions` as they are. In memory, the record, the slots and
the floor are plain values, so that a hundred thousand events take seconds; on a disk they are what a device has.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec

from sealcast.client import Launcher, init_directory, transitions
from sealcast.client import record as record_module
from sealcast.client.checked import write_checked
from sealcast.client.directory import StateDirectory
from sealcast.client.floor import Floor, FloorStore, Mark
from sealcast.client.record import Failure, Installed, Record, Records
from sealcast.client.room import Room
from sealcast.client.shape import FILES, MANIFEST, write_release
from sealcast.client.slots import Slots
from sealcast.client.stamp import take_looks, write_stamp
from sealcast.documents import encode
from sealcast.errors import SealcastError
from sealcast.model import File, Manifest
from sealcast.values import content_of
from tests.clocks import HandClock
from tests.model.state_table import LIMIT, NEWEST, OLD_BUILD_ONLY, Event, Release, State

BODY = b"#!/bin/sh\n"
"""The one file of every release."""


def _manifest(number: int) -> bytes:
    made = content_of(BODY)
    file = File(path="run.sh", sha256=made.sha256, size=made.size, executable=True)
    version = f"{number}.0.0"
    return encode(Manifest(app="demo", version=version, platform="any", encoder={}, files=(file,), packs=()))


MANIFESTS = {number: _manifest(number) for number in range(NEWEST + 1)}
DIGESTS = {number: content_of(data).sha256 for number, data in MANIFESTS.items()}
NUMBERS = {digest: number for number, digest in DIGESTS.items()}
ROLES = ("active", "last_good", "previous_good", "pending")


class CutError(BaseException):
    """The power was cut: nothing handles it."""


def installed(release: Release) -> Installed:
    return Installed(
        manifest=DIGESTS[release.number],
        version=f"{release.number}.0.0",
        sequence=release.number,
        channel="stable",
        retry=release.retry,
        native="<2.0.0" if release.number == OLD_BUILD_ONLY else "",
    )


def released(known: Installed | None) -> Release | None:
    return Release(NUMBERS[known.manifest], known.retry) if known else None


def record_of(state: State) -> Record:
    held = {name: getattr(state, name) for name in ROLES}
    return Record(
        **{name: installed(release) if release else None for name, release in held.items()},
        trial=state.trial,
        boots=state.boots,
        nonce=f"n{state.nonce}" if state.trial else "",
        quarantine={
            DIGESTS[failed.number]: Failure(version="", reason="", at="", retry=failed.retry)
            for failed in state.quarantine
        },
        recalled=tuple(sorted(DIGESTS[number] for number in state.recalled)),
        native_seen=f"{state.build_seen}.0.0",
    )


class Store(Protocol):
    """Where a device keeps what it knows, and the ways in which that can go wrong."""

    def record(self) -> Record: ...

    def change(self, transition: Callable[[Record], Record]) -> object: ...

    def slots(self) -> tuple[frozenset[int], frozenset[int]]:
        """Return which releases lie there, and which of those are damaged."""

    def act(self, event: str, *numbers: int) -> None:
        """Fetch a release, damage one, clean up, raise the floor, or lose the newest record."""

    def fail_commits(self, after: int | None, refuse: bool) -> None:
        """After so many commits, cut the power, or refuse as a full disk does; None: do neither."""


class Real:
    """A client over a store."""

    def __init__(self, launcher: Launcher, store: Store) -> None:
        self.launcher = launcher
        self.store = store
        self.build = 1
        self.nonce = "old"
        """What the process that was started last reports with."""

    def happen(self, event: Event, cut: int | None = None) -> tuple[str, int | None]:
        """Let an event happen, cut off after so many commits; return what was refused, and what was started."""
        self.launcher._native = f"{self.build}.0.0"
        refuse = event[0] == "start-uncounted"
        self.store.fail_commits(0 if refuse else cut, refuse)
        try:
            runs, nonce = self._act(event)
        except CutError:
            return "", None
        except SealcastError as error:
            return error.code, None
        except OSError:
            return "OSError", None
        finally:
            self.store.fail_commits(None, refuse=False)
        if runs is not None and cut is None:
            self.nonce = nonce
            return "", runs
        return "", None

    def _act(self, event: Event) -> tuple[int | None, str]:
        name, *numbers = event
        match name:
            case "start" | "start-uncounted":
                launch = self.launcher.start()
                return NUMBERS[launch.manifest] if launch.manifest else 0, launch.nonce or "old"
            case "update":
                self.store.act("fetch", numbers[0])
                self.store.change(lambda record: transitions.stage(record, installed(Release(*numbers))))
            case "recall":
                recalled = [DIGESTS[number] for number in numbers]
                self.store.change(lambda record: transitions.recall(record, recalled))
            case "withdraw":
                self.store.change(transitions.withdraw)
            case "native":
                self.build = numbers[0]
            case "ready" | "ready-old":
                self.launcher.ready(self.nonce if name == "ready" else "old")
            case "fail" | "fail-old":
                self.launcher.fail("x", self.nonce if name == "fail" else "old")
            case "fail-person":
                self.launcher.fail("x")
            case "rollback":
                self.launcher.rollback()
            case _:
                self.store.act(name, *numbers)
        return None, ""

    def difference(self, wanted: State) -> str:
        """Return what of the device is otherwise than in the model's state; empty where nothing is."""
        record = self.store.record()
        there, damaged = self.store.slots()
        found: dict[str, Any] = {name: released(getattr(record, name)) for name in ROLES}
        found |= {
            "trial": record.trial,
            "boots": record.boots,
            "quarantine": frozenset(Release(NUMBERS[key], one.retry) for key, one in record.quarantine.items()),
            "recalled": frozenset(NUMBERS[key] for key in record.recalled),
            "build_seen": int(record.native_seen[:1] or 0),
            "there": there,
            "damaged": damaged,
        }
        wrong = [
            f"{name} is {value}, and should be {getattr(wanted, name)}"
            for name, value in found.items()
            if value != getattr(wanted, name)
        ]
        if wanted.trial and (record.nonce == self.nonce) != (wanted.nonce == wanted.holds):
            wrong.append("the running process holds another nonce than it should")
        return "; ".join(wrong)


def make_launcher(place: Path, root: bytes, *, embedded: bool) -> Launcher:
    """Make the state directory ``device`` in ``place``, of an app that embeds a release or does not."""
    shipped = place / "app"
    if embedded:
        (shipped / FILES).mkdir(parents=True)
        (shipped / MANIFEST).write_bytes(MANIFESTS[0])
        write_release(shipped, installed(Release(0)))
    (place / "site").mkdir(parents=True, exist_ok=True)
    init_directory(
        place / "device",
        url=str(place / "site"),
        root=root,
        app="demo",
        channel="stable",
        native="1.0.0",
        boot_limit=LIMIT,
        embedded=shipped if embedded else None,
    )
    return Launcher(place / "device", clock=HandClock(), native="1.0.0")


# -------------------------------------------------------------------------------------------------------- in memory


class Memory:
    """A device of plain values. It stands in for `Records`, `Slots` and `FloorStore`, as far as a start needs them."""

    def __init__(self) -> None:
        self._now = self._before = Record()
        self._there: set[int] = set()
        self._damaged: set[int] = set()
        self._floor = 0
        self._after: int | None = None
        self._refuse = False

    def load(self, state: State) -> None:
        self._now = record_of(state)
        self._there, self._damaged, self._floor = set(state.there), set(state.damaged), state.floor

    def record(self) -> Record:
        return self._now

    read = record

    def change(self, transition: Callable[[Record], Record]) -> Record:
        changed = transition(self._now)
        if changed == self._now:
            return changed
        if self._after == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if self._refuse else CutError
        if self._after is not None:
            self._after -= 1
        self._before, self._now = self._now, msgspec.structs.replace(changed, generation=self._now.generation + 1)
        return self._now

    def fail_commits(self, after: int | None, refuse: bool) -> None:
        self._after, self._refuse = after, refuse

    def slots(self) -> tuple[frozenset[int], frozenset[int]]:
        return frozenset(self._there), frozenset(self._damaged)

    def act(self, event: str, *numbers: int) -> None:
        if event == "lose":
            self._now = self._before
        elif event == "fetch":
            self._there.add(numbers[0])
            self._damaged.discard(numbers[0])
        elif event == "damage":
            self._damaged.add(numbers[0])
        elif event == "floor":
            self._floor = numbers[0]
        else:
            held = {NUMBERS[release.manifest] for release in self._now.held}
            self._there &= held
            self._damaged &= held

    def is_intact(self, manifest: str) -> bool:
        return NUMBERS[manifest] in self._there - self._damaged

    def files(self, manifest: str) -> Path:
        return Path("slots", manifest)

    def lowest(self) -> int:
        return self._floor

    def emit(self, *_: object, **__: object) -> None:
        """Tell nobody."""


def make_memory(place: Path, root: bytes, *, embedded: bool) -> tuple[Real, Memory]:
    launcher, memory = make_launcher(place, root, embedded=embedded), Memory()
    for part in ("_records", "_slots", "_floor", "_events"):
        setattr(launcher, part, memory)
    return Real(launcher, memory), memory


# -------------------------------------------------------------------------------------------------------- on a disk


class Disk:
    """A device as it is."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._records = Records(place)
        self._slots = Slots(place / "slots", place / "trash")
        self._fresh = 0
        self._after: int | None = None
        self._refuse = False

    def __enter__(self) -> Self:
        record_module.write_checked = self._write
        return self

    def __exit__(self, *_: object) -> None:
        record_module.write_checked = write_checked

    def _write(self, path: Path, data: bytes) -> None:
        if self._after == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if self._refuse else CutError
        write_checked(path, data)
        if self._after is not None and path.name == "state.json":
            self._after -= 1

    def record(self) -> Record:
        return self._records.read()

    def change(self, transition: Callable[[Record], Record]) -> Record:
        return self._records.change(transition)

    def fail_commits(self, after: int | None, refuse: bool) -> None:
        self._after, self._refuse = after, refuse

    def slots(self) -> tuple[frozenset[int], frozenset[int]]:
        held = {NUMBERS[digest] for digest in self._slots}
        return frozenset(held), frozenset(number for number in held if not self._slots.is_intact(DIGESTS[number]))

    def act(self, event: str, *numbers: int) -> None:
        if event == "lose":
            (self._place / "state.json").write_bytes(bytes(100))
        elif event == "fetch":
            self._install(numbers[0])
        elif event == "damage":
            (self._slots.files(DIGESTS[numbers[0]]) / "run.sh").write_bytes(b"something else")
        elif event == "floor":
            FloorStore(self._place).store(Floor(lowest=Mark(number=numbers[0], metadata="")))
        else:
            Room(StateDirectory(self._place), self._slots, self._records, 0).sweep()

    def _install(self, number: int) -> None:
        if self._slots.is_intact(DIGESTS[number]):
            return
        self._fresh += 1
        staged = self._place / "staging" / str(self._fresh)
        (staged / FILES).mkdir(parents=True)
        file = staged / FILES / "run.sh"
        file.write_bytes(BODY)
        file.chmod(0o755)
        (staged / MANIFEST).write_bytes(MANIFESTS[number])
        write_stamp(staged, take_looks(staged, ["run.sh"]))
        self._slots.install(staged, DIGESTS[number])

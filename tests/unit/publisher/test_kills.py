"""A kill at any step, or a full disk, leaves the old state or the new one, and the same command completes the rest."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealcast.errors import RepositoryError, SealcastError
from sealcast.publisher import Repository
from tests.unit.publisher.failpoints import EVERYTHING, NAMING, full_at, killed_at
from tests.unit.publisher.workshop import (
    V1,
    V2,
    V3,
    Time,
    digests,
    first_root,
    read_site,
    temporaries,
    this_second,
    write,
)

Action = Callable[[Repository, Path, Time], object]


@contextmanager
def suppressed(code: str) -> Iterator[None]:
    """Let one typed error pass, and no other."""
    try:
        yield
    except RepositoryError as error:
        if error.code != code:
            raise


@contextmanager
def disk_may_be_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def add(repository: Repository, inputs: Path, _: Time) -> object:
    return repository.add_release(inputs / "three", version="1.2.0", channel="stable")


def promote(repository: Repository, _: Path, __: Time) -> object:
    return repository.promote("beta", "stable")


def refresh(repository: Repository, _: Path, clock: Time) -> object:
    return repository.refresh()


def remove(repository: Repository, _: Path, __: Time) -> object:
    with suppressed("UNKNOWN_RELEASE"):  # the killed run had come to its end
        return repository.remove_release("1.0.0")


ACTIONS: Mapping[str, tuple[Action, float]] = {  # what is done, after how many days
    "add": (add, 0),
    "promote": (promote, 0),
    "refresh": (refresh, 250),
    "remove": (remove, 0),
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, pristine: Path) -> Path:
    """A folder with inputs, and a workspace with releases in both channels."""
    folder = tmp_path_factory.mktemp("lived")
    for name, files in (("one", V1), ("two", V2), ("three", V3)):
        write(folder / name, files)
    repository = Repository.open(shutil.copytree(pristine, folder / "ws"), clock=this_second())
    for channel in ("stable", "beta"):
        repository.add_release(folder / "one", version="1.0.0", channel=channel)
    repository.add_release(folder / "two", version="1.1.0", channel="stable")
    repository.add_release(folder / "three", version="1.1.5", channel="beta")
    return folder


class Trial:
    """A copy of that workspace, and one action on it."""

    def __init__(self, folder: Path, lived: Path, name: str) -> None:
        self.ws = Path(shutil.copytree(lived / "ws", folder))
        self.inputs = lived
        self.action, days = ACTIONS[name]
        self.clock = this_second()
        self.clock.forward(days=days)
        self.before = self.said()

    def run(self) -> None:
        self.action(Repository.open(self.ws, clock=self.clock), self.inputs, self.clock)

    def said(self) -> dict[str, object]:
        """What the workspace says, but for numbers."""
        repository = Repository.open(self.ws, clock=self.clock)
        state = repository.workspace.load()
        return {
            "releases": [(document.channel, document.stable, document.releases) for document in repository.channels()],
            "listed": sorted(path for path in state.listed if not path.endswith("channel.json")),
            "due": [status.role for status in repository.status() if status.is_due(self.clock())],
            "root": state.version("root"),
        }

    def catalogued(self) -> list[str]:
        return [record.version for record in Repository.open(self.ws, clock=self.clock).releases()]

    def check_after(self, expected: Mapping[str, object], catalogued: list[str], left: Mapping[str, str]) -> None:
        """Check that what was begun was completed, and that nothing signed before has another meaning now."""
        assert self.said() == expected
        assert self.catalogued() == catalogued
        now = digests(self.ws / "metadata")
        for name, digest in left.items():
            if name != "timestamp.json" and not name.startswith(".tmp-"):
                kept = now.get(name) or digests(self.ws / ".sealcast" / "abandoned").get(name)
                assert kept == digest, f"{name} has other bytes, or is gone"
        assert temporaries(self.ws) == []
        repository = Repository.open(self.ws, clock=self.clock)
        assert read_site(self.ws, first_root(repository), self.clock).findings == ()


def completed(folder: Path, lived: Path, name: str) -> tuple[Trial, int]:
    trial = Trial(folder, lived, name)
    with killed_at(None) as steps:
        trial.run()
    return trial, steps.count


@pytest.mark.parametrize("name", ACTIONS)
def test_killed_at_every_step(tmp_path: Path, lived: Path, name: str) -> None:
    whole, count = completed(tmp_path / "whole", lived, name)
    expected, catalogued = whole.said(), whole.catalogued()
    assert expected != whole.before
    assert count > 5
    for at in range(count):
        trial = Trial(tmp_path / str(at), lived, name)
        with killed_at(at) as steps:
            trial.run()
        assert steps.hit
        halfway = trial.said()
        assert halfway in (trial.before, expected) or name == "refresh"  # which signs root before the others
        left = digests(trial.ws / "metadata")
        trial.run()
        trial.check_after(expected, catalogued, left)
        shutil.rmtree(trial.ws)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_disk_is_full_at_every_step(tmp_path: Path, lived: Path, name: str) -> None:
    whole = Trial(tmp_path / "whole", lived, name)
    with full_at(None) as steps:
        whole.run()
    expected, catalogued = whole.said(), whole.catalogued()
    for at in range(0, steps.count, 5):
        trial = Trial(tmp_path / str(at), lived, name)
        with full_at(at) as tried, disk_may_be_full():
            trial.run()
        assert tried.hit
        assert trial.said() in (trial.before, expected) or name == "refresh"
        left = digests(trial.ws / "metadata")
        trial.run()
        trial.check_after(expected, catalogued, left)
        shutil.rmtree(trial.ws)


@pytest.mark.long
@pytest.mark.parametrize("name", ACTIONS)
def test_killed_at_every_single_call(tmp_path: Path, lived: Path, name: str) -> None:
    whole, _ = completed(tmp_path / "whole", lived, name)
    expected, catalogued = whole.said(), whole.catalogued()
    at = 0
    while True:
        trial = Trial(tmp_path / str(at), lived, name)
        with killed_at(at, EVERYTHING) as steps:
            trial.run()
        if not steps.hit:
            break
        left = digests(trial.ws / "metadata")
        trial.run()
        trial.check_after(expected, catalogued, left)
        shutil.rmtree(trial.ws)
        at += 1
    assert at > 20


# ------------------------------------------------------------------------------------------------------- init


def make(folder: Path, clock: Time) -> None:
    Repository.create_solo(folder, app="demo", channels=("stable", "beta"), encrypted=False, clock=clock)


@pytest.mark.parametrize(("there", "every"), [(False, 1), (True, 5)], ids=["no folder", "an empty folder"])
def test_init_killed_at_every_step(tmp_path: Path, clock: Time, there: bool, every: int) -> None:
    at, unfinished = 0, 0
    while True:
        folder = tmp_path / str(at) / "ws"
        folder.parent.mkdir()
        if there:
            folder.mkdir()
        with killed_at(at) as steps:
            make(folder, clock)
        if not steps.hit:
            break
        if not (folder / "sealcast.toml").exists():
            unfinished += 1
            with pytest.raises(SealcastError):
                Repository.open(folder, clock=clock)
            make(folder, clock)
        else:  # it is a workspace, and says so
            with suppressed("FOLDER_NOT_EMPTY"):
                make(folder, clock)
        repository = Repository.open(folder, clock=clock)
        repository.refresh()
        assert temporaries(folder.parent) == []
        assert read_site(folder, first_root(repository), clock).findings == ()
        assert {path.name for path in (folder / "keys").iterdir()} == {
            f"{name}{suffix}" for name in ("root", "channel", "halt", "online") for suffix in (".pem", ".pub.json")
        }
        shutil.rmtree(folder.parent)
        at += every
    assert unfinished * every > 20


def test_init_with_a_full_disk_leaves_nothing(tmp_path: Path, clock: Time) -> None:
    with full_at(None) as steps:
        make(tmp_path / "whole", clock)
    for at in range(0, steps.count, 4):
        folder = tmp_path / "ws"
        with full_at(at) as tried, disk_may_be_full():
            make(folder, clock)
        assert tried.hit
        if not (folder / "sealcast.toml").exists():
            make(folder, clock)
        Repository.open(folder, clock=clock).status()
        shutil.rmtree(folder)


# ------------------------------------------------------------------------------------- real processes, really gone

DYING = """
import os, sys
from sealcast.publisher import Repository

def dying(real, how):
    def call(*given, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9) if how == "SIGKILL" else os._exit(137)
        return real(*given, **named)
    return call

folder, inputs, left, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
repository = Repository.open(folder)
for name in ("link", "replace", "rename", "mkdir"):
    setattr(os, name, dying(getattr(os, name), how))
repository.add_release(inputs + "/three", version="1.2.0", channel="stable")
"""


@pytest.mark.parametrize(("at", "how"), [(2, "SIGKILL"), (6, "_exit"), (10, "SIGKILL")])
def test_a_process_that_is_killed(tmp_path: Path, lived: Path, at: int, how: str) -> None:
    whole, _ = completed(tmp_path / "whole", lived, "add")
    trial = Trial(tmp_path / "ws", lived, "add")
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(trial.ws), str(lived), str(at), how], capture_output=True, check=False
    )
    assert done.returncode in {137, -signal.SIGKILL}, done.stderr.decode()
    left = digests(trial.ws / "metadata")
    trial.clock = this_second()
    trial.run()
    trial.check_after(whole.said(), whole.catalogued(), left)


def test_the_steps_are_those_that_happen() -> None:
    assert set(NAMING) < set(EVERYTHING)
    assert all(callable(getattr(os, name)) for name in EVERYTHING)

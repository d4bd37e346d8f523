"""The command line in this process, and a small workspace to use it on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealcast.cli import main
from sealcast.publisher import Repository
from tests.unit.cli.devices import device, published

__all__ = ["device", "published"]

OLD = {"index.html": "<p>one</p>", "gone.txt": "bye", "same.txt": "same", "a/moved.txt": "moves"}
NEW = {"index.html": "<p>two</p>", "new.txt": "hi", "same.txt": "same", "b/moved.txt": "moves"}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def code(self) -> str:
        """The code of the error on standard error."""
        return self.err.partition("error[")[2].partition("]")[0]


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process; nobody is at the terminal."""

    def sealcast(*words: str | Path) -> Said:
        capsys.readouterr()
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return sealcast


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two releases of ``demo`` in ``stable`` and none in ``beta``; made once, to be copied."""
    place = tmp_path_factory.mktemp("made")
    old, new = write(place / "old", OLD), write(place / "new", NEW)
    repository = Repository.create_solo(place / "ws", app="demo", channels=("stable", "beta"), encrypted=False)
    repository.add_release(old, version="1.0.0", channel="stable", notes="First.\nAll of it.")
    repository.add_release(new, version="1.1.0", channel="stable")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own, and the current one: ``ws`` is the workspace, ``old`` and ``new`` are inputs."""
    for name in ("ws", "old", "new"):
        shutil.copytree(made / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path

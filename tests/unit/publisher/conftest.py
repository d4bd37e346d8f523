"""A workspace that is made once and copied. Its keys are in clear: opening an encrypted one is slow, by intent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.publisher import Repository
from tests.unit.publisher.workshop import Files, Time, this_second, write


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here: what must be brought to the disk is tested where files are written."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def clock() -> Time:
    return this_second()


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine") / "ws"
    Repository.create_solo(folder, app="demo", channels=("stable", "beta"), encrypted=False)
    config = folder / "sealcast.toml"
    config.write_text(config.read_text().replace('effort = "normal"', 'effort = "fast"'))
    return folder


@pytest.fixture
def ws(tmp_path: Path, pristine: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "ws"))


@pytest.fixture
def reopen(ws: Path, clock: Time) -> Callable[[], Repository]:
    return lambda: Repository.open(ws, clock=clock)


@pytest.fixture
def repo(reopen: Callable[[], Repository]) -> Repository:
    return reopen()


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[str, Files], Path]:
    return lambda name, files: write(tmp_path / name, files)


@pytest.fixture
def setting(ws: Path) -> Callable[[str, str], None]:
    """Change a line of sealcast.toml."""

    def change(old: str, new: str) -> None:
        config = ws / "sealcast.toml"
        text = config.read_text()
        assert old in text
        config.write_text(text.replace(old, new, 1))

    return change

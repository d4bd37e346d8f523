"""A published site for each of the client's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealcast.publisher import Repository
from tests.unit.client.sites import HandClock, Site, app_files


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with release 1.0.0, published: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("site")
    clock = HandClock()
    repository = Repository.create_solo(folder / "ws", app="demo", encrypted=False, clock=clock)
    site = Site(folder, clock, repository)
    site.set_archive("none")
    site.release("1.0.0", app_files("1.0.0"))
    return folder


@pytest.fixture
def site(template: Path, tmp_path: Path, clock: HandClock) -> Site:
    folder = tmp_path / "at"
    shutil.copytree(template, folder)
    return Site(folder, clock, Repository.open(folder / "ws", clock=clock))

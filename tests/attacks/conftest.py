"""A prepared repository, made once, and a copy of what each attack touches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealcast.cli import main
from tests.attacks.scene import Scene, prepare
from tests.servers import Server


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "at" / "site") as running:
        yield running


@pytest.fixture
def scene(prepared: Path, tmp_path: Path, server: Server) -> Scene:
    """The newest site; `Scene.host` serves an older one."""
    made = Scene(prepared, tmp_path / "at", server)
    made.host(2)
    return made


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def code(self) -> str:
        """The code of the error on standard error."""
        return self.err.partition("error[")[2].partition("]")[0]

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def sealcast(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The command line, in this process."""

    def run(*words: str | Path) -> Said:
        capsys.readouterr()
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Said(status, captured.out, captured.err)

    return run

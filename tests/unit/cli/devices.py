"""A device for the tests of ``sealcast client``, and the site that it follows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sealcast.cli import main
from sealcast.publisher import Repository

FILES = {"run.sh": b"#!/bin/sh\necho hello from $SEALCAST_VERSION\nexit 3\n"}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published site with release 1.0.0."""
    folder = tmp_path_factory.mktemp("cli-client")
    dist = folder / "dist"
    dist.mkdir()
    (dist / "run.sh").write_bytes(FILES["run.sh"])
    (dist / "run.sh").chmod(0o755)
    repository = Repository.create_solo(folder / "ws", app="demo", encrypted=False)
    repository.add_release(dist, version="1.0.0", notes="First.")
    repository.plan_publish(folder / "site").run()
    return folder


class Device:
    """Runs ``sealcast client`` on one device."""

    def __init__(self, folder: Path, published: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.place = folder / "d"
        self.root = published / "ws" / "metadata" / "1.root.json"
        self.site = folder / "site"
        shutil.copytree(published / "site", self.site)
        self._capfd = capfd
        self.status = 0
        self.err = ""

    def __call__(self, *words: str) -> str:
        self.status = main(["client", *words])
        out, self.err = self._capfd.readouterr()
        return out

    def json(self, verb: str, *words: str) -> Any:
        return json.loads(self(verb, "--json", "--dir", str(self.place), *words))

    def init(self, *words: str) -> str:
        given = ["--url", str(self.site), "--root", str(self.root), "--app", "demo", "--channel", "stable"]
        return self("init", *given, *(words or ("--dir", str(self.place))))


@pytest.fixture
def device(
    tmp_path: Path, published: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Device:
    for name in ("SEALCAST_DIR", "SEALCAST_NONCE"):
        monkeypatch.delenv(name, raising=False)
    return Device(tmp_path, published, capfd)

"""What the client's tests share: releases, conditions, a clock that is set by hand, and a published site."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sealcast.client import Client
from sealcast.client.record import Installed
from sealcast.client.transitions import Conditions
from sealcast.fetch import FolderSource
from sealcast.publisher import Repository
from tests.clocks import HandClock


def release(number: int, **more: object) -> Installed:
    """A release by its number: version, sequence and manifest follow from it."""
    fields = {"manifest": f"{number:064x}", "version": f"{number}.0.0", "sequence": number, "channel": "stable"}
    return Installed(**{**fields, **more})  # type: ignore[arg-type]


def given(nonce: str = "n1", **more: object) -> Conditions:
    """The conditions of a start at which every slot is intact, unless it is told otherwise."""
    fields = {"now": "2026-03-01T12:00:00Z", "boot_limit": 3, "intact": lambda _: True}
    return Conditions(nonce=nonce, **{**fields, **more})  # type: ignore[arg-type]


class CountingSource(FolderSource):
    """A site in a folder that remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []

    def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        self.asked.append(path)
        return super().stream(path, limit=limit, start=start)


@dataclass
class Site:
    """A published app ``demo`` with the channel ``stable``, and how to publish more."""

    folder: Path
    clock: HandClock
    repository: Repository
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.folder / "site")

    @property
    def root(self) -> bytes:
        return (self.folder / "ws" / "metadata" / "1.root.json").read_bytes()

    def source(self) -> CountingSource:
        return CountingSource(self.folder / "site")

    def release(self, version: str, files: dict[str, bytes], **more: object) -> None:
        """Add a release of these files, and publish."""
        dist = self.folder / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        for path, data in files.items():
            place = dist / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            if path.endswith(".sh"):
                place.chmod(0o755)
        self.files = files
        self.repository.add_release(dist, version=version, **more)  # type: ignore[arg-type]
        self.publish()

    def set_archive(self, kind: str) -> None:
        """Say whether releases get archives; a first install would take one that is smaller than the packs."""
        place = self.folder / "ws" / "sealcast.toml"
        text = place.read_text("utf-8")
        before = next(line for line in text.splitlines() if line.startswith("archive = "))
        place.write_text(text.replace(before, f'archive = "{kind}"'), "utf-8")
        self.repository = Repository.open(self.folder / "ws", clock=self.clock)

    def publish(self) -> None:
        self.repository.plan_publish(self.folder / "site").run()

    def client(self, name: str = "device", **more: object) -> Client:
        fields: dict[str, object] = {
            "url": self.url,
            "root": self.root,
            "app": "demo",
            "channel": "stable",
            "directory": self.folder / name,
            "clock": self.clock,
        }
        return Client(**{**fields, **more})  # type: ignore[arg-type]


def app_files(version: str, **more: bytes) -> dict[str, bytes]:
    """A small app: a script that says its version, data that most versions share, twins, and an empty file."""
    shared = bytes(range(256)) * 40
    return {
        "run.sh": f"#!/bin/sh\necho {version}\n".encode(),
        "lib/shared.bin": shared,
        "lib/changing.bin": shared[:5000] + version.encode() + shared[5000:],
        "twin-a": b"the same bytes" * 100,
        "twin-b": b"the same bytes" * 100,
        "empty": b"",
        **more,
    }

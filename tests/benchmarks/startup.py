"""How long it takes until something happens: the launcher and the help, beside a bare interpreter.

Each figure is the median of alternating runs of ours and of the peer, so that both see the same machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sealcast.client import Client
from sealcast.publisher import Repository

ROUNDS = 15
_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians in milliseconds: ours, the peer's, and by how much ours may exceed the peer's."""

    name: str
    ours: float
    peer: float
    aim: float

    @property
    def extra(self) -> float:
        """By how much ours exceeds the peer's."""
        return self.ours - self.peer


def figures() -> Iterator[Figure]:
    """Yield the start-up figures."""
    bare = [sys.executable, "-c", "pass"]
    yield _figure("sealcast --help, beside a bare interpreter", [sys.executable, "-m", "sealcast", "--help"], bare, 150)
    with tempfile.TemporaryDirectory() as folder:
        device = _installed(Path(folder))
        # The launcher starts a child, so the peer does as well: what is left is what the launcher adds.
        child = [sys.executable, "-c", f"import subprocess; subprocess.run({bare!r})"]
        ours = [sys.executable, "-m", "sealcast", "client", "run", "--dir", str(device), "--", *bare]
        yield _figure("sealcast client run, beside a bare launcher", ours, child, 60)


def _installed(folder: Path) -> Path:
    """Return a device with a release that has reported ready."""
    (folder / "app").mkdir()
    (folder / "app" / "index.html").write_text("<h1>hello</h1>")
    repository = Repository.create_solo(folder / "ws", app="demo", encrypted=False)
    repository.add_release(folder / "app", version="1.0.0")
    repository.build(folder / "site")
    root = (folder / "ws/metadata/1.root.json").read_bytes()
    device = folder / "device"
    client = Client(url=str(folder / "site"), root=root, app="demo", channel="stable", directory=device)
    update = client.check()
    if update is None:
        raise RuntimeError("the benchmark's own site offers nothing")
    client.install(update)
    ready = [sys.executable, "-m", "sealcast", "client", "ready"]
    subprocess.run(
        [sys.executable, "-m", "sealcast", "client", "run", "--dir", str(device), "--", *ready], check=True, **_QUIET
    )
    return device


def _figure(name: str, ours: Sequence[str], peer: Sequence[str], aim: float) -> Figure:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for command, found in zip((ours, peer), times, strict=True):
            start = time.perf_counter()
            subprocess.run(command, check=True, env={**os.environ, "NO_COLOR": "1"}, **_QUIET)
            found.append((time.perf_counter() - start) * 1000)
    return Figure(name, statistics.median(times[0]), statistics.median(times[1]), aim)

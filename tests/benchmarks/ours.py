"""Sealcast on one corpus: both releases published, a first install, the update, and a check that finds nothing new.

The workspace is a lone maintainer's with the channels stable and beta. Release 1 goes to stable and release 2 to beta,
where it has nothing before it; promotion to stable then makes nothing but the delta, so that it can be measured by
itself: what the same promotion costs with deltas switched off is taken off.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sealcast.client import Client
from sealcast.publisher import Repository
from sealcast.serve import Request, SiteServer
from tests.benchmarks.environment import TOP
from tests.benchmarks.measure import BenchmarkError, Ran, Usage, run
from tests.benchmarks.trees import Pair, prove_tree

EFFORTS = ("fast", "normal", "best")
APP = "bench"
DEVICES = 2
"""How many devices follow, one after the other: the quickest visit counts."""


@dataclass(frozen=True, slots=True)
class DeltaMade:
    """A delta at one effort: its bytes, its codecs, and what making it cost. No bytes: none was worth making."""

    size: int | None
    codecs: tuple[str, ...]
    make: Usage


@dataclass(frozen=True, slots=True)
class Visit:
    """What a device did: the cost, the bytes and requests that the server counted, and the route it took.

    ``install`` are the seconds and CPU seconds of installing alone: the check before it is metadata only.
    """

    usage: Usage
    wire: int
    requests: int
    route: str
    install: dict[str, float]


@dataclass(slots=True)
class Ours:
    """All that was measured of us on one corpus. ``roles`` are those that the snapshot lists."""

    add: Ran
    deltas: dict[str, DeltaMade] = field(default_factory=dict)
    first: Visit | None = None
    update: Visit | None = None
    unchanged: Visit | None = None
    roles: int = 0


def step(*words: str | Path) -> Ran:
    """Run one of our steps in a process of its own."""
    return run([sys.executable, "-m", "tests.benchmarks.steps", *words], cwd=TOP)


def workspace(folder: Path, channels: tuple[str, ...] = ("stable", "beta"), **settings: str | int) -> Path:
    """Make a workspace with these settings of its app."""
    Repository.create_solo(folder, app=APP, channels=channels, encrypted=False)
    configure(folder, **settings)
    return folder


def configure(folder: Path, **settings: str | int) -> None:
    """Change settings of a workspace's app. Raises ``BenchmarkError`` for one that its file does not have."""
    path = folder / "sealcast.toml"
    text = path.read_text("utf-8")
    for name, value in settings.items():
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {shown}", text, count=1)
        if not count:
            raise BenchmarkError(f"sealcast.toml has no setting {name}")
    path.write_text(text, "utf-8")


def measure_ours(pair: Pair, efforts: tuple[str, ...] = EFFORTS) -> Ours:
    """Publish and follow both releases of a pair."""
    place = pair.folder / "ours"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    ws, site = workspace(place / "ws"), place / "site"
    devices = [place / f"device-{number}" for number in range(DEVICES)]
    step("add", ws, pair.old, "1.0.0", "stable")
    step("build", ws, site)
    ours = Ours(step("add", ws, pair.new, "2.0.0", "beta"))
    _deltas(ours, ws, place, efforts)
    ours.roles = len(Repository.open(ws).status()) - 3  # all but root, timestamp and the snapshot itself
    with serving(site) as server:
        for device in devices:
            open_device(device, server.url, ws)
        ours.first = _quickest([visit(server, device, pair, old=True) for device in devices])
        step("promote", ws, "beta", "stable")
        step("build", ws, site)
        server.taken()
        ours.update = _quickest([visit(server, device, pair) for device in devices])
        start(devices[0])
        ours.unchanged = visit(server, devices[0], pair)
    shutil.rmtree(place)
    return ours


def _deltas(ours: Ours, ws: Path, place: Path, efforts: tuple[str, ...]) -> None:
    """Promote a copy of the workspace at each effort, and once without any delta."""
    bare = _promotion(ws, place / "trial", deltas=0).usage
    for effort in efforts:
        ran = _promotion(ws, place / "trial", effort=effort)
        usage = ran.usage
        alone = Usage(
            max(0.001, usage.seconds - bare.seconds), max(0.001, usage.cpu - bare.cpu), usage.process, usage.peak
        )
        sizes = ran.facts["deltas"]
        ours.deltas[effort] = DeltaMade(sizes[0] if sizes else None, tuple(ran.facts["codecs"]), alone)


def _promotion(ws: Path, trial: Path, **settings: str | int) -> Ran:
    """Return the quickest of up to three promotions in copies of a workspace."""
    runs: list[Ran] = []
    while not runs or (len(runs) < 3 and runs[0].usage.seconds < 2):
        shutil.copytree(ws, trial)
        configure(trial, **settings)
        runs.append(step("promote", trial, "beta", "stable"))
        shutil.rmtree(trial)
    return min(runs, key=lambda ran: ran.usage.seconds)


class Served:
    """A served site that counts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._seen: list[Request] = []

    def saw(self, request: Request) -> None:
        """Note a request."""
        with self._lock:
            self._seen.append(request)

    def taken(self) -> list[Request]:
        """Return the requests since the last call."""
        with self._lock:
            seen, self._seen = self._seen, []
        return seen


@contextmanager
def serving(site: Path) -> Iterator[Served]:
    """Serve a site on loopback by our own server."""
    served = Served("")
    with SiteServer(site, seen=served.saw) as server:
        served.url = server.url
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def open_device(device: Path, url: str, ws: Path, channel: str = "stable") -> None:
    """Make a device that has nothing yet."""
    root = (ws / "metadata" / "1.root.json").read_bytes()
    Client(url=url, root=root, app=APP, channel=channel, directory=device)


def visit(server: Served, device: Path, pair: Pair | None = None, *, old: bool = False) -> Visit:
    """Let a device check and install what is new; prove the newest slot against the pair's new, or old, tree."""
    ran = step("update", device)
    seen = server.taken()
    if pair is not None and ran.facts["version"] is not None:
        slot = max((device / "slots").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
        prove_tree(slot / "files", pair.before if old else pair.after)
    install = {name: round(value, 3) for name, value in ran.facts.get("install", {}).items()}
    return Visit(ran.usage, sum(request.size for request in seen), len(seen), ran.facts.get("route") or "none", install)


def _quickest(visits: list[Visit]) -> Visit:
    return min(visits, key=lambda one: one.usage.seconds)


def start(device: Path) -> None:
    """Start the staged release and let it report ready, as an app would."""
    ready = [sys.executable, "-m", "sealcast", "client", "ready"]
    command = [sys.executable, "-m", "sealcast", "client", "run", "--dir", str(device), "--", *ready]
    subprocess.run(command, check=True, cwd=TOP, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def bound_roles(count: int) -> tuple[str, ...]:
    """Return names of channels so that the snapshot lists ``count`` roles of channels and halt together."""
    return tuple(f"c{number}" for number in range(count - 1))

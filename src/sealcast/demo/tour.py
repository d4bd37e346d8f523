"""The tour itself: real commands, run as a user would run them, each with what is expected of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import RepositoryError
from .packages import Pair

_APP = [sys.executable, "-m", "sealcast.demo.app"]
_URL = re.compile(r"http://127\.0\.0\.1:\d+\S*")


class Story(Protocol):
    """Who tells the tour: the command line prints, a test remembers."""

    def step(self, title: str) -> None:
        """A new step begins."""
        ...

    def command(self, words: Sequence[str]) -> None:
        """This command is run next."""
        ...

    def result(self, text: str) -> None:
        """What came of it, or a remark."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tour showed. Sizes are in bytes; ``refused`` names each attack with the code that refused it."""

    first_install: int
    update: int
    update_requests: int
    update_route: str
    refused: Mapping[str, str]


def tour(pair: Pair, folder: Path, passphrase: str, story: Story) -> Outcome:
    """Run the whole main job in ``folder`` and return what it showed.

    Raises ``RepositoryError`` (DEMO_FAILED) as soon as a command does not do what it should.
    """
    return _Tour(pair, folder, passphrase, story).run()


class _Tour:
    def __init__(self, pair: Pair, folder: Path, passphrase: str, story: Story) -> None:
        self._pair = pair
        self._folder = folder
        self._story = story
        self._environment = {**os.environ, "SEALCAST_PASSPHRASE": passphrase, "NO_COLOR": "1", "PYTHONUTF8": "1"}

    def run(self) -> Outcome:
        """Run every step, in order."""
        pair, story = self._pair, self._story
        story.step("A workspace, with its signing keys and its first signed metadata")
        self._sealcast("init", "ws", "--app", "demo", "--solo")
        story.step(f"Release {pair.old_version}: {pair.old.name}")
        self._add(pair.old, pair.old_version)
        story.step("The site: plain files that any host can serve, verified before you see them")
        self._sealcast("-C", "ws", "build", "site")
        old_timestamp = self._timestamp.read_bytes()
        with self._served() as url:
            story.step("A device installs it. All it trusts is one file, 1.root.json")
            first = self._install("device", url)
            self._start("device", pair.old_version)
            story.step(f"Release {pair.new_version}: {pair.new.name}, published over the live site")
            self._add(pair.new, pair.new_version)
            self._sealcast("-C", "ws", "publish", "site", "--yes")
            story.step("The device updates: one delta, then a switch at the next start")
            check = self._check("device")
            self._sealcast("client", "update", "--dir", "device")
            self._start("device", pair.new_version)
            refused = {
                "a tampered object": self._tampered(url),
                "a replayed timestamp": self._replayed(old_timestamp),
            }
            story.step("The host is honest again: the device is where it was, and well")
            if self._check("device")["action"] != "none":
                raise _failed("the device did not recover")
        return Outcome(first["bytes"], check["bytes"], check["requests"], check["route"], refused)

    def _add(self, path: Path, version: str) -> None:
        self._sealcast("-C", "ws", "release", "add", str(path.absolute()), "--version", version)

    def _install(self, device: str, url: str, *, refused: Sequence[str] = ()) -> dict[str, Any]:
        root = "ws/metadata/1.root.json"
        place = ["--app", "demo", "--channel", "stable", "--dir", device]
        self._sealcast("client", "init", "--url", url, "--root", root, *place)
        check = self._check(device)
        self._sealcast("client", "update", "--dir", device, refused=refused)
        return check

    def _check(self, device: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._sealcast("client", "check", "--dir", device, "--json"))
        return answer

    def _start(self, device: str, version: str) -> None:
        said = self._sealcast("client", "run", "--dir", device, "--", *_APP)
        status = json.loads(self._sealcast("client", "status", "--dir", device, "--json", quiet=True))
        if f"demo app {version}" not in said or status["active"] != version:
            raise _failed(f"release {version} did not start")
        if status["trial"]:
            raise _failed(f"release {version} did not report ready")

    def _tampered(self, url: str) -> str:
        """Flip one bit of each object and archive, and let a new device install from that host."""
        self._story.step("Attack: the host flips one bit in each object and archive. A new device refuses them")
        with ExitStack() as stack:
            for path in (self._folder / "site").rglob("*"):
                if path.is_file() and (path.parent.parent.name == "objects" or path.suffix == ".zst"):
                    good = path.read_bytes()
                    middle = len(good) // 2
                    bad = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
                    stack.enter_context(_replaced(path, bad))
            self._install("new-device", url, refused=("HASH_MISMATCH",))
        return "HASH_MISMATCH"

    def _replayed(self, old: bytes) -> str:
        """Put the first timestamp back, as a host would that wants devices to stay on an old release."""
        self._story.step("Attack: the host replays the old timestamp. The device refuses to go back")
        with _replaced(self._timestamp, old):
            self._sealcast("client", "check", "--dir", "device", refused=("ROLLBACK",))
        return "ROLLBACK"

    @property
    def _timestamp(self) -> Path:
        return self._folder / "site/metadata/timestamp.json"

    @contextmanager
    def _served(self) -> Iterator[str]:
        """Serve the site on loopback and yield its URL."""
        words = ["serve", "site", "--port", "0", "--quiet"]
        self._story.command(["sealcast", *words])
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "sealcast", *words],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        try:
            lines = iter(server.stdout or ())
            url = next((found[0] for line in lines if (found := _URL.search(line))), None)
            if url is None:
                raise _failed("the site could not be served on loopback")
            self._story.result(f"serving {url}")
            yield url
        finally:
            server.terminate()
            server.wait()
            if server.stdout:
                server.stdout.close()

    def _sealcast(self, *words: str, refused: Sequence[str] = (), quiet: bool = False) -> str:
        """Run one command and return what it printed. ``refused`` are codes, one of which it must fail with."""
        if not quiet:
            self._story.command(["sealcast", *words])
        done = subprocess.run(
            [sys.executable, "-m", "sealcast", *words],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        text = (done.stdout + done.stderr).strip()
        if not quiet:
            self._story.result(text)
        expected = any(code in text for code in refused) and done.returncode != 0 if refused else done.returncode == 0
        if not expected:
            raise _failed(f"`sealcast {' '.join(words)}` ended with status {done.returncode}")
        return done.stdout


@contextmanager
def _replaced(path: Path, data: bytes) -> Iterator[None]:
    """Let ``path`` hold ``data`` for a while."""
    good = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(good)


def _failed(why: str) -> RepositoryError:
    return RepositoryError(
        "DEMO_FAILED",
        f"The tour stopped: {why}.",
        safe="It only wrote into its own folder.",
        hint="What the command said stands above. Please report it if it is not about your machine.",
    )

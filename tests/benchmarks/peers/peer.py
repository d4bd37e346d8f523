"""What a peer is: a way from one release to the next that somebody could use instead of ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measure import BenchmarkError, Usage
from tests.benchmarks.trees import Pair

APT = "apt-get install"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a peer needed: ``wire`` bytes in ``requests`` for the update, and the costs of both sides.

    Bytes of headers are not counted, ours neither. ``first`` is what a device without the old release fetches, and
    ``patch`` the size of the delta alone, where that is another figure and was measured.
    """

    wire: int
    requests: int
    make: Usage
    apply: Usage
    first: int | None = None
    patch: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer by name. ``programs`` are on the PATH or it is not here; ``package`` is from PyPI and installed by us.

    ``run`` makes the update, applies it and proves the result: it raises ``WrongResultError`` otherwise. A
    ``whole`` peer brings names and metadata as well; the others bring contents only. A ``slow`` one is left out of the
    quick set.
    """

    name: str
    about: str
    run: Callable[[Pair], Outcome]
    programs: tuple[str, ...] = ()
    debian: str = ""
    package: str = ""
    whole: bool = False
    slow: bool = False

    def lacking(self) -> str:
        """Return how to install what is not here, or nothing."""
        absent = [program for program in self.programs if shutil.which(program) is None]
        return f"no {', '.join(absent)} here: {APT} {self.debian}" if absent else ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A peer without figures, and why."""

    why: str


def run_peer(peer: Peer, pair: Pair) -> Outcome | Missing:
    """Run one peer in a folder of its own; a peer that is not here, fails or makes something else has no figures."""
    if why := peer.lacking():
        return Missing(f"not here: {why}")
    folder = pair.folder / "peer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        return peer.run(pair)
    except BenchmarkError as error:
        return Missing(f"failed: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch(pair: Pair) -> Path:
    """The folder of the peer that runs now."""
    return pair.folder / "peer"

"""Differs of two files: every changed content against the whole old release, contents only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.environment import peer_python
from tests.benchmarks.measure import Usage, best_of, run
from tests.benchmarks.peers.peer import Outcome, Peer, scratch
from tests.benchmarks.trees import Pair, prove_file

FOREIGN = Path(__file__).with_name("foreign.py")
SHORT = 2.0
"""Seconds below which a step is run three times, and the quickest counts."""

Words = Sequence[str | Path]


def repeated(command: Words, *results: Path) -> Usage:
    """Run a command, three times where it is short, its ``results`` removed before each."""
    runs: list[Usage] = []
    while not runs or (len(runs) < 3 and runs[0].seconds < SHORT):
        for result in results:
            result.unlink(missing_ok=True)
        runs.append(run(command).usage)
    return best_of(runs)


def _differ(pair: Pair, make: Words, apply: Words) -> Outcome:
    """Run a differ whose commands name the files BASE, CHANGED, PATCH and RESULT."""
    places = {"BASE": pair.base, "CHANGED": pair.changed}
    places |= {"PATCH": scratch(pair) / "patch", "RESULT": scratch(pair) / "result"}
    made = repeated([places.get(str(word), word) for word in make], places["PATCH"])
    applied = repeated([places.get(str(word), word) for word in apply], places["RESULT"])
    prove_file(places["RESULT"], pair.changed)
    return Outcome(places["PATCH"].stat().st_size, 1, made, applied)


def _zstd(level: int, pair: Pair) -> Outcome:
    window = "--long=27"
    make = ["zstd", "-q", f"-{level}", window, "--patch-from", "BASE", "CHANGED", "-o", "PATCH"]
    return _differ(pair, make, ["zstd", "-q", "-d", window, "--patch-from", "BASE", "PATCH", "-o", "RESULT"])


def _xdelta3(pair: Pair) -> Outcome:
    room = str(max(pair.base.stat().st_size, 2**16))  # the source's window: all of it
    make = ["xdelta3", "-e", "-9", "-S", "lzma", "-B", room, "-s", "BASE", "CHANGED", "PATCH"]
    return _differ(pair, make, ["xdelta3", "-d", "-B", room, "-s", "BASE", "PATCH", "RESULT"])


def _hdiffpatch(pair: Pair) -> Outcome:
    python: Words = [peer_python(), FOREIGN]
    make = [*python, "hdiffpatch-make", "BASE", "CHANGED", "PATCH"]
    return _differ(pair, make, [*python, "hdiffpatch-apply", "BASE", "PATCH", "RESULT"])


def _bsdiff4(pair: Pair) -> Outcome:
    """Whole tars: this is what tufup computes, without its archives and metadata."""
    python: Words = [peer_python(), FOREIGN]
    patch, result = scratch(pair) / "patch", scratch(pair) / "result"
    made = repeated([*python, "bsdiff4-make", pair.old_tar, pair.new_tar, patch], patch)
    applied = repeated([*python, "bsdiff4-apply", pair.old_tar, patch, result], result)
    prove_file(result, pair.new_tar)
    return Outcome(patch.stat().st_size, 1, made, applied)


PEERS = (
    Peer("zstd-3", "zstd -3 --long=27 --patch-from", partial(_zstd, 3), ("zstd",), "zstd"),
    Peer("zstd-19", "zstd -19 --long=27 --patch-from", partial(_zstd, 19), ("zstd",), "zstd"),
    Peer("xdelta3", "xdelta3 -9 -S lzma, the whole base as source", _xdelta3, ("xdelta3",), "xdelta3"),
    Peer("hdiffpatch", "hdiffpatch.diff, lzma2", _hdiffpatch, package="hdiffpatch"),
    Peer("bsdiff4", "bsdiff4.diff of plain tars, as tufup does it", _bsdiff4, package="bsdiff4", whole=True),
)

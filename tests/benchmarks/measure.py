"""What a command costs: time, processor time and peak memory, each command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LAUNCHER = Path(__file__).with_name("launch.py")
LIMIT = 3600.0
"""Seconds until a command is given up."""


class BenchmarkError(Exception):
    """A benchmark that cannot be run, or whose result is wrong: there is no figure for it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent: ``seconds`` by the clock and ``cpu`` seconds of the work itself. ``process`` are the CPU seconds
    of the whole process, with an interpreter's start and imports; ``peak`` is its highest resident memory, in bytes.
    """

    seconds: float
    cpu: float
    process: float
    peak: int

    def __add__(self, other: Usage) -> Usage:
        """One after the other: times add up, the higher peak stays."""
        return Usage(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            self.process + other.process,
            max(self.peak, other.peak),
        )

    def as_json(self) -> dict[str, float]:
        """The fields by name, times to the millisecond."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command: what it cost, what it printed, and what it told of itself on its last line, if JSON."""

    usage: Usage
    output: str
    facts: dict[str, Any]


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    limit: float = LIMIT,
) -> Ran:
    """Run a command to its end, with these variables set, or taken away where they are None.

    A last line ``{"seconds": …, "cpu": …}`` of its output times the work without the start.

    Raises ``BenchmarkError`` when it fails, cannot be started or takes longer than ``limit`` seconds.
    """
    words = [str(word) for word in command]
    with tempfile.TemporaryDirectory(prefix="sealcast-bench-") as folder:
        report = Path(folder, "report.json")
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(report), *words],
                cwd=cwd,
                env=_environment(env or {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=limit,
            )
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"{' '.join(words[:2])} was given up after {limit:.0f} s") from error
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode or not report.exists():
            said = (done.stderr.decode("utf-8", "replace").strip() or output.strip()).splitlines()
            raise BenchmarkError(f"{' '.join(words[:3])} ended with {done.returncode}: {' / '.join(said[-3:])}")
        cost = json.loads(report.read_bytes())
    facts = told(output)
    seconds, cpu = (facts.get(name, cost[name]) for name in ("seconds", "cpu"))
    return Ran(Usage(seconds, cpu, cost["cpu"], cost["peak"]), output, facts)


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return this process's environment with ``changes``; None takes a variable away."""
    changed = {**os.environ, "NO_COLOR": "1", **changes}
    return {name: value for name, value in changed.items() if value is not None}


def told(output: str) -> dict[str, Any]:
    """Return what the last line of ``output`` tells, where that is a JSON object, else nothing."""
    last = output.rstrip().rpartition("\n")[2]
    if not last.startswith("{"):
        return {}
    try:
        facts = json.loads(last)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def best_of(runs: Sequence[Usage]) -> Usage:
    """Return the run that took least time: what others on the machine do only ever adds."""
    return min(runs, key=lambda usage: usage.seconds)

"""One parser, tried over and over with samples made wrong."""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sealcast.errors import SealcastError
from tests.fuzz.samples import Samples
from tests.fuzz.targets import Target, targets

HANGS_AFTER = 20
"""Seconds for one execution, far above what any takes."""


@dataclass
class Result:
    """What one target did."""

    name: str
    executions: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    crashes: dict[str, bytes] = field(default_factory=dict)
    """The last lines of tracebacks, with the bytes that led there."""
    grown: int = 0
    """MiB of memory."""


def fuzz(target: Target, chosen: random.Random, *, seconds: float = 0, executions: int = 0) -> Result:
    """Try changed samples for so many seconds, or so many times."""
    result = Result(target.name)
    for sample in target.samples:  # as they are; so everything is loaded before memory is measured
        _once(target, sample, result)
    before, ends = _memory(), time.monotonic() + seconds
    while result.executions < executions or time.monotonic() < ends:
        _once(target, target.change(chosen.choice(target.samples), chosen, target.samples), result)
    result.grown = _memory() - before
    return result


def _once(target: Target, data: bytes, result: Result) -> None:
    result.executions += 1
    try:
        with _deadline():
            target.run(data)
    except SealcastError as error:
        result.refused[error.code] += 1
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        result.crashes.setdefault(
            f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}: {error}", data
        )


@contextmanager
def _deadline() -> Iterator[None]:
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, HANGS_AFTER)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _hangs(number: int, frame: object) -> None:
    raise TimeoutError(f"it takes longer than {HANGS_AFTER} s")


def _memory() -> int:
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform != "darwin" else 1024 * 1024)


def work(samples: Samples, name: str, seconds: float, seed: int) -> Result:
    """Fuzz one target, in a process of its own."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _hangs)
    with tempfile.TemporaryDirectory() as folder:
        (target,) = (target for target in targets(samples, Path(folder)) if target.name == name)
        return fuzz(target, random.Random(seed), seconds=seconds)

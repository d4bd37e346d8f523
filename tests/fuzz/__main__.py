"""Fuzzing: ``make fuzz SECONDS=60`` gives each parser that long, two at a time.

What a parser raises that is no typed error is written to ``tests/vectors/fuzz/``, where `tests.fuzz.test_fuzz` tries it
again for ever. The exit status is 1 if there was anything.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.fuzz.loop import Result, work
from tests.fuzz.samples import make_samples
from tests.fuzz.targets import targets

VECTORS = Path(__file__).parents[1] / "vectors" / "fuzz"
MEMORY = 64
"""MiB that a parser may need above what it started with; a frame alone makes 16."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each parser")
    parser.add_argument("--jobs", type=int, default=2, help="parsers at a time")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="to repeat a run")
    parser.add_argument("names", nargs="*", help="only these parsers")
    given = parser.parse_args()
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        samples = make_samples(Path(folder))
        (Path(folder) / "scratch").mkdir()
        names = given.names or [target.name for target in targets(samples, Path(folder) / "scratch")]
        print(f"seed {given.seed}, {given.seconds:g} s for each of {len(names)} parsers")
        context = multiprocessing.get_context("spawn")  # each in a process of its own, whose memory is its own
        with ProcessPoolExecutor(given.jobs, mp_context=context, max_tasks_per_child=1) as pool:
            running = [pool.submit(work, samples, name, given.seconds, given.seed) for name in names]
            for one in running:
                bad |= _tell(one.result())
    return int(bad)


def _tell(result: Result) -> bool:
    refused = result.refused.total() * 100 // result.executions
    print(
        f"{result.name:20} {result.executions:>9,} executions, {refused:>3} % refused, +{result.grown} MiB", flush=True
    )
    for what, data in result.crashes.items():
        VECTORS.mkdir(parents=True, exist_ok=True)
        place = VECTORS / f"{result.name}--{hashlib.sha256(data).hexdigest()[:12]}"
        place.write_bytes(data)
        print(f"    {what}\n    kept as {place}", flush=True)
    if result.grown > MEMORY:
        print(f"    it needed more than {MEMORY} MiB", flush=True)
    return bool(result.crashes) or result.grown > MEMORY


if __name__ == "__main__":
    sys.exit(main())

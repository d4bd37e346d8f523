"""Run every benchmark and print one table: ``python -m tests.benchmarks``."""

from __future__ import annotations

import platform
import sys

from tests.benchmarks import startup


def main() -> int:
    """Run all benchmarks. A figure beyond its aim is marked, and the exit status stays 0: machines differ."""
    sys.stdout.write(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}\n\n")
    sys.stdout.write(f"{'figure':44} {'ours':>10} {'peer':>10} {'beyond the peer':>16} {'aim':>8}\n")
    for figure in startup.figures():
        mark = "" if figure.extra <= figure.aim else "  over"
        sys.stdout.write(
            f"{figure.name:44} {figure.ours:7.0f} ms {figure.peer:7.0f} ms {figure.extra:13.0f} ms "
            f"{figure.aim:5.0f} ms{mark}\n"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""What the benchmarks stand on: programs of the system, a Python environment of the peers' own, and a cache."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import platformdirs

from tests.benchmarks.measure import BenchmarkError

TOP = Path(__file__).parents[2]
LOCK = TOP / "requirements" / "bench.lock"


def cache_folder() -> Path:
    """Where downloads and the peers' environment are kept: ``SEALCAST_BENCH_CACHE``, else the user's cache."""
    named = os.environ.get("SEALCAST_BENCH_CACHE")
    folder = Path(named) if named else Path(platformdirs.user_cache_dir("sealcast-bench"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def peer_python() -> Path:
    """Return the interpreter of the peers' environment, which is made when it is missing or its lock has changed.

    Raises ``BenchmarkError`` where its packages cannot be installed.
    """
    tag = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_folder() / f"peers-{tag}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if not complete.exists():
        sys.stderr.write("Installing the peers from PyPI …\n")
        shutil.rmtree(folder, ignore_errors=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        install.append("--no-deps")  # the lock is complete, and pip 23 takes an extra in it for something unpinned
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            subprocess.run([*map(str, install), "-r", str(LOCK)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BenchmarkError(f"the peers of {LOCK.name} could not be installed: {error}") from error
        complete.touch()
    return python


def machine() -> dict[str, str | int]:
    """Say what the figures were taken on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "python": platform.python_version(),
    }


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def version_of(program: str) -> str:
    """Return the first line of what a program says of its version."""
    flag = "-V" if program in {"xdelta3", "zsync"} else "--version"
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False)
    lines = [line.strip(" *") for line in (done.stdout + done.stderr).splitlines() if any(c.isdigit() for c in line)]
    return lines[0] if lines else "unknown"

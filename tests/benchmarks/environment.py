"""What the benchmarks stand on: programs of the system, a Python environment of the peers' own, and a cache."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
        "scratch": _file_system(Path(tempfile.gettempdir())),
    }


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on, where the system tells: bringing files to a disk takes time,
    and to memory none.
    """
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return "unknown"
    fitting = [(len(place), kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(fitting, default=(0, "unknown"))[1]


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def others_time() -> Callable[[], float]:
    """Return what tells, later, which share of the machine's time others had since now: other processes and the host
    under a virtual machine. What is not known is 0.
    """
    start, mine, clock = _busy(), _own(), time.monotonic()

    def taken() -> float:
        whole = (time.monotonic() - clock) * (os.cpu_count() or 1)
        return max(0.0, (_busy() - start) - (_own() - mine)) / max(whole, 0.001)

    return taken


def _busy() -> float:
    """Seconds that the processors were not idle, stolen ones included."""
    try:
        fields = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, soft, stolen = map(int, fields[:8])
    return (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def version_of(program: str) -> str:
    """Return the first line of what a program says of its version."""
    flag = "-V" if program in {"xdelta3", "zsync"} else "--version"
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False)
    lines = [line.strip(" *") for line in (done.stdout + done.stderr).splitlines() if any(c.isdigit() for c in line)]
    return lines[0] if lines else "unknown"

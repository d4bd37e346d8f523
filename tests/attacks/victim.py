"""A process that does one piece of work and dies in the middle of it, as often as a test asks for.

Run as ``python -m tests.attacks.victim``: it imports once, reads one JSON order per line, forks for each, and answers
with one JSON line: how the child ended, the code of its error, and how many changes to the disk it counted.

A *change* is what can be seen on the disk: a file opened for writing, a write, an fsync, a rename, a link, a removal, a
directory made. The audit hooks of Python tell of all of them but writes and fsyncs, which are wrapped.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from sealcast.cli import main as sealcast
from sealcast.client import Client, download, flush
from sealcast.errors import SealcastError
from sealcast.fetch import HttpOptions
from sealcast.publisher import Repository

CHANGES = frozenset({"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})
GROWING = frozenset({"open", "write", "os.mkdir", "os.link", "os.symlink", "fsync"})
"""The changes that need room."""


class Fault:
    """Counts changes below ``folder`` and, from number ``at`` on, ends the process or refuses what needs room."""

    def __init__(self, folder: str, at: int, refuse: int | None) -> None:
        self.count = 0
        self._folder = folder
        self._at = at
        self._refuse = refuse

    def install(self) -> None:
        sys.addaudithook(self._audit)
        for name in ("write", "fsync"):
            setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(handle: int, *arguments: object) -> object:
            if handle > 2:
                self._change(name)
            return real(handle, *arguments)

        return call

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event in CHANGES:
            path = arguments[0]
        else:
            return
        if isinstance(path, str | bytes | os.PathLike):
            name = os.fsdecode(path)
            if not name.startswith("/") or name.startswith(self._folder):
                self._change(event)

    def _change(self, what: str) -> None:
        self.count += 1
        if not self._at or self.count < self._at:
            return
        if self._refuse is None:
            os.kill(os.getpid(), signal.SIGKILL)
        elif what in GROWING:
            raise OSError(self._refuse, os.strerror(self._refuse))


def update(order: dict[str, Any]) -> None:
    client = Client(directory=order["folder"], url=order["url"], http=HttpOptions(proxy=""))
    found = client.check()
    if found is not None:
        client.install(found)


def repair(order: dict[str, Any]) -> None:
    Client(directory=order["folder"], url=order["url"], http=HttpOptions(proxy="")).repair()


def release(order: dict[str, Any]) -> None:
    Repository.open(order["folder"]).add_release(order["input"], version=order["version"])


def publish(order: dict[str, Any]) -> None:
    Repository.open(order["folder"]).plan_publish(order["site"]).run()


def command(order: dict[str, Any]) -> None:
    """Run one command line. A release that it starts is the process's own child."""
    os.environ.update(order.get("environment", {}))
    for module in (flush, download):
        module.ThreadPoolExecutor = InTurn  # type: ignore[misc,assignment]
    if "forget" in order:
        forget_to_flush(order["forget"] == "folders")
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        status = sealcast(order["words"])
    if status:
        code = said.getvalue().partition("error[")[2].partition("]")[0]
        raise SealcastError(code or f"status {status}", said.getvalue())


def forget_to_flush(folders: bool) -> None:
    """Seed a bug: files, or folders, are not brought to the disk."""
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode) != folders:
            real(handle)

    os.fsync = fsync  # type: ignore[assignment]


class InTurn:
    """Stands in for a pool of threads: one piece of work after the other, so that every change has one number."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what a pool takes."""

    def submit(self, work: Callable[..., Any], *arguments: object) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001 - as a pool does
            done.set_exception(error)
        return done

    def shutdown(self) -> None:
        """Nothing is under way."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is under way."""


WORK: dict[str, Callable[[dict[str, Any]], None]] = {
    "command": command,
    "update": update,
    "repair": repair,
    "release": release,
    "publish": publish,
}


def work(order: dict[str, Any], answer: int) -> None:
    """Do the work in this process, and write down how it ended."""
    fault = Fault(order["watch"], order.get("at", 0), order.get("refuse"))
    fault.install()
    code = ""
    try:
        WORK[order["work"]](order)
    except SealcastError as error:
        code = error.code
    except OSError as error:
        code = f"OSError {errno.errorcode.get(error.errno or 0, '')}"
    except BaseException as error:  # noqa: BLE001 - the test must hear of whatever it was
        code = f"{type(error).__name__}: {error}"
    fault._at = 0
    os.write(answer, json.dumps({"code": code, "changes": fault.count}).encode())


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Let a child do the work; kill it after ``delay`` seconds, if there is one, and say how it ended.

    With ``strace``, the child waits until that has taken hold of it.
    """
    reading, writing = os.pipe()
    gate_reading, gate_writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        os.close(gate_writing)
        os.read(gate_reading, 1)
        try:
            work(order, writing)
        finally:
            os._exit(0)
    os.close(writing)
    os.close(gate_reading)
    tracer = trace(pid, order["strace"]) if "strace" in order else None
    os.close(gate_writing)
    if "delay" in order:
        time.sleep(order["delay"])
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status, used = os.wait4(pid, 0)
    if tracer is not None:
        tracer.wait()
    ended = {"killed": os.WIFSIGNALED(status), "seconds": used.ru_utime + used.ru_stime}
    return {**ended, **(json.loads(said) if said else {"code": "", "changes": 0})}


def trace(pid: int, options: list[str]) -> subprocess.Popen[bytes]:
    """Let strace take hold of a process."""
    tracer = subprocess.Popen(["strace", *options, "-p", str(pid)], stderr=subprocess.DEVNULL)
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        if tracer.poll() is not None:
            raise RuntimeError("strace does not trace here")
        time.sleep(0.001)
    return tracer


def run_together(order: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Let ``count`` children start at the same instant, and say how each ended."""
    gate_reading, gate_writing = os.pipe()
    children = []
    for _ in range(count):
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(gate_writing)
            os.read(gate_reading, 1)  # until the gate is closed, for all at once
            try:
                work(order, writing)
            finally:
                os._exit(0)
        os.close(writing)
        children.append((pid, reading))
    os.close(gate_reading)
    os.close(gate_writing)
    answers = []
    for pid, reading in children:
        with os.fdopen(reading, "rb") as pipe:
            answers.append(json.loads(pipe.read() or b'{"code": "died", "changes": 0}'))
        os.waitpid(pid, 0)
    return answers


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        together = order.pop("together", 0)
        said = run_together(order, together) if together else run(order)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    assert Path.cwd().is_dir()
    main()

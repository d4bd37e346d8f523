"""One run of the application: started in its slot, told the signals that reach the launcher, its exit status kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self

from ..errors import InstallError

_GRACE_SECONDS = 5.0
_FORWARDED = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
_Handler = Callable[[int, FrameType | None], Any] | int | None


class Child:
    """A running application; as a context manager, ended when the block is left, however it is left.

    Entering raises ``InstallError`` (CANNOT_START). Signals are forwarded only from the main thread, which alone may
    handle them in Python.
    """

    def __init__(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._handlers: dict[int, _Handler] = {}
        self._early: list[int] = []
        self.stopped = False
        """Whether somebody asked for the end with a signal."""

    def __enter__(self) -> Self:
        self._take_signals()
        try:
            self._process = subprocess.Popen(self._command, cwd=self._folder, env=dict(self._environment))
        except (OSError, ValueError) as error:
            self._leave_signals()
            raise InstallError(
                "CANNOT_START",
                f"The command {self._command[0]!r} cannot be started: {error}.",
                hint="Name a program that is installed, or one in the release as {slot}/NAME.",
                command=self._command[0],
            ) from error
        for number in self._early:  # came between the handler and the process
            self._forward(number, None)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._leave_signals()

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the exit status as a shell tells it (128 + signal), or None when the process outlives the wait."""
        try:
            status = self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return 128 - status if status < 0 else status

    def end(self) -> None:
        """End the process if it runs: asked first, then killed."""
        process = self._running
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("the child was not started")
        return self._process

    def _take_signals(self) -> None:
        """Hear what is to be forwarded; what the launcher was told to ignore (nohup) stays so, for the child too."""
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in _FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
            self._handlers = {number: signal.signal(number, self._forward) for number in heard}

    def _leave_signals(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._handlers = {}

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self.stopped = True
        if self._process is None:
            self._early.append(number)
        elif not (number == signal.SIGINT and _has_terminal()):
            self._process.send_signal(number)


def _has_terminal() -> bool:
    """Tell whether this process is in a terminal's foreground: Ctrl-C reaches the child by itself then."""
    if sys.platform == "win32":  # pragma: no cover - the console tells every process in it
        return True
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False

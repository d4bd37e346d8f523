"""A progress bar: on standard error, on a terminal, and only for what takes more than a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TextIO

from ..values import printable

_PATIENCE = 1.0
"""Seconds that may pass without a word."""
_INTERVAL = 0.1
"""Seconds between two drawings."""
_BAR = 24


class ProgressBar:
    """A `sealcast.values.Progress` that draws. May be called from several threads."""

    def __init__(self, stream: TextIO, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Draw on ``stream``, if it is a terminal."""
        self._stream = stream
        self._enabled = stream.isatty()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._started: float | None = None
        self._drawn_at = 0.0
        self._drawn = 0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show that ``done`` of ``total`` is behind us; a total of 0 is one that nobody knows."""
        if not self._enabled:
            return
        with self._lock:
            now = self._monotonic()
            if self._started is None:
                self._started = now
            if now - self._started >= _PATIENCE and now - self._drawn_at >= _INTERVAL:
                self._drawn_at = now
                self._draw(_bar(done, total, printable(what))[: _terminal_columns() - 1])

    def clear(self) -> None:
        """Remove the bar, so that a line can be printed where it stands. The next call draws it again."""
        with self._lock:
            if self._drawn:
                self._draw("")
                self._drawn = 0

    def _draw(self, text: str) -> None:
        # Overwriting with spaces works on every terminal, erasing by escape codes not on every Windows one.
        self._stream.write(f"\r{text.ljust(self._drawn)}" if text else f"\r{' ' * self._drawn}\r")
        self._stream.flush()
        self._drawn = len(text)


def _terminal_columns() -> int:
    import shutil  # slow to load, and most runs draw no bar

    return shutil.get_terminal_size().columns


def _bar(done: int, total: int, what: str) -> str:
    if total <= 0:
        return f"{what} …"
    share = min(max(done / total, 0.0), 1.0)
    filled = int(share * _BAR)
    return f"[{'#' * filled}{'-' * (_BAR - filled)}] {int(share * 100):3} %  {what}"

"""Written files brought to the disk while the next ones are written."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from ..files import sync_file

OPEN = 32
"""Files held open at once: a default limit is 256 (macOS)."""
_THREADS = 8
"""Files brought to the disk at once; a file system makes one journal entry of several."""


class Flusher:
    """Takes handles of written files, brings each to the disk by that handle, and closes it.

    Only the handle that wrote surely hears of a failure.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="flush")
        self._under_way: deque[Future[None]] = deque()

    def take(self, handle: int) -> None:
        """Flush and close ``handle`` soon. Raises ``OSError`` for one that was taken earlier."""
        self._under_way.append(self._pool.submit(_flush, handle))
        while len(self._under_way) >= OPEN:
            self._under_way.popleft().result()

    def finish(self) -> None:
        """Wait until everything taken is on the disk. Raises ``OSError``."""
        while self._under_way:
            self._under_way.popleft().result()

    def close(self) -> None:
        """Wait until every handle is closed, whatever became of it."""
        self._pool.shutdown()
        self._under_way.clear()


def _flush(handle: int) -> None:
    try:
        sync_file(handle)
    finally:
        os.close(handle)

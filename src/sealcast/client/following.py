"""The events of a device as they come, while other processes write them and put full files away."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .events import Event, event_files, events_in


class _Read(NamedTuple):
    """What one look into a file found: which file that is (its inode), the whole lines, and where the last one ends."""

    inode: int = 0
    lines: bytes = b""
    end: int = 0


def follow(directory: Path, pause: Callable[[], object]) -> Iterator[Event]:
    """Yield the events that are kept, then each as it comes, for ever; ``pause`` is called where nothing is new.

    No file stays open between two looks: on Windows it could not be put away meanwhile.
    """
    current, previous = event_files(directory)
    started = _read(current, 0, 0)
    older = _read(previous, 0, 0)
    if older.inode != started.inode:  # else it was put away between the two looks
        yield from events_in(older.lines)
    yield from events_in(started.lines)
    inode, end = started.inode, started.end
    while True:
        found = _read(current, inode, end)
        if found.inode != inode:  # a new file: first what the one before it had for us still
            rest = _read(previous, inode, end)
            if rest.inode == inode:
                yield from events_in(rest.lines)
        yield from events_in(found.lines)
        inode, end = found.inode, found.end
        if not found.lines:
            pause()


def _read(path: Path, inode: int, start: int) -> _Read:
    """Return the whole lines from byte ``start`` on if the file is the one with ``inode``, else all of them."""
    try:
        with path.open("rb") as file:
            known = os.fstat(file.fileno())
            if known.st_ino != inode or known.st_size < start:
                start = 0
            file.seek(start)
            data = file.read()
    except OSError:
        return _Read()
    lines = data[: data.rfind(b"\n") + 1]
    return _Read(known.st_ino, lines, start + len(lines))

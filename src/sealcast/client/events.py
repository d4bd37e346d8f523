"""What happened, as typed events: one JSON line each in a bounded file, and to whoever listens.

Events are for people and for counting. Nothing is decided by them, so a full disk that loses one stops nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TypedDict, Unpack

import msgspec

from ..documents import encode
from ..values import Clock, format_time

ROTATE_BYTES = 1024 * 1024
"""When the file has grown to this, it becomes the previous one, which is deleted."""


class Kind(StrEnum):
    """What can happen."""

    CHECK = "check"
    UPDATE_AVAILABLE = "update_available"
    PROGRESS = "progress"
    DOWNLOADED = "downloaded"
    STAGED = "staged"
    APPLIED = "applied"
    STARTED = "started"
    ENDED = "ended"
    READY = "ready"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    DOWNLOAD_FAILED = "download_failed"
    UPDATE_FAILED = "update_failed"
    DAMAGED = "damaged"
    REPAIRED = "repaired"
    FLOOR_RECOVERED = "floor_recovered"
    BLOCKED = "blocked"
    STALE = "stale"
    NOTICE = "notice"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened: when (local clock), to which release, why (a stable word or code), and details.

    ``done`` and ``total`` are bytes; ``recovered``: it failed, and another way was found; ``text`` is that of a
    notice, by language tag.
    """

    event: Kind
    at: str
    version: str = ""
    why: str = ""
    detail: str = ""
    done: int = 0
    total: int = 0
    recovered: bool = False
    text: dict[str, str] = msgspec.field(default_factory=dict)


class Details(TypedDict, total=False):
    """What is told of an event beside its kind and time: see `Event`."""

    version: str
    why: str
    detail: str
    done: int
    total: int
    recovered: bool
    text: dict[str, str]


Listener = Callable[[Event], None]


class Events:
    """Where events go: the file of one state directory, and whoever listens, from whatever thread they come."""

    def __init__(self, directory: Path, clock: Clock, *listeners: Listener | None) -> None:
        self._path, self._previous = event_files(directory)
        self._clock = clock
        self._listeners = [listener for listener in listeners if listener is not None]

    def emit(self, kind: Kind, **details: Unpack[Details]) -> None:
        """Write the event down, and tell who listens.

        Not written are progress, which would fill the file, and a notice that is the last one written already.
        """
        event = Event(event=kind, at=format_time(self._clock()), **details)
        if kind is not Kind.PROGRESS and not (kind is Kind.NOTICE and self._stands(event)):
            with contextlib.suppress(OSError):  # see the module's docstring
                self._append(json_line(event))
        for listener in self._listeners:
            listener(event)

    def read(self) -> Iterator[Event]:
        """Yield the events that are kept, the oldest first. A line that a kill cut off is passed over."""
        for path in (self._previous, self._path):
            with contextlib.suppress(OSError):
                yield from events_in(path.read_bytes())

    def _stands(self, notice: Event) -> bool:
        kept = [event for event in self.read() if event.event is Kind.NOTICE]
        return bool(kept) and (kept[-1].text, kept[-1].detail) == (notice.text, notice.detail)

    def _append(self, line: bytes) -> None:
        with contextlib.suppress(OSError):  # nothing is there yet; or (Windows) somebody reads it: the next one rotates
            if self._path.stat().st_size >= ROTATE_BYTES:
                self._path.replace(self._previous)
        append_line(self._path, line)


def append_line(path: Path, line: bytes) -> None:
    """Add a line to the file at ``path``, which is made where there is none. Raises ``OSError``."""
    # One write to a file opened for appending: lines of several processes do not mix.
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


def event_files(directory: Path) -> tuple[Path, Path]:
    """Return where the events of a state directory are written, and where the older ones are."""
    return directory / "events.jsonl", directory / "events.previous.jsonl"


def json_line(event: Event) -> bytes:
    """Return the event as the files hold it: one line of JSON."""
    return encode(event) + b"\n"


def events_in(lines: bytes) -> Iterator[Event]:
    """Yield the events in JSON lines, without those that cannot be read."""
    for line in lines.splitlines():
        with contextlib.suppress(ValueError, RecursionError, msgspec.ValidationError):
            yield msgspec.convert(json.loads(line), Event)

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
    BLOCKED = "blocked"
    STALE = "stale"
    NOTICE = "notice"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened: when (local clock), to which release, why (a stable word or code), and details.

    ``done`` and ``total`` are bytes.
    """

    event: Kind
    at: str
    version: str = ""
    why: str = ""
    detail: str = ""
    done: int = 0
    total: int = 0


Listener = Callable[[Event], None]


class Events:
    """Where events go: the file of one state directory, and a listener."""

    def __init__(self, directory: Path, clock: Clock, listener: Listener | None = None) -> None:
        self._path = directory / "events.jsonl"
        self._previous = directory / "events.previous.jsonl"
        self._clock = clock
        self._listener = listener

    def emit(
        self, kind: Kind, *, version: str = "", why: str = "", detail: str = "", done: int = 0, total: int = 0
    ) -> None:
        """Tell the listener, and write the event down (progress excepted: it would fill the file)."""
        at = format_time(self._clock())
        event = Event(event=kind, at=at, version=version, why=why, detail=detail, done=done, total=total)
        if kind is not Kind.PROGRESS:
            with contextlib.suppress(OSError):  # see the module's docstring
                self._append(encode(event) + b"\n")
        if self._listener is not None:
            self._listener(event)

    def read(self) -> Iterator[Event]:
        """Yield the events that are kept, the oldest first. A line that a kill cut off is passed over."""
        for path in (self._previous, self._path):
            try:
                lines = path.read_bytes().splitlines()
            except OSError:
                continue
            for line in lines:
                with contextlib.suppress(ValueError, msgspec.ValidationError):
                    yield msgspec.convert(json.loads(line), Event)

    def _append(self, line: bytes) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_size >= ROTATE_BYTES:
                self._path.replace(self._previous)
        # One write to a file opened for appending: lines of several processes do not mix.
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

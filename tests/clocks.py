"""A clock that tests set by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime.now(UTC).replace(microsecond=0)
"""python-tuf reads the real clock, so what is signed in a test is signed about now."""


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)

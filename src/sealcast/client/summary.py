"""What a device's events come to: how often an update was tried, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from .events import Event, Kind

_FAILED = frozenset({Kind.DOWNLOAD_FAILED, Kind.UPDATE_FAILED})


class Summary(Struct, frozen=True):
    """Counts over a period.

    ``first`` is when the oldest event in it was: what is kept is bounded, so that a busy device remembers less.
    An attempt ends in a staged release (``successes``) or in an error (``failures``, by code; a check that fails is
    one, too; a check that finds nothing is none). ``recovered`` are errors that another way was found around, by code;
    ``rollbacks`` are by reason, ``blocked`` by why, ``ready`` by version.
    """

    first: str
    checks: int
    successes: int
    failures: dict[str, int]
    recovered: dict[str, int]
    rollbacks: dict[str, int]
    blocked: dict[str, int]
    ready: dict[str, int]

    @property
    def attempts(self) -> int:
        """How often something was to be brought here, whatever came of it."""
        return self.successes + sum(self.failures.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as one JSON object."""
        return {
            "first": self.first or None,
            "checks": self.checks,
            "attempts": self.attempts,
            "successes": self.successes,
            "failures": self.failures,
            "recovered": self.recovered,
            "rollbacks": self.rollbacks,
            "blocked": self.blocked,
            "ready": self.ready,
        }


def summarise(events: Iterable[Event], since: str = "") -> Summary:
    """Return what the events from ``since`` on (a time as `Event.at` has it) come to."""
    found = [event for event in events if event.at >= since]
    failed = [event for event in found if event.event in _FAILED]
    return Summary(
        first=min((event.at for event in found), default=""),
        checks=_number(found, Kind.CHECK),
        successes=_number(found, Kind.STAGED),
        failures=_counted(event.why for event in failed if not event.recovered),
        recovered=_counted(event.why for event in failed if event.recovered),
        rollbacks=_counted(event.why for event in found if event.event is Kind.ROLLED_BACK),
        blocked=_counted(event.why for event in found if event.event is Kind.BLOCKED),
        ready=_counted(event.version for event in found if event.event is Kind.READY),
    )


def _number(events: Iterable[Event], kind: Kind) -> int:
    return sum(event.event is kind for event in events)


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))

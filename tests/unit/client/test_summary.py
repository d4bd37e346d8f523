from __future__ import annotations

from sealcast.client import summarise
from sealcast.client.events import Event, Kind


def event(kind: Kind, day: int = 1, **details: object) -> Event:
    return Event(event=kind, at=f"2026-03-{day:02}T00:00:00Z", **details)  # type: ignore[arg-type]


HAPPENED = [
    event(Kind.CHECK),
    event(Kind.UPDATE_FAILED, why="EXPIRED"),
    event(Kind.CHECK, 2),
    event(Kind.UPDATE_AVAILABLE, 2),
    event(Kind.DOWNLOAD_FAILED, 2, why="HASH_MISMATCH", recovered=True),
    event(Kind.STAGED, 2, version="2"),
    event(Kind.APPLIED, 3, version="2"),
    event(Kind.STARTED, 3, version="2"),
    event(Kind.ROLLED_BACK, 3, version="2", why="not-ready"),
    event(Kind.CHECK, 4),
    event(Kind.BLOCKED, 4, version="2", why="quarantined"),
    event(Kind.DOWNLOAD_FAILED, 5, why="NETWORK"),
    event(Kind.DOWNLOAD_FAILED, 5, why="NETWORK"),
    event(Kind.STAGED, 6, version="3"),
    event(Kind.READY, 6, version="3"),
]


def test_what_happened_is_counted() -> None:
    assert summarise(HAPPENED).as_dict() == {
        "first": "2026-03-01T00:00:00Z",
        "checks": 3,
        "attempts": 5,
        "successes": 2,
        "failures": {"EXPIRED": 1, "NETWORK": 2},
        "recovered": {"HASH_MISMATCH": 1},
        "rollbacks": {"not-ready": 1},
        "blocked": {"quarantined": 1},
        "ready": {"3": 1},
    }


def test_a_period_leaves_out_what_was_before() -> None:
    found = summarise(HAPPENED, "2026-03-05T00:00:00Z")
    assert (found.first, found.checks, found.attempts) == ("2026-03-05T00:00:00Z", 0, 3)


def test_nothing_happened() -> None:
    assert summarise([]).as_dict()["first"] is None
    assert summarise([]).attempts == 0

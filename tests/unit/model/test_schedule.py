"""How long signatures last, and when they are due again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sealcast.model import LIFETIMES, TIMESTAMP_INTERVAL, RoleKind, due_at, kind_of
from tests.samples import NOW

DAY = timedelta(days=1)


def test_the_lifetimes_are_those_that_are_documented() -> None:
    days = {str(kind): lifetime.days for kind, lifetime in LIFETIMES.items()}
    assert days == {"root": 365, "targets": 180, "channel": 90, "halt": 365, "snapshot": 21, "timestamp": 7}
    assert set(LIFETIMES) == set(RoleKind)
    assert TIMESTAMP_INTERVAL == DAY


@pytest.mark.parametrize(
    ("role", "kind"),
    [
        *((name, RoleKind(name)) for name in ("root", "targets", "snapshot", "timestamp")),
        ("demo-stable", RoleKind.CHANNEL),
        ("demo-halt", RoleKind.HALT),
        ("my-app-halt", RoleKind.HALT),
        ("halt-stable", RoleKind.CHANNEL),
        ("demo-nohalt", RoleKind.CHANNEL),
        ("demo-root", RoleKind.CHANNEL),
        ("root-x", RoleKind.CHANNEL),
    ],
)
def test_a_role_is_of_the_kind_that_its_name_says(role: str, kind: RoleKind) -> None:
    assert kind_of(role) is kind


@pytest.mark.parametrize(
    ("role", "days"), [("root", 365), ("targets", 180), ("demo-stable", 90), ("demo-halt", 365), ("snapshot", 21)]
)
def test_a_role_is_due_when_a_third_of_its_life_is_left(role: str, days: int) -> None:
    assert due_at(role, NOW) == NOW - timedelta(days=days) / 3
    assert due_at(role, NOW, lifetime=30 * DAY) == NOW - 10 * DAY


def test_the_timestamp_is_due_a_day_after_it_was_signed() -> None:
    assert due_at("timestamp", NOW + 7 * DAY, NOW) == NOW + DAY
    # Less when its whole life is short, and a third of it is left before the day is over.
    assert due_at("timestamp", NOW + DAY, NOW, lifetime=DAY) == NOW + DAY * 2 / 3
    assert due_at("timestamp", NOW + 7 * DAY) == NOW + 7 * DAY - 7 * DAY / 3

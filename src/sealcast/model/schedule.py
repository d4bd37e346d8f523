"""How long each role's signature lasts, and when it is due again (DESIGN section 3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class RoleKind(StrEnum):
    """The kinds of roles that differ in how long their signatures last."""

    ROOT = "root"
    TARGETS = "targets"
    CHANNEL = "channel"
    HALT = "halt"
    SNAPSHOT = "snapshot"
    TIMESTAMP = "timestamp"


LIFETIMES: dict[RoleKind, timedelta] = {
    RoleKind.ROOT: timedelta(days=365),
    RoleKind.TARGETS: timedelta(days=180),
    RoleKind.CHANNEL: timedelta(days=90),
    RoleKind.HALT: timedelta(days=365),
    RoleKind.SNAPSHOT: timedelta(days=21),
    RoleKind.TIMESTAMP: timedelta(days=7),
}
"""The default life of a signature."""

TIMESTAMP_INTERVAL = timedelta(days=1)
"""How often the timestamp is signed again, whatever is left of its life."""


def kind_of(role: str) -> RoleKind:
    """Return the kind of the role of this name."""
    if role in {RoleKind.ROOT, RoleKind.TARGETS, RoleKind.SNAPSHOT, RoleKind.TIMESTAMP}:
        return RoleKind(role)
    return RoleKind.HALT if role.endswith("-halt") else RoleKind.CHANNEL


def due_at(
    role: str, expires: datetime, issued: datetime | None = None, *, lifetime: timedelta | None = None
) -> datetime:
    """Return when ``role`` should be signed again: when a third of its life is left.

    ``lifetime`` is how long its signatures last where that is not the default. The timestamp, whose signing time
    ``issued`` is known, is due a day after it at the latest.
    """
    due = expires - (lifetime or LIFETIMES[kind_of(role)]) / 3
    return due if issued is None else min(issued + TIMESTAMP_INTERVAL, due)

"""How much of the signed metadata's life is left: told early, since an expired repository installs nothing new."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..errors import SealcastError
from ..files import read_regular
from ..model import LIFETIMES, RoleKind, kind_of
from ..values import parse_time

EXTENSION = "x-sealcast"
"""Also in `sealcast.model.roles`, which loads python-tuf: the status of a device must not."""


KEPT_LIMIT = 5_000_000
"""Bytes of the largest file in the verifier's folder (`sealcast.verify.LIMITS`, which loads python-tuf)."""


class State(StrEnum):
    """Whether the metadata is good for long, good for a little, over, or was never fetched."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Freshness(Struct, frozen=True):
    """The state, and the role that ends first, with its end."""

    state: State
    role: str = ""
    expires: datetime | None = None


def freshness(folder: Path, app: str, channel: str, now: datetime) -> Freshness:
    """Return how fresh what the verifier keeps in ``folder`` is: each role that a check of this channel needs.

    Row 18: stale when under a quarter of a role's life is left. Nothing is verified again: it was when it was stored.
    """
    found = []
    for name in ("root", "targets", "snapshot", "timestamp", f"{app}-{channel}", f"{app}-halt"):
        try:
            signed = json.loads(read_regular(folder / "metadata" / f"{name}.json", KEPT_LIMIT))["signed"]
            found.append(_one(name, parse_time(signed["expires"]), _life(name, signed), now))
        except (OSError, ValueError, RecursionError, KeyError, TypeError, SealcastError):
            return Freshness(State.UNKNOWN)
    return max(found, key=lambda one: (_RANK.index(one.state), -one.expires.timestamp() if one.expires else 0))


_RANK = (State.UNKNOWN, State.FRESH, State.STALE, State.EXPIRED)


def _one(role: str, expires: datetime, life: timedelta, now: datetime) -> Freshness:
    left = expires - now
    state = State.FRESH
    if left <= timedelta(0):
        state = State.EXPIRED
    elif left < life / 4:
        state = State.STALE
    return Freshness(state, role, expires)


def _life(role: str, signed: dict[str, Any]) -> timedelta:
    """Return how long the role's signature lasts: of the timestamp as it says itself, of others by default."""
    if role == RoleKind.TIMESTAMP and "issued" in signed.get(EXTENSION, {}):
        return parse_time(signed["expires"]) - parse_time(signed[EXTENSION]["issued"])
    return LIFETIMES[kind_of(role)]

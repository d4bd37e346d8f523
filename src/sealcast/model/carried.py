"""The floor that an app carries: what its publisher had published when the app was built (DESIGN section 6).

A device keeps a floor of its own. One whose whole state was deleted, or that is new, knows nothing; with this, it still
refuses whatever is older than the app itself. It is made by the publisher and comes with the app, like the root; no key
signs it and no mark in it lapses.
"""

from __future__ import annotations

import msgspec

from ..documents import MIB, Document, decode
from ..errors import ConfigError, SealcastError
from .channel import Count, Time

CARRIED_FLOOR_LIMIT = 2 * MIB
"""Bytes a carried floor may have: some ten thousand channels."""


class CarriedChannel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one channel: the ``revision`` of its document, and ``lowest``, the sequence below which nothing goes back."""

    revision: Count
    lowest: Count = 0


class CarriedFloor(Document, frozen=True, kw_only=True, omit_defaults=True):
    """The least that a device accepts of one repository, known by the id in its root.

    Versions of root, timestamp and snapshot; when that timestamp was signed; and the channels, as ``<app>/<channel>``.
    """

    type: str = "sealcast/carried-floor/1"
    repository: str
    root: Count
    timestamp: Count
    snapshot: Count
    issued: Time
    channels: dict[str, CarriedChannel]


def read_carried_floor(data: bytes, *, repository: str) -> CarriedFloor:
    """Return the floor that an app carries for the repository of this id. Raises ``ConfigError`` (BAD_FLOOR)."""
    what = "The carried floor"
    try:
        floor = decode(data, CarriedFloor, what=what, limit=CARRIED_FLOOR_LIMIT)
    except SealcastError as error:
        raise _bad(error.what) from error
    if floor.repository != repository:
        raise _bad(f"{what} is of another repository than the root.")
    return floor


def _bad(what: str) -> ConfigError:
    return ConfigError(
        "BAD_FLOOR", what, hint="Give the file that the publisher wrote with `sealcast status --floor FILE`."
    )

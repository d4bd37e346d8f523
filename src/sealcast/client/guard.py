"""Holds a verified look at a repository against the floor and the local clock, and says what the floor becomes.

This is what stands when python-tuf's cache is lost: an older state, properly signed in its day, is refused by number.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets

from ..errors import VerificationError
from ..model import ChannelDocument
from ..model.roles import role_name
from ..values import format_time
from ..verify import Roles
from .floor import Floor, Mark

SKEW = timedelta(hours=24)
"""How far a device's clock and a signed time may be apart."""


class Guard:
    """The floor, held against one view. ``folder`` is the view's; ``now`` the local time, in UTC."""

    def __init__(self, floor: Floor, view: Roles, folder: Path, now: datetime) -> None:
        self._view = view
        self._metadata = folder / "metadata"
        self._now = now
        if view.root.version < (least := max(floor.root, floor.least.root)):
            raise _rollback("root", least, view.root.version)
        self._floor = replace(
            floor,
            root=view.root.version,
            timestamp=_standing(floor.timestamp, "timestamp", view.root),
            issued=_standing(floor.issued, "timestamp", view.root),
            snapshot=_standing(floor.snapshot, "snapshot", view.root),
        )

    def check_roles(self) -> None:
        """Refuse an older timestamp or snapshot, and a clock that cannot be right.

        Raises ``VerificationError``: ROLLBACK, CLOCK_AHEAD, CLOCK_BACK.
        """
        view, floor = self._view, self._floor
        issued = view.issued
        newest = max(floor.issued.number if floor.issued else 0, floor.least.issued)
        if (seen := _instant(newest)) > self._now + SKEW:
            raise _clock("CLOCK_BACK", "The clock went back behind a signed time that was seen", seen, self._now)
        if issued > self._now + SKEW:
            raise _clock("CLOCK_AHEAD", "The timestamp was signed in the future of this device", issued, self._now)
        self._floor = replace(
            floor,
            timestamp=self._raised(floor.timestamp, view.timestamp.version, "timestamp", floor.least.timestamp),
            issued=self._newest(floor.issued, int(issued.timestamp()), "timestamp"),
            snapshot=self._raised(floor.snapshot, view.snapshot.version, "snapshot", floor.least.snapshot),
        )
        if floor.snapshot is not None:
            self._check_listed(floor.snapshot)

    def _check_listed(self, mark: Mark) -> None:
        """Refuse a snapshot that lists an older version of any role than the one that set the floor did.

        python-tuf holds it against the snapshot in its cache (TUF specification, section 5.5.5). Where that is lost,
        whoever has the key of snapshot and timestamp could bring back a policy, a delegation or a halt of old.
        """
        known: Metadata[Snapshot] = Metadata.from_bytes(base64.b64decode(mark.metadata))
        listed = self._view.snapshot.meta
        for file, entry in known.signed.meta.items():
            if file in listed and listed[file].version < entry.version:
                raise _rollback(file.removesuffix(".json"), entry.version, listed[file].version)

    def check_channel(self, document: ChannelDocument) -> Floor:
        """Refuse an older channel document, and return the floor as it is now, to be stored before anything else.

        Raises ``VerificationError`` (ROLLBACK).
        """
        role = role_name(document.app, document.channel)
        floor = replace(
            self._floor,
            revision=_standing(self._floor.revision, role, self._view.targets),
            lowest=_standing(self._floor.lowest, role, self._view.targets),
        )
        return replace(
            floor,
            revision=self._raised(floor.revision, document.revision, role, floor.least.revision),
            lowest=self._newest(floor.lowest, document.floor, role),
        )

    def _raised(self, mark: Mark | None, number: int, role: str, least: int) -> Mark:
        seen = max(mark.number if mark else 0, least)
        if number < seen:
            raise _rollback(role, seen, number)
        return self._newest(mark, number, role)

    def _newest(self, mark: Mark | None, number: int, role: str) -> Mark:
        if mark is not None and number <= mark.number:
            return mark
        metadata = (self._metadata / f"{role}.json").read_bytes()
        return Mark(number=number, metadata=base64.b64encode(metadata).decode())


def _standing(mark: Mark | None, role: str, delegator: Root | Targets) -> Mark | None:
    """Return ``mark`` if those whom ``delegator`` trusts with ``role`` today signed what set it, else None."""
    if mark is None:
        return None
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(base64.b64decode(mark.metadata))
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError):
        return None
    return mark


def _instant(seconds: int) -> datetime:
    """Return the instant; the last that can be told, for what lies beyond it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _rollback(role: str, seen: int, served: int) -> VerificationError:
    return VerificationError(
        "ROLLBACK",
        f"The host serves version {served} of {role}, and this device has seen {seen}.",
        safe="Nothing of it was accepted; what runs now keeps running, and the floor stays where it is.",
        hint="The host, or somebody before it, serves an older state. Tell the publisher if it stays so.",
        role=role,
        seen=seen,
        served=served,
    )


def _clock(code: str, what: str, signed: datetime, now: datetime) -> VerificationError:
    return VerificationError(
        code,
        f"{what}: signed {format_time(signed)}, and it is {format_time(now)} here.",
        hint="Set the clock of this device.",
        signed=format_time(signed),
        now=format_time(now),
    )

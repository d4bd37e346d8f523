"""One commit: the next version of each changed role, then snapshot and timestamp, all signed before any is written."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from ..errors import RepositoryError
from ..model.roles import listed, next_snapshot, next_timestamp, role_targets
from ..verify import check_metadata
from .signatory import Signatory
from .state import Ground, State

CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far the clocks of a publisher's machines may lie apart."""

TARGETS = "targets.json"


@dataclass(frozen=True, slots=True)
class Base:
    """What a commit builds on: who signs, what the snapshot lists, the versions so far, when it was signed last.

    ``made`` are files, by name, that others have signed and that become true with this commit.
    """

    root: Root
    targets: Targets
    meta: Mapping[str, MetaFile]
    snapshot: int = 0
    timestamp: int = 0
    issued: datetime | None = None
    made: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, state: State) -> Base:
        """Return what the next commit after ``state`` builds on."""
        return cls(
            state.root.signed,
            state.targets,
            state.snapshot.signed.meta,
            state.snapshot.signed.version,
            state.timestamp.signed.version,
            state.issued,
        )

    @classmethod
    def first(cls, ground: Ground) -> Base:
        """Return what the first commit builds on: root and targets alone, which are stored already."""
        entry = listed(ground.targets.signed.version, signed_bytes("targets", ground.targets))
        return cls(ground.root.signed, ground.targets.signed, {TARGETS: entry})

    def with_targets(self, targets: Metadata[Targets]) -> Base:
        """Return this base with another targets, which its holders have signed."""
        version, data = targets.signed.version, signed_bytes("targets", targets)
        return replace(
            self,
            targets=targets.signed,
            meta={**self.meta, TARGETS: listed(version, data)},
            made={f"{version}.{TARGETS}": data},
        )

    def version(self, role: str) -> int:
        """Return the committed version of a role that the snapshot lists; 0 where there is none."""
        entry = self.meta.get(f"{role}.json")
        return entry.version if entry else 0


@dataclass(frozen=True, slots=True)
class Commit:
    """Signed files by name, to be created in this order, and the timestamp that then makes them true."""

    files: Mapping[str, bytes]
    timestamp: bytes


def prepare(
    base: Base,
    changes: Mapping[str, Sequence[TargetFile]],
    signatory: Signatory,
    now: datetime,
    *,
    number: Callable[[str, int], int],
    lifetime: Callable[[str], timedelta],
) -> Commit:
    """Sign the next version of each changed role, of snapshot and of timestamp; nothing is written.

    ``changes`` gives each changed role its whole list of targets; the targets role keeps its delegations. ``number``
    returns the next free version of a role after the committed one. Raises ``SigningError``, ``RepositoryError``
    (CLOCK_BACK, VERSION_JUMP), ``VerificationError`` (TOO_LARGE).
    """
    now = not_before(base.issued, now)
    meta, files = dict(base.meta), dict(base.made)

    def sign(role: str, signed: Root | Snapshot | Targets | Timestamp) -> bytes:
        return checked(role, signatory.sign(role, signed, base.root, base.targets))

    for role, targets in changes.items():
        version, expires = number(role, base.version(role)), now + lifetime(role)
        if role == "targets":
            renewed = copy.deepcopy(base.targets)
            renewed.version, renewed.expires = version, expires
            renewed.targets = {entry.path: entry for entry in targets}
        else:
            renewed = role_targets(version, targets, expires)
        data = files[f"{version}.{role}.json"] = sign(role, renewed)
        meta[f"{role}.json"] = listed(version, data)
    version = number("snapshot", base.snapshot)
    data = sign("snapshot", next_snapshot(version, meta, now + lifetime("snapshot")))
    files[f"{version}.snapshot.json"] = data
    last = next_timestamp(base.timestamp + 1, listed(version, data), now, now + lifetime("timestamp"))
    return Commit(files, sign("timestamp", last))


def checked(role: str, data: bytes) -> bytes:
    """Return signed metadata, held to the rules that clients hold it to. Raises ``VerificationError`` (TOO_LARGE)."""
    check_metadata(data, role)
    return data


def signed_bytes(role: str, metadata: Metadata[Any]) -> bytes:
    """Return the file of signed metadata, in the one form that we write. Raises as `checked` does."""
    return checked(role, metadata.to_bytes(JSONSerializer(compact=True)))


def not_before(issued: datetime | None, now: datetime) -> datetime:
    """Return ``now``, never before what was signed last: rollouts go by signed time, and it only runs forward.

    Raises ``RepositoryError`` (CLOCK_BACK) when the clock is too far behind for a difference between machines.
    """
    if issued is None:
        return now
    if now < issued - CLOCK_TOLERANCE:
        raise RepositoryError(
            "CLOCK_BACK",
            f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC, before {issued:%Y-%m-%d %H:%M}, when the timestamp "
            "was signed.",
            hint="Set the clock. If it was wrong when the timestamp was signed, wait until that time has come.",
        )
    return max(now, issued)

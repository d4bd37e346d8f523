"""What must be signed again, and when: decided from verified metadata and the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ..model import due_at
from ..model.roles import EXTENSION
from ..values import parse_time
from .workspace import State


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role: its version, when it expires, when it should be signed again, who can sign, how many must."""

    role: str
    version: int
    expires: datetime
    due: datetime
    threshold: int
    holders: tuple[str, ...]

    def is_due(self, now: datetime) -> bool:
        """Tell whether the role should be signed again by now."""
        return self.due <= now

    def is_expired(self, now: datetime) -> bool:
        """Tell whether clients refuse the role by now."""
        return self.expires <= now


def role_statuses(state: State) -> Iterator[RoleStatus]:
    """Yield every role of the repository, the top-level ones first."""
    root, targets = state.root.signed, state.targets
    ours = root.unrecognized_fields.get(EXTENSION)
    names = ours.get("holders", {}) if isinstance(ours, dict) else {}
    issued = issued_at(state)
    top = {"root": root, "targets": targets, "snapshot": state.snapshot.signed, "timestamp": state.timestamp.signed}
    for role, signed in top.items():
        holders = root.roles[role]
        yield RoleStatus(
            role,
            signed.version,
            signed.expires,
            due_at(role, signed.expires, issued if role == "timestamp" else None),
            holders.threshold,
            tuple(names.get(keyid, keyid[:16]) for keyid in holders.keyids),
        )
    delegations = targets.delegations
    for role, delegated in (delegations.roles if delegations and delegations.roles else {}).items():
        metadata = state.roles[role].signed
        yield RoleStatus(
            role,
            metadata.version,
            metadata.expires,
            due_at(role, metadata.expires),
            delegated.threshold,
            tuple(names.get(keyid, keyid[:16]) for keyid in delegated.keyids),
        )


def issued_at(state: State) -> datetime:
    """Return when the timestamp was signed."""
    return parse_time(state.timestamp.signed.unrecognized_fields[EXTENSION]["issued"])

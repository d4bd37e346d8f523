"""What must be signed again, and when: decided from verified metadata and the time, then done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..model import due_at
from ..model.roles import EXTENSION
from ..values import parse_time
from .signatory import Signatory
from .workspace import State, Workspace


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


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh signs again, and what is due but has its signers elsewhere."""

    signed: tuple[str, ...]
    elsewhere: tuple[str, ...]


def plan_refresh(state: State, signatory: Signatory, now: datetime) -> Refreshed:
    """Return which roles are due at ``now``, by whether enough of their signers are at hand."""
    due = [status.role for status in role_statuses(state) if status.is_due(now)]
    root, targets = state.root.signed, state.targets
    signed = [role for role in due if signatory.can_sign(role, root, targets)]
    elsewhere = [role for role in due if role not in signed]
    online = ("snapshot", "timestamp")
    # Whatever is listed by the snapshot takes it along, and that the timestamp.
    if any(role not in {"root", "timestamp"} for role in signed):
        signatory.require(online, root, targets)
        signed = [role for role in signed if role not in online] + list(online)
    return Refreshed(tuple(signed), tuple(elsewhere))


def run_refresh(workspace: Workspace, state: State, roles: Sequence[str], signatory: Signatory, now: datetime) -> None:
    """Sign ``roles``, as `plan_refresh` returned them. Raises ``SigningError``."""
    if "root" in roles:
        workspace.renew_root(state, signatory, now)
        state = workspace.load()
    listed = {
        role: list(state.roles[role].signed.targets.values())
        for role in roles
        if role not in {"root", "snapshot", "timestamp"}
    }
    if "snapshot" in roles:
        workspace.commit(state, listed, signatory, now)
    elif "timestamp" in roles:
        workspace.renew_timestamp(state, signatory, now)


def issued_at(state: State) -> datetime:
    """Return when the timestamp was signed."""
    return parse_time(state.timestamp.signed.unrecognized_fields[EXTENSION]["issued"])

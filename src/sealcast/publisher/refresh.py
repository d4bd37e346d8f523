"""What must be signed again, and when: decided from verified metadata and the time, then done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from securesystemslib.signer import Key

from ..errors import SigningError
from ..model import due_at
from .policies import changed_policies, targets_with
from .signatory import Signatory
from .state import State, holder_names
from .workspace import Workspace

ONLINE = ("snapshot", "timestamp")
"""The roles without which nothing that is signed becomes true."""


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role: its version, when it expires, when it should be signed again, who can sign, how many must.

    ``keys`` are those of ``holders``, in the same order.
    """

    role: str
    version: int
    expires: datetime
    due: datetime
    threshold: int
    holders: tuple[str, ...]
    keys: tuple[Key, ...] = ()

    def is_due(self, now: datetime) -> bool:
        """Tell whether the role should be signed again by now."""
        return self.due <= now

    def is_expired(self, now: datetime) -> bool:
        """Tell whether clients refuse the role by now."""
        return self.expires <= now


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh signs again, and what is due but could not be signed here.

    ``refused`` says why, for roles whose signers are here and would not sign (a wrong passphrase, say). ``policies``
    are the apps whose policy changes with the targets role.
    """

    signed: tuple[str, ...]
    elsewhere: tuple[str, ...]
    refused: tuple[SigningError, ...] = ()
    policies: tuple[str, ...] = ()


def role_statuses(workspace: Workspace, state: State) -> Iterator[RoleStatus]:
    """Yield every role of the repository, the top-level ones first."""
    root, delegations = state.root.signed, state.targets.delegations
    top = {
        "root": root,
        "targets": state.targets,
        "snapshot": state.snapshot.signed,
        "timestamp": state.timestamp.signed,
    }
    signed = {**top, **{role: metadata.signed for role, metadata in state.roles.items() if role != "targets"}}
    held = {**root.roles, **(delegations.roles or {} if delegations else {})}
    keys = {**root.keys, **(delegations.keys if delegations else {})}
    changed = changed_policies(workspace, state)
    for role, metadata in signed.items():
        issued = state.issued if role == "timestamp" else None
        due = due_at(role, metadata.expires, issued, lifetime=workspace.lifetime(role))
        yield RoleStatus(
            role,
            metadata.version,
            metadata.expires,
            min(due, state.issued) if role == "targets" and changed else due,
            held[role].threshold,
            holder_names(root, held[role].keyids),
            tuple(keys[keyid] for keyid in held[role].keyids),
        )


def plan_refresh(workspace: Workspace, state: State, signatory: Signatory, now: datetime) -> Refreshed:
    """Return which roles are due at ``now``, by whether their signers are at hand."""
    due = [status.role for status in role_statuses(workspace, state) if status.is_due(now)]
    able = {role: signatory.can_sign(role, state.root.signed, state.targets) for role in (*due, *ONLINE)}
    # What the snapshot lists is true only with a new snapshot, and that only with a new timestamp.
    online = all(able[role] for role in ONLINE)
    signed = [role for role in due if able[role] and (online or role in {"root", "timestamp"})]
    elsewhere = [role for role in due if role not in signed]
    if any(role not in {"root", "timestamp"} for role in signed):
        signed = [role for role in signed if role not in ONLINE] + list(ONLINE)
    changed = tuple(changed_policies(workspace, state)) if "targets" in signed else ()
    return Refreshed(tuple(signed), tuple(elsewhere), policies=changed)


def run_refresh(workspace: Workspace, state: State, plan: Refreshed, signatory: Signatory, now: datetime) -> Refreshed:
    """Sign the roles of ``plan`` and return what was done.

    A role that its signers here refuse to sign does not keep the others, and the timestamp least of all, from being
    signed. Raises ``SigningError`` when snapshot or timestamp cannot be signed, and as `Workspace.commit` does.
    """
    ready: list[str] = []
    refused: list[SigningError] = []
    for role in plan.signed:
        try:
            signatory.unlock(role, state.root.signed, state.targets)
            ready.append(role)
        except SigningError as error:
            if role in ONLINE:
                raise
            error.data.setdefault("role", role)
            refused.append(error)
    if "root" in ready:
        state = workspace.renew_root(state, signatory, now)
    if "snapshot" in ready:
        targets = {role: list(state.roles[role].signed.targets.values()) for role in ready if role in state.roles}
        if "targets" in targets:
            targets["targets"] = targets_with(workspace, state, changed_policies(workspace, state))
        workspace.commit(state, targets, signatory, now)
    elif "timestamp" in ready:
        workspace.renew_timestamp(state, signatory, now)
    left = [role for role in plan.signed if role not in ready]
    return Refreshed(
        tuple(ready), (*plan.elsewhere, *left), tuple(refused), plan.policies if "targets" in ready else ()
    )

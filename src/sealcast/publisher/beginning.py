"""How a repository begins: root and targets are signed, and its channels, snapshot and timestamp are not yet.

The first command that signs does it, where the signers are; so it is with channels that a later ceremony adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import TargetFile, Targets

from ..documents import encode
from ..files import create_durably
from ..model import ChannelDocument, HaltDocument
from ..model.roles import RESERVED_CHANNEL
from .commit import Base
from .refresh import ONLINE
from .signatory import Signatory
from .state import Ground, not_begun
from .workspace import Workspace, store_target


def begin(workspace: Workspace, signatory: Signatory, now: datetime) -> None:
    """Sign and write the first version of every delegated role, snapshot and timestamp.

    A kill leaves a repository that has not begun; the next command does it again, under higher numbers. Raises
    ``RepositoryError`` (BUSY, NO_ROOT, WORKSPACE_DAMAGED), ``SigningError``.
    """
    with workspace.founding() as ground:
        if ground is None:
            raise not_begun(None)
        create_durably(workspace.mark, b"")  # so that a snapshot without a timestamp is not taken for damage
        write_first(workspace, ground, signatory, now)
    workspace.mark.unlink()


def write_first(workspace: Workspace, ground: Ground, signatory: Signatory, now: datetime) -> None:
    """Begin in a workspace that the caller holds. Raises ``SigningError``, ``RepositoryError`` (WORKSPACE_DAMAGED)."""
    root, targets = ground.root.signed, ground.targets.signed
    roles = delegated(targets)
    signatory.require([*roles, *ONLINE], root, targets)
    changes = {role: [first_document(workspace.folder, targets, role)] for role in roles}
    workspace.write(Base.first(ground), changes, signatory, now)


def delegated(targets: Targets) -> Iterable[str]:
    """Return the names of the roles that ``targets`` delegates to."""
    return (targets.delegations.roles or {}) if targets.delegations else ()


def first_document(folder: Path, targets: Targets, role: str) -> TargetFile:
    """Store the first, empty document of a channel, or of halt, and return its entry."""
    delegations = targets.delegations
    paths = delegations.roles[role].paths if delegations and delegations.roles else None
    if not paths:
        raise AssertionError("a role owns one folder: ceremonies see to that")
    prefix = paths[0].removesuffix("/*")
    app, _, channel = prefix.partition("/")
    if channel == RESERVED_CHANNEL:
        return store_target(folder, f"{prefix}/halt.json", encode(HaltDocument(app=app, revision=1)))
    return store_target(folder, f"{prefix}/channel.json", encode(ChannelDocument(app=app, channel=channel, revision=1)))

"""A ceremony's last step: statements of enough holders become signed metadata in the workspace.

It needs no trust in the machine that does it: what the holders signed cannot be altered, only kept back. A kill leaves
what was true before, or a new targets that both old and new holders signed; the same command completes the rest.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.metadata import Metadata, TargetFile, Targets

from ..ceremony import Count, Proposal, Quorum, Review, count_statements, is_signed, review
from ..errors import CeremonyError
from .beginning import delegated, first_document
from .commit import TARGETS, signed_bytes
from .proposing import check_online
from .signatory import Signatory
from .state import Ground, State, load_listed
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Combined:
    """What a ceremony made: the versions by role, and which channels' roles were signed again with it.

    ``is_news`` is false when an earlier run had done it all.
    """

    versions: Mapping[str, int]
    signed: tuple[str, ...]
    is_news: bool = True


def combine(
    workspace: Workspace, proposal: Proposal, statements: Mapping[str, bytes], signatory: Signatory, now: datetime
) -> Combined:
    """Make a proposal true that enough holders have signed; ``statements`` are by the names of their files.

    In a repository that has begun, a new targets needs the signers of snapshot and timestamp too, and those of channels
    that it adds or gives to others. Raises ``CeremonyError`` as `review` and `count_statements` do, OTHER_STATE,
    INCOMPLETE; ``SigningError`` (MISSING_SIGNERS); ``ConfigError`` (ONLINE_KEYS); ``RepositoryError``.
    """
    versions = {role: part.get("version", 0) for role, part in proposal.to_sign.items()}
    with _held(workspace) as (ground, state):
        if ground is not None and all(_is_made(ground, role, part) for role, part in proposal.to_sign.items()):
            return Combined(versions, (), is_news=False)
        quorum = _quorum(workspace, ground, proposal, statements)
        for path, text in proposal.files.items():
            workspace.add_target(path, text.encode())
        signed: tuple[str, ...] = ()
        targets = quorum.metadata.get("targets")
        if targets is not None and not (ground and _is_made(ground, "targets", proposal.targets)):
            if state is None:
                workspace.create(f"{targets.signed.version}.{TARGETS}", signed_bytes("targets", targets))
            else:
                signed = _commit(workspace, state, targets, signatory, now)
        if "root" in quorum.metadata:
            root = quorum.metadata["root"]
            workspace.create(f"{root.signed.version}.root.json", signed_bytes("root", root))
        return Combined(versions, signed)


@contextlib.contextmanager
def _held(workspace: Workspace) -> Iterator[tuple[Ground | None, State | None]]:
    """Hold the workspace, with what is signed now; the state is None where the repository has not begun."""
    if workspace.has_begun:
        with workspace.changing() as state:
            yield state.ground, state
    else:
        with workspace.founding() as ground:
            yield ground, None


def _is_made(ground: Ground, role: str, part: Mapping[str, Any]) -> bool:
    """Tell whether this part of the proposal is what is signed now."""
    signed = ground.root.signed if role == "root" else ground.targets.signed
    return signed.to_dict() == part


def _quorum(workspace: Workspace, ground: Ground | None, proposal: Proposal, statements: Mapping[str, bytes]) -> Quorum:
    """Return the complete quorum of a proposal that builds on what the workspace has."""
    if ground is None and proposal.roots:
        raise _other_state("The proposal builds on a root, and this workspace has none yet.")
    own = f"{ground.root.signed.version}.root.json" if ground else ""
    case = review(proposal, (workspace.metadata / own).read_bytes() if own else None)
    if ground is not None:
        _check_base(case, ground)
    number = proposal.targets.get("version")
    abandoned = workspace.abandoned(f"{number}.{TARGETS}")
    if ground is not None and abandoned is not None and json.loads(abandoned)["signed"] != proposal.targets:
        raise _other_state(f"Version {number} of targets was given to something else by a command that was stopped.")
    quorum = count_statements(case, statements, {})
    if not quorum.is_complete:
        raise _incomplete(quorum.counts)
    if ground is not None and "root" in quorum.metadata:
        check_online(workspace, ground.root.signed, quorum.metadata["root"].signed)
    return quorum


def _check_base(case: Review, ground: Ground) -> None:
    before, listed = case.root_before, case.targets_before
    if before is None or listed is None:
        raise AssertionError("whoever has a root is shown only proposals that build on one")
    same_targets = listed.metadata.signed == ground.targets.signed
    if before.part.version != ground.root.signed.version or not (
        same_targets or _is_made(ground, "targets", case.proposal.targets)
    ):
        raise _other_state(
            f"The proposal builds on root {before.part.version} and targets {listed.part.version}; this workspace has "
            f"root {ground.root.signed.version} and targets {ground.targets.signed.version}."
        )


def _commit(
    workspace: Workspace, state: State, targets: Metadata[Targets], signatory: Signatory, now: datetime
) -> tuple[str, ...]:
    """Commit a new targets, with the roles that it adds or gives to other holders; return these."""
    changes: dict[str, Sequence[TargetFile]] = {}
    for role in delegated(targets.signed):
        metadata = state.roles.get(role)
        listed = state.snapshot.signed.meta.get(f"{role}.json")
        if metadata is not None:
            if not is_signed(targets.signed, role, metadata):
                changes[role] = list(metadata.signed.targets.values())
        elif listed is not None:  # a channel that was taken away comes back as it was
            changes[role] = list(load_listed(workspace.metadata, role, listed).targets.values())
        else:
            changes[role] = [first_document(workspace.folder, targets.signed, role)]
    workspace.commit(state, changes, signatory, now, targets=targets)
    return tuple(changes)


def _other_state(what: str) -> CeremonyError:
    return CeremonyError(
        "OTHER_STATE",
        what,
        safe="Nothing was changed.",
        hint="Make a new proposal from this workspace, or go to the one that the proposal is from.",
    )


def _incomplete(counts: Sequence[Count]) -> CeremonyError:
    lacking = [count for count in counts if not count.is_complete]
    return CeremonyError(
        "INCOMPLETE",
        f"Not enough holders have signed: {'; '.join(map(_lack, lacking))}.",
        safe="Nothing was changed; the statements that there are stay good.",
        hint="Run this again with all statements when the others have come.",
        missing={count.role: _names(count) for count in lacking},
    )


def _lack(count: Count) -> str:
    whose = " of the new holders" if count.new else ""
    return f"{count.role} lacks {count.threshold - len(count.signed)}{whose} ({', '.join(_names(count))})"


def _names(count: Count) -> list[str]:
    return [holder.name or holder.keyid[:16] for holder in count.missing]

"""The committed metadata of a workspace, read back and proved: what every command starts from.

The workspace's own files are trusted no more than a host's: whatever is not what its signers signed is named, with the
way to bring it back. Expiry is left out, since a workspace is where expired roles are renewed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from ..errors import RepositoryError, VerificationError
from ..model.roles import own_fields
from ..values import content_of, parse_time
from ..verify import check_metadata

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)

_NUMBERED = re.compile(r"([1-9][0-9]{0,14})\.([a-z0-9-]+)\.json")


@dataclass(frozen=True, slots=True)
class Ground:
    """What ceremonies make: the newest root, and targets. Everything else is signed online."""

    root: Metadata[Root]
    targets: Metadata[Targets]

    def version(self, role: str) -> int:
        """Return the version of root or targets; 0 for the roles that are not there before the repository begins."""
        return {"root": self.root.signed.version, "targets": self.targets.signed.version}.get(role, 0)


@dataclass(frozen=True, slots=True)
class State:
    """The newest root, timestamp (also as it is stored) and snapshot, and every delegated role and targets by name."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    timestamp_bytes: bytes
    snapshot: Metadata[Snapshot]
    roles: Mapping[str, Metadata[Targets]]

    @property
    def targets(self) -> Targets:
        """The top-level targets role."""
        return self.roles["targets"].signed

    @property
    def ground(self) -> Ground:
        """What the last ceremonies made."""
        return Ground(self.root, self.roles["targets"])

    @property
    def issued(self) -> datetime:
        """When the timestamp was signed."""
        return parse_time(own_fields(self.timestamp.signed)["issued"])

    @property
    def listed(self) -> dict[str, TargetFile]:
        """Every target file that a committed role lists, by path."""
        return {path: entry for role in self.roles.values() for path, entry in role.signed.targets.items()}

    def version(self, role: str) -> int:
        """Return the committed version of a role; 0 for one that is not there yet."""
        if role == "root":
            return self.root.signed.version
        if role == "snapshot":
            return self.snapshot.signed.version
        listed = self.snapshot.signed.meta.get(f"{role}.json")
        return listed.version if listed else 0


def stored_numbers(folder: Path, suffix: str = ".json") -> dict[str, list[int]]:
    """Return the version numbers that files in ``folder`` take, by role, in order; of names with this end only."""
    found: dict[str, list[int]] = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):  # noqa: PTH208 - tens of thousands, after years: a Path for each takes too long
            if name.endswith(suffix) and (match := _NUMBERED.fullmatch(name)):
                found.setdefault(match[2], []).append(int(match[1]))
    return {role: sorted(numbers) for role, numbers in found.items()}


def load_state(folder: Path, roots: Sequence[int] | None = None) -> State:
    """Return the metadata in ``folder`` that the timestamp leads to, from the first root on.

    Every root must be signed by the one before it, every role by its holders, and every file must be the one that is
    listed. Raises ``RepositoryError`` (WORKSPACE_DAMAGED).
    """
    root = _load_root(folder, stored_numbers(folder, ".root.json").get("root", []) if roots is None else roots)
    timestamp_bytes, timestamp = _load(folder, "timestamp", Timestamp)
    _check_signed(root.signed, "timestamp", timestamp)
    _check_issued(timestamp.signed)
    _, snapshot = _load(folder, "snapshot", Snapshot, timestamp.signed.snapshot_meta)
    _check_signed(root.signed, "snapshot", snapshot)
    if "targets.json" not in snapshot.signed.meta:
        raise damaged("the snapshot does not list the targets role")
    _, targets = _load(folder, "targets", Targets, snapshot.signed.meta["targets.json"])
    _check_signed(root.signed, "targets", targets)
    roles = {"targets": targets}
    delegations = targets.signed.delegations
    for role in delegations.roles if delegations and delegations.roles else {}:
        meta = snapshot.signed.meta.get(f"{role}.json")
        if meta is None:
            raise damaged(f"the snapshot does not list the role {role}")
        _, roles[role] = _load(folder, role, Targets, meta)
        _check_signed(targets.signed, role, roles[role])
    # A name that was ever in the snapshot stays there (specification 5.5.5), also when its role is gone.
    return State(root, timestamp, timestamp_bytes, snapshot, roles)


def load_ground(folder: Path) -> Ground | None:
    """Return what ceremonies have made in ``folder``, or None where there is no root yet.

    Raises ``RepositoryError`` (WORKSPACE_DAMAGED).
    """
    stored = stored_numbers(folder)
    if "root" not in stored:
        return None
    root = _load_root(folder, stored["root"])
    _, targets = _load(folder, "targets", Targets, MetaFile(version=stored.get("targets", [1])[-1]))
    _check_signed(root.signed, "targets", targets)
    return Ground(root, targets)


def load_listed(folder: Path, role: str, listed: MetaFile) -> Targets:
    """Return the metadata of a role as a verified snapshot has ``listed`` it, whoever signed it then.

    Raises ``RepositoryError`` (WORKSPACE_DAMAGED).
    """
    return _load(folder, role, Targets, listed)[1].signed


def _load_root(folder: Path, numbers: Sequence[int]) -> Metadata[Root]:
    """Walk the chain of roots, as every client does: each signed by its own holders and by those of the one before."""
    if not numbers or list(numbers) != list(range(1, len(numbers) + 1)):
        raise damaged("the chain of roots is not whole in metadata/ (1.root.json, 2.root.json, …)")
    before: Metadata[Root] | None = None
    for number in numbers:
        _, root = _load(folder, "root", Root, MetaFile(version=number))
        for delegator in (before, root):
            if delegator is not None:
                _check_signed(delegator.signed, "root", root, f"{number}.root")
        before = root
    return root


def _load(folder: Path, role: str, kind: type[S], listed: MetaFile | None = None) -> tuple[bytes, Metadata[S]]:
    name = f"{role}.json" if listed is None else f"{listed.version}.{role}.json"
    try:
        data = (folder / name).read_bytes()
        check_metadata(data, role)
        metadata: Metadata[S] = Metadata.from_bytes(data)
    except OSError as error:
        raise damaged(f"metadata/{name} is missing or cannot be read") from error
    except VerificationError as error:
        raise damaged(f"metadata/{name}: {error.what}") from error
    except tuf_errors.RepositoryError as error:
        raise damaged(f"metadata/{name} is not TUF metadata") from error
    if not isinstance(metadata.signed, kind):
        raise damaged(f"metadata/{name} is of another role")
    if listed is not None:
        changed = listed.hashes is not None and listed.hashes.get("sha256") != content_of(data).sha256
        if changed or metadata.signed.version != listed.version:
            raise damaged(f"metadata/{name} is not the file that was signed")
    return data, metadata


def _check_signed(delegator: Root | Targets, role: str, metadata: Metadata[S], name: str = "") -> None:
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (tuf_errors.UnsignedMetadataError, ValueError) as error:
        raise damaged(f"the {name or role} metadata is not signed by its holders") from error


def _check_issued(timestamp: Timestamp) -> None:
    try:
        parse_time(own_fields(timestamp)["issued"])
    except (TypeError, KeyError, VerificationError) as error:
        raise damaged("metadata/timestamp.json does not say when it was signed") from error


def not_begun(ground: Ground | None) -> RepositoryError:
    """Return what is raised for a repository of which ceremonies have made all there is, or nothing yet."""
    if ground is None:
        return RepositoryError(
            "NO_ROOT",
            "This workspace has no root yet: its holders have not signed one.",
            hint="Propose the first one to them: sealcast ceremony plan --out first.proposal",
        )
    root, delegations = ground.root.signed, ground.targets.signed.delegations
    held = {role: root.roles[role] for role in ("snapshot", "timestamp")}
    held |= (delegations.roles or {}) if delegations else {}
    signers = ", ".join(f"{role} ({', '.join(holder_names(root, entry.keyids))})" for role, entry in held.items())
    return RepositoryError(
        "NOT_BEGUN",
        "Root and targets are signed, and nothing else yet: the first release begins the repository.",
        hint=f"Add a release where these can sign: {signers}.",
    )


def holder_names(root: Root, keyids: Iterable[str]) -> tuple[str, ...]:
    """Return the name of each key's holder as ``root`` gives it, or else the start of the key's id."""
    names = own_fields(root).get("holders")
    return tuple(str(names.get(keyid, keyid[:16]) if isinstance(names, dict) else keyid[:16]) for keyid in keyids)


def damaged(why: str) -> RepositoryError:
    """Return what is raised when a file of the workspace is missing or is not what was signed."""
    return RepositoryError(
        "WORKSPACE_DAMAGED",
        f"The workspace's signed state cannot be used: {why}.",
        safe="What is published is not touched.",
        hint="Bring the file back from version control or from the published site; nothing else needs to change.",
    )

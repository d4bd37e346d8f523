"""The publisher's workspace: a site in the making, changed in single steps that a kill cannot tear.

A workspace holds the site's own layout (``metadata``, ``targets``, ``objects``), the catalogue of releases and the
configuration. Everything is written create-only and becomes true when ``timestamp.json`` is replaced; what a killed
command leaves behind is never referred to, and its numbers are not used again.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from ..config import FILE_NAME, Config, read_config
from ..documents import encode
from ..errors import RepositoryError
from ..files import create_durably, exclusive, remove_temporaries, write_durably
from ..model import LIFETIMES, kind_of
from ..model.roles import (
    RESERVED_CHANNEL,
    listed,
    next_snapshot,
    next_timestamp,
    published_path,
    role_targets,
    target,
)
from ..packs import ObjectStore
from ..values import content_of
from .signatory import Signatory

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)

_NUMBERED = re.compile(r"(\d{1,15})\.([a-z0-9-]+)\.json")


@dataclass(frozen=True, slots=True)
class State:
    """The committed metadata of a workspace: its newest root, timestamp, snapshot, and every targets role by name."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    roles: Mapping[str, Metadata[Targets]]

    @property
    def targets(self) -> Targets:
        """The top-level targets role."""
        return self.roles["targets"].signed


class Workspace:
    """A folder with ``sealcast.toml``; see the module."""

    def __init__(self, folder: Path) -> None:
        """Open the workspace. Raises ``ConfigError`` (BAD_CONFIG)."""
        self.folder = folder
        self.config: Config = read_config(folder / FILE_NAME)
        self.metadata = folder / "metadata"
        self.objects = ObjectStore(folder)
        self.cache = folder / ".sealcast"

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the workspace for one change. Raises ``RepositoryError`` (BUSY) when another command holds it."""
        self.cache.mkdir(exist_ok=True)
        with exclusive(self.cache / "lock", _busy):
            for folder in (self.folder, self.metadata):
                remove_temporaries(folder)
            yield

    def load(self) -> State:
        """Return the committed metadata, its signatures and digests checked (expiry is not: it can be renewed).

        Raises ``RepositoryError`` (WORKSPACE_DAMAGED).
        """
        root = self._load(f"{max(self._numbers('root'), default=0)}.root.json", Root)
        timestamp = self._load("timestamp.json", Timestamp)
        self._check_signed(root.signed, "timestamp", timestamp)
        entry = timestamp.signed.snapshot_meta
        name = f"{entry.version}.snapshot.json"
        self._check_listed(name, entry.hashes)
        snapshot = self._load(name, Snapshot)
        self._check_signed(root.signed, "snapshot", snapshot)
        roles: dict[str, Metadata[Targets]] = {}
        delegator: Root | Targets = root.signed
        # The targets role comes first: it says who signs the others.
        for file in sorted(snapshot.signed.meta, key=lambda file: (file != "targets.json", file)):
            role, meta = file.removesuffix(".json"), snapshot.signed.meta[file]
            name = f"{meta.version}.{file}"
            self._check_listed(name, meta.hashes)
            roles[role] = self._load(name, Targets)
            self._check_signed(delegator, role, roles[role])
            delegator = roles["targets"].signed
        return State(root, timestamp, snapshot, roles)

    def read_target(self, entry: TargetFile) -> bytes:
        """Return the bytes of a target of this workspace. Raises ``RepositoryError`` (WORKSPACE_DAMAGED)."""
        path = self.folder / published_path(entry)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _damaged(f"{path.name} is missing or cannot be read ({error.strerror})") from error
        if content_of(data).sha256 != entry.hashes["sha256"]:
            raise _damaged(f"{path.name} is not the file that was signed")
        return data

    def add_target(self, path: str, data: bytes) -> TargetFile:
        """Store a target file under its digest and return its entry. Nothing refers to it yet."""
        entry = target(path, content_of(data))
        place = self.folder / published_path(entry)
        place.parent.mkdir(parents=True, exist_ok=True)
        create_durably(place, data)
        return entry

    def add_document(self, path: str, document: object) -> TargetFile:
        """Store a document as a target file and return its entry."""
        return self.add_target(path, encode(document))

    def commit(
        self, state: State, changes: Mapping[str, list[TargetFile]], signatory: Signatory, now: datetime
    ) -> State:
        """Sign the next version of each changed role, then snapshot and timestamp, and make it all true at once.

        ``changes`` gives each changed delegated role its whole list of targets. Raises ``SigningError``.
        """
        renewed: dict[str, Targets] = {}
        for role, targets in changes.items():
            expires = now + self.lifetime(role)
            if role == "targets":
                renewed[role] = copy.deepcopy(state.targets)
                renewed[role].version, renewed[role].expires = self.next_number(role), expires
            else:
                renewed[role] = role_targets(self.next_number(role), targets, expires)
        meta = dict(state.snapshot.signed.meta)
        files: list[tuple[str, bytes]] = []
        for role, signed in renewed.items():
            data = signatory.sign(role, signed, state.root.signed, state.targets)
            meta[f"{role}.json"] = listed(signed.version, data)
            files.append((f"{signed.version}.{role}.json", data))
        snapshot = next_snapshot(self.next_number("snapshot"), meta, now + self.lifetime("snapshot"))
        data = signatory.sign("snapshot", snapshot, state.root.signed, state.targets)
        files.append((f"{snapshot.version}.snapshot.json", data))
        timestamp = next_timestamp(
            state.timestamp.signed.version + 1,
            listed(snapshot.version, data),
            now,
            now + self.lifetime("timestamp"),
        )
        self._write(files, signatory.sign("timestamp", timestamp, state.root.signed, state.targets))
        return self.load()

    def renew_timestamp(self, state: State, signatory: Signatory, now: datetime) -> State:
        """Sign the timestamp again over the same snapshot. Raises ``SigningError``."""
        old = state.timestamp.signed
        timestamp = next_timestamp(old.version + 1, old.snapshot_meta, now, now + self.lifetime("timestamp"))
        self._write([], signatory.sign("timestamp", timestamp, state.root.signed, state.targets))
        return self.load()

    def renew_root(self, state: State, signatory: Signatory, now: datetime) -> None:
        """Sign the next root: the same keys and thresholds, with a new expiry. Raises ``SigningError``."""
        root = copy.deepcopy(state.root.signed)
        root.version, root.expires = root.version + 1, now + self.lifetime("root")
        data = signatory.sign("root", root, state.root.signed, state.targets)
        if not create_durably(self.metadata / f"{root.version}.root.json", data):
            raise _damaged(f"metadata/{root.version}.root.json appeared while it was being made")

    def lifetime(self, role: str) -> timedelta:
        """Return how long a new signature of ``role`` lasts."""
        kind = kind_of(role)
        days = self.config.lifetimes.get(kind.value)
        return timedelta(days=days) if days else LIFETIMES[kind]

    def next_number(self, role: str) -> int:
        """Return the next free version of ``role``: above every number stored, committed or not."""
        return max(self._numbers(role), default=0) + 1

    def _write(self, files: list[tuple[str, bytes]], timestamp: bytes) -> None:
        for name, data in files:
            if not create_durably(self.metadata / name, data):
                raise _damaged(f"metadata/{name} appeared while it was being made")
        write_durably(self.metadata / "timestamp.json", timestamp)

    def _numbers(self, role: str) -> list[int]:
        found = (_NUMBERED.fullmatch(path.name) for path in self.metadata.glob(f"*.{role}.json"))
        return [int(match[1]) for match in found if match and match[2] == role]

    def _load(self, name: str, kind: type[S]) -> Metadata[S]:
        try:
            metadata: Metadata[S] = Metadata.from_file(str(self.metadata / name))
        except (OSError, tuf_errors.StorageError) as error:
            raise _damaged(f"metadata/{name} is missing or cannot be read") from error
        except tuf_errors.RepositoryError as error:
            raise _damaged(f"metadata/{name} is not TUF metadata") from error
        if not isinstance(metadata.signed, kind):
            raise _damaged(f"metadata/{name} is of another role")
        return metadata

    def _check_signed(self, delegator: Root | Targets, role: str, metadata: Metadata[S]) -> None:
        try:
            delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except (tuf_errors.UnsignedMetadataError, ValueError) as error:
            raise _damaged(f"the {role} metadata is not signed by its holders") from error

    def _check_listed(self, name: str, hashes: Mapping[str, str] | None) -> None:
        try:
            data = (self.metadata / name).read_bytes()
        except OSError as error:
            raise _damaged(f"metadata/{name} is missing or cannot be read") from error
        if not hashes or content_of(data).sha256 != hashes.get("sha256"):
            raise _damaged(f"metadata/{name} is not the file that was signed")


def documents_of(state: State) -> dict[str, TargetFile]:
    """Return every target that the committed roles list, by path."""
    return {path: entry for role in state.roles.values() for path, entry in role.signed.targets.items()}


def is_channel_role(role: str) -> bool:
    """Tell whether ``role`` signs a channel, from its name alone."""
    return role not in {"root", "targets", "snapshot", "timestamp"} and not role.endswith(f"-{RESERVED_CHANNEL}")


def _busy() -> RepositoryError:
    return RepositoryError(
        "BUSY",
        "Another command is changing this workspace.",
        hint="Wait until it has ended, then run this one again.",
    )


def _damaged(why: str) -> RepositoryError:
    return RepositoryError(
        "WORKSPACE_DAMAGED",
        f"The workspace's signed state cannot be used: {why}.",
        safe="What is published is not touched.",
        hint="Bring the file back from version control or from the published site; nothing else needs to change.",
    )

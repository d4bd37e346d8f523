"""A publication: planned, shown, run. It is verified as a client would before it becomes live, and again after."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..audit import Report, audit
from ..errors import ConfigError, RepositoryError, VerificationError
from ..fetch import FolderSource, Overlay, Source
from ..hosting import FolderStore, Plan, Store, plan_upload
from ..signing import is_example
from ..values import Clock, Progress, no_progress
from .site_files import site_files
from .workspace import State, Workspace

_SECRET_MARKS = (b"PRIVATE KEY-----", b"AGE-SECRET-KEY-1")


@dataclass(frozen=True, slots=True)
class Publication:
    """What `sealcast publish` will do. ``plan`` says which files go up; `run` does it."""

    destination: str
    plan: Plan
    store: Store
    source: Source
    root: bytes
    clock: Clock

    def run(self, *, deep: bool = False, progress: Progress = no_progress) -> Report:
        """Upload, verify what is stored as a client would, commit, verify again; return the last report.

        Raises ``RepositoryError`` (CONFLICT, STORE_CONFLICT), ``VerificationError`` or ``TransferError``.
        """

        def before_commit(timestamp: bytes) -> None:
            staged = Overlay(self.source, {self.plan.timestamp.path: timestamp})
            _verified(staged, self.root, self.clock, deep=deep)

        self.plan.run(self.store, before_commit, progress)
        return _verified(self.source, self.root, self.clock, deep=deep)


def plan_publication(workspace: Workspace, state: State, destination: str, clock: Clock) -> Publication:
    """Return the plan of bringing ``destination``, a folder, up to the workspace's committed state.

    Raises ``ConfigError`` (UNKNOWN_DESTINATION), ``RepositoryError`` (FOREIGN_REPOSITORY, OLDER_WORKSPACE,
    SECRET_IN_OUTPUT, EXAMPLE_KEYS, WORKSPACE_DAMAGED).
    """
    if _is_remote(destination):
        _refuse_example_keys(state)
    store = _open_store(destination)
    files = list(site_files(workspace, state))
    _refuse_secrets(files)
    root = (workspace.metadata / "1.root.json").read_bytes()
    _refuse_foreign(store, root, state)
    return Publication(destination, plan_upload(files, store), store, FolderSource(store.folder), root, clock)


def _refuse_example_keys(state: State) -> None:
    """Raise ``RepositoryError`` (EXAMPLE_KEYS) when a key that everybody has may sign."""
    used = [keyid for keyid in state.root.signed.keys if is_example(keyid)]
    if used:
        raise RepositoryError(
            "EXAMPLE_KEYS",
            "This repository is signed with the example keys, whose private halves everybody has.",
            hint="Make keys of your own with `sealcast init`. The example keys are for local folders only.",
        )


def _is_remote(destination: str) -> bool:
    return "://" in destination or destination.startswith("pages:")


def _open_store(destination: str) -> FolderStore:
    if _is_remote(destination):
        raise ConfigError(
            "UNKNOWN_DESTINATION",
            f"This version publishes to folders only, not to {destination[:80]!r}.",
            hint="Publish to a folder and copy it to the host, metadata/timestamp.json last.",
        )
    return FolderStore(Path(destination))


def _refuse_foreign(store: Store, root: bytes, state: State) -> None:
    """Refuse a destination that holds somebody else's repository, or a newer state than this workspace."""
    there = store.read("metadata/1.root.json")
    if there is not None and there.data != root:
        raise RepositoryError(
            "FOREIGN_REPOSITORY",
            "The destination holds another repository: its first root is not this workspace's.",
            hint="Choose another destination.",
        )
    newer = store.read(f"metadata/{state.root.signed.version + 1}.root.json")
    live = store.read("metadata/timestamp.json")
    if newer is not None or (live is not None and _version_of(live.data) > state.timestamp.signed.version):
        raise RepositoryError(
            "OLDER_WORKSPACE",
            "The destination holds a newer state than this workspace.",
            hint="Bring the workspace up to date with what is live, then publish again.",
        )


def _version_of(data: bytes) -> int:
    from ..documents import parse

    try:
        value = parse(data, what="The live timestamp", limit=16_384)
        return int(value["signed"]["version"])
    except (VerificationError, LookupError, TypeError, ValueError):
        return 0  # not a timestamp: publishing replaces it


def _refuse_secrets(files: list[tuple[str, Path]]) -> None:
    for path, source in files:
        # Objects are compressed, so a private key could only show in the small files.
        if path.startswith("objects/") or source.stat().st_size > 1024 * 1024:
            continue
        if any(mark in source.read_bytes() for mark in _SECRET_MARKS):
            raise RepositoryError(
                "SECRET_IN_OUTPUT",
                f"{path} holds a private key.",
                safe="Nothing was published.",
                hint="Remove it, and treat that key as known to others if it ever left this machine.",
                path=path,
            )


def _verified(source: Source, root: bytes, clock: Clock, *, deep: bool) -> Report:
    with tempfile.TemporaryDirectory(prefix="sealcast-") as folder:
        report = audit(source, root=root, folder=Path(folder), now=clock(), deep=deep)
    if report.findings:
        first = report.findings[0]
        raise VerificationError(
            first.code,
            f"What is stored does not verify: {first.what}",
            safe="Readers see the publication before this one, unless it was live already.",
            hint="Run `sealcast verify --deep` on the destination.",
        )
    return report

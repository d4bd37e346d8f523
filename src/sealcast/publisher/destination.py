"""What must hold before anything leaves for a destination."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..documents import parse
from ..errors import ConfigError, RepositoryError, VerificationError
from ..hosting import Store, Stored
from ..signing import is_example
from ..values import printable
from .leaks import holds_private_key
from .state import State
from .workspace import Workspace

MAX_AHEAD = 10_000
"""How far the workspace's timestamp or snapshot may be ahead of what is live: decades of daily signatures."""

_SMALL = 1024 * 1024


def check_destination(destination: str, workspace: Workspace, state: State) -> Path:
    """Return the folder that ``destination`` names.

    Raises ``ConfigError`` (UNKNOWN_DESTINATION), ``RepositoryError`` (EXAMPLE_KEYS).
    """
    if "://" in destination or destination.startswith("pages:"):
        _refuse_example_keys(state)
        raise ConfigError(
            "UNKNOWN_DESTINATION",
            f"This version publishes to folders only, not to {printable(destination[:80])!r}.",
            hint="Publish to a folder and copy it to the host, metadata/timestamp.json last.",
        )
    folder = Path(destination)
    if not destination or workspace.folder.resolve() == folder.resolve():
        raise ConfigError(
            "UNKNOWN_DESTINATION",
            "The workspace itself, with its private keys, is no place to publish to.",
            hint="Give a folder of its own to the site.",
        )
    return folder


def _refuse_example_keys(state: State) -> None:
    """Raise ``RepositoryError`` (EXAMPLE_KEYS) when a key that everybody has may sign."""
    delegations = state.targets.delegations
    if any(map(is_example, [*state.root.signed.keys, *(delegations.keys if delegations else ())])):
        raise RepositoryError(
            "EXAMPLE_KEYS",
            "This repository is signed with the example keys, whose private halves everybody has.",
            hint="Make keys of your own with `sealcast init`. The example keys are for local folders only.",
        )


def check_public(files: Mapping[str, Path]) -> None:
    """Check that no private key is among the small files to publish. Raises ``RepositoryError`` (SECRET_IN_OUTPUT).

    Objects and archives are compressed: what goes into them was looked at when the release was added.
    """
    for path, source in files.items():
        if path.startswith("objects/") or source.stat().st_size > _SMALL:
            continue
        if holds_private_key(source.read_bytes()):
            raise RepositoryError(
                "SECRET_IN_OUTPUT",
                f"{path} holds a private key.",
                safe="Nothing was published.",
                hint="Remove it, and treat that key as known to others if it ever left this machine.",
                path=path,
            )


def check_live(store: Store, root: bytes, state: State) -> None:
    """Check that ``state`` follows what is live. ``root`` is the workspace's first.

    Raises ``RepositoryError``: FOREIGN_REPOSITORY, OLDER_WORKSPACE, DIVERGED_WORKSPACE, VERSION_JUMP.
    """
    there = store.read("metadata/1.root.json")
    if there is not None and there.data != root:
        raise RepositoryError(
            "FOREIGN_REPOSITORY",
            "The destination holds another repository: its first root is not this workspace's.",
            hint="Choose another destination.",
        )
    live = store.read("metadata/timestamp.json")
    version, snapshot = _versions(live)
    newer_root = store.read(f"metadata/{state.version('root') + 1}.root.json")
    if newer_root is not None or version > state.timestamp.signed.version:
        raise RepositoryError(
            "OLDER_WORKSPACE",
            "The destination holds a newer state than this workspace.",
            hint="Bring the workspace up to date with what is live, then publish again.",
        )
    if live is not None and version == state.timestamp.signed.version and live.data != state.timestamp_bytes:
        raise RepositoryError(
            "DIVERGED_WORKSPACE",
            f"Version {version} of the timestamp is live with other contents: clients would not see this one.",
            hint="Two copies of this workspace were changed. Bring this one up to what is live, and change it again.",
        )
    ahead = max(state.timestamp.signed.version - version, state.version("snapshot") - snapshot)
    if version and ahead > MAX_AHEAD:
        raise RepositoryError(
            "VERSION_JUMP",
            f"The workspace is {ahead} versions ahead of what is live: clients that saw it would refuse every version "
            "in between for ever.",
            hint="Somebody else may have signed with your online keys. Find out before you publish.",
        )


def _versions(live: Stored | None) -> tuple[int, int]:
    """Return the versions of the live timestamp and of its snapshot; 0 for what is no timestamp, and is replaced."""
    try:
        signed: Any = parse(live.data, what="The live timestamp", limit=16_384)["signed"] if live else {}
        return int(signed["version"]), int(signed["meta"]["snapshot.json"]["version"])
    except (VerificationError, LookupError, TypeError, ValueError):
        return 0, 0

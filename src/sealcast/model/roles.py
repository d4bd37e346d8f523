"""The TUF roles as Sealcast lays them out, and the metadata of their next versions. Pure: the caller signs and stores.

Versions and expiries are computed here and never typed by a person (TUF specification 1.0.34, section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from securesystemslib.signer import Key
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from ..errors import ConfigError, VerificationError
from ..values import Content, check_name, content_of, format_time, is_digest

EXTENSION = "x-sealcast"
"""The one field of ours in root and in the timestamp; other clients carry it along unread."""

RESERVED_CHANNEL = "halt"
TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")


def own_fields(signed: Root | Timestamp) -> Mapping[str, Any]:
    """Return what stands in our field of a root or a timestamp; nothing where Sealcast did not make it."""
    ours = signed.unrecognized_fields.get(EXTENSION)
    return ours if isinstance(ours, dict) else {}


def role_name(app: str, channel: str) -> str:
    """Return the name of the delegated role that signs ``channel`` of ``app`` (``halt``: the halt role)."""
    return f"{app}-{channel}"


def role_prefix(app: str, channel: str) -> str:
    """Return the folder of targets that this role owns."""
    return f"{app}/{channel}"


def archive_path(app: str, channel: str, version: str, platform: str, kind: str) -> str:
    """Return the target path of a release's archive in a channel; ``kind`` is how its name ends.

    ``+`` becomes ``_``, which no version holds: in a URL, some hosts (S3 among them) read ``+`` as a space.
    """
    return f"{role_prefix(app, channel)}/{app}-{version.replace('+', '_')}-{platform}.{kind}"


def check_role_names(pairs: Iterable[tuple[str, str]]) -> None:
    """Check the names of apps and channels, by themselves and the roles they make.

    Raises ``ConfigError``: UNSAFE_NAME, or NAME_TAKEN for a reserved name and for two pairs that make one role
    (``a-b`` + ``c`` and ``a`` + ``b-c``).
    """
    taken: dict[str, tuple[str, str]] = {}
    for app, channel in pairs:
        check_name(app, "app")
        # `-halt` ends the names of halt roles and of no others: they live longer than a channel's.
        if channel == RESERVED_CHANNEL or channel.endswith(f"-{RESERVED_CHANNEL}"):
            raise ConfigError(
                "NAME_TAKEN",
                f"No channel can be named {channel!r}: that is kept for the halt role.",
                hint="Choose another name for the channel.",
            )
        check_name(channel, "channel")
        for name in (channel, RESERVED_CHANNEL):
            role = role_name(app, name)
            if taken.setdefault(role, (app, name)) != (app, name):
                raise ConfigError(
                    "NAME_TAKEN",
                    f"The app {app!r} with the channel {name!r} would use the role {role!r}, which is taken.",
                    hint="Choose another name for the channel.",
                )


def first_root(
    holders: Mapping[str, Iterable[Key]],
    thresholds: Mapping[str, int],
    names: Mapping[str, str],
    repository: str,
    expires: datetime,
) -> Root:
    """Return version 1 of root: ``holders`` are the keys of each top-level role, ``names`` the owners of
    all keys, those of delegated roles too, by key id.
    """
    root = Root(version=1, expires=expires, consistent_snapshot=True)
    for role in TOP_LEVEL:
        root.roles[role] = Role([], thresholds.get(role, 1))
        for key in holders[role]:
            root.add_key(key, role)
    root.unrecognized_fields[EXTENSION] = {
        "repository": repository,
        "holders": dict(sorted(names.items())),
    }
    return root


def first_targets(
    delegations: Mapping[tuple[str, str], tuple[Iterable[Key], int]],
    targets: Iterable[TargetFile],
    expires: datetime,
) -> Targets:
    """Return version 1 of targets, which delegates each (app, channel) to its keys with a threshold."""
    keys: dict[str, Key] = {}
    roles: dict[str, DelegatedRole] = {}
    for (app, channel), (holders, threshold) in delegations.items():
        held = list(holders)
        keys.update({key.keyid: key for key in held})
        name = role_name(app, channel)
        # Terminating: the role alone speaks for its folder, so no later delegation can be asked about it.
        roles[name] = DelegatedRole(
            name, [key.keyid for key in held], threshold, True, paths=[f"{role_prefix(app, channel)}/*"]
        )
    return Targets(
        version=1,
        expires=expires,
        targets={target.path: target for target in targets},
        delegations=Delegations(keys, roles),
    )


def role_targets(version: int, targets: Iterable[TargetFile], expires: datetime) -> Targets:
    """Return a delegated role's metadata that lists exactly ``targets``."""
    return Targets(version=version, expires=expires, targets={target.path: target for target in targets})


def target(path: str, content: Content) -> TargetFile:
    """Return the entry of one target file. Only SHA-256 is listed: one digest, one published copy."""
    return TargetFile(length=content.size, hashes={"sha256": content.sha256}, path=path)


def content_listed(entry: TargetFile) -> Content:
    """Return the digest and size that a role signed for a target file.

    Raises ``VerificationError`` (BAD_METADATA) when no SHA-256 digest is listed: TUF libraries take any text for one,
    and it becomes part of a path.
    """
    sha256 = entry.hashes.get("sha256", "")
    if not is_digest(sha256):
        raise VerificationError("BAD_METADATA", f"The target {entry.path[:200]!r} is listed without a SHA-256 digest.")
    return Content(sha256, entry.length)


def published_path(entry: TargetFile) -> str:
    """Return where a target file lies in the site: its digest stands before its name (consistent snapshots).

    Raises ``VerificationError`` (BAD_METADATA) as `content_listed` does.
    """
    folder, slash, name = entry.path.rpartition("/")
    return f"targets/{folder}{slash}{content_listed(entry).sha256}.{name}"


def listed(version: int, data: bytes) -> MetaFile:
    """Return how a metadata file is listed by the role above it: version, length and digest."""
    content = content_of(data)
    return MetaFile(version=version, length=content.size, hashes={"sha256": content.sha256})


def next_snapshot(version: int, meta: Mapping[str, MetaFile], expires: datetime) -> Snapshot:
    """Return a snapshot that lists ``meta`` by file name. No name that was ever listed may be left out."""
    return Snapshot(version=version, expires=expires, meta=dict(meta))


def next_timestamp(
    version: int, snapshot: MetaFile, issued: datetime, expires: datetime, transcript: str | None = None
) -> Timestamp:
    """Return a timestamp over ``snapshot``, signed at ``issued``; ``transcript`` is the digest of its head."""
    timestamp = Timestamp(version=version, expires=expires, snapshot_meta=snapshot)
    ours = {"issued": format_time(issued)}
    if transcript is not None:
        ours["transcript"] = transcript
    timestamp.unrecognized_fields[EXTENSION] = ours
    return timestamp

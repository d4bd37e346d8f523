"""A new workspace, made aside and moved into place whole: a kill leaves nothing half-made."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from securesystemslib.signer import Key
from tuf.api.metadata import TargetFile

from ..config import FILE_NAME
from ..documents import encode
from ..errors import ConfigError, RepositoryError
from ..files import TEMPORARY_PREFIX, sync_directory, write_durably
from ..model import LIFETIMES, ChannelDocument, ChannelPolicy, HaltDocument, Policy, RoleKind
from ..model.roles import (
    RESERVED_CHANNEL,
    check_role_names,
    first_root,
    first_targets,
    listed,
    next_snapshot,
    next_timestamp,
    published_path,
    role_name,
    role_prefix,
    role_targets,
    target,
)
from ..signing import DEFAULT_KEY_TYPE, Secrets, generate, key_of, save_key
from ..values import content_of
from .signatory import Signatory

SOLO_KEYS = ("root", "channel", "halt", "online")
"""The keys of a lone maintainer: root and targets, the channels, the halt role, snapshot and timestamp."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new workspace shall hold."""

    app: str
    channels: Sequence[str]
    now: datetime
    random: Callable[[int], bytes]


def create_solo(folder: Path, wanted: Wanted, secrets: Secrets, *, encrypted: bool = True) -> None:
    """Make the workspace of a lone maintainer in ``folder``, which must be missing or empty.

    All keys lie under ``keys/``, encrypted with the passphrase that ``secrets`` gives unless ``encrypted`` is false.
    Raises ``ConfigError`` (UNSAFE_NAME, NAME_TAKEN), ``RepositoryError`` (FOLDER_NOT_EMPTY), ``SigningError``.
    """
    check_role_names((wanted.app, channel) for channel in wanted.channels)
    if len(set(wanted.channels)) != len(wanted.channels):
        raise ConfigError("NAME_TAKEN", "A channel is named twice.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RepositoryError(
            "FOLDER_NOT_EMPTY",
            f"{folder} is there already and is not an empty folder.",
            safe="Nothing in it was touched.",
            hint="Choose another folder for the workspace.",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.parent / f"{TEMPORARY_PREFIX}{folder.name}-{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        keys = _make_keys(aside / "keys", wanted, secrets, encrypted)
        _copy_template(aside, wanted, keys)
        _write_first_metadata(aside, wanted, keys, secrets)
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
        sync_directory(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _make_keys(folder: Path, wanted: Wanted, secrets: Secrets, encrypted: bool) -> dict[str, Key]:
    folder.mkdir(mode=0o700)
    keys = {}
    for name in SOLO_KEYS:
        passphrase = secrets.passphrase(name, confirm=True) if encrypted else None
        generated = generate(name, DEFAULT_KEY_TYPE, passphrase, created=wanted.now, random=wanted.random)
        save_key(folder, generated)
        keys[name] = key_of(generated.record)
    return keys


def template_folder() -> Traversable:
    """Return ``repo-template``: inside the installed package, or at the top of a source checkout."""
    packaged = importlib.resources.files("sealcast") / "_template"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "repo-template"


def _copy_template(folder: Path, wanted: Wanted, keys: Mapping[str, Key]) -> None:
    roles = {"root": "root and targets", "channel": "every channel", "halt": "halt", "online": "snapshot and timestamp"}
    values = {
        "app": wanted.app,
        "channels": ", ".join(f'"{channel}"' for channel in wanted.channels),
        "channel": wanted.channels[0],
        "signers": "\n".join(f'"{keys[name].keyid}" = "file:keys/{name}.pem"  # {roles[name]}' for name in keys),
    }
    for item in _files_of(template_folder()):
        data = item[1].read_text(encoding="utf-8")
        # A dot file would be left out of many a package: the template spells it "dot-".
        place = folder / item[0].replace("dot-", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        text = Template(data).safe_substitute(values) if place.name in {FILE_NAME, "README.md"} else data
        write_durably(place, text.encode())


def _files_of(folder: Traversable, prefix: str = "") -> list[tuple[str, Traversable]]:
    found = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            # The sample app is for the demo; a workspace has an app of its own.
            if item.name != "sample-app":
                found += _files_of(item, f"{prefix}{item.name}/")
        else:
            found.append((prefix + item.name, item))
    return found


def _write_first_metadata(folder: Path, wanted: Wanted, keys: Mapping[str, Key], secrets: Secrets) -> None:
    """Write version 1 of every role, the policy, and a first document of each channel and of halt."""
    metadata = folder / "metadata"
    metadata.mkdir()
    now = wanted.now
    root_keys, online = [keys["root"]], [keys["online"]]
    root = first_root(
        {"root": root_keys, "targets": root_keys, "snapshot": online, "timestamp": online},
        {},
        {key.keyid: name for name, key in keys.items()},
        wanted.random(16).hex(),
        now + LIFETIMES[RoleKind.ROOT],
    )
    policy = Policy(app=wanted.app, channels={channel: ChannelPolicy() for channel in wanted.channels})
    entries = {
        channel: _place(
            folder,
            f"{role_prefix(wanted.app, channel)}/channel.json",
            encode(ChannelDocument(app=wanted.app, channel=channel, revision=1)),
        )
        for channel in wanted.channels
    }
    entries[RESERVED_CHANNEL] = _place(
        folder, f"{wanted.app}/{RESERVED_CHANNEL}/halt.json", encode(HaltDocument(app=wanted.app, revision=1))
    )
    targets = first_targets(
        {
            (wanted.app, channel): ([keys["halt" if channel == RESERVED_CHANNEL else "channel"]], 1)
            for channel in entries
        },
        [_place(folder, f"{wanted.app}/policy.json", encode(policy))],
        now + LIFETIMES[RoleKind.TARGETS],
    )
    uris = {key.keyid: f"file:keys/{name}.pem" for name, key in keys.items()}
    signatory = Signatory(uris, secrets, folder)
    roles = {"targets": targets}
    for channel, entry in entries.items():
        kind = RoleKind.HALT if channel == RESERVED_CHANNEL else RoleKind.CHANNEL
        roles[role_name(wanted.app, channel)] = role_targets(1, [entry], now + LIFETIMES[kind])
    meta = {}
    for role, signed in roles.items():
        data = signatory.sign(role, signed, root, targets)
        write_durably(metadata / f"1.{role}.json", data)
        meta[f"{role}.json"] = listed(1, data)
    snapshot = next_snapshot(1, meta, now + LIFETIMES[RoleKind.SNAPSHOT])
    data = signatory.sign("snapshot", snapshot, root, targets)
    write_durably(metadata / "1.snapshot.json", data)
    timestamp = next_timestamp(1, listed(1, data), now, now + LIFETIMES[RoleKind.TIMESTAMP])
    write_durably(metadata / "1.root.json", signatory.sign("root", root, root, targets))
    write_durably(metadata / "timestamp.json", signatory.sign("timestamp", timestamp, root, targets))


def _place(folder: Path, path: str, data: bytes) -> TargetFile:
    entry = target(path, content_of(data))
    place = folder / published_path(entry)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_durably(place, data)
    return entry

"""A new workspace, made aside and moved into place: ``sealcast.toml``, which makes a folder a workspace, comes last.

A kill leaves a folder that the same command completes.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from ..config import FILE_NAME, read_config
from ..documents import encode
from ..errors import ConfigError, RepositoryError
from ..files import TEMPORARY_PREFIX, exclusive, make_directory, sync_directory, write_durably
from ..model import LIFETIMES, ChannelDocument, ChannelPolicy, HaltDocument, Policy, kind_of
from ..model.roles import (
    RESERVED_CHANNEL,
    check_role_names,
    first_root,
    first_targets,
    listed,
    next_snapshot,
    next_timestamp,
    role_name,
    role_prefix,
    role_targets,
)
from ..signing import DEFAULT_KEY_TYPE, Secrets, generate, key_of, save_key
from ..values import check_name, printable
from .signatory import Signatory
from .workspace import busy, store_target

SOLO_KEYS = {
    "root": "root and targets",
    "channel": "every channel",
    "halt": "halt",
    "online": "snapshot and timestamp",
}
"""The keys of a lone maintainer, and what each signs."""

_CACHE = ".sealcast"
_ASIDE = f"{TEMPORARY_PREFIX}init"
_READY = f"{TEMPORARY_PREFIX}init-ready"


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
    Raises ``ConfigError`` (UNSAFE_NAME, NAME_TAKEN, NO_CHANNEL), ``RepositoryError`` (FOLDER_NOT_EMPTY, BUSY),
    ``SigningError``, ``OSError``.
    """
    _check_names(wanted)
    _check_empty(folder)
    made, held = not folder.exists(), False
    make_directory(folder / _CACHE)
    try:
        with exclusive(folder / _CACHE / "lock", busy):
            held = True
            _check_empty(folder)
            if (folder / _READY).exists():
                _check_same(folder, wanted)
            else:
                _make(folder / _ASIDE, wanted, secrets, encrypted)
                (folder / _ASIDE).rename(folder / _READY)
            _move_in(folder)
    except BaseException:
        if held and not (folder / _READY).exists():
            _tidy(folder, made)
        raise


def _check_names(wanted: Wanted) -> None:
    check_name(wanted.app, "app")
    if not wanted.channels:
        raise ConfigError("NO_CHANNEL", "An app needs a channel.", hint="Name one, such as stable.")
    check_role_names((wanted.app, channel) for channel in wanted.channels)
    if len(set(wanted.channels)) != len(wanted.channels):
        raise ConfigError("NAME_TAKEN", "A channel is named twice.", hint="Name each channel once.")


def _check_empty(folder: Path) -> None:
    """Refuse a folder with anything in it but what a killed run of this module left.

    Once ``_READY`` is there, everything was made, and what was moved out of it already is ours too.
    """
    if not os.path.lexists(folder):
        return
    found = {item.name for item in folder.iterdir()} if folder.is_dir() else {""}
    ours = {_CACHE, _ASIDE} | ({_READY, *_top_names()} if _READY in found else set())
    if not found <= ours:
        raise _not_empty(folder, "Choose another folder for the workspace.")


def _check_same(folder: Path, wanted: Wanted) -> None:
    """Check that the workspace which a killed run made here is the one that is wanted now."""
    place = folder / _READY / FILE_NAME
    apps = read_config(place if place.exists() else folder / FILE_NAME).apps
    if {app: tuple(settings.channels) for app, settings in apps.items()} != {wanted.app: tuple(wanted.channels)}:
        names = ", ".join(apps)
        raise _not_empty(folder, f"An init for {names} was stopped here: run that one again, or empty the folder.")


def _not_empty(folder: Path, hint: str) -> RepositoryError:
    return RepositoryError(
        "FOLDER_NOT_EMPTY",
        f"{printable(str(folder))} is there already and is not an empty folder.",
        safe="Nothing in it was touched.",
        hint=hint,
    )


def _move_in(folder: Path) -> None:
    ready = folder / _READY
    # By name, but the file that makes it a workspace last, when all the others are on the disk.
    for name in sorted((item.name for item in ready.iterdir()), key=lambda name: (name == FILE_NAME, name)):
        if os.path.lexists(folder / name):
            raise _not_empty(folder, f"An init was stopped here, and {name} was put here since: move it away.")
        sync_directory(folder)
        (ready / name).rename(folder / name)
    ready.rmdir()
    sync_directory(folder)


def _tidy(folder: Path, made: bool) -> None:
    """Take away what a run made that failed."""
    shutil.rmtree(folder / _ASIDE, ignore_errors=True)
    shutil.rmtree(folder / _CACHE, ignore_errors=True)
    if made:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _make(aside: Path, wanted: Wanted, secrets: Secrets, encrypted: bool) -> None:
    """Make the whole workspace in ``aside``, and bring it to the disk."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    keys = _make_keys(aside / "keys", wanted, secrets, encrypted)
    _copy_template(aside, wanted, keys)
    _write_first_metadata(aside, wanted, keys, secrets)
    for folder in (aside, *(path for path in aside.rglob("*") if path.is_dir())):
        sync_directory(folder)


def _make_keys(folder: Path, wanted: Wanted, secrets: Secrets, encrypted: bool) -> dict[str, Key]:
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
    values = {
        "app": wanted.app,
        "channels": ", ".join(f'"{channel}"' for channel in wanted.channels),
        "channel": wanted.channels[0],
        "signers": "\n".join(f'"{keys[name].keyid}" = "file:keys/{name}.pem"  # {SOLO_KEYS[name]}' for name in keys),
    }
    for path, item in _template_files(template_folder()):
        text = item.read_text(encoding="utf-8")
        place = folder / path
        make_directory(place.parent)
        filled = Template(text).safe_substitute(values) if place.name in {FILE_NAME, "README.md"} else text
        write_durably(place, filled.encode())


def _template_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield the files of the template with the paths that they get."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        # A dot file would be left out of many a package: the template spells it "dot-".
        name = f".{item.name.removeprefix('dot-')}" if item.name.startswith("dot-") else item.name
        if not item.is_dir():
            yield prefix + name, item
        elif name != "sample-app":  # for the demo; a workspace has an app of its own
            yield from _template_files(item, f"{prefix}{name}/")


def _top_names() -> set[str]:
    """Return the names that a new workspace has at its top."""
    return {"keys", "metadata", "targets", *(path.partition("/")[0] for path, _ in _template_files(template_folder()))}


def _write_first_metadata(folder: Path, wanted: Wanted, keys: Mapping[str, Key], secrets: Secrets) -> None:
    """Write version 1 of every role, the policy, and a first document of each channel and of halt."""
    signatory = Signatory({key.keyid: f"file:keys/{name}.pem" for name, key in keys.items()}, secrets, folder)
    root, targets, roles = _first_roles(folder, wanted, keys)
    metadata, meta = folder / "metadata", {}
    metadata.mkdir()
    for role, signed in roles.items():
        data = signatory.sign(role, signed, root, targets)
        write_durably(metadata / f"1.{role}.json", data)
        meta[f"{role}.json"] = listed(1, data)
    snapshot = next_snapshot(1, meta, wanted.now + LIFETIMES[kind_of("snapshot")])
    data = signatory.sign("snapshot", snapshot, root, targets)
    write_durably(metadata / "1.snapshot.json", data)
    timestamp = next_timestamp(1, listed(1, data), wanted.now, wanted.now + LIFETIMES[kind_of("timestamp")])
    write_durably(metadata / "1.root.json", signatory.sign("root", root, root, targets))
    write_durably(metadata / "timestamp.json", signatory.sign("timestamp", timestamp, root, targets))


def _first_roles(folder: Path, wanted: Wanted, keys: Mapping[str, Key]) -> tuple[Root, Targets, dict[str, Targets]]:
    """Return version 1 of root and targets, and of targets and every delegated role by name; store what they list."""
    app, online = wanted.app, [keys["online"]]

    def expires(role: str) -> datetime:
        return wanted.now + LIFETIMES[kind_of(role)]

    root = first_root(
        {"root": [keys["root"]], "targets": [keys["root"]], "snapshot": online, "timestamp": online},
        {},
        {key.keyid: name for name, key in keys.items()},
        wanted.random(16).hex(),
        expires("root"),
    )
    documents: dict[str, tuple[str, object]] = {
        channel: ("channel.json", ChannelDocument(app=app, channel=channel, revision=1)) for channel in wanted.channels
    }
    documents[RESERVED_CHANNEL] = "halt.json", HaltDocument(app=app, revision=1)
    policy = Policy(app=app, channels={channel: ChannelPolicy() for channel in wanted.channels})
    targets = first_targets(
        {(app, channel): ([keys["halt" if channel == RESERVED_CHANNEL else "channel"]], 1) for channel in documents},
        [store_target(folder, f"{app}/policy.json", encode(policy))],
        expires("targets"),
    )
    roles = {"targets": targets}
    for channel, (name, document) in documents.items():
        entry = store_target(folder, f"{role_prefix(app, channel)}/{name}", encode(document))
        role = role_name(app, channel)
        roles[role] = role_targets(1, [entry], expires(role))
    return root, targets, roles

"""A new workspace, made aside and moved into place: ``sealcast.toml``, which makes a folder a workspace, comes last.

A kill leaves a folder that the same command completes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root, Targets

from ..config import FILE_NAME, read_config
from ..errors import ConfigError, RepositoryError
from ..files import TEMPORARY_PREFIX, create_durably, exclusive, make_directory, sync_directory
from ..model.roles import RESERVED_CHANNEL, TOP_LEVEL, check_role_names, role_name
from ..signing import (
    DEFAULT_KEY_TYPE,
    RECORD_SUFFIX,
    PublicRecord,
    Secrets,
    generate,
    key_of,
    read_record,
    record_bytes,
    save_key,
)
from ..values import check_name, printable
from .beginning import write_first
from .commit import checked
from .holders import FOLDER, unknown_role
from .proposing import Wish, propose
from .signatory import Signatory
from .state import load_ground
from .template import fill_template, template_names
from .workspace import Workspace, busy

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


Holders = Mapping[str, Sequence[PublicRecord]]
"""The public records of those who shall hold each role."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new workspace shall hold. ``holders`` and ``thresholds`` are by role; a lone maintainer gives none."""

    app: str
    channels: Sequence[str]
    now: datetime
    random: Callable[[int], bytes]
    holders: Holders = field(default_factory=dict)
    thresholds: Mapping[str, int] = field(default_factory=dict)


def create_shared(folder: Path, wanted: Wanted) -> None:
    """Make the workspace of several holders in ``folder``, which must be missing or empty: no keys, nothing signed.

    Raises ``ConfigError`` as `create_solo` and `wanted_terms` do, ``RepositoryError`` (FOLDER_NOT_EMPTY, BUSY),
    ``OSError``.
    """
    folder = folder.absolute()

    def fill(aside: Path) -> None:
        _write_settings(aside, wanted, {})
        propose(Workspace(aside), None, Wish(wanted.now, wanted.random))  # what cannot be proposed is not begun

    _create(folder, wanted, fill)


def create_solo(folder: Path, wanted: Wanted, secrets: Secrets, *, encrypted: bool = True) -> None:
    """Make the workspace of a lone maintainer in ``folder``, which must be missing or empty.

    All keys lie under ``keys/``, encrypted with the passphrase that ``secrets`` gives unless ``encrypted`` is false.
    Raises ``ConfigError`` (UNSAFE_NAME, NAME_TAKEN, NO_CHANNEL), ``RepositoryError`` (FOLDER_NOT_EMPTY, BUSY),
    ``SigningError``, ``OSError``.
    """

    def fill(aside: Path) -> None:
        records = _make_keys(aside / "keys", wanted, secrets, encrypted)
        whole = replace(wanted, holders={role: [records[name]] for role, (name,) in _solo_names(wanted).items()})
        _write_settings(aside, whole, {record.keyid: name for name, record in records.items()})
        _sign_first(Workspace(aside), whole, secrets)

    _create(folder, wanted, fill)


def _create(folder: Path, wanted: Wanted, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` make everything aside, then move it in. A kill leaves a folder that the same command completes."""
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
                _make(folder / _ASIDE, fill)
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
    config = read_config(place if place.exists() else folder / FILE_NAME)
    channels = {app: tuple(settings.channels) for app, settings in config.apps.items()}
    holders = {role: tuple(one.name for one in held) for role, held in wanted.holders.items()} or _solo_names(wanted)
    if (channels, config.holders) != ({wanted.app: tuple(wanted.channels)}, holders):
        names = ", ".join(config.apps)
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


def _make(aside: Path, fill: Callable[[Path], None]) -> None:
    """Make the whole workspace in ``aside``, and bring it to the disk."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    fill(aside)
    for folder in (aside, *(path for path in aside.rglob("*") if path.is_dir())):
        sync_directory(folder)


def _make_keys(folder: Path, wanted: Wanted, secrets: Secrets, encrypted: bool) -> dict[str, PublicRecord]:
    records = {}
    for name in SOLO_KEYS:
        passphrase = secrets.passphrase(name, confirm=True) if encrypted else None
        generated = generate(name, DEFAULT_KEY_TYPE, passphrase, created=wanted.now, random=wanted.random)
        save_key(folder, generated)
        records[name] = generated.record
    return records


def _solo_names(wanted: Wanted) -> dict[str, tuple[str, ...]]:
    """Return the names of a lone maintainer's keys by role."""
    names = {"root": "root", "targets": "root", "snapshot": "online", "timestamp": "online"}
    names |= {role_name(wanted.app, channel): "channel" for channel in wanted.channels}
    names[role_name(wanted.app, RESERVED_CHANNEL)] = "halt"
    return {role: (name,) for role, name in names.items()}


def _sign_first(workspace: Workspace, wanted: Wanted, secrets: Secrets) -> None:
    """Sign and write version 1 of every role, with keys that are all here."""
    proposal = propose(workspace, None, Wish(wanted.now, wanted.random))
    if proposal is None:
        raise AssertionError("a first root always is something new")
    for path, text in proposal.files.items():
        workspace.add_target(path, text.encode())
    root, targets = Root.from_dict(proposal.root), Targets.from_dict(proposal.targets)
    signatory = Signatory(workspace.config.signers, secrets, workspace.folder)
    make_directory(workspace.metadata)
    for role, signed in (("targets", targets), ("root", root)):
        workspace.create(f"1.{role}.json", checked(role, signatory.sign(role, signed, root, targets)))
    ground = load_ground(workspace.metadata)
    if ground is None:
        raise AssertionError("a root was written just now")
    write_first(workspace, ground, signatory, wanted.now)


def _write_settings(folder: Path, wanted: Wanted, signers: Mapping[str, str]) -> None:
    """Write the template, filled in, and the holders' public records. ``signers``: key files' names by key id."""
    thresholds = {role: 1 for role, held in wanted.holders.items() if len(held) == 1} | dict(wanted.thresholds)
    _check_roles(wanted, [*wanted.holders, *thresholds])
    values = {
        "app": wanted.app,
        "channels": _listed(wanted.channels),
        "channel": wanted.channels[0],
        "holders": _lines(f"{role} = [{_listed(one.name for one in held)}]" for role, held in wanted.holders.items()),
        "thresholds": _lines(f"{role} = {threshold}" for role, threshold in thresholds.items()),
        "signers": _lines(f'"{key}" = "file:keys/{name}.pem"  # {SOLO_KEYS[name]}' for key, name in signers.items()),
    }
    fill_template(folder, values)
    make_directory(folder / FOLDER)
    for record in (record for held in wanted.holders.values() for record in held):
        _write_record(folder / FOLDER / f"{record.name}{RECORD_SUFFIX}", record)


def _check_roles(wanted: Wanted, named: Iterable[str]) -> None:
    """Check that only roles are named that there will be: what is not checked here would be written as it is."""
    known = [*TOP_LEVEL, *(role_name(wanted.app, channel) for channel in (*wanted.channels, RESERVED_CHANNEL))]
    for role in named:
        if role not in known:
            raise unknown_role(role, known)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _write_record(path: Path, record: PublicRecord) -> None:
    """Write a record, which may be given once for each role that it holds."""
    if not create_durably(path, record_bytes(record)) and key_of(read_record(path)) != key_of(record):
        raise ConfigError(
            "NAME_TAKEN",
            f"Two records are of the name {record.name}, with different keys.",
            hint="Give each holder a name of their own: sealcast key new NAME",
        )


def _top_names() -> set[str]:
    """Return the names that a new workspace has at its top."""
    return {"keys", FOLDER, "metadata", "targets", *template_names()}

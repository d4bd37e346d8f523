"""``sealcast init``, ``status`` and ``refresh``: a workspace, and the signatures that it needs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError
from ..files import write_durably
from . import words
from .channel import candidate, label, stable
from .command import command, dry_run_option
from .opened import (
    advise_on_keys,
    advise_on_roles,
    next_publish,
    next_step,
    open_to_read,
    open_to_sign,
    signing_options,
)
from .output import Piece, bad, caution, dim, good, name, strong
from .session import Session

if TYPE_CHECKING:
    from ..config import Config
    from ..publisher import Repository, RoleStatus
    from ..signing import PublicRecord, Secrets


class _OnePassphrase:
    """One passphrase for all keys of a lone maintainer, asked for once; a key's own variable still counts."""

    def __init__(self, secrets: Secrets, environment: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._environment = environment
        self._shared: bytes | None = None

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        """Return the passphrase of the key ``name``. Raises as `sealcast.signing.Secrets` does."""
        from ..signing import variable_of

        if self._environment.get(variable_of(name)):
            return self._secrets.passphrase(name)
        if self._shared is None:
            self._shared = self._secrets.passphrase("all keys", confirm=confirm)
        return self._shared

    def pin(self, token: str) -> str:
        """Return the PIN of a token, each of which has its own."""
        return self._secrets.pin(token)


@command(
    example="""
    sealcast init updates --app demo --solo
    sealcast init updates --app demo --channel stable --channel beta --solo
    SEALCAST_PASSPHRASE=… sealcast init updates --app demo --solo --json
    sealcast init updates --app demo --holder root=alice.pub.json --holder root=bob.pub.json --threshold root=2 …
    """,
    exits=(3, 5, 6),
)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--app", required=True, metavar="NAME", help="The app that is updated.")
@click.option(
    "--channel", "channels", metavar="NAME", multiple=True, help="A channel; the first is the default.  [stable]"
)
@click.option("--solo", is_flag=True, help="Make one set of keys, for one person: root, channel, halt and online.")
@click.option(
    "--holder",
    "holders",
    metavar="ROLE=RECORD",
    multiple=True,
    help="Who shall hold a role: root, targets, snapshot, timestamp, APP-CHANNEL or APP-halt. Once for each holder.",
)
@click.option(
    "--threshold", "thresholds", metavar="ROLE=N", multiple=True, help="How many holders of a role must sign."
)
@click.option("--no-passphrase", is_flag=True, help="Do not encrypt the keys: whoever gets the folder can sign.")
@click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take the passphrase of the keys from the first line of FILE.",
)
def init(
    session: Session,
    folder: Path,
    app: str,
    channels: Sequence[str],
    solo: bool,
    holders: Sequence[str],
    thresholds: Sequence[str],
    no_passphrase: bool,
    passphrase_file: Path | None,
) -> object:
    """Make a workspace: configuration, keys, first signed metadata.

    A workspace is the publisher's folder. It is made aside and moved into place whole. DIR must be missing or empty.
    With --solo, one person holds all keys, which are made here. Otherwise each role gets holders, by their public
    records, and nothing is signed: the first ceremony does that.
    """
    from ..publisher import Repository, Wanted, Workspace, create_shared
    from .secrets import passphrases

    wanted = channels or ("stable",)
    if not solo:
        if no_passphrase or passphrase_file:
            raise click.UsageError("No key is made without --solo: there is nothing to encrypt.")
        if not holders:
            raise ConfigError(
                "NO_HOLDERS",
                "It is not said who holds the keys.",
                hint="Say --solo for one person's set of keys, or name each role's holders with --holder ROLE=RECORD.",
            )
        shared = dict(map(_threshold, thresholds))
        records = _holders(holders)
        create_shared(folder, Wanted(app, wanted, session.clock(), os.urandom, records, shared))
        return _tell_shared(session, folder, app, Workspace(folder).config, records)
    if holders or thresholds:
        raise click.UsageError("--solo makes the keys of one person; --holder and --threshold are for several.")
    created = Repository.create_solo(
        folder,
        app=app,
        channels=wanted,
        secrets=_OnePassphrase(passphrases(session, passphrase_file), session.environment),
        encrypted=not no_passphrase,
        clock=session.clock,
    )
    return _tell_solo(session, folder, app, created, encrypted=not no_passphrase)


def _holders(given: Sequence[str]) -> dict[str, list[PublicRecord]]:
    """Return the records that ``ROLE=RECORD`` name, by role. Raises as `read_record` does."""
    from ..signing import read_record

    found: dict[str, list[PublicRecord]] = {}
    for text in given:
        role, equals, path = text.partition("=")
        if not equals or not path:
            raise click.UsageError(f"--holder {text} is not ROLE=RECORD, such as root=alice.pub.json.")
        found.setdefault(role, []).append(read_record(Path(path)))
    return found


def _threshold(text: str) -> tuple[str, int]:
    role, _, number = text.partition("=")
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        raise click.UsageError(f"--threshold {text} is not ROLE=N, such as root=2.")
    return role, int(number)


def _tell_solo(session: Session, folder: Path, app: str, created: Repository, *, encrypted: bool) -> object:
    root = folder / "metadata" / "1.root.json"
    out = session.output
    out.line(good("Made"), " the workspace ", name(folder), " for the app ", strong(app), ".")
    out.fields(
        [
            ("channels", ", ".join(created.workspace.config.app(app)[1].channels)),
            ("keys", name(folder / "keys")),
            ("", dim(f"{'encrypted' if encrypted else 'in clear'}; keep a copy in another place")),
            ("root", name(root)),
            ("", dim("what an app must carry to trust this repository; it is public")),
        ]
    )
    out.note(
        caution("note"),
        ": one set of keys on one machine is worth as much as that machine: whoever takes it over can sign anything.",
    )
    advise_on_roles(session, len(created.status()))
    out.next("sealcast", "-C", str(folder), "release", "add", "PATH", "--version", "1.0.0")
    return {"workspace": folder, "app": app, "channels": created.workspace.config.app(app)[1].channels, "root": root}


def _tell_shared(
    session: Session, folder: Path, app: str, config: Config, records: Mapping[str, Sequence[PublicRecord]]
) -> object:
    from ..signing import key_of

    out = session.output
    out.line(good("Made"), " the workspace ", name(folder), " for the app ", strong(app), ". Nothing is signed yet.")
    out.table(
        ("role", "needs", "of"),
        [
            (strong(role), str(config.thresholds.get(role, 1)), ", ".join(names))
            for role, names in config.holders.items()
        ],
        right=[1],
    )
    advise_on_roles(session, len(config.holders))
    for role, held in records.items():
        advise_on_keys(session, role, map(key_of, held), config.thresholds.get(role, 1))
    out.next("sealcast", "-C", str(folder), "ceremony", "plan", "--out", "first.proposal")
    return {"workspace": folder, "app": app, "channels": config.app(app)[1].channels, "root": None}


@command(
    example="""
    sealcast status
    sealcast status --floor floor.json
    """,
    exits=(3,),
)
@click.option(
    "--floor",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the floor that an app can carry: devices with it refuse anything older. Publish first.",
)
def status(session: Session, floor: Path | None) -> object:
    """Show what is live, and which signatures are due.

    Every role is listed with its version, when it expires and who signs it. A role that is due should be signed again;
    an expired one is refused by clients.
    """
    repository = open_to_read(session)
    if floor is not None:
        write_durably(floor, repository.floor() + b"\n")
    now, out = session.clock(), session.output
    roles = repository.status()
    documents = [document for app in repository.workspace.config.apps for document in repository.channels(app)]
    out.line("Workspace ", name(repository.workspace.folder))
    out.line()
    out.table(
        ("channel", "stable", "candidate"), [(strong(label(one)), stable(one), candidate(one)) for one in documents]
    )
    out.line()
    out.table(
        ("role", "version", "expires", "state", "signed by"),
        [
            (
                strong(role.role),
                str(role.version),
                words.relative(role.expires, now),
                _state(role, now),
                _signers(role),
            )
            for role in roles
        ],
        right=[1],
    )
    if floor is not None:
        out.line()
        out.line(good("Wrote"), " ", name(floor), dim(", for the app to carry beside its root"))
    advise_on_roles(session, len(roles))
    for role in roles:
        advise_on_keys(session, role.role, role.keys, role.threshold)
    due = [role.role for role in roles if role.is_due(now)]
    if due:
        next_step(session, "refresh")
    return {
        "workspace": repository.workspace.folder,
        "channels": [
            {"app": one.app, "channel": one.channel, "stable": stable(one), "candidate": candidate(one)}
            for one in documents
        ],
        "roles": [
            {
                **dataclasses.asdict(dataclasses.replace(role, keys=())),
                "keys": [key.keyid for key in role.keys],
                "due_now": role.is_due(now),
                "expired": role.is_expired(now),
            }
            for role in roles
        ],
        "due": due,
    }


def _signers(role: RoleStatus) -> str:
    holders = ", ".join(role.holders)
    return holders if role.threshold == len(role.holders) else f"{role.threshold} of {holders}"


def _state(role: RoleStatus, now: datetime) -> Piece:
    if role.is_expired(now):
        return bad("expired")
    return caution("due") if role.is_due(now) else good("good")


@command(
    example="""
    sealcast refresh
    sealcast refresh --dry-run --json
    sealcast refresh --passphrase-file /run/secrets/online && sealcast publish --yes
    """,
    exits=(3, 5),
)
@signing_options
@dry_run_option
def refresh(session: Session, signers: Sequence[str], passphrase_file: Path | None, dry_run: bool) -> object:
    """Sign again what is due.

    Safe to run from a scheduler: what is not due is left alone. Mirrors and pins that were changed in sealcast.toml
    make targets due. Publish afterwards, since readers see only what is published.
    """
    repository = open_to_sign(session, signers, passphrase_file)
    done = repository.refresh(dry_run=dry_run)
    out = session.output
    if done.signed:
        verb = "Would sign" if dry_run else "Signed"
        out.line(good(verb), " again: ", ", ".join(done.signed), ".")
    elif not done.elsewhere:
        out.line("Nothing is due.")
    for app in done.policies:
        out.line("The policy of ", strong(app), " says of mirrors and pins what sealcast.toml says.")
    for role in done.elsewhere:
        out.note(caution("note"), f": {role} is due, and its signers are not on this machine.{_ceremony(role)}")
    if done.signed and not dry_run:
        next_publish(session, repository)
    return {"signed": done.signed, "elsewhere": done.elsewhere, "policies": done.policies, "dry_run": dry_run}


def _ceremony(role: str) -> str:
    """Say how a role is renewed whose holders sign by ceremony."""
    return f" Its holders sign a proposal: sealcast ceremony plan --renew {role}" if role in {"root", "targets"} else ""

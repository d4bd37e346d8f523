"""``sealcast key``: make signing keys, take those that a token or service holds, look at them, change passphrases."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from ..documents import plain
from ..errors import SealcastError, SigningError
from ..signing import (
    DEFAULT_KEY_TYPE,
    DEFAULT_TOKEN_KEY_TYPE,
    KEY_SUFFIX,
    KEY_TYPES,
    RECORD_SUFFIX,
    KeyType,
    PublicRecord,
    change_passphrase,
    free_paths,
    generate,
    is_encrypted,
    is_example,
    key_of,
    key_type,
    open_key_file,
    read_record,
    save_key,
    type_of,
)
from .command import command, dry_run_option
from .key_outside import directory_option, new_in_token, note_readers
from .output import Piece, bad, caution, dim, good, name, strong
from .secrets import NEW_VARIABLE, passphrases
from .session import Session

_SHORT = 12
"""Characters below which a passphrase is soon guessed by whoever has the file."""

_file = click.Path(dir_okay=False, path_type=Path)
_passphrase_file = click.option(
    "--passphrase-file", type=_file, metavar="FILE", help="Take the passphrase from the first line of FILE."
)


@command(
    example="""
    sealcast key new alice --dir keys
    sealcast key new bob --dir keys --type ecdsa-p256
    sealcast key new carol --dir keys --signer "pkcs11:root-b?id=02"
    SEALCAST_PASSPHRASE=… sealcast key new ci --dir keys --json
    """,
    exits=(3, 5),
)
@click.argument("holder", metavar="NAME")
@directory_option
@click.option(
    "--type",
    "kind",
    type=click.Choice(list(KEY_TYPES)),
    help=f"The kind of key. By default {DEFAULT_KEY_TYPE.name}, in a token {DEFAULT_TOKEN_KEY_TYPE.name}.",
)
@click.option("--signer", "uri", metavar="URI", help="Make the key in a token: pkcs11:TOKEN?id=HEX.")
@click.option("--no-passphrase", is_flag=True, help="Do not encrypt the private key: whoever gets the file can sign.")
@_passphrase_file
@dry_run_option
def new(
    session: Session,
    holder: str,
    directory: Path,
    kind: str | None,
    uri: str | None,
    no_passphrase: bool,
    passphrase_file: Path | None,
    dry_run: bool,
) -> object:
    """Make a signing key and its public record.

    DIR/NAME.pem is the private key, readable by its owner only. DIR/NAME.pub.json is its public record: the part to
    hand out. With --signer the private key is made in a token and never leaves it. Nothing is ever overwritten.
    """
    if no_passphrase and passphrase_file:
        raise click.UsageError("--no-passphrase and --passphrase-file exclude each other.")
    if uri is not None:
        if no_passphrase or passphrase_file:
            raise click.UsageError("A token is protected by its PIN: --signer goes with no passphrase.")
        return new_in_token(session, holder, directory, key_type(kind or DEFAULT_TOKEN_KEY_TYPE.name), uri, dry_run)
    chosen = key_type(kind or DEFAULT_KEY_TYPE.name)
    private, public = free_paths(directory, holder)
    made = {"private": private, "public": public, "type": chosen.name, "encrypted": not no_passphrase}
    if dry_run:
        session.output.line("Would write ", name(private), " and ", name(public), ".")
        return made | {"dry_run": True, "key": None}
    passphrase = None if no_passphrase else passphrases(session, passphrase_file).passphrase(holder, confirm=True)
    _warn_if_short(session, passphrase)
    generated = generate(
        holder,
        chosen,
        passphrase,
        random=os.urandom,
        uri=f"file:{private.as_posix()}",
        created=session.clock(),
    )
    save_key(directory, generated)
    _tell_new(session, generated.record, chosen, private, public, encrypted=not no_passphrase)
    return made | {"dry_run": False, "key": plain(generated.record), "read_by": chosen.read_by}


def _tell_new(
    session: Session, record: PublicRecord, kind: KeyType, private: Path, public: Path, *, encrypted: bool
) -> None:
    out = session.output
    out.line(good("Made"), f" the {kind.name} key of ", strong(record.name), ".")
    how = "encrypted" if encrypted else "NOT encrypted"
    out.fields(
        [
            ("private", name(private)),
            ("", dim(f"{how}; keep it, and a copy in another place")),
            ("public", name(public)),
            ("", dim("hand this out; nothing in it is secret")),
            ("key id", record.keyid),
        ]
    )
    note_readers(session, kind)


@command(name="list", example="sealcast key list --dir keys", exits=(5, 6))
@directory_option
def list_keys(session: Session, directory: Path) -> object:
    """List the signing keys in a folder.

    Shows every public record there, and whether its private key is beside it and protected.
    """
    found: list[_Listed] = []
    problems: list[SealcastError] = []
    for path in sorted(directory.glob(f"*{RECORD_SUFFIX}")):
        try:
            found.append(_listed(path))
        except SealcastError as error:
            problems.append(error)
    if not found and not problems:
        session.output.note("No public key record (", name(f"*{RECORD_SUFFIX}"), ") in ", name(directory), ".")
    if found:
        session.output.table(
            ("name", "type", "private key", "key id"),
            [
                (strong(one.record.name), one.type, _coloured(one.private), dim(one.record.keyid[:16] + "…"))
                for one in found
            ],
        )
    session.output.document(
        {"keys": [one.plain() for one in found], "problems": [problem.as_dict() for problem in problems]}
    )
    for problem in problems[1:]:
        session.output.error(problem)
    if problems:
        raise problems[0]
    return None


@dataclass(frozen=True, slots=True)
class _Listed:
    """A record in a folder, the type of its key, and how the private key beside it is kept."""

    record: PublicRecord
    type: str
    private: str

    def plain(self) -> object:
        return {"key": plain(self.record), "type": self.type, "private": self.private}


def _listed(path: Path) -> _Listed:
    record = read_record(path)
    private = path.with_name(path.name.removesuffix(RECORD_SUFFIX) + KEY_SUFFIX)
    return _Listed(record, type_of(key_of(record)).name, _private_state(private, record))


def _private_state(path: Path, record: PublicRecord) -> str:
    """Say how a private key is kept: ``elsewhere``, ``encrypted``, ``clear``, or what is wrong."""
    if not path.exists():
        return "elsewhere"
    try:
        return "encrypted" if is_encrypted(path, public_knowledge=is_example(record.keyid)) else "clear"
    except SigningError as error:
        return "open to others" if error.code == "KEY_PERMISSIONS" else "unreadable"


def _coloured(state: str) -> Piece:
    if state in {"encrypted", "elsewhere"}:
        return state
    return caution(state) if state == "clear" else bad(state)


@command(example="sealcast key show keys/alice.pub.json", exits=(5, 6))
@click.argument("file", type=_file)
def show(session: Session, file: Path) -> object:
    """Show one signing key: its id, type and holder.

    FILE is a public record (NAME.pub.json), or the private key beside one (NAME.pem), which is not opened.
    """
    path = file.with_name(file.stem + RECORD_SUFFIX) if file.suffix == KEY_SUFFIX else file
    record = read_record(path)
    kind = type_of(key_of(record))
    session.output.fields(
        [
            ("name", strong(record.name)),
            ("type", f"{kind.name}, {kind.read_by}"),
            ("key id", record.keyid),
            ("made", record.created or "not recorded"),
            ("signer", name(record.uri) if record.uri else "not recorded"),
            ("record", name(path)),
        ]
    )
    for line in record.keyval.public.splitlines():
        session.output.line("  ", dim(line))
    if is_example(record.keyid):
        session.output.note(caution("note"), ": this is one of the example keys. Everybody can sign with it.")
    return {"type": kind.name, "read_by": kind.read_by, "example": is_example(record.keyid), "key": plain(record)}


@command(
    example="""
    sealcast key passwd keys/alice.pem
    sealcast key passwd keys/ci.pem --passphrase-file old.txt --new-passphrase-file new.txt
    """,
    exits=(3, 5),
)
@click.argument("file", type=_file)
@_passphrase_file
@click.option(
    "--new-passphrase-file", type=_file, metavar="FILE", help="Take the new passphrase from the first line of FILE."
)
@click.option(
    "--no-passphrase", is_flag=True, help="Leave the private key without one: whoever gets the file can sign."
)
@dry_run_option
def passwd(
    session: Session,
    file: Path,
    passphrase_file: Path | None,
    new_passphrase_file: Path | None,
    no_passphrase: bool,
    dry_run: bool,
) -> object:
    """Change the passphrase of a signing key.

    The old one comes from a prompt, SEALCAST_PASSPHRASE or --passphrase-file; the new one from a prompt,
    SEALCAST_NEW_PASSPHRASE or --new-passphrase-file. Copies made before still open with the old one.
    """
    if no_passphrase and new_passphrase_file:
        raise click.UsageError("--no-passphrase and --new-passphrase-file exclude each other.")
    old = passphrases(session, passphrase_file)
    fresh = passphrases(session, new_passphrase_file, variable=NEW_VARIABLE, option="--new-passphrase-file")

    def replacement() -> bytes | None:
        chosen = None if no_passphrase else fresh.passphrase(file.stem, confirm=True)
        _warn_if_short(session, chosen)
        return chosen

    if dry_run:
        open_key_file(file, lambda: old.passphrase(file.stem))
        session.output.line("The passphrase opens ", name(file), "; it would be changed.")
    else:
        change_passphrase(file, lambda: old.passphrase(file.stem), replacement, random=os.urandom)
        session.output.line(good("Changed"), " what protects ", name(file), ": ", _protection(no_passphrase), ".")
    return {"private": file, "encrypted": not no_passphrase, "dry_run": dry_run}


def _protection(clear: bool) -> str:
    return "no passphrase any more" if clear else "the new passphrase"


def _warn_if_short(session: Session, passphrase: bytes | None) -> None:
    if passphrase is not None and len(passphrase) < _SHORT:
        session.output.note(caution("note"), f": a passphrase of under {_SHORT} characters is soon guessed.")

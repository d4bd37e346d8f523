"""Signing keys that are no files: made in a token, or recorded as a token or a service has them."""

from __future__ import annotations

from pathlib import Path

import click

from ..documents import plain
from ..signing import (
    KeyType,
    Located,
    free_paths,
    locate,
    make_in_token,
    record_of,
    save_record,
    type_of,
)
from .command import command, dry_run_option
from .output import caution, dim, good, name, strong
from .secrets import passphrases
from .session import Session

directory_option = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default="keys",
    show_default=True,
    help="The folder of the keys.",
)


def new_in_token(session: Session, holder: str, directory: Path, kind: KeyType, uri: str, dry_run: bool) -> object:
    """Make a key in the token that ``uri`` names, and write its record; return what ``--json`` prints."""
    _, public = free_paths(directory, holder)
    if dry_run:
        session.output.line("Would make a key of type ", kind.name, " at ", name(uri), " and write ", name(public), ".")
        return {"private": uri, "public": public, "type": kind.name, "dry_run": True, "key": None}
    located = make_in_token(uri, kind, passphrases(session, None), label=holder)
    return _save(session, holder, directory, located, "Made")


@command(
    name="import",
    example="""
    sealcast key import carol --signer "pkcs11:root-b?id=02"
    sealcast key import ci --dir keys --signer awskms:alias/sealcast-ci
    """,
    exits=(5, 6),
)
@click.argument("holder", metavar="NAME")
@click.option("--signer", "uri", required=True, metavar="URI", help="Where the private key is.")
@directory_option
@dry_run_option
def import_key(session: Session, holder: str, uri: str, directory: Path, dry_run: bool) -> object:
    """Record a key that a token or a service holds.

    Asks for the public key and writes DIR/NAME.pub.json: the part to hand out. The private key stays where it is. URI
    is pkcs11:TOKEN?id=HEX, awskms:KEY, gcpkms:NAME, azurekms://VAULT.vault.azure.net/keys/KEY or hv:KEY.
    """
    _, public = free_paths(directory, holder)
    located = locate(uri, passphrases(session, None), folder=Path())
    if dry_run:
        session.output.line("Would write ", name(public), " for the key ", strong(located.key.keyid), ".")
        kind = type_of(located.key).name
        return {"private": located.uri, "public": public, "type": kind, "dry_run": True, "key": None}
    return _save(session, holder, directory, located, "Recorded")


def _save(session: Session, holder: str, directory: Path, located: Located, done: str) -> object:
    record = record_of(located.key, holder, located.uri, session.clock())
    public = save_record(directory, record)
    kind = type_of(located.key)
    session.output.line(good(done), f" the {kind.name} key of ", strong(holder), ".")
    session.output.fields(
        [
            ("private", name(located.uri)),
            ("", dim("stays there; nobody can read it out, and nobody can copy it for you")),
            ("public", name(public)),
            ("", dim("hand this out; nothing in it is secret")),
            ("key id", record.keyid),
        ]
    )
    note_readers(session, kind)
    return {
        "private": located.uri,
        "public": public,
        "type": kind.name,
        "dry_run": False,
        "key": plain(record),
        "read_by": kind.read_by,
    }


def note_readers(session: Session, kind: KeyType) -> None:
    """Say so when not every TUF client reads keys of this kind."""
    if not kind.every_client:
        session.output.note(caution("note"), f": a key of type {kind.name} is {kind.read_by}.")

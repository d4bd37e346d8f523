"""``sealcast ceremony``: what the holders of root and targets sign together, on machines that see no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError
from ..values import printable
from .ask import confirm
from .ceremony_facts import as_document, name_of, tell
from .command import command
from .opened import next_publish, next_step, open_to_read, open_to_sign, signing_options, yes_option
from .output import good, name, strong
from .session import Session

if TYPE_CHECKING:
    from ..ceremony import AddressBook, Facts, Review

_file = click.Path(dir_okay=False, path_type=Path)
_proposal = click.argument("proposal", metavar="FILE", type=_file)
_root = click.option(
    "--root", type=_file, metavar="FILE", help="Your own copy of the last root; needed after the first ceremony."
)
_holders = click.option(
    "--holders",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Your own address book: public records of key holders. Other names are shown as unverified.",
)


@command(
    example="""
    sealcast ceremony plan --out first.proposal
    sealcast ceremony plan --out renewal.proposal --renew root
    """,
    exits=(3, 4),
)
@click.option("--out", required=True, type=_file, metavar="FILE", help="Where the proposal goes: a new file.")
@click.option(
    "--renew",
    multiple=True,
    type=click.Choice(["root", "targets"]),
    help="Sign this role again although nothing differs, for a new life. May be given twice.",
)
def plan(session: Session, out: Path, renew: Sequence[str]) -> object:
    """Propose a root and targets that are as sealcast.toml wants them.

    Versions and expiries are computed. What is signed already is left alone, and where nothing differs there is nothing
    to sign and no file is written. Edit [holders], [thresholds], [lifetimes] or the channels, put the public records of
    new holders into holders/, and plan.
    """
    from ..ceremony import facts_of, proposal_bytes

    case = open_to_read(session).ceremonies.plan(renew=renew)
    if case is None:
        session.output.line("Nothing differs from what is signed.")
        return {"proposal": None, "facts": None}
    facts = facts_of(case, {})
    _write_new(out, proposal_bytes(case.proposal))
    tell(session, facts)
    session.output.line()
    session.output.line(good("Wrote"), " the proposal ", name(out), ". Each holder signs it on a machine of their own:")
    root = " --root LAST-ROOT" if case.proposal.roots else ""
    session.output.line("  ", name(f"sealcast ceremony sign {out.name} --signer URI --out NAME.statement{root}"))
    return {"proposal": out, "facts": as_document(facts)}


@command(
    example="""
    sealcast ceremony show first.proposal
    sealcast ceremony show next.proposal --root last-root.json --holders holders
    """,
    exits=(4, 6),
)
@_proposal
@_root
@_holders
def show(session: Session, proposal: Path, root: Path | None, holders: Path | None) -> object:
    """Show what a proposal would change, as this machine computes it.

    Needs nothing but FILE and, after the first ceremony, your own copy of the last root. What the rules refuse is
    refused here as it is when signing. Compare the words with the other holders, over a line that you trust.
    """
    _, facts = _judged(proposal, root, holders)
    tell(session, facts)
    return {"proposal": proposal, "facts": as_document(facts)}


@command(
    example="""
    sealcast ceremony sign first.proposal --signer file:keys/alice.pem --out alice.statement
    sealcast ceremony sign next.proposal --signer file:keys/alice.pem --out alice.statement --root last-root.json
    """,
    exits=(3, 4, 5, 6),
)
@_proposal
@click.option("--signer", required=True, metavar="URI", help="Your signer, such as file:keys/alice.pem.")
@click.option("--out", required=True, type=_file, metavar="FILE", help="Where your statement goes: a new file.")
@_root
@_holders
@yes_option
@click.option("--allow-lower-threshold", is_flag=True, help="Sign although a role would need fewer signatures.")
@click.option("--allow-longer-life", is_flag=True, help="Sign although root or targets would last unusually long.")
@click.option(
    "--passphrase-file",
    type=_file,
    metavar="FILE",
    help="Take the passphrase from the first line of FILE.",
)
def sign(
    session: Session,
    proposal: Path,
    signer: str,
    out: Path,
    root: Path | None,
    holders: Path | None,
    yes: bool,
    allow_lower_threshold: bool,
    allow_longer_life: bool,
    passphrase_file: Path | None,
) -> object:
    """Sign a proposal, after showing what it would change.

    What is shown is computed here, from your own last root, and asked about once more unless --yes is given. The
    statement holds signatures and nothing secret: send it back as you like.
    """
    from ..ceremony import check_limits, roles_to_sign, sign, statement_bytes
    from ..signing import locate, open_signer
    from .secrets import passphrases

    case, facts = _judged(proposal, root, holders)
    now = session.clock()
    check_limits(case, now, allow_lower_threshold=allow_lower_threshold, allow_longer_life=allow_longer_life)
    secrets = passphrases(session, passphrase_file)
    located = locate(signer, secrets, folder=Path())
    roles = roles_to_sign(case, located.key.keyid)
    holder = name_of(facts, located.key.keyid)
    _refuse_existing(out)
    tell(session, facts)
    session.output.line()
    if not yes:
        confirm(session, f"Sign {' and '.join(roles)} as {holder}?", answered_by="--yes")
    opened = open_signer(located.uri, located.key, secrets, folder=Path())
    _write_new(out, statement_bytes(sign(case, opened, now)))
    session.output.line(good("Signed"), f" {' and '.join(roles)} as ", strong(holder), ": ", name(out))
    return {"statement": out, "signed": roles, "keyid": located.key.keyid, "facts": as_document(facts)}


@command(
    example="""
    sealcast ceremony combine first.proposal alice.statement bob.statement
    sealcast -C updates ceremony combine next.proposal *.statement --signer file:keys/ci.pem
    """,
    exits=(3, 4, 5, 6),
)
@_proposal
@click.argument("statements", metavar="STATEMENT", nargs=-1, type=_file)
@signing_options
def combine(
    session: Session, proposal: Path, statements: Sequence[Path], signers: Sequence[str], passphrase_file: Path | None
) -> object:
    """Put the holders' statements together, and make the proposal true.

    Statements may come in any order. While some are missing, it says whose, and changes nothing. In a repository that
    has releases, a new targets needs the signers of snapshot and timestamp as well.
    """
    from ..ceremony import PROPOSAL_LIMIT, STATEMENT_LIMIT, read_proposal

    repository = open_to_sign(session, signers, passphrase_file)
    asked = read_proposal(_read(proposal, PROPOSAL_LIMIT), proposal.name)
    answers = {str(path): _read(path, STATEMENT_LIMIT) for path in statements}
    done = repository.ceremonies.combine(asked, answers)
    out = session.output
    made = " and ".join(f"{role} {version}" for role, version in done.versions.items())
    if done.is_news:
        out.line(good("Made"), f" {made}.")
        for role in done.signed:
            out.line("Signed ", strong(role), " with its holders of now.")
    else:
        out.line(f"Nothing to do: {made} is there already.")
    if repository.workspace.has_begun:
        next_publish(session, repository)
    else:
        next_step(session, "release", "add", "PATH", "--version", "1.0.0")
    return {"versions": done.versions, "signed": done.signed, "changed": done.is_news}


def _judged(proposal: Path, root: Path | None, holders: Path | None) -> tuple[Review, Facts]:
    """Return a proposal as this machine judges it. Raises ``CeremonyError`` and as the address book's reader does."""
    from ..ceremony import PROPOSAL_LIMIT, ROOT_LIMIT, facts_of, read_proposal, review

    asked = read_proposal(_read(proposal, PROPOSAL_LIMIT), proposal.name)
    case = review(asked, _read(root, ROOT_LIMIT) if root else None)
    return case, facts_of(case, _address_book(holders) if holders else {})


def _address_book(folder: Path) -> AddressBook:
    """Return who holds which key. Raises ``ConfigError`` (DUPLICATE_KEY, NO_HOLDERS)."""
    from ..signing import read_records

    book: dict[str, str] = {}
    for record in read_records(folder):
        if book.setdefault(record.keyid, record.name) != record.name:
            raise ConfigError(
                "DUPLICATE_KEY",
                f"In your address book, {book[record.keyid]} and {record.name} have the same key.",
                hint="Ask both of them, and remove the record that is wrong.",
            )
    if not book:
        raise ConfigError(
            "NO_HOLDERS",
            f"There is no public record (NAME.pub.json) in {printable(str(folder))}.",
            hint="Put the records there that you had from the holders themselves.",
        )
    return book


def _read(path: Path, limit: int) -> bytes:
    """Return a file's bytes, no more of them than the reader needs to refuse it. Raises ``OSError``."""
    with path.open("rb") as file:
        return file.read(limit + 1)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise ConfigError(
            "FILE_EXISTS",
            f"{printable(str(path))} is there already.",
            hint="Choose another name, or move it away.",
        )


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises ``ConfigError`` (FILE_EXISTS), ``OSError``."""
    from ..files import create_durably

    if not create_durably(path, data):
        _refuse_existing(path)

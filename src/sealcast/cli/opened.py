"""How commands open the workspace that they work in, and the options that go with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .output import caution, strong
from .session import Session

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from ..publisher import Repository

ROLES_ADVISED = 100
"""Roles up to which a repository's metadata stays in a few kilobytes."""

F = TypeVar("F", bound=Callable[..., object])

app_option = click.option("--app", metavar="NAME", help="The app; needed only where a workspace has several.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask: the answer is yes.")

_signer_option = click.option(
    "--signer",
    "signers",
    metavar="URI",
    multiple=True,
    help="A signer beside those in sealcast.toml, such as file:keys/ci.pem. May be given several times.",
)
_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take passphrases from the first line of FILE, not from a prompt.",
)


def signing_options(function: F) -> F:
    """Give a command the options that `open_to_sign` needs."""
    return _signer_option(_passphrase_option(function))


def open_to_read(session: Session) -> Repository:
    """Open the workspace of this run. Raises ``ConfigError``: NO_WORKSPACE, BAD_CONFIG."""
    return open_to_sign(session, (), None)


def open_to_sign(session: Session, signers: Sequence[str], passphrase_file: Path | None) -> Repository:
    """Open the workspace of this run with more signers; their passphrases are asked for when they are needed."""
    from ..publisher import Repository
    from .secrets import passphrases

    return Repository.open(
        session.directory,
        secrets=passphrases(session, passphrase_file),
        signers=signers,
        clock=session.clock,
        progress=session.output.progress,
    )


def next_step(session: Session, *words: str) -> None:
    """Say which command comes next in this workspace."""
    here = () if session.directory == Path() else ("-C", str(session.directory))
    session.output.next("sealcast", *here, *words)


def next_publish(session: Session, repository: Repository) -> None:
    """Say that readers see a change only when it is published."""
    configured = repository.workspace.config.publish.destination
    next_step(session, "publish", *([] if configured else ["DEST"]))


def advise_on_roles(session: Session, count: int) -> None:
    """Say so when a repository has more roles than its clients should pay for."""
    if count > ROLES_ADVISED:
        session.output.note(
            caution("note"),
            f": this repository has {count:,} roles. Each adds 135 bytes to what every client fetches at every change, "
            f"and so do the delegations. Beyond {ROLES_ADVISED} roles, give each app a repository of its own.",
        )


def advise_on_keys(session: Session, role: str, keys: Iterable[Key], threshold: int) -> None:
    """Say so when not every client reads the keys of a role, or when some of them protect nothing yet."""
    from ..signing import advice

    for told in advice(keys, threshold):
        session.output.note(caution("note"), ": ", strong(role), f": {told}.")

"""What the commands of a client have in common: which client is meant, how it is opened, and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError
from .session import Session

if TYPE_CHECKING:
    from ..client import Client, Event, Listener

DIRECTORY_VARIABLE = "SEALCAST_DIR"
KEY_VARIABLE = "SEALCAST_CLIENT_KEY_PASSPHRASE"
"""Opens the private key of a client certificate, where no file was named that holds the passphrase."""

directory_option = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The client's directory (default: SEALCAST_DIR, else the only client of this user).",
)
native_option = click.option(
    "--native", metavar="VERSION", help="The version of the native app around the releases, if it changed."
)

floor_option = click.option(
    "--floor",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The floor that the app carries, as `sealcast status --floor` wrote it: nothing older is accepted.",
)


def chosen(session: Session, directory: Path | None) -> Path:
    """Return the client's directory. Raises ``ConfigError`` (WHICH_CLIENT)."""
    if directory is not None:
        return directory
    if given := session.environment.get(DIRECTORY_VARIABLE):
        return Path(given)
    folder = clients_folder()
    found = sorted(path.parent for path in folder.glob("*/client.json"))
    if len(found) != 1:
        raise ConfigError(
            "WHICH_CLIENT",
            f"Which client is meant? {folder} holds {len(found)}.",
            hint=f"Name its directory with --dir, or in the variable {DIRECTORY_VARIABLE}.",
        )
    return found[0]


def opened(
    session: Session,
    directory: Path | None,
    native: str | None,
    listener: Listener | None = None,
    floor: Path | None = None,
) -> Client:
    """Return the client that is meant, opened. Raises as `chosen` and `Client.open` do."""
    from ..client import Client

    return Client.open(
        chosen(session, directory),
        native=native,
        floor=floor.read_bytes() if floor else b"",
        clock=session.clock,
        passphrase=session.environment.get(KEY_VARIABLE, ""),
        listener=listener,
    )


def clients_folder() -> Path:
    """Return the folder of this user's clients."""
    import platformdirs  # only where no directory is named

    return platformdirs.user_data_path("sealcast", False) / "clients"


def progress(session: Session, what: str) -> Listener:
    """Return a listener that shows how far ``what`` has come."""

    def listen(event: Event) -> None:
        if event.event == "progress":
            session.output.progress(event.done, event.total, f"{what} {event.version}")

    return listen

"""``sealcast client``: the device's side. What starts an app loads no network and no cryptography."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .client_events import events_option, listening
from .client_options import chosen, directory_option, native_option, opened, progress
from .command import command, dry_run_option
from .output import Piece, bad, caution, dim, good, strong
from .session import Session

if TYPE_CHECKING:
    from ..client import Outlook

NONCE_VARIABLE = "SEALCAST_NONCE"


@command(
    example="""
    sealcast client check --dir /opt/demo
    sealcast client check --dir /opt/demo --json
    """,
    exits=(6, 7, 9, 10),
)
@directory_option
@native_option
@events_option
def check(session: Session, directory: Path | None, native: str | None, events_file: str | None) -> object:
    """Say what an update would do, and why.

    Fetches and verifies the signed documents, and nothing else: two requests where nothing is new.
    """
    client = opened(session, directory, native, listening(session, events_file))
    found = client.outlook()
    _tell(session, found)
    return found.as_dict()


@command(example="sealcast client update --dir /opt/demo", exits=(6, 7, 8, 9, 10))
@directory_option
@native_option
@events_option
@dry_run_option
def update(
    session: Session, directory: Path | None, native: str | None, events_file: str | None, dry_run: bool
) -> object:
    """Download, verify and stage what is due.

    What runs now keeps running; the next start takes the new release. Stopped in the middle, the next run goes on.
    """
    from ..client import Update

    client = opened(session, directory, native, listening(session, events_file, progress(session, "downloading")))
    found = client.outlook()
    _tell(session, found)
    due = found.plan is not None and not dry_run
    if due:
        client.install(Update(found, session.clock()))
        session.output.line(good("Staged"), " ", strong(found.version or ""), ": the next start takes it.")
    return found.as_dict() | {"dry_run": dry_run, "staged": due}


@command(
    example="""
    sealcast client run --dir /opt/demo -- {slot}/bin/demo --port 8080
    sealcast client run --dir /opt/demo -- python3 app.py
    """,
    exits={10: "nothing can be started; any other status is the program's own"},
    machines=False,
    context_settings={"ignore_unknown_options": True},
)
@directory_option
@native_option
@events_option
@click.argument("words", metavar="CMD…", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    session: Session, directory: Path | None, native: str | None, events_file: str | None, words: tuple[str, ...]
) -> object:
    """Start the installed release.

    CMD runs in the folder of the release's files, for which {slot} also stands. A new release must report ready
    (`sealcast client ready`, with SEALCAST_NONCE as it was given); after too many starts without, the one before it is
    started. Never touches the network.
    """
    from ..client import Launcher

    launcher = Launcher(
        chosen(session, directory), clock=session.clock, native=native, listener=listening(session, events_file)
    )
    raise click.exceptions.Exit(launcher.run(words, session.environment))


@command(example="sealcast client ready", exits=(10,))
@directory_option
def ready(session: Session, directory: Path | None) -> object:
    """Report that the release works.

    Called by the app, in the environment that the launcher gave it, when it knows that it works. Outside a trial it
    changes nothing.
    """
    from ..client import Launcher

    launcher = Launcher(chosen(session, directory), clock=session.clock)
    ended = launcher.ready(session.environment.get(NONCE_VARIABLE, ""))
    session.output.line(good("Ready") if ended else "No release is on trial: nothing to report", ".")
    return {"ended_trial": ended}


@command(example='sealcast client fail --reason "database would not open"', exits=(10,))
@directory_option
@click.option("--reason", required=True, metavar="TEXT", help="Why, in a few words.")
def fail(session: Session, directory: Path | None, reason: str) -> object:
    """Report that the release does not work.

    Ends a trial: the next start is of the release that worked before, and this one is not tried again until the
    publisher signs a retry.
    """
    from ..client import Launcher

    launcher = Launcher(chosen(session, directory), clock=session.clock)
    launcher.fail(reason, session.environment.get(NONCE_VARIABLE) or None)
    session.output.line(caution("Given up"), ": the next start is of the release that worked before.")
    return {"reason": reason}


@command(example="sealcast client rollback --dir /opt/demo", exits=(10,))
@directory_option
def rollback(session: Session, directory: Path | None) -> object:
    """Go back to the release that worked before.

    At the next start, without a download. The release that is left is not installed again until the publisher signs a
    retry.
    """
    from ..client import Launcher, read_status

    place = chosen(session, directory)
    Launcher(place, clock=session.clock).rollback()
    now = read_status(place, session.clock()).as_dict()
    session.output.line("The next start is of ", strong(now["active"] or "the embedded release"), ".")
    return now


@command(example="sealcast client status --dir /opt/demo", exits=(10,))
@directory_option
def status(session: Session, directory: Path | None) -> object:
    """Show what is installed, staged and quarantined."""
    from ..client import read_status

    found = read_status(chosen(session, directory), session.clock()).as_dict()
    shown = {key: found[key] for key in ("active", "pending", "last_good", "previous_good")}
    out = session.output
    out.line(strong(f"{found['app']}/{found['channel']}"), " on ", found["platform"], ": ", _phase(found["phase"]))
    rows: list[tuple[str, Piece]] = [(key.replace("_", " "), value or dim("none")) for key, value in shown.items()]
    if found["trial"]:
        rows.append(("starts", f"{found['boots']} of {found['boot_limit']}"))
    rows.append(("metadata", f"{found['freshness']}, until {found['expires'] or 'nobody knows'}"))
    rows += [("quarantined", f"{one['version']} ({one['reason']})") for one in found["quarantine"]]
    out.fields(rows)
    return found


def _tell(session: Session, found: Outlook) -> None:
    from .words import counted, size

    out = session.output
    mark = {"update": good, "rollback": caution, "blocked": bad}.get(found.action, dim)
    out.line(mark(found.action), f" ({found.why}): {found.reason}")
    if found.plan is not None:
        cost = f"{size(found.plan.size)} in {counted(found.plan.requests, 'request')}, by {found.plan.route}"
        out.line(f"  costs at most {cost}")
    if found.freshness is not None and found.freshness.state == "stale":
        out.note(
            caution("stale"), f": the {found.freshness.role} metadata expires soon; the publisher must refresh it."
        )
    if found.notice is not None:
        for language, text in sorted(found.notice["text"].items()):
            out.line(strong(f"notice [{language}] "), text)


def _phase(phase: str) -> Piece:
    return {"idle": good, "safe-mode": bad}.get(phase, caution)(phase)

"""``sealcast client events``, and ``--events FILE`` of the commands at which something happens."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..values import format_time
from .client_options import chosen, directory_option
from .command import command
from .output import Output, Piece, dim, strong
from .session import Session

if TYPE_CHECKING:
    from ..client import Event, Listener, Summary

_LOOK_SECONDS = 0.5
"""How often a follower looks for what is new."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

events_option = click.option(
    "--events",
    "events_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Append every event to FILE as a line of JSON, progress included; `-` is standard error.",
)


def listening(session: Session, file: str | None, other: Listener | None = None) -> Listener | None:
    """Return who is to hear events: ``other``, and what ``--events`` names. Raises ``OSError``."""
    if file is None:
        return other
    from ..client import append_line, json_line

    place = Path(file)
    if file != "-":
        append_line(place, b"")  # a file that cannot be written is an error now, and none later

    def listen(event: Event) -> None:
        if file == "-":
            session.output.json_line(event, aside=True)
        else:
            with contextlib.suppress(OSError):  # a full disk, say: events stop nothing
                append_line(place, json_line(event))
        if other is not None:
            other(event)

    return listen


def _span(_context: click.Context, _parameter: click.Parameter, given: str | None) -> timedelta | None:
    if given is None:
        return None
    found = re.fullmatch(r"([0-9]{1,5})([mhdw])", given)
    if found is None:
        raise click.BadParameter("give a number and m, h, d or w: 45m, 12h, 7d, 4w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@command(
    example="""
    sealcast client events --dir /opt/demo --since 12h
    sealcast client events --dir /opt/demo --follow
    sealcast client events --dir /opt/demo --summary --since 30d --json
    """,
    exits=(10, 130),
)
@directory_option
@click.option("--since", callback=_span, metavar="SPAN", help="Only what is not older than this: 45m, 12h, 7d, 4w.")
@click.option("--summary", "summed", is_flag=True, help="Count: attempts, successes, failures, rollbacks.")
@click.option("--follow", "followed", is_flag=True, help="Go on, with each event as it comes, until Ctrl-C.")
def events(session: Session, directory: Path | None, since: timedelta | None, summed: bool, followed: bool) -> object:
    """Show what happened on this device.

    With `--follow --json`, each event is a line of JSON.
    """
    from ..client import Events, follow, read_settings, summarise

    if summed and followed:
        raise click.UsageError("--summary and --follow exclude each other.")
    place = chosen(session, directory)
    read_settings(place)  # so that a wrong directory is an error, not an empty list
    oldest = format_time(session.clock() - since) if since else ""
    out = session.output
    if followed:
        for event in follow(place, lambda: _wait(out)):  # pragma: no branch - until Ctrl-C
            if event.at >= oldest:
                _show(out, event)
    kept = [event for event in Events(place, session.clock).read() if event.at >= oldest]
    if summed:
        found = summarise(kept)
        out.fields(_rows(found))
        return found.as_dict()
    out.table(("when", "event", "version", "why", "detail"), [_cells(event) for event in kept])
    return {"events": kept}


def _wait(out: Output) -> None:
    out.flush()
    time.sleep(_LOOK_SECONDS)


def _show(out: Output, event: Event) -> None:
    if out.json:
        out.json_line(event)
    else:
        when, what, *rest = _cells(event)
        out.line(dim(when), " ", strong(what), *(f" {cell}" for cell in rest if cell))


def _cells(event: Event) -> tuple[str, ...]:
    detail = " ".join([event.detail, *(f"[{language}] {text}" for language, text in sorted(event.text.items()))])
    return event.at, event.event, event.version, event.why, detail.strip()


def _rows(found: Summary) -> list[tuple[str, Piece]]:
    def by(counts: dict[str, int]) -> Piece:
        return ", ".join(f"{count} x {word or 'without a reason'}" for word, count in counts.items()) or dim("none")

    return [
        ("first event", found.first or dim("none")),
        ("checks", str(found.checks)),
        ("attempts", str(found.attempts)),
        ("successes", str(found.successes)),
        ("failures", by(found.failures)),
        ("recovered", by(found.recovered)),
        ("rollbacks", by(found.rollbacks)),
        ("blocked", by(found.blocked)),
        ("ready", by(found.ready)),
    ]

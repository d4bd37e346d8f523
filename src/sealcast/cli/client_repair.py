"""``sealcast client verify`` and ``repair``: is what is installed what was signed, and if not, make it so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InstallError
from . import words
from .client_options import chosen, directory_option, opened, progress
from .command import command
from .output import bad, caution, dim, good, strong
from .session import Session

if TYPE_CHECKING:
    from ..client import Examined

_SHOWN = 50
_every = click.option("--all", "every", is_flag=True, help="Every release that is kept, not only the active one.")


@command(
    example="""
    sealcast client verify --dir /opt/demo
    sealcast client verify --dir /opt/demo --all --json
    """,
    exits={10: "a file is damaged or missing; each is printed"},
)
@directory_option
@_every
def verify(session: Session, directory: Path | None, every: bool) -> object:
    """Read every installed byte, and say what is wrong.

    A start looks only at sizes, times and inodes; this finds what a disk changed by itself, too. Foreign files, which
    do not belong to the release, are named and do no harm. Needs no network and changes nothing.
    """
    from ..client import Client

    found = Client.open(chosen(session, directory), clock=session.clock).verify(every=every)
    for one in found:
        _tell(session, one)
    session.output.document({"ok": not any(one.damaged for one in found), "releases": [one.as_dict() for one in found]})
    damaged = [one for one in found if one.damaged]
    if damaged:
        raise _changed(damaged)
    return None


@command(
    example="""
    sealcast client repair --dir /opt/demo
    sealcast client repair --dir /opt/demo --all --json
    """,
    exits=(6, 7, 8, 9, 10),
)
@directory_option
@_every
def repair(session: Session, directory: Path | None, every: bool) -> object:
    """Put right what is damaged.

    The damaged release is made anew: of every good file on this device, and of the packs that hold the others. Start
    the app again afterwards. Files that it added to its release are not kept.
    """
    done = opened(session, directory, None, progress(session, "repairing")).repair(every=every)
    for one in done:
        _tell(session, one.found)
        if one.came is not None:
            session.output.line(good("Repaired"), f": {words.size(one.came)} came from the host. Start the app again.")
    return {"releases": [one.as_dict() for one in done]}


def _tell(session: Session, found: Examined) -> None:
    out = session.output
    state = bad("damaged") if found.damaged else good("whole")
    what = f"{words.counted(found.files, 'file')}, {words.size(found.size)}"
    out.line(strong(found.version), dim(" (embedded)") if found.embedded else "", ": ", state, dim(f"  {what}"))
    for finding in found.findings[:_SHOWN]:
        mark = (caution if finding.fault == "foreign" else bad)(f"{finding.fault:8}")
        out.line("  ", mark, " ", finding.path, dim(f"  {finding.why}"))
    if len(found.findings) > _SHOWN:
        out.line(dim(f"  and {len(found.findings) - _SHOWN} more; --json lists all"))


def _changed(damaged: list[Examined]) -> InstallError:
    count = sum(len(one.damaged) for one in damaged)
    embedded = all(one.embedded for one in damaged)
    return InstallError(
        "SLOT_CHANGED",
        f"{words.counted(count, 'file')} of {', '.join(one.version for one in damaged)} not as signed.",
        safe="Nothing was changed.",
        hint="Install the app again." if embedded else "Put it right: sealcast client repair",
        damaged=count,
    )

"""``sealcast client verify`` and ``repair``: is what is installed what was signed, and if not, make it so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InstallError
from ..values import format_time
from . import words
from .client_options import chosen, directory_option, floor_option, opened, progress
from .command import command
from .output import bad, caution, dim, good, name, strong
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
        raise _changed(damaged, every)
    return None


@command(
    example="""
    sealcast client repair --dir /opt/demo
    sealcast client repair --dir /opt/demo --all --json
    sealcast client repair --dir /opt/demo --root 1.root.json
    """,
    exits=(6, 7, 8, 9, 10),
)
@directory_option
@_every
@click.option(
    "--root",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Make a new floor (or root) where it is lost: a trusted root, from the publisher and not from the host.",
)
@floor_option
def repair(session: Session, directory: Path | None, every: bool, root: Path | None, floor: Path | None) -> object:
    """Put right what is damaged.

    The damaged release is made anew: of every good file on this device, and of the packs that hold the others. Start
    the app again afterwards. Files that it added to its release are not kept.

    With --root, the floor is made anew instead, where both copies of it are lost (STATE_DAMAGED): from that root, from
    what is kept here and verifies under it, and from --floor. What cannot be proven any more is said.
    """
    if root is not None:
        return _recover(session, chosen(session, directory), root.read_bytes(), floor)
    done = opened(session, directory, None, progress(session, "repairing"), floor).repair(every=every)
    for one in done:
        _tell(session, one.found)
        if one.came is not None:
            session.output.line(good("Repaired"), f": {words.size(one.came)} came from the host. Start the app again.")
    return {"releases": [one.as_dict() for one in done]}


def _recover(session: Session, place: Path, root: bytes, floor: Path | None) -> object:
    from ..client import Client

    carried = floor.read_bytes() if floor else b""
    done = Client(directory=place, root=root, floor=carried, clock=session.clock).recover_floor(root)
    out = session.output
    out.line(good("Made"), " a new floor. Nothing older than this is accepted:")
    numbers = done.numbers
    shown = {name: str(number) for name, number in numbers.items() if number and name not in done.lost}
    if numbers["issued"]:
        shown["issued"] = format_time(datetime.fromtimestamp(numbers["issued"], UTC))
    out.fields(list(shown.items()))
    if done.lost:
        out.note(
            caution("lost"),
            f": nothing here proves {', '.join(done.lost)}. Until the next check, an older repository that was properly"
            " signed in its day would be accepted. Check over a network that you trust.",
        )
    out.line("Next: ", name("sealcast client check"))
    return done.as_dict()


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


def _changed(damaged: list[Examined], every: bool) -> InstallError:
    count = sum(len(one.damaged) for one in damaged)
    embedded = all(one.embedded for one in damaged)
    return InstallError(
        "SLOT_CHANGED",
        f"{words.counted(count, 'file')} of {', '.join(one.version for one in damaged)} not as signed.",
        safe="Nothing was changed.",
        hint="Install the app again."
        if embedded
        else f"Put it right: sealcast client repair{' --all' if every else ''}",
        damaged=count,
    )

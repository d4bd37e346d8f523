"""What the record says of this device, in facts: decided where a start decides it (`transitions.next_step`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import transitions
from .fact import Fact
from .look import Here
from .record import Record
from .transitions import STARTING, Conditions, Row


def facts_here(record: Record, starting: Record, here: Here) -> Iterator[Fact]:
    """Yield what is active, what would take over, what waits, and what the next start does.

    ``starting`` is the record as the next start finds it: under the native build that is there now.
    """
    yield _active(record, here)
    yield _fallback(record, here.given)
    yield _pending(starting, here.given)
    yield _next_start(record, starting, here)


def _active(record: Record, here: Here) -> Fact:
    active, limit = record.active, here.settings.boot_limit
    if active is None:
        if transitions.in_safe_mode(record, embedded=here.given.embedded):
            return Fact("active", "safe-mode", "Every release on this device has failed; nothing is started.")
        if here.given.embedded:
            return Fact("active", "embedded", "What runs is the release that the app itself ships.")
        return Fact("active", "none", "No release was installed yet.")
    data = {"version": active.version, "sequence": active.sequence}
    if record.trial:
        text = f"Release {active.version} is on trial: start {record.boots} of {limit}, and not yet reported ready."
        return Fact("active", "trial", text, data | {"boots": record.boots, "boot_limit": limit})
    return Fact("active", "good", f"Release {active.version} is the last one that reported ready.", data)


def _fallback(record: Record, given: Conditions) -> Fact:
    good = transitions.good_again(record, given)
    if good is not None:
        word = "last-good" if good == record.last_good else "previous-good"
        return Fact("fallback", word, f"If it fails, release {good.version} takes over.", {"version": good.version})
    if given.embedded:
        return Fact("fallback", "embedded", "If it fails, the release that the app itself ships takes over.")
    return Fact("fallback", "none", "There is no other release on this device that could take over.")


def _pending(record: Record, given: Conditions) -> Fact:
    waits = record.pending
    if waits is None:
        return Fact("pending", "none", "No release waits for the next start.")
    data = {"version": waits.version, "sequence": waits.sequence}
    row, _ = transitions.next_step(record, given)
    if row is Row.TRIAL:
        return Fact("pending", "taken", f"Release {waits.version} is complete; the next start tries it.", data)
    if transitions.is_quarantined(record, waits):
        word, why = "quarantined", "it failed on this device"
    elif waits.manifest in record.recalled:
        word, why = "recalled", "the publisher took it back"
    else:
        word, why = "damaged", "its files are not as they were verified"
    return Fact("pending", word, f"Release {waits.version} waits, and will not be started: {why}.", data)


_STEPS = {
    Row.START: "It is started.",
    Row.TRIAL: "It is started on trial, for the first time.",
    Row.AGAIN: "It is started on trial again.",
    Row.WITHDRAWN: "The release that waits is dropped.",
    Row.RECALLED: "The recalled release is left.",
    Row.NOT_READY: "The release on trial is given up: it was started often enough, and never reported ready.",
    Row.DAMAGED: "The release on trial is given up: its files are not as they were verified.",
    Row.LOST: "The active release is left: its files are not as they were verified.",
}


def _next_start(record: Record, starting: Record, here: Here) -> Fact:
    rows: list[Row] = []
    while not rows or rows[-1] not in STARTING:
        row, starting = transitions.next_step(starting, here.given)
        rows.append(row)
    steps = [_STEPS[row] for row in rows]
    if record.native_seen != here.native:
        steps.insert(0, f"The native build is {here.native} now, no longer {record.native_seen or 'unknown'}.")
    release = starting.active
    data: dict[str, Any] = {"steps": [str(row) for row in rows], "version": release.version if release else None}
    if release is None and not here.given.embedded:
        return Fact("next-start", "nothing", " ".join([*steps[:-1], "Nothing can be started."]), data)
    what = f"release {release.version}" if release else "the release that the app itself ships"
    return Fact("next-start", str(rows[-1]), " ".join([f"The next start is of {what}.", *steps]), data)

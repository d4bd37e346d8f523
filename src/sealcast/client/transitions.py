"""How the record may change: one pure function for each kind of row in the table of DESIGN section 6.

Nothing here touches a disk or a clock. Two rules hold everywhere: a release starts on trial only after the start was
counted, and what was good before stays installed until something newer has reported ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from ..errors import InstallError
from .record import Failure, Installed, Record

_QUARANTINED = 100
"""Failures remembered; beyond, the oldest are forgotten, so that the record stays small."""


class Conditions(Struct, frozen=True):
    """What a start depends on beside the record."""

    nonce: str
    """New for this start; only whoever was given it may report ready."""
    now: str
    """The local time, for people."""
    boot_limit: int
    """How often a release on trial is started before it is given up."""
    intact: Callable[[Installed], bool]
    """Tells whether a release's slot is complete and unchanged."""
    floor: int = 0
    """The lowest sequence that may ever be gone back to."""
    embedded: bool = False
    """Whether the app ships a release of its own, and it can be read: nothing is left for one that is gone."""


class Row(StrEnum):
    """What one step of a start was."""

    START = "start"
    TRIAL = "trial"
    AGAIN = "again"
    WITHDRAWN = "withdrawn"
    RECALLED = "recalled"
    NOT_READY = "not-ready"
    DAMAGED = "damaged"
    LOST = "lost"


STARTING = frozenset({Row.START, Row.TRIAL, Row.AGAIN})
"""The steps after which the active release is started; the others lead to a further step."""


def next_step(record: Record, given: Conditions) -> tuple[Row, Record]:
    """Return what a start does with this record: one step, to be committed before the next.

    After a step of `STARTING` the active release is to be started; where it is None, the embedded one.
    """
    if record.pending is not None:
        if _may_try(record, record.pending, given):
            return Row.TRIAL, try_pending(record, given)
        return Row.WITHDRAWN, withdraw(record)
    if _is_left(record, given):
        return Row.RECALLED, leave(record, "recalled", given)
    if record.trial:
        if record.boots >= given.boot_limit:
            return Row.NOT_READY, leave(record, "not-ready", given)
        if not _intact(record.active, given):
            return Row.DAMAGED, leave(record, "damaged", given)
        return Row.AGAIN, replace(record, boots=record.boots + 1, nonce=given.nonce)
    if not _intact(record.active, given):
        return Row.LOST, _back(record, given)
    return Row.START, record


def stage(record: Record, release: Installed) -> Record:
    """Row 7: a complete, verified release waits for the next start."""
    return replace(record, pending=release)


def withdraw(record: Record) -> Record:
    """Row 8: the waiting release is not wanted any more."""
    return replace(record, pending=None)


def recall(record: Record, manifests: Iterable[str]) -> Record:
    """Note which installed releases the newest signed documents take back. The next start acts on it (row 19)."""
    held = {release.manifest for release in record.held}
    return replace(record, recalled=tuple(sorted(held & set(manifests))))


def try_pending(record: Record, given: Conditions) -> Record:
    """Row 9: the waiting release becomes active, on trial, its first start counted."""
    if _is_recalled(record, record.active):
        record = _quarantine(record, "recalled", given.now)
    return replace(record, active=record.pending, pending=None, trial=True, boots=1, nonce=given.nonce)


def ready(record: Record, nonce: str) -> Record:
    """Rows 11 and 12: the release on trial works; what was good before it is kept as the previous one.

    Outside a trial there is nothing to report, and nothing changes. Raises ``InstallError`` (WRONG_NONCE).
    """
    if not record.trial or record.active is None:
        return record
    if nonce != record.nonce:
        raise wrong_nonce()
    works, before = record.active, record.last_good
    others = {key: failure for key, failure in record.quarantine.items() if key != works.manifest}
    if before is not None and before.manifest == works.manifest:
        before = record.previous_good  # the same release again, under a new retry epoch
    return replace(record, last_good=works, previous_good=before, trial=False, boots=0, quarantine=others)


def fail(record: Record, reason: str, nonce: str | None, given: Conditions) -> Record:
    """Row 14: the app, or a person (``nonce`` None), reports that the release on trial does not work.

    Raises ``InstallError``: NOT_ON_TRIAL, WRONG_NONCE.
    """
    if not record.trial:
        raise InstallError(
            "NOT_ON_TRIAL",
            "No release is on trial, so none can be reported as failed.",
            safe="What runs now keeps running.",
            hint="To leave a release that was good, use `sealcast client rollback`.",
        )
    if nonce is not None and nonce != record.nonce:
        raise wrong_nonce()
    return leave(record, reason, given)


def go_back(record: Record, given: Conditions) -> Record:
    """A person leaves the active release for the one that was good before it.

    Raises ``InstallError`` (NOTHING_TO_GO_BACK_TO).
    """
    if record.active is None or not (given.embedded or good_again(record, given)):
        raise InstallError(
            "NOTHING_TO_GO_BACK_TO",
            "There is no earlier good release on this device that may be gone back to.",
            hint="Only the publisher can take the release back, or publish a newer one.",
        )
    return withdraw(leave(record, "rollback", given))


def leave(record: Record, reason: str, given: Conditions) -> Record:
    """Rows 14 and 19: quarantine the active release and go back to a good one, else to the embedded one.

    Where there is neither, nothing is active: safe mode.
    """
    return _back(_quarantine(record, reason, given.now), given)


def change_native(record: Record, native: str, fits: Callable[[Installed], bool], given: Conditions) -> Record:
    """Row 16: the native app around the releases is another build now.

    ``fits`` tells whether a release admits the new build and is newer than what the new build embeds. A release that
    does not is forgotten; where the active one is, the embedded one runs, or a good one that fits.
    """

    def kept(release: Installed | None) -> Installed | None:
        return release if release is not None and fits(release) else None

    active = kept(record.active)
    record = replace(
        record,
        native_seen=native,
        last_good=kept(record.last_good),
        previous_good=kept(record.previous_good),
        pending=kept(record.pending),
    )
    if active is not None or record.active is None:
        return record
    if given.embedded:
        record = replace(record, last_good=None, previous_good=None)
    return _back(record, given)


def is_quarantined(record: Record, release: Installed) -> bool:
    """Tell whether a release failed here under the retry epoch that it has, or a later one."""
    failure = record.quarantine.get(release.manifest)
    return failure is not None and failure.retry >= release.retry


def in_safe_mode(record: Record, *, embedded: bool) -> bool:
    """Tell whether every release that was here has failed, so that nothing can be started."""
    return record.active is None and not embedded and bool(record.quarantine)


def good_again(record: Record, given: Conditions) -> Installed | None:
    """Return the newest good release, other than the active one, that may be gone back to."""
    for release in (record.last_good, record.previous_good):
        if (
            release is not None
            and (record.active is None or release.manifest != record.active.manifest)
            and not is_quarantined(record, release)
            and not _is_recalled(record, release)
            and release.sequence >= given.floor
            and given.intact(release)
        ):
            return release
    return None


def uncounted(record: Record, given: Conditions) -> Installed | None:
    """Return what is started where nothing can be committed: the active release if it may stay, else a good one.

    Nothing on trial is: its starts could not be counted.
    """
    if record.trial or _is_left(record, given) or not _intact(record.active, given):
        return good_again(record, given)
    return record.active


def wrong_nonce() -> InstallError:
    """What is raised for a report that is not of the running trial."""
    return InstallError(
        "WRONG_NONCE",
        "The report is of an earlier start, not of the release that is on trial now.",
        safe="The trial goes on; the report was not counted.",
        hint="Only the process that the launcher started last may report. Pass SEALCAST_NONCE on to it.",
    )


def _back(record: Record, given: Conditions) -> Record:
    """Make the newest good release active, and forget those that are no good."""
    good = good_again(record, given)
    previous = record.previous_good if good is not None and good == record.last_good else None
    return replace(record, active=good, last_good=good, previous_good=previous, trial=False, boots=0, nonce="")


def _quarantine(record: Record, reason: str, now: str) -> Record:
    release = record.active
    if release is None:
        return record
    failure = Failure(version=release.version, reason=reason[:256], at=now, retry=release.retry)
    failures = [*record.quarantine.items(), (release.manifest, failure)]
    newest = sorted(failures, key=lambda item: item[1].at)[-_QUARANTINED:]
    return replace(record, quarantine=dict(newest))


def _is_recalled(record: Record, release: Installed | None) -> bool:
    return release is not None and release.manifest in record.recalled


def _is_left(record: Record, given: Conditions) -> bool:
    """Tell whether the active release is recalled, and there is something better."""
    return _is_recalled(record, record.active) and (given.embedded or good_again(record, given) is not None)


def _may_try(record: Record, release: Installed, given: Conditions) -> bool:
    return not is_quarantined(record, release) and not _is_recalled(record, release) and given.intact(release)


def _intact(release: Installed | None, given: Conditions) -> bool:
    return release is None or given.intact(release)

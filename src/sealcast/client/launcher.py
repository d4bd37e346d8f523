"""Starts the application: decides which release, counts the start before it happens, watches a new one prove itself.

Nothing here touches the network, and nothing is loaded for it: what stands between the user and the app is this module,
one record and one stamp.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from ..errors import InstallError, SealcastError
from ..values import Clock, format_time
from . import transitions
from .child import Child
from .directory import StateDirectory
from .disk import disk_error
from .events import Events, Kind, Listener
from .floor import FloorStore
from .record import Installed, Record, Records
from .settings import Settings, read_settings
from .shape import FILES, read_release
from .slots import Slots
from .transitions import STARTING, Conditions, Row

_LOOK_SECONDS = 0.1
"""How often a release on trial is looked after."""
_REASON_CHARACTERS = 256
"""What is kept of a reason that an app gives: as much as the record takes."""
_REASONS = {
    Row.RECALLED: "recalled",
    Row.NOT_READY: "not-ready",
    Row.DAMAGED: "damaged",
    Row.LOST: "lost",
}


class Launch(Struct, frozen=True):
    """What is to be started: the folder of its files, and what the app is told."""

    files: Path
    version: str
    manifest: str
    """Of the release's manifest, the digest; empty for the embedded one."""
    nonce: str = ""
    """What reports this start as ready; empty outside a trial."""

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the variables that tell the app where it is and how to report."""
        return {
            "SEALCAST_DIR": str(directory),
            "SEALCAST_SLOT": str(self.files),
            "SEALCAST_NONCE": self.nonce,
            "SEALCAST_VERSION": self.version,
        }

    def command(self, words: Sequence[str]) -> list[str]:
        """Return ``words`` with ``{slot}`` replaced by the folder of the files."""
        return [word.replace("{slot}", str(self.files)) for word in words]


class Launcher:
    """What needs no network: starting, reporting, going back. One per state directory; several at once are safe.

    ``native`` is the version of the native app around the releases, where it has one (None: as before). Opening raises
    ``InstallError``: NOT_INITIALISED, UNSAFE_OWNER, STATE_DAMAGED.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        native: str | None = None,
        listener: Listener | None = None,
        new_id: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self._directory = directory.resolve()
        self.settings = read_settings(self._directory)
        place = StateDirectory(self._directory)
        self._clock = clock
        self._native = native
        self._new_id = new_id
        self._records = Records(self._directory)
        self._slots = Slots(place.slots, place.trash)
        self._floor = FloorStore(self._directory)
        self.events = Events(self._directory, clock, listener, _reporter(self.settings, place))

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start ``command`` in the release that is due, look after it, and return its exit status.

        A release on trial that ends with an error, or does not report ready in time, is started again up to the limit;
        then the last good one is. One that is reported as failed while it runs is ended, and the last good one started
        at once. Raises ``InstallError``: NOTHING_INSTALLED, SAFE_MODE, CANNOT_START, BUSY.
        """
        while True:
            launch = self.start()
            child = Child(
                launch.command(command),
                folder=launch.files,
                environment={**environment, **launch.environment(self._directory)},
            )
            try:
                with child:
                    self.events.emit(Kind.STARTED, version=launch.version, why="trial" if launch.nonce else "")
                    status = self._attend(child, launch)
            except InstallError as error:
                if not launch.nonce:
                    raise
                self.events.emit(Kind.ENDED, version=launch.version, why=error.code, detail=error.what)
                continue
            if status is not None:
                return status

    def start(self) -> Launch:
        """Commit what this start is, and return what to start: for apps that bring a launcher of their own.

        Raises ``InstallError``: NOTHING_INSTALLED, SAFE_MODE, BUSY.
        """
        given = self.conditions()
        fitting = self.native_change(given)
        if fitting is not None:
            before = self._records.read()
            try:
                after = self._records.change(fitting)
            except OSError as error:
                return self._start_uncounted(fitting(before), given, error)
            if before.active is not None and before.active != after.active:
                self._tell_left("native", before.active, after.active)
        while True:
            before = self._records.read()
            row, record = transitions.next_step(before, given)
            if record != before:
                try:
                    row, record = self._commit(given)
                except OSError as error:
                    return self._start_uncounted(before, given, error)
                self._tell(row, before, record)
            if row in STARTING:
                return self._launch(record)

    def ready(self, nonce: str) -> bool:
        """Row 11: report that the release works, with the nonce of its start; tell whether that ended a trial.

        Raises ``InstallError`` (WRONG_NONCE, BUSY, NO_SPACE, DISK_FAILED).
        """
        return self._report(Kind.READY, lambda record: transitions.ready(record, nonce))

    def fail(self, reason: str, nonce: str | None = None) -> None:
        """Row 14: report that the release on trial does not work; the next start is of the last good one.

        Raises ``InstallError`` (NOT_ON_TRIAL, WRONG_NONCE, BUSY, NO_SPACE, DISK_FAILED).
        """
        given, told = self.conditions(), reason[:_REASON_CHARACTERS]
        self._report(Kind.ROLLED_BACK, lambda record: transitions.fail(record, told, nonce, given), told)

    def rollback(self) -> None:
        """Leave the active release for the one that was good before it, at the next start; it is not tried again.

        Raises ``InstallError`` (NOTHING_TO_GO_BACK_TO, BUSY, NO_SPACE, DISK_FAILED).
        """
        given = self.conditions()
        self._report(Kind.ROLLED_BACK, lambda record: transitions.go_back(record, given), "rollback")

    @property
    def embedded(self) -> Path | None:
        """The folder of the release that the app ships, if it ships one."""
        return Path(self.settings.embedded) if self.settings.embedded else None

    def embedded_sequence(self) -> int:
        """Return the sequence of the embedded release; below every sequence where there is none that can be read."""
        try:
            return read_release(self.embedded).sequence if self.embedded else -1
        except InstallError:
            return -1

    def native(self, record: Record) -> str:
        """Return the version of the native app: what this launcher was told, else what the record knows."""
        return record.native_seen if self._native is None else self._native

    def conditions(self, slots: Slots | None = None) -> Conditions:
        """Return what the transitions of one run depend on; ``slots`` are others to ask than the launcher's own."""
        known: dict[str, bool] = {}
        asked = slots or self._slots

        def intact(release: Installed) -> bool:
            if release.manifest not in known:
                known[release.manifest] = asked.is_intact(release.manifest)
            return known[release.manifest]

        return Conditions(
            nonce=self._new_id().hex,
            now=format_time(self._clock()),
            boot_limit=self.settings.boot_limit,
            intact=intact,
            floor=self._floor.lowest(),
            embedded=self.embedded_sequence() >= 0,
        )

    def _commit(self, given: Conditions) -> tuple[Row, Record]:
        rows: list[Row] = []

        def step(record: Record) -> Record:
            row, changed = transitions.next_step(record, given)
            rows.append(row)
            return changed

        record = self._records.change(step)
        return rows[-1], record

    def _start_uncounted(self, record: Record, given: Conditions, error: OSError) -> Launch:
        """The disk takes no commit, so no trial can be counted, and none starts: what was good does."""
        failure = disk_error(error)
        self.events.emit(Kind.UPDATE_FAILED, why=failure.code, detail=failure.what)
        release = transitions.uncounted(record, given)
        if release is None and self.embedded is None:
            raise failure
        return self._launch(Record(active=release))

    def _launch(self, record: Record) -> Launch:
        release = record.active
        if release is not None:
            return Launch(
                self._slots.files(release.manifest),
                release.version,
                release.manifest,
                record.nonce if record.trial else "",
            )
        if self.embedded is not None:
            return Launch(self.embedded / FILES, read_release(self.embedded).version, "")
        raise _nothing_to_start(record)

    def _attend(self, child: Child, launch: Launch) -> int | None:
        """Return the exit status that the run ends with, or None when another start is due."""
        if not launch.nonce:
            return child.wait()
        limit = self.settings.ready_seconds
        ends = time.monotonic() + limit if limit else float("inf")
        while (status := child.wait(_LOOK_SECONDS)) is None:
            record = self._records.read()
            if _proved(record, launch):
                status = child.wait()
                break
            why = "failed" if _given_up(record, launch) else "not-ready" if time.monotonic() > ends else ""
            if why and not child.stopped:
                self.events.emit(Kind.ENDED, version=launch.version, why=why)
                return None
        record = self._records.read()
        still = record.trial and record.nonce == launch.nonce
        if child.stopped or _proved(record, launch) or (still and status == 0):
            return status
        self.events.emit(Kind.ENDED, version=launch.version, why="exit", detail=str(status))
        return None

    def native_change(self, given: Conditions) -> Callable[[Record], Record] | None:
        """Return what row 16 makes of the record, where the native app is not the one that the record knows."""
        native = self._native
        if native is None or native == self._records.read().native_seen:
            return None
        embedded = self.embedded_sequence()

        def fits(release: Installed) -> bool:
            return release.sequence > embedded and _admits(release, native)

        return lambda record: transitions.change_native(record, native, fits, given)

    def _report(self, kind: Kind, transition: Callable[[Record], Record], why: str = "") -> bool:
        before = self._records.read()
        version = _version(before.active)
        try:
            after = self._records.change(transition)
        except InstallError as error:
            self.events.emit(Kind.REFUSED, version=version, why=error.code, detail=kind)
            raise
        except OSError as error:
            raise disk_error(error) from error
        if after.generation == before.generation:
            return False
        if kind is Kind.ROLLED_BACK:
            self._tell_left(why, before.active, after.active)
        else:
            self.events.emit(kind, version=version)
        return True

    def _tell(self, row: Row, before: Record, after: Record) -> None:
        if row in _REASONS:
            self._tell_left(_REASONS[row], before.active, after.active)
        elif row is Row.TRIAL:
            self.events.emit(Kind.APPLIED, version=_version(after.active))

    def _tell_left(self, why: str, left: Installed | None, to: Installed | None) -> None:
        self.events.emit(Kind.ROLLED_BACK, version=_version(left), why=why, detail=_version(to))


def _reporter(settings: Settings, place: StateDirectory) -> Listener | None:
    """Return who reports how updates end, where the app's owner asked for it."""
    if settings.report is None:
        return None
    from .report import Reporter

    return Reporter(settings, place.root)


def _version(release: Installed | None) -> str:
    """Return a release's version; empty for the embedded one, and for none."""
    return release.version if release else ""


def _proved(record: Record, launch: Launch) -> bool:
    active = record.active.manifest if record.active else ""
    return not record.trial and active == launch.manifest


def _given_up(record: Record, launch: Launch) -> bool:
    """Tell whether somebody ended this trial (row 14): the release is quarantined, and another one active."""
    active = record.active.manifest if record.active else ""
    return active != launch.manifest and launch.manifest in record.quarantine


def _admits(release: Installed, native: str) -> bool:
    if not release.native:
        return True
    from ..model.native import admits

    try:
        return admits(release.native, native)
    except SealcastError:
        return False


def _nothing_to_start(record: Record) -> InstallError:
    if transitions.in_safe_mode(record, embedded=False):
        failed = ", ".join(sorted(failure.version for failure in record.quarantine.values()))
        return InstallError(
            "SAFE_MODE",
            f"Every release on this device has failed ({failed}), so nothing is started.",
            safe="No release that failed is started again.",
            hint="Update, as soon as the publisher has a newer release: sealcast client update.",
        )
    return InstallError(
        "NOTHING_INSTALLED",
        "No release is installed on this device.",
        safe="Nothing was started.",
        hint="Install one: sealcast client update.",
    )

"""The client: checks, installs, and tells what is installed.

from sealcast.client import Client

client = Client(url="https://updates.example.org", root=ROOT_BYTES, app="demo", channel="stable", directory="/opt/demo")
update = client.check()            # None, or a verified Update
if update:
    client.install(update)         # downloads what is missing, assembles, stages; the switch happens at the next start
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import ConfigError, InstallError, ObjectError, SealcastError, TransferError
from ..fetch import HttpOptions, Source, open_source
from ..files import exclusive
from ..model import Action, Policy
from ..values import Clock
from . import transitions
from .carried import carried_least, kept_root
from .directory import StateDirectory
from .disk import disk_error
from .events import Kind, Listener
from .explanation import Explanation, explain
from .floor import FloorStore, Least
from .freshness import State
from .holdings import Holdings
from .hosts import PINS_EXPIRED, Hosts
from .launcher import Launcher
from .look import Here, Outlook, Seen, installed, look, outlook, settled
from .network import Network, http_options
from .record import Records
from .room import Room, needed_by, objects_of
from .settings import Settings, init_directory
from .shape import write_release
from .slots import Slots
from .status import Status, read_status
from .update import Update

if TYPE_CHECKING:
    from .examine import Examined
    from .install import Installer
    from .recover import Recovered
    from .repair import Repaired, Repairer

_CURRENT = timedelta(minutes=15)
"""How long a check is good for; an older update is looked at again before it is installed."""

_NO_FAILURE = frozenset({"BUSY", "FLOOR_WHOLE", "NOTHING_INSTALLED"})
"""No trace is left where another updater works, or where there was nothing to repair: no update failed."""


def _now() -> datetime:
    return datetime.now(UTC)


class Client:
    """One device's client of one channel. Its state is all in the directory, so any number may be opened after another.

    One updater works at a time: the others get ``InstallError`` (BUSY) and leave no trace.
    """

    def __init__(
        self,
        *,
        directory: str | Path,
        url: str = "",
        root: bytes = b"",
        app: str = "",
        channel: str = "",
        platform: str | None = None,
        native: str | None = None,
        embedded: Path | None = None,
        floor: bytes = b"",
        clock: Clock = _now,
        source: Source | None = None,
        network: Network | None = None,
        passphrase: str = "",
        http: HttpOptions | None = None,
        listener: Listener | None = None,
    ) -> None:
        """Open the client in ``directory``; where there is none, make it from the other arguments.

        ``root`` is the trusted root that the app carries: given to a client that is there, it takes the place of the
        one it was made with, ``url`` that of its address, and ``network`` that of how its hosts are reached. ``floor``
        is what `sealcast status --floor` wrote when the app was built: nothing older is accepted, also where the
        directory was deleted. ``passphrase`` opens the private key of a client certificate. ``http`` takes the place of
        the transfer options that the network makes. ``native`` is the version of the native app around the releases.
        Raises as `init_directory` and `read_settings` do, and ``ConfigError`` (OTHER_CLIENT) when the directory follows
        another channel.
        """
        self._place = StateDirectory(Path(directory).resolve())
        if url and not self._place.settings.exists():
            init_directory(
                self._place.path,
                url=url,
                root=root,
                app=app,
                channel=channel,
                platform=platform,
                native=native or "",
                embedded=embedded,
                floor=floor,
                network=network,
                passphrase=passphrase,
            )
        self._launcher = Launcher(self._place.path, clock=clock, native=native, listener=listener)
        _check_same(self.settings, app, channel)
        self._url = url or self.settings.url
        self._source = source
        self._network = network or self.settings.network
        self._passphrase = passphrase
        self._http = http
        self._given_root = root
        self._least = carried_least(floor, self._root(), self.settings.app, self.settings.channel) if floor else Least()
        self._clock = clock
        self._records = Records(self._place.path)
        self._slots = Slots(self._place.slots, self._place.trash)
        self._events = self._launcher.events

    @classmethod
    def open(
        cls,
        directory: str | Path,
        *,
        native: str | None = None,
        floor: bytes = b"",
        clock: Clock = _now,
        source: Source | None = None,
        passphrase: str = "",
        http: HttpOptions | None = None,
        listener: Listener | None = None,
    ) -> Self:
        """Open the client that `init_directory` made. Raises as `read_settings` does."""
        return cls(
            directory=directory,
            native=native,
            floor=floor,
            clock=clock,
            source=source,
            passphrase=passphrase,
            http=http,
            listener=listener,
        )

    @property
    def settings(self) -> Settings:
        """What this client was made for."""
        return self._launcher.settings

    @cached_property
    def _hosts(self) -> Hosts:
        """Made when a host is to be asked: what needs none needs no passphrase either."""
        options = self._http or http_options(self._network, passphrase=self._passphrase)
        return Hosts(
            self._source or open_source(self._url, options),
            self._network,
            options,
            repository=self._place.repository,
            app=self.settings.app,
            noted=self._note_host,
        )

    def check(self) -> Update | None:
        """Look whether there is something to install. Costs two requests where nothing is new.

        Raises ``VerificationError``, ``TransferError``, ``SealingError`` or ``InstallError`` (BUSY, NO_SPACE,
        DISK_FAILED).
        """
        found = self.outlook()
        return Update(found, self._clock()) if found.plan is not None else None

    def outlook(self) -> Outlook:
        """Look, and return what was found in full. Raises as `check` does."""
        with self._working():
            self._events.emit(Kind.CHECK)
            found = self._look()
            if found.plan is None:
                self._room.sweep()
            return found

    def install(self, update: Update) -> None:
        """Download what is missing, assemble, verify and stage ``update``; the next start switches to it.

        An update that was checked a while ago is looked at again; so is one that another updater was faster with, and
        one of which an object is gone from the host (a publication may be under way). Raises as `check` does;
        ``ObjectError``; ``InstallError`` (NO_LONGER_OFFERED, UNSAFE_PATH).
        """
        with self._working(update.version):
            found = update.outlook
            if abs(self._clock() - update.checked) > _CURRENT or self._overtaken(found):
                found = self._again(update)
            try:
                self._install(found)
            except ObjectError as error:
                if error.code != "INCOMPLETE_REPO":
                    raise
                self._install(self._again(update))

    def verify(self, *, every: bool = False) -> tuple[Examined, ...]:
        """Hash every file of the active release, or of ``every`` one that is kept, and tell what is wrong.

        Reads this device alone, and changes nothing. Raises ``InstallError``: NOTHING_INSTALLED, BAD_EMBEDDED.
        """
        return self._repairer.verify(every=every)

    def repair(self, *, every: bool = False) -> tuple[Repaired, ...]:
        """Verify, and make anew what is damaged: of what is good on this device, and of what the host has.

        The slot changes in one step where the system can. A program that runs from it should be started again. Raises
        ``InstallError`` (CANNOT_REPAIR, SLOT_IN_USE, NOTHING_INSTALLED), and as `install` does.
        """
        with self._working():
            return self._repairer.repair(every=every)

    @property
    def _repairer(self) -> Repairer:
        from .repair import Repairer

        return Repairer(
            self._slots,
            self._records,
            self._launcher.embedded,
            self._events,
            lambda release, held: self._installer(release.version, held),
            lambda: self._see().channel,
            self._room.make,
        )

    def recover_floor(self, root: bytes) -> Recovered:
        """Make a new floor where both copies of the old one are lost, from a ``root`` that a person trusts.

        What this device kept and what the app carries is taken as far as it can be proven. Raises ``InstallError``
        (FLOOR_WHOLE, BUSY), ``ConfigError`` (BAD_ROOT, OTHER_REPOSITORY).
        """
        from .recover import recover_floor

        with self._working():
            done = recover_floor(self._place, self.settings, root, self._least)
            self._events.emit(Kind.FLOOR_RECOVERED, why=", ".join(done.lost))
            return done

    def status(self) -> Status:
        """Return what is installed, from this device's files alone."""
        return read_status(self._place.path, self._clock())

    def explain(self) -> Explanation:
        """Say why this device is on this release, from its files alone: no host is asked, and nothing is written."""
        return explain(self._launcher, self._place, self._root(), self._clock())

    def _root(self) -> bytes:
        return self._given_root or kept_root(self._place.root)

    def _look(self) -> Outlook:
        seen = self._see()
        record = self._records.read()
        here = Here(
            settings=self.settings,
            record=record,
            held=self._holdings(),
            given=self._launcher.conditions(),
            native=self._launcher.native(record),
            embedded=self._launcher.embedded_sequence(),
        )
        found = outlook(seen, here)
        self._records.change(lambda now: settled(now, found))
        self._tell(found)
        return found

    def _see(self) -> Seen:
        if self._least != Least():
            FloorStore(self._place.path).raise_least(self._least)
        return self._hosts.ask(lambda source: look(source, self._root(), self._place, self.settings, self._clock()))

    def _overtaken(self, found: Outlook) -> bool:
        """Tell whether this device came as far as ``found`` leads, or further, after it was looked at.

        What was found then would lead back: to a lower sequence than the installed one.
        """
        record, release = self._records.read(), installed(found, self.settings)
        return any(
            one is not None
            and one.channel == release.channel
            and one.sequence >= release.sequence
            and one.manifest not in record.recalled
            for one in (record.active, record.pending)
        )

    def _again(self, update: Update) -> Outlook:
        found = self._look()
        if found.plan is None or found.version != update.version:
            raise InstallError(
                "NO_LONGER_OFFERED",
                f"Release {update.version} is not offered to this device any more: {found.reason}",
                hint="Check again.",
            )
        return found

    def _install(self, found: Outlook) -> None:
        if found.plan is None or found.build is None:
            raise AssertionError("an update has a plan")
        release = installed(found, self.settings)
        self._room.make(needed_by(found.plan, found.build.installed), objects_of(found.plan))
        version = release.version
        came = self._installer(version, self._holdings(), found.policy).install(found.build, found.plan)
        self._events.emit(Kind.DOWNLOADED, version=version, done=came)
        write_release(self._slots.folder(release.manifest), release)
        self._records.change(lambda now: transitions.stage(now, release))
        self._events.emit(Kind.STAGED, version=version, why=str(found.plan.route))
        self._room.sweep()

    def _installer(self, version: str, held: Holdings, policy: Policy | None = None) -> Installer:
        """Return what makes slots; ``policy`` is that of the look which found the release, by default of the last."""
        from .download import Downloads  # most checks find nothing to install, and unpack nothing
        from .install import Installer

        def noted(error: SealcastError) -> None:
            self._events.emit(Kind.DOWNLOAD_FAILED, version=version, why=error.code, detail=error.what, recovered=True)

        return Installer(
            self._slots,
            self._place.staging,
            Downloads(self._hosts.for_objects(policy, self._clock()), self._place.downloads, noted),
            held,
            sized=lambda done, total: self._events.emit(Kind.PROGRESS, version=version, done=done, total=total),
            noted=noted,
        )

    def _holdings(self) -> Holdings:
        return Holdings(self._slots, self._launcher.embedded)

    @property
    def _room(self) -> Room:
        return Room(self._place, self._slots, self._records, self.settings.quota)

    def _tell(self, found: Outlook) -> None:
        version = found.version or ""
        if found.plan is not None:
            self._events.emit(Kind.UPDATE_AVAILABLE, version=version, why=found.why, total=found.plan.size)
        if found.action is Action.BLOCKED:
            self._events.emit(Kind.BLOCKED, version=version, why=found.why, detail=found.reason)
        if found.notice is not None:
            self._events.emit(Kind.NOTICE, text=found.notice["text"], detail=found.notice["url"])
        if found.freshness is not None and found.freshness.state is State.STALE:
            self._events.emit(Kind.STALE, why=found.freshness.role)

    @contextmanager
    def _working(self, version: str = "") -> Iterator[None]:
        """Be the one updater; turn what the disk refuses into an error of ours; note what failed, with ``version``."""
        try:
            with exclusive(self._place.updater_lock, _busy):
                self._place.make_folders()
                yield
        except OSError as error:
            failure = disk_error(error)
            self._note(failure, version)
            raise failure from error
        except SealcastError as error:
            self._note(error, version)
            raise

    def _note_host(self, code: str, what: str) -> None:
        if code == PINS_EXPIRED:
            self._events.emit(Kind.STALE, why=code, detail=what)
        else:
            self._events.emit(Kind.DOWNLOAD_FAILED, why=code, detail=what, recovered=True)

    def _note(self, error: SealcastError, version: str) -> None:
        if error.code in _NO_FAILURE:
            return
        kind = Kind.DOWNLOAD_FAILED if isinstance(error, TransferError | ObjectError) else Kind.UPDATE_FAILED
        self._events.emit(kind, version=version, why=error.code, detail=error.what)


def _check_same(settings: Settings, app: str, channel: str) -> None:
    if (app or settings.app, channel or settings.channel) != (settings.app, settings.channel):
        raise ConfigError(
            "OTHER_CLIENT",
            f"This directory follows {settings.app}/{settings.channel}, not {app}/{channel}.",
            hint="Use a directory of its own for each channel.",
        )


def _busy() -> InstallError:
    return InstallError(
        "BUSY",
        "Another updater is at work in this directory.",
        safe="It was not disturbed.",
        hint="Wait until it is done.",
    )

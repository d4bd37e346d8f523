"""The one record that says which release runs here, which was good, and which is on trial (DESIGN section 6).

A change is read, made and committed under a lock of its own, so that the updater, the launcher and the app that reports
ready never lose each other's. The generation before is kept: when the record cannot be read, that one counts (row 0).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from ..documents import Document, decode, encode
from ..errors import InstallError, SealcastError
from ..files import exclusive, remove_temporaries
from ..values import MAX_INTEGER
from .checked import read_checked, write_checked

_LIMIT = 1024 * 1024
_WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.01

# These types also stand in `sealcast.model`, which a start must not pay for: the launcher reads this module alone.
_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
_Short = Annotated[str, msgspec.Meta(max_length=256)]


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """The object that carries a manifest: its digest and size in bytes, and the size of the manifest."""

    sha256: _Digest
    size: _Number
    manifest: _Number


class Installed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A release as this device has it: its manifest's digest, and what the channel document said of it.

    ``retry`` is the epoch under which it was installed, ``native`` the constraint on the native build. ``carrier`` is
    where the manifest can be had again, long after the channel has forgotten the release.
    """

    manifest: _Digest
    version: _Short
    sequence: _Number
    channel: _Short
    retry: _Number = 0
    native: _Short = ""
    carrier: Carrier | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a release is not tried again here, until its signed retry epoch rises above ``retry``."""

    version: _Short
    reason: _Short
    at: _Short
    retry: _Number = 0


class Record(Document, frozen=True, kw_only=True, omit_defaults=True):
    """What this device has installed. Where ``active`` is None, the embedded release runs, if the app ships one.

    ``last_good`` and ``previous_good`` reported ready, the newest first (None: the embedded one); ``pending`` is
    switched to at the next start; ``trial``: the active release has not reported ready yet, and was started ``boots``
    times, the last time under ``nonce``. ``recalled`` names installed releases that the signed documents take back.
    """

    type: str = "sealcast/state/1"
    generation: _Number = 0
    active: Installed | None = None
    last_good: Installed | None = None
    previous_good: Installed | None = None
    pending: Installed | None = None
    trial: bool = False
    boots: _Number = 0
    nonce: _Short = ""
    quarantine: dict[_Digest, Failure] = msgspec.field(default_factory=dict)
    recalled: tuple[_Digest, ...] = ()
    native_seen: _Short = ""

    @property
    def held(self) -> tuple[Installed, ...]:
        """The releases whose slots must stay."""
        kept = (self.active, self.last_good, self.previous_good, self.pending)
        return tuple(dict.fromkeys(release for release in kept if release is not None))


class Records:
    """The record of one state directory, on disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._current = directory / "state.json"
        self._previous = directory / "state.previous.json"

    def read(self) -> Record:
        """Return the record; when it cannot be read, the generation before; when that cannot either, an empty one."""
        return self._read(self._current) or self._read(self._previous) or Record()

    def change(self, transition: Callable[[Record], Record]) -> Record:
        """Commit what ``transition`` makes of the record, and return it. Nothing is written where nothing changes.

        Raises what ``transition`` raises, ``OSError``, or ``InstallError`` (BUSY) when another process does not let go
        of the record in time.
        """
        with self._locked():
            return self._change(transition)

    def sweep(self) -> None:
        """Remove what killed runs left unfinished in the state directory. Raises ``OSError``, ``InstallError`` (BUSY).

        Only for the updater: it alone writes other files there, so that under its lock and this one nobody does.
        """
        with self._locked():
            remove_temporaries(self._directory)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        ends = time.monotonic() + _WAIT_SECONDS
        with ExitStack() as held:
            while True:
                try:
                    held.enter_context(exclusive(self._directory / "state.lock", _locked))
                    break
                except _LockedError:
                    if time.monotonic() > ends:
                        raise _busy() from None
                    time.sleep(_PAUSE_SECONDS)
            yield

    def _change(self, transition: Callable[[Record], Record]) -> Record:
        before = self._read(self._current)
        record = before or self.read()
        changed = transition(record)
        if changed == record and before is not None:
            return record
        changed = msgspec.structs.replace(changed, generation=record.generation + 1)
        if before is not None:  # a record that cannot be read must not take the good one's place
            write_checked(self._previous, encode(before))
        write_checked(self._current, encode(changed))
        return changed

    @staticmethod
    def _read(path: Path) -> Record | None:
        data = read_checked(path, _LIMIT)
        if data is None:
            return None
        try:
            record = decode(data, Record, what="The state record", limit=_LIMIT)
        except SealcastError:
            return None
        # A trial of nothing, or one that was never counted, is nobody's record.
        return None if record.trial and (record.active is None or not record.boots or not record.nonce) else record


class _LockedError(InstallError):
    """Another process is changing the record right now."""


def _locked() -> SealcastError:
    return _LockedError("BUSY", "Another process is changing the state of this client.")


def _busy() -> InstallError:
    return InstallError(
        "BUSY",
        "Another process does not let go of the state of this client.",
        safe="Nothing was changed.",
        hint="Try again; if it stays so, look for a Sealcast process that hangs.",
    )

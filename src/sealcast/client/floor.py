"""The floor on disk: the highest versions this device has seen, kept apart from everything that can be lost.

python-tuf's folder of metadata is a cache: it is written without fsync, and a power cut can empty it, after which an
older repository would be accepted again. The floor is two copies, each whole by its own digest and written durably, one
after the other. `sealcast.client.guard` says how a repository is held against it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec.structs import replace

from ..documents import Document, decode, encode
from ..errors import SealcastError, VerificationError
from ..values import MAX_INTEGER
from .checked import read_checked, write_checked

_LIMIT = 20 * 1024 * 1024
"""More than the largest metadata comes to: a snapshot (2 MB) and twice a channel's role (5 MB), in base64. A floor that
was written and cannot be read again would stop the device for good, and a thief of one key could see to that."""
_Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A number that was seen, and the signed metadata (base64) that set it.

    The mark counts as long as the keys that signed that metadata are still trusted: otherwise a thief of a key could
    raise it for ever, and replacing the key would not help.
    """

    number: _Number
    metadata: str


class Least(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the app that was shipped carries: numbers that its publisher stands for, and that never lapse."""

    root: _Number = 0
    timestamp: _Number = 0
    issued: _Number = 0
    snapshot: _Number = 0
    revision: _Number = 0
    lowest: _Number = 0

    def raised(self, other: Least) -> Least:
        """Return the higher of each number."""
        return Least(**{name: max(getattr(self, name), getattr(other, name)) for name in self.__struct_fields__})


class Floor(Document, frozen=True, kw_only=True, omit_defaults=True):
    """The least that is accepted.

    Versions of root, timestamp and snapshot; the newest signed time ``issued`` (seconds since 1970, UTC); the channel
    document's ``revision``, and ``lowest``, the sequence below which nothing is gone back to. Root's stands without
    metadata: its chain of signatures cannot be left again. ``least`` holds beside all of them.
    """

    type: str = "sealcast/floor/1"
    generation: _Number = 0
    root: _Number = 0
    timestamp: Mark | None = None
    issued: Mark | None = None
    snapshot: Mark | None = None
    revision: Mark | None = None
    lowest: Mark | None = None
    least: Least = msgspec.field(default_factory=Least)

    @property
    def lowest_sequence(self) -> int:
        """The sequence below which nothing is gone back to."""
        return max(self.lowest.number if self.lowest else 0, self.least.lowest)


class FloorStore:
    """The floor of one state directory. Reading is for anybody, writing for the one updater."""

    def __init__(self, directory: Path) -> None:
        self._copies = (directory / "floor.json", directory / "floor.copy.json")

    def create(self, floor: Floor | None = None) -> None:
        """Write the floor of a device that has seen nothing, or the one that is given, whatever is there."""
        self._write(floor or Floor())

    def read(self) -> Floor:
        """Return the floor, from whichever copies are whole.

        Raises ``VerificationError`` (STATE_DAMAGED) when none is: what protects against replay is then unknown.
        """
        found = [floor for path in self._copies if (floor := _read(path)) is not None]
        if not found:
            raise VerificationError(
                "STATE_DAMAGED",
                "Both copies of the floor, which protects against older repositories, are missing or damaged.",
                safe="The installed release keeps running and starting; nothing new is installed.",
                hint="With a trusted root from the publisher: sealcast client repair --root FILE",
            )
        return max(found, key=lambda floor: floor.generation)

    def store(self, floor: Floor) -> None:
        """Make ``floor`` the floor, if it says anything new or a copy is not whole. Raises ``OSError``."""
        known = self.read()
        if replace(floor, generation=known.generation) != known:
            self._write(replace(floor, generation=known.generation + 1))
        elif any(_read(path) != known for path in self._copies):
            self._write(known)

    def raise_least(self, least: Least) -> None:
        """Take in what an app carries. Raises as `read` and `store` do."""
        known = self.read()
        self.store(replace(known, least=known.least.raised(least)))

    def lowest(self) -> int:
        """Return the lowest sequence that a start may go back to; 0 where the floor is damaged.

        A start is never refused for a damaged floor: going back only ever chooses among releases that were good here.
        """
        try:
            return self.read().lowest_sequence
        except VerificationError:
            return 0

    def _write(self, floor: Floor) -> None:
        # One after the other: at every instant one of them is whole.
        for path in self._copies:
            write_checked(path, encode(floor))


def _read(path: Path) -> Floor | None:
    data = read_checked(path, _LIMIT)
    if data is None:
        return None
    try:
        return decode(data, Floor, what=path.name, limit=_LIMIT)
    except SealcastError:
        return None

"""Room for what is about to be installed: asked for first, and made by taking away what nobody needs any more."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from ..errors import InstallError
from ..values import Content
from .directory import StateDirectory
from .plan import Plan, Route
from .record import Records
from .slots import Slots, empty

RESERVE = 16 * 1024 * 1024
"""Bytes that stay free beside what a release needs: records, metadata, the blocks of small files."""


class Room:
    """The disk space of one state directory; ``quota`` is what slots and downloads may take in all (bytes; 0: any).

    Only for the updater, under its lock.
    """

    def __init__(self, place: StateDirectory, slots: Slots, records: Records, quota: int) -> None:
        self._place = place
        self._slots = slots
        self._records = records
        self._quota = quota

    def make(self, wanted: int, objects: Collection[Content] = ()) -> None:
        """See that ``wanted`` more bytes fit, of which what is here of ``objects`` already takes a part.

        Nothing is taken away while there is room; then what nothing refers to, then other downloads. Raises
        ``InstallError`` (NO_SPACE), which says what is needed and what was taken away; ``OSError``.
        """
        here = sum(_size_of(self._place.downloads / f"{one.sha256}{end}") for one in objects for end in ("", ".part"))
        needed = max(0, wanted - here)
        ways: Iterable[Callable[[], None]] = (
            self._drop_strays,
            lambda: self._drop_downloads({one.sha256 for one in objects}),
        )
        if self._lacking(needed) <= 0:
            return
        before = self._taken()
        for drop in ways:
            drop()
            if self._lacking(needed) <= 0:
                return
        raise self._no_space(needed, before - self._taken())

    def sweep(self) -> None:
        """Row 17, where nothing is left to be installed: what a run that was killed left behind goes too."""
        self._drop_strays()
        self._records.sweep()
        empty(self._place.downloads)
        for pattern in ("*/.tmp-*", "metadata/tmp*", "metadata/root_history/tmp*"):  # ours, and python-tuf's
            for left in self._place.repository.glob(pattern):
                left.unlink(missing_ok=True)

    def _drop_strays(self) -> None:
        self._slots.clean_up({release.manifest[:32] for release in self._records.read().held})
        empty(self._place.staging)

    def _drop_downloads(self, keep: Collection[str]) -> None:
        for path in list(self._place.downloads.iterdir()):
            if path.name.removesuffix(".part") not in keep:
                path.unlink(missing_ok=True)

    def _lacking(self, needed: int) -> int:
        lacking = needed + RESERVE - self._free()
        return max(lacking, self._taken() + needed - self._quota) if self._quota else lacking

    def _free(self) -> int:
        return shutil.disk_usage(self._place.path).free

    def _taken(self) -> int:
        place = self._place
        return sum(_size_below(folder) for folder in (place.slots, place.downloads, place.staging, place.trash))

    def _no_space(self, needed: int, dropped: int) -> InstallError:
        free, taken = self._free(), self._taken()
        by_quota = bool(self._quota) and taken + needed > self._quota
        what = f"{taken} of its quota of {self._quota} are taken" if by_quota else f"{free} are free"
        if not by_quota:
            needed += RESERVE
        return InstallError(
            "NO_SPACE",
            f"The update needs {needed} bytes on the disk, and {what}; {dropped} were made free by cleaning up.",
            hint="Raise `quota` in client.json." if by_quota else "Make room, then run it again: it goes on from here.",
            wanted=needed,
            free=free,
            taken=taken,
            quota=self._quota,
            cleaned=dropped,
        )


def needed_by(plan: Plan, size: int) -> int:
    """Return the bytes that a plan needs on the disk: downloads, and each release that it assembles on the way."""
    if plan.route is Route.HELD:
        return 0
    return plan.size + size * max(1, len(plan.steps))


def objects_of(plan: Plan) -> list[Content]:
    """Return the objects that a plan names; which packs it takes is told by the manifest only."""
    named = [Content(step.delta.sha256, step.delta.size) for step in plan.steps]
    return [*named, plan.archive.content] if plan.archive else named


def _size_below(folder: Path) -> int:
    return sum(_size_of(Path(where, name)) for where, _, names in os.walk(folder) for name in names)


def _size_of(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return 0

"""What the files of an input folder held when they were last hashed, so that unchanged ones are not read again.

A file is taken for unchanged while its size, its times of change, its inode and its device are what they were. (On
Windows the second time is that of creation: a file that keeps its size and has its date set back is missed there.
``--no-cache`` reads everything.) Nothing that a client trusts rests on it: what goes into a pack is hashed again.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timedelta
from pathlib import Path

from ..documents import Document, Leaf
from ..model.manifest import Digest
from ..values import content_of
from .entries import Entry, Stamp
from .kept import keep, recall

FOLDERS = 16
"""Input folders that are remembered: those that were used last."""

CLEARLY = timedelta(seconds=2)
"""How much older than its hashing a change must be: FAT counts in steps of two seconds."""


class Row(Leaf, frozen=True, kw_only=False, array_like=True):
    """One file: what the file system said of it, its digest, and whether it was looked at for private keys."""

    stamp: Stamp
    sha256: Digest
    checked: bool


class Hashes(Document, frozen=True, kw_only=True):
    """The digests of one input folder, by the file's path in the release."""

    type: str = "sealcast/hashes/1"
    files: dict[str, Row]


class HashCache:
    """The digests of one input folder's files: those that are known, and those that are learnt now."""

    def __init__(self, place: Path, folder: Path, began: datetime, *, fresh: bool = False) -> None:
        """Read what ``place`` keeps of ``folder``.

        ``began`` is an instant before the first file is read. A file that changed only just before may change once
        more without a trace in its times, so it is not kept. A ``fresh`` cache begins with nothing.
        """
        self._place = place
        self._path = place / f"{content_of(os.fsencode(folder.resolve())).sha256}.json"
        self._latest = clearly_before(began)
        kept = None if fresh else recall(self._path, Hashes)
        self._known = kept.files if kept else {}
        self._now: dict[str, Row] = {}

    def find(self, entry: Entry, *, checked: bool) -> str | None:
        """Return the digest of an unchanged file; with ``checked`` only if it was looked at for private keys."""
        row = self._known.get(entry.path)
        if row is None or row.stamp != entry.stamp or (checked and not row.checked):
            return None
        self._now[entry.path] = row
        return row.sha256

    def learn(self, entry: Entry, sha256: str, *, checked: bool) -> None:
        """Take the digest of a file that was just hashed."""
        if entry.stamp is not None and max(entry.stamp.modified, entry.stamp.changed) < self._latest:
            self._now[entry.path] = Row(entry.stamp, sha256, checked)

    def save(self) -> None:
        """Keep what was found and learnt, and forget the rest: files that are gone, folders long unused."""
        if self._now != self._known:
            keep(self._path, Hashes(files=self._now))
        with contextlib.suppress(OSError):
            self._path.touch()
            found = sorted(self._place.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
            for path in found[FOLDERS:]:
                path.unlink()


def clearly_before(instant: datetime) -> int:
    """Return the time, in nanoseconds, before which a change is `CLEARLY` older than ``instant``."""
    return int((instant - CLEARLY).timestamp() * 1_000_000_000)

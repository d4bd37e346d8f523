"""Which objects of the workspace were found whole before: a release of gigabytes is not hashed again for each new one.

An object is taken for whole while its size, dates, inode and device are what they were when its bytes were proved. A
disk that rots without changing them is found out later: whatever goes up is hashed before it becomes live.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ..documents import Document, Leaf
from ..errors import ObjectError
from ..packs import ObjectStore
from ..values import Content
from .entries import Stamp
from .hash_cache import clearly_before
from .kept import keep, recall
from .sources import stamp_of

ROWS = 8192
"""Objects that are remembered: those that were asked for last."""


class Proof(Leaf, frozen=True, kw_only=False, array_like=True):
    """One object that was whole, and what the file system said of it then."""

    sha256: str
    stamp: Stamp


class Proved(Document, frozen=True, kw_only=True):
    """The objects that were proved, the oldest first."""

    type: str = "sealcast/proved/1"
    objects: tuple[Proof, ...]


class Proofs:
    """Tells which objects of a store are whole, and remembers it."""

    def __init__(self, path: Path, store: ObjectStore, began: datetime) -> None:
        """Read what is kept at ``path``; ``began`` is an instant before the first object is proved."""
        self._path = path
        self._store = store
        self._latest = clearly_before(began)
        kept = recall(path, Proved)
        self._known = {proof.sha256: proof.stamp for proof in kept.objects} if kept else {}
        self._changed = False

    def is_whole(self, content: Content) -> bool:
        """Tell whether the object is there, with the bytes that its name says."""
        try:
            stamp = stamp_of(self._store.path(content.sha256).lstat())
        except OSError:
            return False
        if stamp.size == content.size and self._known.get(content.sha256) == stamp:
            return True
        try:
            self._store.open(content).close()
        except ObjectError:
            return False
        if max(stamp.modified, stamp.changed) < self._latest:
            self._known.pop(content.sha256, None)
            self._known[content.sha256] = stamp
            self._changed = True
        return True

    def save(self) -> None:
        """Keep what was proved, the newest of it."""
        if self._changed:
            rows = [Proof(sha256, stamp) for sha256, stamp in self._known.items()]
            keep(self._path, Proved(objects=tuple(rows[-ROWS:])))
            self._changed = False

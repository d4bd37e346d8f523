"""The plan of a publication: what goes up, in which order, and the one step that makes it live (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..values import Progress, no_progress
from .stores import IMMUTABLE_CACHE, MUTABLE_CACHE, TIMESTAMP, Store, conflict, conflict_at

PARALLEL_UPLOADS = 8

Check = Callable[[Mapping[str, bytes]], None]
"""Given the files that are about to become live, by path; raises to stop the publication before they do."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that goes up: its path in the site, where it lies here, its size in bytes and its cache rule."""

    path: str
    source: Path
    size: int
    cache_control: str = IMMUTABLE_CACHE

    @property
    def stage(self) -> int:
        """When it goes up: objects and targets first, metadata that refers to them next, and roots last.

        A root is live the moment it is stored: clients follow the chain by its numbers.
        """
        if not self.path.startswith("metadata/"):
            return 0
        return 2 if self.path.endswith(".root.json") else 1


@dataclass(frozen=True, slots=True)
class Plan:
    """A frozen publication: ``uploads`` in their order, then ``commit`` replaces the timestamp that was ``live_tag``.

    ``kept`` counts the files that are stored already; ``changed`` tells whether the timestamp is new.
    """

    uploads: tuple[Upload, ...]
    timestamp: Upload
    commit: bytes
    live_tag: str | None
    changed: bool
    kept: int

    @property
    def size(self) -> int:
        """Bytes that go up."""
        return sum(upload.size for upload in self.uploads) + (self.timestamp.size if self.changed else 0)

    def run(self, store: Store, before_live: Check, progress: Progress = no_progress) -> None:
        """Upload what nobody sees yet, call ``before_live``, then store what makes it live.

        Safe to run again after a kill at any point. Raises ``RepositoryError`` (CONFLICT) when what is live is not what
        the plan was made for, and what the store and ``before_live`` raise.
        """
        done = 0
        for stage in (0, 1):
            for upload in _uploaded([upload for upload in self.uploads if upload.stage == stage], store):
                done += upload.size
                progress(done, self.size, f"uploading {upload.path}")
        roots = [upload for upload in self.uploads if upload.stage == 2]
        live = {root.path: root.source.read_bytes() for root in roots}
        if self.changed:
            live[self.timestamp.path] = self.commit
        if not live:
            return
        # Long before the swap that decides, so that the loser of a race is told the true reason.
        if _tag(store) != self.live_tag:
            raise conflict()
        before_live(live)
        # What a new root's holders sign, those before them sign too; what is live now, the new ones have not signed. So
        # a root follows the timestamp (DESIGN section 7), unless it is the first and there is nobody who could read.
        first = self.live_tag is None
        if self.changed and not first:
            store.replace(self.timestamp.path, self.commit, self.live_tag)
        for root in roots:
            store.create(root.path, root.source)
        if self.changed and first:
            store.replace(self.timestamp.path, self.commit, self.live_tag)
        progress(self.size, self.size, f"uploading {self.timestamp.path}")


def _tag(store: Store) -> str | None:
    live = store.read(TIMESTAMP)
    return live.tag if live else None


def _uploaded(uploads: Iterable[Upload], store: Store) -> Iterator[Upload]:
    """Upload several at once and yield each in turn. The first error stops what has not begun."""

    def create(upload: Upload) -> Upload:
        store.create(upload.path, upload.source)
        return upload

    with ThreadPoolExecutor(PARALLEL_UPLOADS, thread_name_prefix="upload") as pool:
        yield from pool.map(create, uploads)


def plan_upload(files: Mapping[str, Path], timestamp: bytes, store: Store) -> Plan:
    """Return the plan that brings ``store`` up to ``files``, local files by path in the site, under ``timestamp``.

    What is stored under a digest is taken for what it says if its size is right; metadata, whose numbers somebody else
    may have taken, is compared. Raises ``RepositoryError`` (STORE_CONFLICT), ``TransferError`` or ``OSError``.
    """
    uploads: list[Upload] = []
    for path, source in files.items():
        upload = Upload(path, source, source.stat().st_size)
        if upload.stage == 0:
            stored = store.has(path, upload.size)
        else:
            there = store.read(path)
            stored = there is not None
            if there is not None and there.data != source.read_bytes():
                raise conflict_at(path)
        if not stored:
            uploads.append(upload)
    live = store.read(TIMESTAMP)
    return Plan(
        uploads=tuple(sorted(uploads, key=lambda upload: (upload.stage, _root_number(upload)))),
        timestamp=Upload(TIMESTAMP, Path(), len(timestamp), MUTABLE_CACHE),
        commit=timestamp,
        live_tag=live.tag if live else None,
        changed=live is None or live.data != timestamp,
        kept=len(files) - len(uploads),
    )


def _root_number(upload: Upload) -> int:
    """Return a root's number, since 10.root.json comes after 9.root.json; others keep their order."""
    return int(upload.path.removeprefix("metadata/").partition(".")[0]) if upload.stage == 2 else 0

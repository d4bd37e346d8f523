"""The plan of a publication: what goes up, in which order, and the one step that makes it live (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..values import Progress, no_progress
from .stores import IMMUTABLE_CACHE, MUTABLE, MUTABLE_CACHE, Store

PARALLEL_UPLOADS = 8


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that goes up: its path in the site, where it lies here, its size in bytes and its cache rule."""

    path: str
    source: Path
    size: int
    cache_control: str = IMMUTABLE_CACHE


@dataclass(frozen=True, slots=True)
class Plan:
    """A frozen publication: ``uploads`` in their order, then the commit of ``timestamp`` over the tag that was live."""

    uploads: tuple[Upload, ...]
    timestamp: Upload
    live_tag: str | None
    changed: bool
    kept: int

    @property
    def size(self) -> int:
        """Bytes that go up."""
        return sum(upload.size for upload in self.uploads) + (self.timestamp.size if self.changed else 0)

    def run(self, store: Store, before_commit: Callable[[bytes], None], progress: Progress = no_progress) -> None:
        """Upload, call ``before_commit`` with the new timestamp (it raises to stop), then commit.

        Safe to run again after a kill at any point. Raises what the store and ``before_commit`` raise.
        """
        ordered = sorted(self.uploads, key=lambda upload: (_stage(upload.path), upload.path))
        done = 0
        with ThreadPoolExecutor(PARALLEL_UPLOADS) as pool:
            for stage in sorted({_stage(upload.path) for upload in ordered}):
                batch = [upload for upload in ordered if _stage(upload.path) == stage]
                for upload, _ in zip(batch, pool.map(lambda up: store.create(up.path, up.source), batch), strict=True):
                    done += upload.size
                    progress(done, self.size, f"uploading {upload.path}")
        if not self.changed:
            return
        data = self.timestamp.source.read_bytes()
        before_commit(data)
        store.replace(self.timestamp.path, data, self.live_tag)


def _stage(path: str) -> int:
    """Objects and targets first, metadata after them, root last of all: a root is live the moment it is stored."""
    if not path.startswith("metadata/"):
        return 0
    return 2 if path.endswith(".root.json") else 1


def plan_upload(files: Iterable[tuple[str, Path]], store: Store) -> Plan:
    """Return the plan that brings ``store`` up to ``files`` (path in the site, local file).

    Raises ``TransferError``.
    """
    uploads: list[Upload] = []
    timestamp: Upload | None = None
    kept = 0
    for path, source in files:
        upload = Upload(path, source, source.stat().st_size)
        if path in MUTABLE:
            timestamp = Upload(path, source, upload.size, MUTABLE_CACHE)
        elif store.has(path, upload.size):
            kept += 1
        else:
            uploads.append(upload)
    if timestamp is None:
        raise ValueError("a site has a timestamp")
    live = store.read(timestamp.path)
    changed = live is None or live.data != timestamp.source.read_bytes()
    return Plan(tuple(uploads), timestamp, live.tag if live else None, changed, kept)

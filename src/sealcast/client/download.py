"""Objects brought to the device: whole and proved by their digest, or not there.

An object grows in ``<sha256>.part``, hashed while it is written; what a stopped run left is hashed again and continued.
Wrong bytes are dropped and fetched once more from the start, then from the next host. Nothing here needs fsync: what a
power cut spoils has another digest and is fetched again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import ObjectError, SealcastError, TransferError
from ..fetch import Source
from ..files import hash_file
from ..values import Content, object_path

THREADS = 4
"""Objects fetched at once."""
_CHUNK = 1024 * 1024

Counted = Callable[[int], None]
"""Told how many bytes came; fewer than none when bytes were dropped."""


class Downloads:
    """The folder of objects of one client, and the hosts they come from, the best first.

    A host that fails is asked last from then on; ``noted`` hears of it, once, when another one gave what it did not.
    """

    def __init__(self, sources: Sequence[Source], folder: Path, noted: Callable[[SealcastError], None]) -> None:
        self._sources = sources
        self._failed: list[Source] = []
        self._told: list[Source] = []
        self._noted = noted
        self._folder = folder
        self._stop = threading.Event()
        self._failing = threading.Lock()

    def path(self, wanted: Content) -> Path:
        """Return where an object lies once it is fetched."""
        return self._folder / wanted.sha256

    def arriving(self, objects: Iterable[Content], counted: Counted, path: str = "") -> Iterator[Content]:
        """Fetch all objects that are not here yet, several at once; with ``path``, the one file that is there.

        Each is yielded once it is here, in the order given, while the next ones are on their way. What came is kept for
        the next run when one fails, or nobody asks any more.

        Raises ``TransferError`` (as the source does), or ``ObjectError``: HASH_MISMATCH, INCOMPLETE_REPO.
        """
        self._stop.clear()
        wanted = tuple(dict.fromkeys(objects))
        with ThreadPoolExecutor(THREADS) as pool:
            running = [pool.submit(self._fetch, one, path or object_path(one.sha256), counted) for one in wanted]
            try:
                for one, done in zip(wanted, running, strict=True):
                    done.result()
                    yield one
            except BaseException:
                self._stop.set()  # the others end with their next piece
                for waiting in running:
                    waiting.cancel()
                raise

    def _fetch(self, wanted: Content, place: str, counted: Counted) -> None:
        path = self.path(wanted)
        with contextlib.suppress(OSError):
            if hash_file(path) == wanted:
                counted(wanted.size)
                return
            path.unlink()
        part = path.with_name(f"{path.name}.part")
        failures: list[tuple[Source, SealcastError]] = []
        for source in self._in_order():
            try:
                if any(self._bring(source, wanted, place, part, counted) for _ in range(2)):
                    part.replace(path)
                    self._tell(failures)
                    return
                error: SealcastError = _other_bytes(wanted)
            except (TransferError, ObjectError) as failure:
                if failure.code == "STOPPED":
                    raise
                error = failure
            failures.append((source, error))
            with self._failing:
                if source not in self._failed:
                    self._failed.append(source)
        raise failures[0][1]

    def _in_order(self) -> list[Source]:
        """Return the hosts as they are to be asked now: those that failed last."""
        failed = list(self._failed)
        return [source for source in self._sources if source not in failed] + failed

    def _tell(self, failures: Iterable[tuple[Source, SealcastError]]) -> None:
        """Let it be known why another host had to be asked; of each host once."""
        for source, error in failures:
            with self._failing:
                if source in self._told:
                    continue
                self._told.append(source)
            self._noted(error)

    def _bring(self, source: Source, wanted: Content, place: str, part: Path, counted: Counted) -> bool:
        """Fetch one object into ``part``; drop it and return False when its bytes are wrong."""
        handle = os.open(
            part, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), 0o600
        )
        with os.fdopen(handle, "r+b") as file:
            digest = hashlib.sha256()
            if os.fstat(file.fileno()).st_size > wanted.size:
                file.truncate(0)
            have = 0
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                have += len(chunk)
            counted(have)
            try:
                for piece in self._stream(source, wanted, place, have):
                    file.write(piece)
                    digest.update(piece)
                    have += len(piece)
                    counted(len(piece))
                good = have == wanted.size and digest.hexdigest() == wanted.sha256
            except (TransferError, ObjectError) as error:
                if error.code not in {"BAD_RANGE", "TOO_LARGE"}:
                    counted(-have)  # whoever continues counts what is here
                    raise
                good = False  # the host has another file under this name: once more from the start
            if not good:
                counted(-have)
                file.truncate(0)
            return good

    def _stream(self, source: Source, wanted: Content, place: str, start: int) -> Iterable[bytes]:
        if start == wanted.size:
            return
        try:
            for piece in source.stream(place, limit=wanted.size, start=start):
                if self._stop.is_set():
                    raise TransferError("STOPPED", "The download was stopped.", hint="Run the update again.")
                yield piece
        except TransferError as error:
            if error.code != "NOT_FOUND":
                raise
            raise ObjectError(
                "INCOMPLETE_REPO",
                f"The object {wanted.sha256[:12]}, which the signed documents name, is not on the host.",
                hint="The publisher must publish again; a moment's delay between two copies can also be the cause.",
                object=wanted.sha256,
            ) from error


def _other_bytes(wanted: Content) -> ObjectError:
    return ObjectError(
        "HASH_MISMATCH",
        f"The host gives other bytes for the object {wanted.sha256[:12]} than were published.",
        hint="The host, or somebody before it, alters files. Tell the publisher if it stays so.",
        object=wanted.sha256,
    )

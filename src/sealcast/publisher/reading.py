"""What the input's files hold: each is hashed, and looked at for private keys, unless it is known from before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from ..documents import MIB
from ..errors import RepositoryError
from ..model import File
from ..values import Progress, printable
from .entries import Entry
from .hash_cache import HashCache
from .leaks import KEY_LENGTH, holds_private_key

BATCH = 4 * MIB
"""Bytes of files that a thread hashes in one go: handing over each small file would take longer than hashing it."""


def read_files(
    entries: Sequence[Entry],
    progress: Progress,
    *,
    allow_secrets: bool = False,
    cache: HashCache | None = None,
    workers: int = 1,
) -> tuple[File, ...]:
    """Return what each entry is, with the digest of what it holds. Files are read in ``workers`` threads.

    What ``cache`` knows is not read. Raises ``RepositoryError``: SOURCE_CHANGED when a file changes while it is read;
    SECRET_IN_INPUT when one holds a private key, unless ``allow_secrets``; UNREADABLE.
    """
    found = [cache.find(entry, checked=not allow_secrets) if cache else None for entry in entries]
    unknown = [entry for entry, sha256 in zip(entries, found, strict=True) if sha256 is None]
    total = sum(entry.size for entry in entries)
    done = total - sum(entry.size for entry in unknown)
    digests: dict[str, str] = {}
    for entry, sha256 in _hash_all(unknown, workers, allow_secrets=allow_secrets):
        digests[entry.path] = sha256
        done += entry.size
        progress(done, total, f"reading {entry.path}")
        if cache:
            cache.learn(entry, sha256, checked=not allow_secrets)
    return tuple(
        File(path=entry.path, size=entry.size, sha256=sha256 or digests[entry.path], executable=entry.executable)
        for entry, sha256 in zip(entries, found, strict=True)
    )


def _hash_all(entries: Sequence[Entry], workers: int, *, allow_secrets: bool) -> Iterator[tuple[Entry, str]]:
    """Yield each entry with its digest, in order. The first error stops what has not begun."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="hash")
    try:
        batches = list(_batches(entries))
        hashed: list[Future[list[str]]] = [pool.submit(_hash_batch, batch, allow_secrets) for batch in batches]
        for batch, digests in zip(batches, hashed, strict=True):
            yield from zip(batch, digests.result(), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += entry.size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _hash_batch(batch: Sequence[Entry], allow_secrets: bool) -> list[str]:
    return [_hash(entry, allow_secrets) for entry in batch]


def _hash(entry: Entry, allow_secrets: bool) -> str:
    digest, last = hashlib.sha256(), b""
    for chunk in entry.chunks():
        digest.update(chunk)
        if not allow_secrets:
            _refuse_secret(entry, last + chunk)
            last = chunk[-KEY_LENGTH:]
    return digest.hexdigest()


def _refuse_secret(entry: Entry, data: bytes) -> None:
    if holds_private_key(data):
        raise RepositoryError(
            "SECRET_IN_INPUT",
            f"{printable(entry.path)} holds a private key, and everybody can read a release.",
            hint="Leave it out, and treat that key as known to others if it ever left this machine.",
            path=printable(entry.path),
        )

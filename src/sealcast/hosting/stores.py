"""Stores: places that keep a site's files under their paths.

Two promises make a publication safe on any of them (DESIGN section 7): `create` never replaces a file, and `replace`
swaps one only while it is still what was read.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import RepositoryError, TransferError
from ..files import (
    TEMPORARY_PREFIX,
    copy_durably,
    exclusive,
    hash_file,
    make_directory,
    read_bounded,
    write_durably,
)
from ..values import content_of, path_flaw

TIMESTAMP = "metadata/timestamp.json"
"""The only file of a site that is ever replaced, and so its commit point."""

READ_LIMIT = 8 * 1024 * 1024
"""Bytes that a file read through `Store.read` may have: metadata has fewer."""

IMMUTABLE_CACHE = "public, max-age=31536000, immutable"
MUTABLE_CACHE = "max-age=60, must-revalidate"


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored file's bytes, and the tag that a later `Store.replace` compares."""

    data: bytes
    tag: str


class Store(Protocol):
    """A place for a site's files."""

    def read(self, path: str) -> Stored | None:
        """Return a small file, or None. Raises ``TransferError``."""
        ...

    def has(self, path: str, size: int) -> bool:
        """Tell whether a file of ``size`` bytes is stored at ``path``. Raises ``TransferError``."""
        ...

    def create(self, path: str, source: Path) -> bool:
        """Store a copy of ``source``, and tell whether it was new; equal bytes already there are success.

        Raises ``RepositoryError`` (STORE_CONFLICT) when other bytes are there, or ``TransferError``.
        """
        ...

    def replace(self, path: str, data: bytes, tag: str | None) -> None:
        """Replace the file while its tag is still ``tag`` (None: while there is no file), in one step.

        Raises ``RepositoryError`` (CONFLICT) when somebody else was faster, or ``TransferError``.
        """
        ...


class FolderStore:
    """A local folder as a store; also a mounted share, as far as its renames and locks are true ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / ".unfinished"
        self._begun = False
        self._sweep = False

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    def read(self, path: str) -> Stored | None:
        """See `Store.read`."""

        def too_large() -> TransferError:
            return TransferError(
                "TOO_LARGE",
                f"{path} has more than {READ_LIMIT} bytes: no site has such a file.",
                safe="Nothing was published.",
                hint="Look whose file it is, and remove it if it is not wanted there.",
                path=path,
            )

        try:
            data = read_bounded(self._place(path), READ_LIMIT, too_large)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(path, error) from error
        return Stored(data, content_of(data).sha256)

    def has(self, path: str, size: int) -> bool:
        """See `Store.has`."""
        try:
            return self._place(path).stat().st_size == size
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _failed(path, error) from error

    def create(self, path: str, source: Path) -> bool:
        """See `Store.create`."""
        place = self._place(path)
        try:
            self._begin()
            make_directory(place.parent)
            if copy_durably(source, place):
                return True
            same = hash_file(place) == hash_file(source)
        except OSError as error:
            raise _failed(path, error) from error
        if not same:
            raise conflict_at(path)
        return False

    def replace(self, path: str, data: bytes, tag: str | None) -> None:
        """See `Store.replace`."""
        place = self._place(path)
        try:
            make_directory(place.parent)
            with exclusive(place.parent / ".lock", conflict):
                stored = self.read(path)
                if (stored.tag if stored else None) != tag:
                    raise conflict()
                write_durably(place, data)
                if self._sweep:
                    self._remove_temporaries()
                self._unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(path, error) from error

    def _begin(self) -> None:
        """Note that a publication began. One that was killed left the same note: then its files are looked for, at the
        end; else not, since that takes longer the more was ever published.
        """
        if not self._begun:
            self._begun = True
            self._sweep = self._unfinished.exists()
            make_directory(self._unfinished.parent)
            self._unfinished.touch()

    def _remove_temporaries(self) -> None:
        """Remove what killed publications left; one that runs at this moment has lost, and is told so."""
        for name in ("metadata", "targets", "objects"):
            for temporary in list((self._folder / name).rglob(f"{TEMPORARY_PREFIX}*")):
                temporary.unlink(missing_ok=True)

    def _place(self, path: str) -> Path:
        if flaw := path_flaw(path):
            raise RepositoryError(
                "UNSAFE_NAME",
                f"The path {path[:200]!r} {flaw}.",
                hint="No site has such a file: find out how it came into the metadata.",
            )
        return self._folder / path


def conflict_at(path: str) -> RepositoryError:
    """Return what is raised when a file that never changes is stored with other bytes."""
    return RepositoryError(
        "STORE_CONFLICT",
        f"{path} is stored already, with other bytes than this workspace has.",
        safe="Readers see what they saw before.",
        hint="Somebody else published, or wrote into the destination. Run `sealcast verify` on it.",
        path=path,
    )


def conflict() -> RepositoryError:
    """Return what is raised when what was read is no longer what is live."""
    return RepositoryError(
        "CONFLICT",
        "Somebody else published to this destination at the same time.",
        safe="Readers see one whole publication, theirs.",
        hint="Get what is live, then publish again.",
    )


def _failed(path: str, error: OSError) -> TransferError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return TransferError(
        "NO_SPACE" if full else "STORE_FAILED",
        f"{path} could not be stored or read: {error.strerror or error}.",
        safe="Readers see the publication before this one.",
        hint="Correct the cause and run the command again; what is stored already is kept.",
        path=path,
    )

"""What every kind of input comes down to: files with a path, a size, a mode bit, and bytes that may change any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import RepositoryError
from ..values import printable

READ_SIZE = 1024 * 1024
"""Bytes that are read at once."""

Read = Callable[[int, int], bytes]
"""Returns the bytes of a file from an offset on: as many as asked for, or fewer only where the file ends."""


class Stamp(NamedTuple):
    """What the file system says of a file, times in nanoseconds: while all of it stays, so do the bytes."""

    size: int
    modified: int
    changed: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the input: its path in the release, its size in bytes, whether it may be executed, its bytes.

    ``stamp`` tells an unchanged file from one that changed; None where nothing does, as in an archive.
    """

    path: str
    size: int
    executable: bool
    read: Read
    stamp: Stamp | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes.

        Raises ``RepositoryError`` (SOURCE_CHANGED) when they are not as many as were listed, also when the file grows
        for ever; UNREADABLE.
        """
        position = 0
        while True:
            asked = min(READ_SIZE, self.size - position + 1)  # one byte more than there should be
            chunk = self.read(position, asked)
            position += len(chunk)
            if position > self.size or (len(chunk) < asked and position < self.size):
                raise source_changed(self.path)
            if chunk:
                yield chunk
            if len(chunk) < asked:
                return


def source_changed(name: str) -> RepositoryError:
    """Return what is raised when a file is no longer what it was a moment ago."""
    return RepositoryError(
        "SOURCE_CHANGED",
        f"{printable(name)} changed while it was read.",
        hint="Wait until the build is done, then add the release again.",
        path=printable(name),
    )


def unsafe_type(name: str, kind: str) -> RepositoryError:
    """Return what is raised for anything but a plain file or a directory."""
    return RepositoryError(
        "UNSAFE_TYPE",
        f"{printable(name)} is {kind}.",
        hint="A release holds plain files and directories only. Replace it by a copy, or leave it out.",
        path=printable(name),
    )

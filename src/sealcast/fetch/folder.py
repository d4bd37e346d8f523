"""A published site in a folder: a local build, a mounted share, a medium carried to a machine without network."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import TransferError
from .source import bad_range, check_path, too_large

_CHUNK = 256 * 1024
_FLAGS = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):  # the last: a pipe must not hold us up
    _FLAGS |= getattr(os, _name, 0)


class FolderSource:
    """A site in a folder. Regular files only, and never one outside it, whatever links lead there."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def location(self) -> str:
        """The folder, as it was given."""
        return str(self._directory)

    def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
        """Return the file at ``path``. Raises ``TransferError``: UNSAFE_PATH, NOT_FOUND, READ_FAILED, TOO_LARGE."""
        del anew  # no cache stands before a folder
        return b"".join(self.stream(path, limit=limit))

    def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        """Yield the file from byte ``start`` on. Raises as `read` does, and BAD_RANGE."""
        return self._stream(check_path(path), limit, start)

    def _stream(self, path: str, limit: int, start: int) -> Iterator[bytes]:
        place = str(self._directory / path)
        try:
            with self._open(path, place) as file:
                size = os.fstat(file.fileno()).st_size
                if size > limit:
                    raise too_large(place, limit)
                if not 0 <= start <= size:
                    raise bad_range(place, f"has {size} bytes and cannot be read from byte {start}")
                file.seek(start)
                position = start
                # One byte more than allowed is asked for, so that a file that grows meanwhile is found out.
                while chunk := file.read(min(_CHUNK, limit - position + 1)):
                    position += len(chunk)
                    if position > limit:
                        raise too_large(place, limit)
                    yield chunk
        except OSError as error:
            raise _read_failed(place, error) from error

    def _open(self, path: str, place: str) -> BinaryIO:
        try:
            root = self._directory.resolve(strict=True)
            found = (root / path).resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _not_found(place) from error
        except (RuntimeError, ValueError) as error:  # links in a circle (before Python 3.13); a NUL in the folder
            raise _read_failed(place, error) from error
        if not found.is_relative_to(root):
            raise TransferError(
                "UNSAFE_PATH",
                f"{place!r} is a link that leads out of the folder.",
                hint="Copy the file itself into the site.",
                path=path,
            )
        # Whoever swaps a link in between only chooses what is read, and that is verified like anything else.
        handle = os.open(found, _FLAGS)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise _not_found(place)
        return os.fdopen(handle, "rb", buffering=0)


def _not_found(place: str) -> TransferError:
    return TransferError(
        "NOT_FOUND", f"There is no file {place!r}.", hint="Check the folder, and that the site is complete.", url=place
    )


def _read_failed(place: str, error: Exception) -> TransferError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return TransferError("READ_FAILED", f"{place!r} cannot be read: {reason}.", hint="Check the medium.", url=place)

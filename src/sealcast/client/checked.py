"""State files that tell whether they are whole: the SHA-256 of the rest stands in the first line.

A rename is atomic, but a disk is not perfect: after a power cut some file systems show a file of the right length full
of zeros. What does not match its own digest counts as not there.
"""

from __future__ import annotations

from pathlib import Path

from ..files import read_regular, write_durably
from ..values import content_of

_DIGEST = 64


def write_checked(path: Path, data: bytes) -> None:
    """Replace the state file at ``path`` in one durable step. Raises ``OSError``."""
    write_durably(path, content_of(data).sha256.encode() + b"\n" + data, mode=0o600)


def read_checked(path: Path, limit: int) -> bytes | None:
    """Return what `write_checked` was given, or None when the file is missing, unreadable, damaged or too large.

    ``limit`` is what it may have been given, in bytes.
    """
    try:
        raw = read_regular(path, limit + _DIGEST + 1)
    except OSError:
        return None
    digest, data = raw[:_DIGEST], raw[_DIGEST + 1 :]
    if content_of(data).sha256.encode() != digest or raw[_DIGEST : _DIGEST + 1] != b"\n":
        return None
    return data

"""Room on the disk: asked for before anything is fetched, and named when it runs out all the same."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from ..errors import InstallError

RESERVE = 16 * 1024 * 1024
"""Bytes that stay free beside what a release needs: records, metadata, the blocks of small files."""


def check_room(directory: Path, wanted: int) -> None:
    """Refuse to start what the disk has no room for. ``wanted`` is in bytes. Raises ``InstallError`` (NO_SPACE)."""
    free = shutil.disk_usage(directory).free
    if free < wanted + RESERVE:
        raise InstallError(
            "NO_SPACE",
            f"The update needs {wanted + RESERVE} bytes on the disk, and {free} are free.",
            hint="Make room, then run the update again: it goes on where it stopped.",
            wanted=wanted + RESERVE,
            free=free,
        )


def disk_error(error: OSError) -> InstallError:
    """Return the error for what the disk refused: NO_SPACE or DISK_FAILED."""
    reason = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return InstallError(
            "NO_SPACE",
            f"The disk is full, or the quota used up ({reason}).",
            hint="Make room, then run the update again: it goes on where it stopped.",
        )
    return InstallError(
        "DISK_FAILED",
        f"The disk refuses: {reason}{f' ({error.filename})' if error.filename else ''}.",
        hint="Check the disk and the rights on the state directory.",
    )

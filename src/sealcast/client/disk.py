"""What the disk refuses, in words of ours (see `sealcast.client.room` for asking before)."""

from __future__ import annotations

import errno

from ..errors import InstallError


def disk_error(error: OSError) -> InstallError:
    """Return the error for what the disk refused: NO_SPACE or DISK_FAILED."""
    reason = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return InstallError(
            "NO_SPACE",
            f"The disk is full, or the quota used up ({reason}).",
            hint="Make room, then run it again: an update goes on where it stopped.",
        )
    return InstallError(
        "DISK_FAILED",
        f"The disk refuses: {reason}{f' ({error.filename})' if error.filename else ''}.",
        hint="Check the disk and the rights on the state directory.",
    )

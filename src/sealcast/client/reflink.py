"""A file whose bytes are another's, on the disk too, until one of them is written to (decision 13)."""

from __future__ import annotations

import sys

_FICLONE = 0x40049409  # ioctl_ficlone(2): _IOW(0x94, 9, int)


def clone(source: int, target: int) -> bool:
    """Give the open, empty file ``target`` the bytes of the open file ``source`` without copying; tell whether it did.

    False, and ``target`` is still empty: on another system than Linux, on a file system without it (ext4, tmpfs), or
    across two of them.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True

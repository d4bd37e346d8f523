"""Two folders change their names in one step, where the system can: there is no instant without one of them."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_AT_FDCWD = -100  # <fcntl.h>, Linux
_SWAP = 2  # RENAME_EXCHANGE of renameat2(2), <linux/fs.h>; RENAME_SWAP of renamex_np(2), <sys/stdio.h> of macOS


def exchange(one: Path, other: Path) -> bool:
    """Let two folders take each other's name; tell whether they did.

    False, and nothing was done: on Windows, on a file system without it (NFS, FAT), or where one of them is not there.
    """
    first, second = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":  # pragma: no cover - each system covers its own half
            return bool(library.renamex_np(first, second, _SWAP) == 0)
        return bool(library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _SWAP) == 0)
    except (AttributeError, OSError, TypeError):  # no such function; Windows has no library without a name
        return False

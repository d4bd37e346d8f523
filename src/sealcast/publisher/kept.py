"""What a workspace keeps to save work, and can lose at any time: caches in ``.sealcast``.

Each is one canonical document. What is damaged, of another version or too large counts as nothing and is written anew;
a cache that cannot be written stops nobody.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TypeVar

from ..documents import MIB, Document, decode_canonical, encode
from ..files import TEMPORARY_PREFIX

LIMIT = 256 * MIB
"""Bytes that a cache may have: the digests of over a million files."""

D = TypeVar("D", bound=Document)


def recall(path: Path, kind: type[D]) -> D | None:
    """Return what is kept at ``path``, or None."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError:
        return None
    return decode_canonical(data, kind) if len(data) <= LIMIT else None


def keep(path: Path, document: Document) -> None:
    """Keep ``document`` at ``path``, as far as the disk lets us.

    Nothing waits for the disk: what a power cut leaves is whole, or is found to be damaged.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")  # whoever writes here holds the workspace
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(encode(document))
            temporary.replace(path)
        except OSError:
            temporary.unlink()

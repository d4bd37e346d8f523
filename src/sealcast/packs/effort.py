"""How hard a publisher tries: what each effort means for packs and deltas."""

from __future__ import annotations

from typing import NamedTuple


class Effort(NamedTuple):
    """``level`` is Zstandard's. ``codecs`` are tried for each frame of a delta, and the smallest body is taken."""

    level: int
    codecs: tuple[str, ...]


EFFORTS = {
    "fast": Effort(3, ("zstd-from",)),
    "normal": Effort(12, ("diff",)),
    "best": Effort(19, ("diff", "zstd-from")),
}
"""The efforts by name. ``diff`` is left out where nothing can search for copies, and ``zstd-from`` takes its place."""

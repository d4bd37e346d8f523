"""How hard a publisher tries: what each effort means for packs and deltas."""

from __future__ import annotations

from typing import NamedTuple


class Effort(NamedTuple):
    """``level`` is Zstandard's. ``codecs`` are tried for each frame of a delta, and the smallest body is taken.

    ``archive_level`` is for archives, which are made once and taken by every new device; ``list_level`` for a delta's
    list of files, which is short and a good part of a small delta.
    """

    level: int
    codecs: tuple[str, ...]
    archive_level: int = 19
    list_level: int = 19


EFFORTS = {
    "fast": Effort(3, ("zstd-from",), archive_level=3, list_level=3),
    "normal": Effort(12, ("diff",), archive_level=15),
    "best": Effort(19, ("diff", "zstd-from")),
}
"""The efforts by name. ``diff`` is left out where nothing can search for copies, and ``zstd-from`` takes its place."""

"""How hard a publisher tries: what each effort means for packs and deltas."""

from __future__ import annotations

from typing import NamedTuple


class Effort(NamedTuple):
    """``level`` is Zstandard's, ``archive_level`` that for archives: they are made once, and taken by every new device.

    ``codecs`` are tried for each frame of a delta, and the smallest body is taken.
    """

    level: int
    codecs: tuple[str, ...]
    archive_level: int = 3


EFFORTS = {
    "fast": Effort(3, ("zstd-from",)),
    "normal": Effort(12, ("diff",), 15),
    "best": Effort(19, ("diff", "zstd-from"), 19),
}
"""The efforts by name. ``diff`` is left out where nothing can search for copies, and ``zstd-from`` takes its place."""

"""The bounds of the format, and the error for what lies outside it.

They are part of the format (DESIGN section 4): whoever writes stays within them, so that whoever reads knows beforehand
how much memory one frame can ask for. All are in bytes unless they say otherwise.
"""

from __future__ import annotations

from ..documents import KIB, MIB
from ..errors import ObjectError

OBJECT_LIMIT = 64 * MIB
"""A whole pack or delta, as stored."""

HEADER_LIMIT = 4 * MIB
"""A decoded header. Parsed JSON takes some thirty times its text, so this is the tightest bound that fits real use."""

FRAME_OUTPUT_LIMIT = 16 * MIB
"""What one frame rebuilds. Contents larger than this are cut into **segments** of this size."""

FRAME_STORED_LIMIT = FRAME_OUTPUT_LIMIT + 128 * KIB
"""One frame as stored: its output's bound, and what a codec may add to bytes that do not compress."""

FRAME_INPUT_LIMIT = 64 * MIB
"""What one frame reads of the base release."""

SKELETON_LIMIT = 64 * MIB
"""The decoded manifest skeleton of a delta, and the base manifest that it is decoded against."""

FRAMES_LIMIT = 65_536
"""Frames in one object."""

PIECES_LIMIT = 2**19
"""Pieces in one list of runs: above the 400,000 files that a manifest can hold."""

INPUT_PIECES_LIMIT = 2**22
"""Input pieces of all frames of one delta together: `[0, 400000]` is ten bytes in a header, and much work."""


def bad_pack(why: str) -> ObjectError:
    """Return the error for a pack or delta whose bytes contradict themselves or what was said of them."""
    return ObjectError(
        "BAD_PACK",
        f"The pack cannot be used: {why}.",
        hint="Fetch it again; if that does not help, tell the publisher.",
    )


def too_large(what: str, size: int, limit: int) -> ObjectError:
    """Return the error for ``what`` being larger than the format allows."""
    return ObjectError(
        "TOO_LARGE", f"{what} has {size} bytes, more than the {limit} it may have.", size=size, limit=limit
    )

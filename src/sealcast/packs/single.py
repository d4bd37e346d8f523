"""A pack that carries one content and nothing else: how a manifest travels."""

from __future__ import annotations

import io

from . import codecs
from .bounds import SKELETON_LIMIT, too_large
from .pack import EncodedFrame, PackReader, write_pack
from .pieces import segments


def write_single(data: bytes, level: int) -> bytes:
    """Return a pack that carries ``data``, cut into segments. Raises ``ObjectError`` (TOO_LARGE)."""
    cuts = segments(0, len(data))
    frames = [codecs.encode("zstd", data[cut.offset : cut.offset + cut.length], level=level) for cut in cuts]
    return write_pack([EncodedFrame("zstd", body, 1) for body in frames])


def read_single(pack: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that ``pack`` carries. Raises ``ObjectError`` (BAD_PACK, TOO_LARGE)."""
    if size > SKELETON_LIMIT:
        raise too_large("What the pack carries", size, SKELETON_LIMIT)
    reader = PackReader(io.BytesIO(pack), len(pack))
    return b"".join(data for _, data in reader.frames(segments(0, size)))

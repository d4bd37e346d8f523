"""Zstandard (RFC 8878), set so that equal input gives equal bytes, and read within bounds that the caller sets.

The one place that knows which binding there is. It is loaded only when something is compressed or decompressed.
"""

from __future__ import annotations

import sys

from ..files import CHUNK
from .bounds import bad_pack

if sys.version_info >= (3, 14):  # pragma: no cover - each Python covers its own half
    from compression import zstd
else:
    from backports import zstd

__all__ = ["VERSION", "WINDOW_LOG_LIMIT", "compress", "decompress", "zstd"]

Buffer = bytes | bytearray

VERSION: str = zstd.zstd_version
"""The version of libzstd: its output may differ from one to the next."""

WINDOW_LOG_LIMIT = 27
"""128 MiB: how far back a frame may reach, prefix included, and what every decoder accepts as ``--long``."""

_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"  # RFC 8878, section 3.1.1; skippable frames have others
_SHORTEST_PREFIX = 8  # libzstd itself ignores a shorter one, and the binding refuses it
_WORKERS = 1  # none at all would give other bytes; any number above gives the same


def compress(data: Buffer, prefix: Buffer, level: int) -> bytes:
    """Return one frame that holds ``data`` and may refer to ``prefix``; the frame states its output's size."""
    parameter = zstd.CompressionParameter
    window_log = (len(prefix) + len(data) - 1).bit_length()
    options: dict[int, int] = {
        parameter.compression_level: level,
        parameter.nb_workers: _WORKERS,
        parameter.window_log: max(parameter.window_log.bounds()[0], min(WINDOW_LOG_LIMIT, window_log)),
        parameter.enable_long_distance_matching: 1,
        parameter.content_size_flag: 1,
        parameter.checksum_flag: 0,  # SHA-256 covers every output
    }
    compressor = zstd.ZstdCompressor(options=options, zstd_dict=_prefix(prefix))
    compressor.set_pledged_input_size(len(data))
    return compressor.compress(data, mode=compressor.FLUSH_FRAME)


def decompress(body: bytes, prefix: Buffer, length: int) -> bytearray:
    """Return the ``length`` bytes that the one frame in ``body`` holds. A ``prefix`` in a bytearray is emptied.

    The frame's own statement of its size is compared with ``length`` before anything is decompressed, and libzstd's
    window is no larger than that. Besides ``body``, twice the prefix is in memory at first, then once the prefix and
    twice the output. Raises ``ObjectError`` (BAD_PACK).
    """
    if body[:4] != _FRAME_MAGIC:
        raise bad_pack("a frame is not one of Zstandard")
    try:
        stated = zstd.get_frame_info(body).decompressed_size
        if stated != length:
            raise bad_pack(f"a frame states {stated} bytes where {length} are expected")
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG_LIMIT}
        decompressor = zstd.ZstdDecompressor(zstd_dict=_prefix(prefix), options=options)
        if isinstance(prefix, bytearray):
            prefix.clear()  # the binding holds a copy of its own
        return _fill(bytearray(length), decompressor, memoryview(body))
    except zstd.ZstdError as error:
        raise bad_pack("a frame is damaged, or was made from other inputs") from error


def _fill(output: bytearray, decompressor: zstd.ZstdDecompressor, body: memoryview) -> bytearray:
    """Return ``output``, filled by the frame in ``body`` to its last byte. Neither is ever held twice."""
    filled = 0
    for start in range(0, len(body), CHUNK):
        given: memoryview | bytes = body[start : start + CHUNK]
        while True:
            data = decompressor.decompress(given, max_length=CHUNK)
            end = filled + len(data)
            if end > len(output):  # libzstd compares a frame with its stated size at its end only
                raise bad_pack("a frame holds more than it states")
            output[filled:end] = data
            filled = end
            if decompressor.eof or decompressor.needs_input:
                break
            given = b""
        if decompressor.eof:
            if start + CHUNK < len(body) or decompressor.unused_data:
                raise bad_pack("a frame ends before its bytes do")
            return output
    raise bad_pack("a frame is cut short")


def _prefix(prefix: Buffer) -> tuple[zstd.ZstdDict, int] | None:
    return zstd.ZstdDict(prefix, is_raw=True).as_prefix if len(prefix) >= _SHORTEST_PREFIX else None

"""Streams: byte strings side by side in one body, each under the compression that makes it smallest.

    for each stream   method (1 byte: 0 as it is, 1 Zstandard, 2 LZMA2), decoded length, stored length (varints)
    then              the stored bytes, one stream after the other, to exactly the end

A varint is unsigned LEB128: seven bits a byte, low ones first, the high bit on every byte but the last. LZMA2 is raw,
with the smallest dictionary of a power of two that holds the whole stream, 4 KiB at least.
"""

from __future__ import annotations

import lzma
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence

from ..errors import ObjectError
from . import zstandard
from .bounds import FRAME_OUTPUT_LIMIT, bad_pack

_PLAIN, _ZSTD, _LZMA = range(3)
_WORTH = 32
"""Bytes of a stream that may shrink at all: a shorter one is as long as what either method adds."""
_SMALLEST_DICTIONARY = 4096
_VARINT_LIMIT = 5
"""Bytes of a varint: 35 bits, and more than any number in a frame has."""
_LONGER = re.compile(rb"[\x80-\xff]+[\x00-\x7f]")


def join_streams(streams: Iterable[bytes], *, best: bool) -> bytes:
    """Return the body that holds ``streams``; ``best`` spends more time for less."""
    header, bodies = bytearray(), []
    for stream in streams:
        method, body = min(_encoded(stream, best=best), key=lambda pair: (len(pair[1]), pair[0]))
        header.append(method)
        header += varints([len(stream), len(body)])
        bodies.append(body)
    return b"".join((header, *bodies))


def split_streams(body: bytes, count: int, limit: int) -> Iterator[bytes]:
    """Yield the ``count`` streams in ``body``, none of more than ``limit`` bytes: one at a time, as they are wanted.

    Raises ``ObjectError`` (BAD_PACK) for a body that is anything else.
    """
    start, entries = 0, []
    for _ in range(count):
        method = body[start] if start < len(body) else None
        length, start = _read_varint(body, start + 1)
        stored, start = _read_varint(body, start)
        if length > limit:
            raise bad_pack(f"a stream states {length} bytes, more than it can have")
        entries.append((method, length, stored))
    if start + sum(stored for _, _, stored in entries) != len(body):
        raise bad_pack("its streams do not fill their frame")
    for method, length, stored in entries:
        yield _decoded(method, body[start : start + stored], length)
        start += stored


def varints(numbers: Iterable[int]) -> bytes:
    """Return ``numbers``, none of them negative, as varints."""
    out = bytearray()
    for number in numbers:
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def read_varints(data: bytes) -> Sequence[int]:
    """Return the numbers that ``data`` holds as varints. Raises ``ObjectError`` (BAD_PACK)."""
    if data.isascii():  # one byte each, which is the rule
        return data
    numbers, end = array("Q"), 0
    for longer in _LONGER.finditer(data):  # the rest, in between, are one byte each
        numbers.extend(data[end : longer.start()])
        number, end = _read_varint(data, longer.start())
        numbers.append(number)
    numbers.extend(rest := data[end:])
    if not rest.isascii():
        raise _bad_number()
    return numbers


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(data[start : start + _VARINT_LIMIT]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, start + place + 1
    raise _bad_number()


def _bad_number() -> ObjectError:
    return bad_pack("a number in a frame is cut short, or too long")


def _encoded(stream: bytes, *, best: bool) -> Iterator[tuple[int, bytes]]:
    yield _PLAIN, stream
    if len(stream) >= _WORTH:
        preset = 9 | lzma.PRESET_EXTREME if best else 6
        yield _ZSTD, zstandard.compress(stream, b"", 19)
        yield _LZMA, lzma.compress(stream, lzma.FORMAT_RAW, filters=_filters(len(stream), preset=preset, pb=0))


def _decoded(method: int | None, body: bytes, length: int) -> bytes:
    if method == _PLAIN:
        data = body
    elif method == _ZSTD:
        return bytes(zstandard.decompress(body, b"", length))
    elif method == _LZMA:
        try:
            decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(length))
            data = decompressor.decompress(body, length + 1)
        except lzma.LZMAError as error:
            raise bad_pack("a stream is damaged") from error
        if decompressor.unused_data or not (decompressor.eof or len(data) > length):
            raise bad_pack("a stream is cut short, or ends before its bytes do")
    else:
        raise bad_pack("a stream has a method that is not known")
    if len(data) != length:
        raise bad_pack(f"a stream holds other than the {length} bytes it states")
    return data


def _filters(length: int, **options: int) -> list[dict[str, int]]:
    dictionary = max(_SMALLEST_DICTIONARY, 1 << (min(length, 2 * FRAME_OUTPUT_LIMIT) - 1).bit_length())
    return [{"id": lzma.FILTER_LZMA2, "dict_size": dictionary, **options}]

"""The archive of a release as ``tar.zst``, the same to the byte wherever it is made.

Members stand in path order, with no owner, date zero, and modes 644 or 755 (pax format, IEEE Std 1003.1). Since the
list of files decides every byte between their contents, a reader parses nothing: it compares, and takes the contents.
The headers are those that Python's ``tarfile`` writes (a test compares), which no client loads.

The list itself follows the tar in a skippable frame of Zstandard (RFC 8878, section 3.1.2), which every other reader
passes over: so the archive alone is all that a device without anything needs.

    offset   size   what
    0        4      the magic number 5E 2A 4D 18
    4        4      n, the length of what follows, little-endian
    8        n-12   the list, as one Zstandard frame
    n-4      4      length of the list decoded, little-endian
    n        4      n once more
    n+4      4      the bytes "SEAL", which end the file
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from . import zstandard
from .bounds import FRAME_OUTPUT_LIMIT, OBJECT_LIMIT, SKELETON_LIMIT, bad_pack, too_large
from .container import read_exactly
from .zstandard import zstd

ARCHIVE_WINDOW_LOG = 25
"""32 MiB: how far back an archive may reach, so that unpacking one takes no more memory than a pack does."""

_BLOCK = 512
_RECORD = 20 * _BLOCK  # tar pads its files to whole records
_NAME_LENGTH = 100  # of a name in the header itself
_SIZE_LIMIT = 8 << 30  # eleven octal digits
_MEMBER, _EXTENSION = b"0", b"x"

_SKIPPABLE = struct.Struct("<4sI")
_SKIPPABLE_MAGIC = b"\x5e\x2a\x4d\x18"
_TRAILER = struct.Struct("<II4s")
_TRAILER_MAGIC = b"SEAL"

_WORKERS = 2  # libzstd writes other bytes with no workers than with some, and the same with any number of them


class Member(NamedTuple):
    """A file in an archive; ``size`` in bytes."""

    path: str
    size: int
    executable: bool


def header(member: Member) -> bytes:
    """Return the blocks that stand before a member's contents."""
    records, size = [], member.size
    if not member.path.isascii() or len(member.path) > _NAME_LENGTH:
        records.append(_record("path", member.path))
    if size >= _SIZE_LIMIT:
        records.append(_record("size", str(size)))
        size = 0
    head = _block(member.path, 0o755 if member.executable else 0o644, size, _MEMBER)
    if not records:
        return head
    extension = b"".join(records)
    return _block("././@PaxHeader", 0, len(extension), _EXTENSION) + extension + padding(len(extension)) + head


def padding(size: int) -> bytes:
    """Return the zeros that stand behind contents of ``size`` bytes."""
    return bytes(-size % _BLOCK)


def end(size: int) -> bytes:
    """Return the zeros that end an archive whose members take ``size`` bytes."""
    return bytes(2 * _BLOCK + -(size + 2 * _BLOCK) % _RECORD)


def compressed(file: BinaryIO, level: int) -> zstd.ZstdFile:
    """Return a file that compresses into ``file`` what is written to it; closing it leaves ``file`` open."""
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {
        parameter.compression_level: level,
        parameter.nb_workers: _WORKERS,
        parameter.window_log: ARCHIVE_WINDOW_LOG,
        parameter.enable_long_distance_matching: 1,
        parameter.checksum_flag: 1,
    }
    return zstd.ZstdFile(file, "wb", options=options)


def list_frame(listed: bytes, level: int) -> bytes:
    """Return the frame that carries ``listed`` behind an archive."""
    body = zstandard.compress(listed, b"", level)
    length = len(body) + _TRAILER.size
    return _SKIPPABLE.pack(_SKIPPABLE_MAGIC, length) + body + _TRAILER.pack(len(listed), length, _TRAILER_MAGIC)


def read_list(file: BinaryIO) -> bytes:
    """Return what follows the archive in ``file``. Raises ``ObjectError``: BAD_PACK where nothing does, TOO_LARGE."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TRAILER.size))
    decoded, length, magic = _TRAILER.unpack(read_exactly(file, _TRAILER.size))
    start = size - length - _SKIPPABLE.size
    if magic != _TRAILER_MAGIC or start < 0 or length < _TRAILER.size:
        raise bad_pack("no list of its files follows the archive")
    if decoded > SKELETON_LIMIT or length > OBJECT_LIMIT:
        raise too_large("The list behind the archive", max(decoded, length), SKELETON_LIMIT)
    file.seek(start)
    if read_exactly(file, _SKIPPABLE.size) != _SKIPPABLE.pack(_SKIPPABLE_MAGIC, length):
        raise bad_pack("the list behind the archive does not begin where it should")
    return bytes(zstandard.decompress(read_exactly(file, length - _TRAILER.size), b"", decoded))


def read_archive(file: BinaryIO, members: Iterable[Member]) -> Iterator[tuple[int, int, bytes]]:
    """Yield the contents of the archive of ``members`` in ``file``: number of the member, offset, bytes.

    Empty members yield nothing, and no step has more bytes than a frame may make. Raises ``ObjectError`` (BAD_PACK) for
    an archive that is not of these members, or damaged; the contents themselves are for the caller to hash.
    """
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ARCHIVE_WINDOW_LOG}
    try:
        with zstd.ZstdFile(file, "rb", options=options) as packed:
            total = 0
            for number, member in enumerate(members):
                total += _expect(packed, header(member), f"the header of {member.path!r}")
                for offset in range(0, member.size, FRAME_OUTPUT_LIMIT):
                    yield number, offset, _exactly(packed, min(FRAME_OUTPUT_LIMIT, member.size - offset))
                total += member.size + _expect(packed, padding(member.size), f"the end of {member.path!r}")
            _expect(packed, end(total), "its end")
            if packed.read(1):
                raise bad_pack("more follows where the archive should end")
    except (zstd.ZstdError, EOFError) as error:
        raise bad_pack("the archive is damaged, or packed with another window") from error


def _expect(packed: zstd.ZstdFile, expected: bytes, what: str) -> int:
    if _exactly(packed, len(expected)) != expected:
        raise bad_pack(f"{what[:200]} in the archive is not what the release's list of files makes it")
    return len(expected)


def _exactly(packed: zstd.ZstdFile, length: int) -> bytes:
    parts = []
    while length:
        part = packed.read(length)
        if not part:
            raise bad_pack("the archive is cut short")
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _block(name: str, mode: int, size: int, kind: bytes) -> bytes:
    """Return one ustar header; its sum is taken with spaces in the sum's own place."""
    first = name.encode("ascii", "replace")[:_NAME_LENGTH].ljust(_NAME_LENGTH, b"\0")
    first += b"".join(b"%07o\0" % number for number in (mode, 0, 0)) + b"%011o\0%011o\0" % (size, 0)
    rest = (kind + bytes(100) + b"ustar\x0000").ljust(_BLOCK - len(first) - 8, b"\0")
    return first + b"%06o\0 " % sum(first + b" " * 8 + rest) + rest


def _record(keyword: str, value: str) -> bytes:
    """Return a record of an extension: its own length, in digits that count too, and what it says."""
    rest = f" {keyword}={value}\n".encode()
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return b"%d" % length + rest

"""Where stretches of an output stand in the inputs already, up to some changed bytes: searched by HDiffPatch.

Only a publisher searches; whoever decodes needs no library for it. What is found decides how small a frame gets, never
whether it is right: the codec writes down every byte in which a copy differs.
"""

from __future__ import annotations

from typing import NamedTuple

Buffer = bytes | bytearray

_MAGIC = b"HDIFF13&\0"
_COUNTS = 11  # numbers before the list: sizes of output and inputs, the number of copies, the bytes that list them …
_OUTPUT, _INPUTS, _COPIES, _BYTES = range(4)


class Copy(NamedTuple):
    """``length`` bytes at ``position`` of the output look like those at ``source`` of the inputs."""

    source: int
    position: int
    length: int


def can_search() -> bool:
    """Tell whether the library is installed."""
    try:
        import hdiffpatch  # noqa: F401 - a publisher's extra: looked for, not used
    except ImportError:
        return False
    return True


def search(inputs: Buffer, output: Buffer) -> list[Copy] | None:
    """Return the copies in ``output``, in its order and without overlap; None where they cannot be told.

    That is so without the library, and where it writes something else than the format that we know. Takes five to seven
    times the inputs in memory, and runs beside other threads.
    """
    try:
        import hdiffpatch
    except ImportError:
        return None
    # The library's own file format, uncompressed and unchecked, is the only way to what it found.
    found = hdiffpatch.diff(bytes(inputs), bytes(output), validate=False, big_cache_match=True)
    return _read(found, len(inputs), len(output))


def _read(data: bytes, inputs: int, output: int) -> list[Copy] | None:
    """Return the copies that stand at the start of a file in HDiffPatch's format 13, or None where it is none."""
    if not data.startswith(_MAGIC):
        return None
    try:
        start, counts = len(_MAGIC), []
        for _ in range(_COUNTS):
            _, number, start = _number(data, start)
            counts.append(number)
        copies, source, position, end = [], 0, 0, start + counts[_BYTES]
        for _ in range(counts[_COPIES]):
            back, step, start = _number(data, start, tag_bits=1)
            _, gap, start = _number(data, start)
            _, length, start = _number(data, start)
            source += -step if back else step
            position += gap
            copies.append(Copy(source, position, length))
            source += length
            position += length
    except IndexError:
        return None
    sound = all(0 <= copy.source <= inputs - copy.length and copy.length > 0 for copy in copies)
    if not sound or position > output or start != end or counts[:_COPIES] != [output, inputs]:
        return None
    return copies


def _number(data: bytes, start: int, *, tag_bits: int = 0) -> tuple[int, int, int]:
    """Return the tag, the number and the place behind it: seven bits a byte, high ones first, the tag before them."""
    first = data[start]
    more = 0x80 >> tag_bits
    tag, number = first >> (8 - tag_bits), first & (more - 1)
    going = bool(first & more)
    while going:
        start += 1
        number = number << 7 | data[start] & 0x7F
        going = bool(data[start] & 0x80)
    return tag, number, start + 1

"""The codec ``diff``: copies from the inputs with single bytes changed, and what is new.

After C. Percival, "Naive differences of executable code" (2003): where code moves, the same instructions stand in the
old file and differ in addresses alone. The output is made in three steps. Copies and literals fill it; then the changes
are added to it, byte by byte, modulo 256. A body is five streams:

    copies    three columns of varints, one entry each per copy: how many literals precede it, its length, and how far
              its source lies behind the end of the one before (zigzag: 0, -1, 1, -2 …)
    literals  the bytes that no copy covers, in order
    skips     varints: how many bytes lie between one run of changes and the next
    lengths   varints: how many bytes each run has
    values    what is added in each run

Decoding takes the inputs and the output, and once the inputs are gone some three outputs, four where every byte of one
copy changes: whatever the numbers say. Nothing is read or written out of bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .bounds import bad_pack
from .copies import Copy
from .streams import join_streams, read_varints, split_streams, varints

Buffer = bytes | bytearray

COPIES_LIMIT = 2**18
"""Copies in one frame."""

_STREAMS = 5
_COLUMNS = 3
_STEP = 65_536  # bytes that are added at once, as one large integer: what a processor's cache holds
_CHANGED = re.compile(rb"[^\0]+")


def encode(output: Buffer, inputs: Buffer, copies: Iterable[Copy], *, best: bool) -> bytes | None:
    """Return the body that makes ``output`` of ``inputs`` by ``copies``, which are in order and do not overlap.

    None where it would need more copies, or longer lists, than a reader accepts.
    """
    made, literals = bytearray(output), bytearray()
    gaps: list[int] = []
    sizes: list[int] = []
    shifts: list[int] = []
    position = source = 0
    for copy in copies:
        gaps.append(copy.position - position)
        sizes.append(copy.length)
        shifts.append(_zigzag(copy.source - source))
        literals += output[position : copy.position]
        position, source = copy.position + copy.length, copy.source + copy.length
        made[copy.position : position] = inputs[copy.source : source]
    literals += output[position:]
    skips, lengths, values = _runs(_add(output, made, negative=True))
    streams = (varints(gaps + sizes + shifts), bytes(literals), varints(skips), varints(lengths), b"".join(values))
    if len(gaps) > COPIES_LIMIT or max(map(len, streams)) > _stream_limit(len(output)):
        return None
    return join_streams(streams, best=best)


def decode(body: bytes, inputs: Buffer, length: int) -> bytearray:
    """Return the ``length`` bytes that a body makes of ``inputs``; inputs in a bytearray are emptied on the way.

    Raises ``ObjectError`` (BAD_PACK) for a body that is damaged, or was made for other inputs or another output.
    """
    streams = split_streams(body, _STREAMS, _stream_limit(length))
    output = _fill(read_varints(next(streams)), next(streams), inputs, length)
    if isinstance(inputs, bytearray):
        inputs.clear()
    changes = _spread(read_varints(next(streams)), read_varints(next(streams)), next(streams), length)
    return _add(output, changes) if changes else output


def _stream_limit(length: int) -> int:
    return 2 * length + 1024  # a list has at most two bytes for each byte that it describes, where it is worth having


def _fill(numbers: Sequence[int], literals: bytes, inputs: Buffer, length: int) -> bytearray:
    """Return the output before the changes."""
    count, rest = divmod(len(numbers), _COLUMNS)
    if rest or count > COPIES_LIMIT:
        raise bad_pack("a frame's copies are not as many as they should be")
    output, old, new = bytearray(length), memoryview(inputs), memoryview(literals)
    position = source = taken = 0
    with old, new:
        for gap, size, shift in zip(numbers[:count], numbers[count : 2 * count], numbers[2 * count :], strict=True):
            source += (shift >> 1) ^ -(shift & 1)
            if not 0 <= source <= len(old) - size or gap > len(new) - taken or size > length - position - gap:
                raise bad_pack("a frame copies from outside its inputs, or to outside its output")
            output[position : position + gap] = new[taken : taken + gap]
            position, taken = position + gap, taken + gap
            output[position : position + size] = old[source : source + size]
            position, source = position + size, source + size
        if len(new) - taken != length - position:
            raise bad_pack("a frame's literals are not as many as it lacks")
        output[position:] = new[taken:]
    return output


def _spread(skips: Sequence[int], lengths: Sequence[int], values: bytes, length: int) -> bytearray:
    """Return the changes to each byte of the output; nothing where there are none."""
    # Checked once for all: the numbers are none of them negative, and there may be a million runs.
    if len(skips) != len(lengths) or sum(lengths) != len(values):
        raise bad_pack("a frame's runs of changes and their values are not as many as they should be")
    if sum(skips) + len(values) > length:
        raise bad_pack("a frame changes bytes outside its output")
    changes = bytearray(length if values else 0)
    position = taken = 0
    for skip, size in zip(skips, lengths, strict=True):
        position += skip
        end, last = position + size, taken + size
        changes[position:end] = values[taken:last]
        position, taken = end, last
    return changes


def _runs(changes: bytes | bytearray) -> tuple[list[int], list[int], list[bytes]]:
    """Return skips, lengths and values of the runs of bytes that are not zero."""
    skips, lengths, values, end = [], [], [], 0
    for run in _CHANGED.finditer(changes):
        start = run.start()
        skips.append(start - end)
        end = run.end()
        lengths.append(end - start)
        values.append(run.group())
    return skips, lengths, values


def _add(left: Buffer, right: Buffer, *, negative: bool = False) -> bytearray:
    """Return the sums (or differences) of the bytes of two equally long buffers, modulo 256.

    Many bytes at once: each is a digit of one large integer, whose highest bit is kept apart, so that nothing is
    carried from one digit into the next.
    """
    total = bytearray(len(left))
    for start in range(0, len(left), _STEP):
        one, two = left[start : start + _STEP], right[start : start + _STEP]
        if negative and one == two:
            continue
        if not negative and not two.strip(b"\0"):
            total[start : start + _STEP] = one
            continue
        high = int.from_bytes(b"\x80" * len(one), "little")
        low = high ^ ((1 << 8 * len(one)) - 1)
        first, second = int.from_bytes(one, "little"), int.from_bytes(two, "little")
        if negative:
            digits = ((first | high) - (second & low)) ^ ((first ^ ~second) & high)
        else:
            digits = ((first & low) + (second & low)) ^ ((first ^ second) & high)
        total[start : start + _STEP] = digits.to_bytes(len(one), "little")
    return total


def _zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1

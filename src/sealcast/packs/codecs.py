"""The codecs that a frame can name. A new one is one entry in the table.

``zstd`` makes the output from the frame's own bytes; ``zstd-from`` also from the frame's inputs, joined, as the prefix
that matches may point into (inputs of fewer than eight bytes are no prefix). ``diff`` copies from the inputs and writes
down what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import NamedTuple

from ..errors import ObjectError

Buffer = bytes | bytearray


class Codec(NamedTuple):
    """How a codec makes a frame's body from output and inputs, and the output of exactly that length from the body.

    A codec that cannot encode an output here, or not within its bounds, returns None for its body.
    """

    takes_inputs: bool
    encode: Callable[[Buffer, Buffer, int], bytes | None]
    decode: Callable[[bytes, Buffer, int], Buffer]


def _zstd_encode(data: Buffer, inputs: Buffer, level: int) -> bytes:
    from . import zstandard  # only now: a client that has nothing to unpack does not pay for it

    return zstandard.compress(data, inputs, level)


def _zstd_decode(body: bytes, inputs: Buffer, length: int) -> Buffer:
    from . import zstandard

    return zstandard.decompress(body, inputs, length)


def _diff_encode(data: Buffer, inputs: Buffer, level: int) -> bytes | None:
    from . import copies, diff

    found = copies.search(inputs, data)
    return None if found is None else diff.encode(data, inputs, found, best=level >= _BEST_LEVEL)


def _diff_decode(body: bytes, inputs: Buffer, length: int) -> Buffer:
    from . import diff

    return diff.decode(body, inputs, length)


_BEST_LEVEL = 19

_CODECS = {
    "zstd": Codec(False, _zstd_encode, _zstd_decode),
    "zstd-from": Codec(True, _zstd_encode, _zstd_decode),
}
if find_spec("_lzma"):  # some builds of Python lack it: a client then takes another route
    _CODECS["diff"] = Codec(True, _diff_encode, _diff_decode)

CODECS = tuple(_CODECS)
"""The names of the codecs that this installation can decode."""


def check_codec(name: str, *, has_inputs: bool = False) -> None:
    """Check that frames of this codec can be decoded here, and may have inputs if they do.

    Raises ``ObjectError``: UNKNOWN_CODEC, or BAD_PACK for inputs to a codec that takes none.
    """
    if name not in _CODECS:
        raise _unknown(name)
    if has_inputs and not _CODECS[name].takes_inputs:
        raise ObjectError("BAD_PACK", f"A frame of the codec {name!r} has inputs, which that codec does not take.")


def encode(name: str, data: Buffer, *, inputs: Buffer = b"", level: int) -> bytes:
    """Return the body of a frame that rebuilds ``data``: the same bytes on any machine under one `encoder`.

    Raises ``ObjectError`` (UNKNOWN_CODEC): also for a codec that cannot encode this here.
    """
    check_codec(name, has_inputs=bool(inputs))
    body = _CODECS[name].encode(data, inputs, level)
    if body is None:
        raise _unknown(name)
    return body


def encode_smallest(names: Iterable[str], data: Buffer, *, inputs: Buffer, level: int) -> tuple[str, bytes]:
    """Return the codec of ``names`` that makes the smallest body, the first of equals, and that body.

    Codecs that are not here, or cannot encode this, are passed over; where none is left, it is ``zstd-from``.
    """
    made = []
    for name in names:
        body = _CODECS[name].encode(data, inputs, level) if name in _CODECS else None
        if body is not None:
            made.append((name, body))
    if not made:
        return "zstd-from", encode("zstd-from", data, inputs=inputs, level=level)
    return min(made, key=lambda pair: len(pair[1]))


def decode(name: str, body: bytes, *, inputs: Buffer = b"", length: int) -> Buffer:
    """Return the ``length`` bytes that a frame's body rebuilds. The caller bounds ``length`` and the inputs.

    Inputs in a bytearray are emptied as soon as they are not needed any more, so that the output may take their place.

    Raises ``ObjectError``: UNKNOWN_CODEC, or BAD_PACK for a body that holds more or less, or is not one of this codec.
    """
    check_codec(name, has_inputs=bool(inputs))
    return _CODECS[name].decode(body, inputs, length)


def encoder(level: int) -> dict[str, str]:
    """Return what decides a frame's bytes besides its contents, for the manifest to record."""
    from . import zstandard

    return {"zstd": zstandard.VERSION, "level": str(level)}


def _unknown(name: str) -> ObjectError:
    return ObjectError(
        "UNKNOWN_CODEC",
        f"The codec {name[:40]!r} is not known here.",
        hint="Take another route to the release, or update Sealcast.",
        codec=name[:40],
    )

"""The codecs that a frame can name. A new one is one entry in the table.

``zstd`` makes the output from the frame's own bytes; ``zstd-from`` also from the frame's inputs, joined, as the prefix
that matches may point into. Inputs of fewer than eight bytes are no prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..errors import ObjectError

Buffer = bytes | bytearray


class Codec(NamedTuple):
    """How a codec makes a frame's body from output and inputs, and the output of exactly that length from the body."""

    takes_inputs: bool
    encode: Callable[[Buffer, Buffer, int], bytes]
    decode: Callable[[bytes, Buffer, int], Buffer]


def _zstd_encode(data: Buffer, inputs: Buffer, level: int) -> bytes:
    from . import zstandard  # only now: a client that has nothing to unpack does not pay for it

    return zstandard.compress(data, inputs, level)


def _zstd_decode(body: bytes, inputs: Buffer, length: int) -> Buffer:
    from . import zstandard

    return zstandard.decompress(body, inputs, length)


_CODECS = {
    "zstd": Codec(False, _zstd_encode, _zstd_decode),
    "zstd-from": Codec(True, _zstd_encode, _zstd_decode),
}

CODECS = tuple(_CODECS)
"""The names of the codecs that this installation can decode."""


def check_codec(name: str, *, has_inputs: bool = False) -> None:
    """Check that frames of this codec can be decoded here, and may have inputs if they do.

    Raises ``ObjectError``: UNKNOWN_CODEC, or BAD_PACK for inputs to a codec that takes none.
    """
    if name not in _CODECS:
        raise ObjectError(
            "UNKNOWN_CODEC",
            f"The codec {name[:40]!r} is not known here.",
            hint="Take another route to the release, or update Sealcast.",
            codec=name[:40],
        )
    if has_inputs and not _CODECS[name].takes_inputs:
        raise ObjectError("BAD_PACK", f"A frame of the codec {name!r} has inputs, which that codec does not take.")


def encode(name: str, data: Buffer, *, inputs: Buffer = b"", level: int) -> bytes:
    """Return the body of a frame that rebuilds ``data``: the same bytes on any machine under one `encoder`."""
    check_codec(name, has_inputs=bool(inputs))
    return _CODECS[name].encode(data, inputs, level)


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

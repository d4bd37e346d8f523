"""The container's fixed part and header, each field of it wrong."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest

from sealcast.errors import ObjectError, VerificationError
from sealcast.packs import PackReader
from sealcast.packs.bounds import HEADER_LIMIT, OBJECT_LIMIT
from sealcast.packs.container import join
from sealcast.packs.pack import EncodedFrame, PackFrame, PackHeader, write_pack
from sealcast.packs.zstandard import zstd
from tests.unit.packs.samples import MIB, frame_of, noise, object_with, open_object

BODY = frame_of(b"hello")
HEADER = {"type": "sealcast/pack/1", "frames": [{"size": len(BODY), "pieces": 1}]}
GOOD = object_with(HEADER, BODY)


def refusal(data: bytes) -> str:
    with pytest.raises((ObjectError, VerificationError)) as error:
        PackReader(*open_object(data))
    return error.value.code


def test_the_layout() -> None:
    data = write_pack([EncodedFrame("zstd", BODY, 1)])
    stored, decoded = int.from_bytes(data[8:12], "little"), int.from_bytes(data[12:16], "little")
    text = json.dumps({"frames": [{"size": len(BODY)}], "type": "sealcast/pack/1"}, separators=(",", ":")).encode()
    assert data[:8] == b"SEALPAK1"
    assert decoded == len(text)
    assert zstd.decompress(data[16 : 16 + stored]) == text
    assert data[16 + stored :] == BODY


def test_one_made_by_hand_is_read() -> None:
    PackReader(*open_object(GOOD))


@pytest.mark.parametrize("end", [*range(60), len(GOOD) - len(BODY), len(GOOD) - 1])
def test_cut_short_anywhere_it_is_refused(end: int) -> None:
    assert refusal(GOOD[:end]) == "BAD_PACK"


def test_a_file_that_ends_before_its_stated_size_is_refused() -> None:
    for end in (3, 12, 20):
        with pytest.raises(ObjectError) as error:
            PackReader(open_object(GOOD[:end])[0], len(GOOD))
        assert error.value.code == "BAD_PACK"


def test_nothing_is_read_beyond_the_object() -> None:
    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 <= size <= len(GOOD) - self.tell()
            return super().read(size)

    for stored in (len(GOOD) - 15, 2**31, 2**32 - 1):
        data = object_with(HEADER, BODY, stored=stored)
        with pytest.raises(ObjectError) as error:
            PackReader(Watched(data + bytes(1000)), len(data))
        assert error.value.code == "BAD_PACK"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (object_with(HEADER, BODY, magic=b"SEALPAK2"), "BAD_PACK"),
        (object_with(HEADER, BODY, stored=0), "BAD_PACK"),
        (object_with(HEADER, BODY, stored=len(GOOD) - 15), "BAD_PACK"),
        (object_with(HEADER, BODY, stored=2**32 - 1), "BAD_PACK"),
        (object_with(HEADER, BODY, decoded=0), "BAD_PACK"),
        (object_with(HEADER, BODY, decoded=7), "BAD_PACK"),
        (object_with(HEADER, BODY, decoded=HEADER_LIMIT + 1), "TOO_LARGE"),
        (object_with(HEADER, BODY, decoded=2**32 - 1), "TOO_LARGE"),
        (object_with(HEADER, BODY, b"x"), "BAD_PACK"),
        (object_with(HEADER), "BAD_PACK"),
        (object_with(b"[]", BODY), "BAD_PACK"),
        (object_with(b"not JSON", BODY), "BAD_PACK"),
        (object_with(b"\xff", BODY), "BAD_PACK"),
        (object_with(json.dumps(HEADER).replace('"frames"', '"frames": [], "frames"').encode(), BODY), "BAD_PACK"),
        (object_with({**HEADER, "type": "sealcast/pack/2"}, BODY), "UNKNOWN_DOCUMENT"),
        (object_with({**HEADER, "type": "sealcast/delta/1"}, BODY), "UNKNOWN_DOCUMENT"),
        (object_with({**HEADER, "must_understand": ["novelty"]}, BODY), "UNKNOWN_DOCUMENT"),
    ],
)
def test_a_wrong_fixed_part_or_document_is_refused(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_an_unknown_field_is_passed_over() -> None:
    PackReader(*open_object(object_with({**HEADER, "novelty": 1}, BODY)))


def test_an_object_above_the_limit_is_neither_read_nor_written() -> None:
    with pytest.raises(ObjectError) as error:
        PackReader(open_object(GOOD)[0], OBJECT_LIMIT + 1)
    assert error.value.code == "TOO_LARGE"
    with pytest.raises(ObjectError) as error:
        write_pack([EncodedFrame("zstd", bytes(16 * MIB), 1)] * 4)
    assert error.value.code == "TOO_LARGE"


def test_a_header_above_the_limit_is_not_written() -> None:
    with pytest.raises(ObjectError) as error:
        join(PackHeader(frames=(PackFrame(codec="x" * HEADER_LIMIT, size=1),)), [b"x"])
    assert error.value.code == "TOO_LARGE"


def test_a_header_that_is_a_bomb_stays_small() -> None:
    data = object_with(b'"' + bytes(64 * MIB) + b'"', BODY, decoded=HEADER_LIMIT)
    tracemalloc.start()
    try:
        assert refusal(data) == "BAD_PACK"
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("place", range(16 + 40))
def test_a_flipped_bit_before_the_bodies_never_ends_in_anything_but_a_typed_error(place: int) -> None:
    for bit in range(8):
        data = bytearray(object_with(HEADER, BODY, noise(10)))  # never a right total: so never accepted
        data[place] ^= 1 << bit
        assert refusal(bytes(data)) in {"BAD_PACK", "TOO_LARGE", "UNKNOWN_DOCUMENT", "UNKNOWN_CODEC"}

"""Packs give back the pieces that they hold."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.errors import ObjectError, VerificationError
from sealcast.packs import PackReader, Piece
from sealcast.packs.bounds import FRAME_OUTPUT_LIMIT, FRAME_STORED_LIMIT, FRAMES_LIMIT
from sealcast.packs.pack import EncodedFrame, write_pack
from tests.unit.packs.samples import frame_of, object_with, open_object

FRAMES = [[b"one", b"two"], [b"three"], [b"four", b"five", b"six"]]
CONTENTS = [data for frame in FRAMES for data in frame]
PIECES = [Piece(number, 0, len(data)) for number, data in enumerate(CONTENTS)]


def pack_of(frames: list[list[bytes]]) -> bytes:
    return write_pack([EncodedFrame("zstd", frame_of(b"".join(frame)), len(frame)) for frame in frames])


@given(st.lists(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_is_packed_is_unpacked(frames: list[list[bytes]]) -> None:
    contents = [data for frame in frames for data in frame]
    pieces = [Piece(number, 0, len(data)) for number, data in enumerate(contents)]
    read = list(PackReader(*open_object(pack_of(frames))).frames(pieces))
    assert read == list(zip(pieces, contents, strict=True))


def test_a_pack_may_start_anywhere_in_its_file() -> None:
    data = pack_of(FRAMES)
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    reader = PackReader(file, len(data))
    assert [bytes_ for _, bytes_ in reader.frames(PIECES)] == CONTENTS
    assert [bytes_ for _, bytes_ in reader.frames(PIECES)] == CONTENTS  # and be read again


def test_frames_that_hold_nothing_wanted_are_passed_over() -> None:
    frames = [frame_of(b"onetwo"), b"not even Zstandard", frame_of(b"fourfivesix")]
    data = write_pack([EncodedFrame("zstd", body, count) for body, count in zip(frames, (2, 1, 3), strict=True)])
    reader = PackReader(*open_object(data))
    assert list(reader.frames(PIECES, wanted={1, 4})) == [(PIECES[1], b"two"), (PIECES[4], b"five")]
    assert list(reader.frames(PIECES, wanted=())) == []
    with pytest.raises(ObjectError):
        list(reader.frames(PIECES, wanted={2}))


BODY = frame_of(b"hello")


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([], "BAD_PACK"),
        ({}, "BAD_PACK"),
        (None, "BAD_PACK"),
        (["x"], "BAD_PACK"),
        ([{}], "BAD_PACK"),
        ([{"size": 0}], "BAD_PACK"),
        ([{"size": -1}], "BAD_PACK"),
        ([{"size": len(BODY) - 1}], "BAD_PACK"),
        ([{"size": len(BODY) + 1}], "BAD_PACK"),
        ([{"size": FRAME_STORED_LIMIT + 1}], "BAD_PACK"),
        ([{"size": 2**32}], "BAD_PACK"),
        ([{"size": 2**53 - 1}], "BAD_PACK"),
        ([{"size": 2**63}], "BAD_PACK"),
        ([{"size": float(len(BODY))}], "BAD_PACK"),
        ([{"size": str(len(BODY))}], "BAD_PACK"),
        ([{"size": True}], "BAD_PACK"),
        ([{"size": len(BODY), "pieces": 0}], "BAD_PACK"),
        ([{"size": len(BODY), "pieces": -1}], "BAD_PACK"),
        ([{"size": len(BODY), "pieces": 2**32}], "BAD_PACK"),
        ([{"size": len(BODY), "pieces": 2**63}], "BAD_PACK"),
        ([{"size": len(BODY), "pieces": None}], "BAD_PACK"),
        ([{"size": len(BODY), "codec": 7}], "BAD_PACK"),
        ([{"size": len(BODY), "codec": "zstd9"}], "UNKNOWN_CODEC"),
        ([{"size": len(BODY)}, {"size": 1}], "BAD_PACK"),
        ([{"size": 1}] * (FRAMES_LIMIT + 1), "BAD_PACK"),
    ],
)
def test_a_header_that_cannot_be_right_is_refused(frames: Any, code: str) -> None:
    data = object_with({"type": "sealcast/pack/1", "frames": frames}, BODY)
    with pytest.raises((ObjectError, VerificationError)) as error:
        PackReader(*open_object(data))
    assert error.value.code == code


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        PIECES[:-1],
        [*PIECES, Piece(6, 0, 1)],
        [*PIECES[:5], PIECES[0]],
        [Piece(0, 0, 2), *PIECES[1:]],
        [Piece(0, 0, 4), *PIECES[1:]],
        [Piece(0, 0, 2**32), *PIECES[1:]],
        [Piece(0, 0, 2**63), *PIECES[1:]],
    ],
)
def test_pieces_that_are_not_those_it_holds_are_refused(pieces: list[Piece]) -> None:
    reader = PackReader(*open_object(pack_of(FRAMES)))
    with pytest.raises(ObjectError) as error:
        list(reader.frames(pieces))
    assert error.value.code in {"BAD_PACK", "TOO_LARGE"}


def test_a_frame_that_would_make_too_much_is_refused_before_it_is_decoded() -> None:
    reader = PackReader(*open_object(write_pack([EncodedFrame("zstd", b"not even Zstandard", 2)])))
    with pytest.raises(ObjectError) as error:
        list(reader.frames([Piece(0, 0, FRAME_OUTPUT_LIMIT), Piece(1, 0, 1)]))
    assert error.value.code == "TOO_LARGE"


def test_every_flipped_bit_gives_that_many_bytes_or_a_typed_error() -> None:
    good = pack_of(FRAMES)
    for place in range(len(good)):
        data = bytearray(good)
        data[place] ^= 1 << place % 8
        try:
            read = list(PackReader(*open_object(bytes(data))).frames(PIECES))
        except (ObjectError, VerificationError) as error:
            code = error.code
        else:
            code = "" if [len(part) for _, part in read] == [piece.length for piece in PIECES] else "other lengths"
        assert code in {"", "BAD_PACK", "TOO_LARGE", "UNKNOWN_CODEC", "UNKNOWN_DOCUMENT"}


def test_a_pack_of_nothing_is_not_written() -> None:
    with pytest.raises(ObjectError) as error:
        write_pack([])
    assert error.value.code == "BAD_PACK"

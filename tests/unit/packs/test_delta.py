"""Deltas rebuild what a release adds, and refuse what cannot be right before anything is decoded."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from sealcast.errors import ObjectError, VerificationError
from sealcast.packs import DeltaReader, Piece
from sealcast.packs.bounds import (
    FRAME_INPUT_LIMIT,
    FRAME_OUTPUT_LIMIT,
    FRAME_STORED_LIMIT,
    FRAMES_LIMIT,
    INPUT_PIECES_LIMIT,
    OBJECT_LIMIT,
    SKELETON_LIMIT,
)
from sealcast.packs.codecs import encode
from sealcast.packs.delta import write_delta
from sealcast.packs.pack import EncodedFrame
from tests.unit.packs.samples import MIB, object_with, open_object, reader, words

BASE = [words(300, seed=number) for number in range(4)]
BASE_SIZES = [len(data) for data in BASE]
NEW = [BASE[0], BASE[1] + b" more", BASE[3] + BASE[2]]
NEW_SIZES = [len(data) for data in NEW]
BASE_MANIFEST = b'{"files": "old"}' * 50
SKELETON = b'{"files": "new"}' * 50

FRAMES = [
    EncodedFrame("zstd-from", encode("zstd-from", NEW[1], inputs=BASE[1], level=3), 1, ((1, 1),)),
    EncodedFrame("zstd-from", encode("zstd-from", NEW[2], inputs=BASE[2] + BASE[3], level=3), 1, ((2, 2),)),
]
DELTA = write_delta(SKELETON, BASE_MANIFEST, ((1, 2),), FRAMES, level=3)


def opened(data: bytes = DELTA) -> DeltaReader:
    return DeltaReader(*open_object(data), BASE_SIZES)


def test_what_is_written_is_read_back() -> None:
    delta = opened()
    assert delta.skeleton(BASE_MANIFEST) == SKELETON
    pieces = delta.pieces(NEW_SIZES)
    assert pieces == (Piece(1, 0, NEW_SIZES[1]), Piece(2, 0, NEW_SIZES[2]))
    assert list(delta.frames(pieces, reader(BASE))) == list(zip(pieces, NEW[1:], strict=True))
    assert delta.codecs == ("zstd-from",)


def test_a_release_that_adds_no_content_needs_no_frame() -> None:
    delta = opened(write_delta(SKELETON, BASE_MANIFEST, (), (), level=3))
    assert delta.skeleton(BASE_MANIFEST) == SKELETON
    assert delta.pieces(NEW_SIZES) == ()
    assert list(delta.frames((), reader(BASE))) == []


def test_a_tiny_change_costs_little() -> None:
    base, new = words(3000, seed=9), words(3000, seed=9).replace(b" ", b"\n", 1)
    body = encode("zstd-from", new, inputs=base, level=19)
    frame = EncodedFrame("zstd-from", body, 1, ((17, 1),))
    manifest = encode("zstd-from", SKELETON, inputs=BASE_MANIFEST, level=19)
    delta = write_delta(SKELETON, BASE_MANIFEST, ((18, 1),), [frame], level=19)
    assert len(delta) - len(body) - len(manifest) < 200
    assert len(delta) < 300


def test_frames_may_mix_codecs() -> None:
    frames = [EncodedFrame("zstd", encode("zstd", NEW[1], level=3), 1), FRAMES[1]]
    delta = opened(write_delta(SKELETON, BASE_MANIFEST, ((1, 2),), frames, level=3))
    assert delta.codecs == ("zstd", "zstd-from")
    assert [data for _, data in delta.frames(delta.pieces(NEW_SIZES), reader(BASE))] == NEW[1:]


BODY = encode("zstd-from", SKELETON, inputs=BASE_MANIFEST, level=3)
MANIFEST = {"size": len(BODY), "length": len(SKELETON)}
FRAME = {"size": len(FRAMES[0].body), "inputs": [[1, 1]]}


def made_by_hand(**changes: Any) -> bytes:
    fields = {"type": "sealcast/delta/1", "manifest": MANIFEST, "makes": [[1, 1]], "frames": [FRAME], **changes}
    return object_with(fields, BODY, FRAMES[0].body)


def test_one_made_by_hand_is_read() -> None:
    delta = opened(made_by_hand())
    assert [data for _, data in delta.frames(delta.pieces(NEW_SIZES), reader(BASE))] == [NEW[1]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "sealcast/pack/1"}, "UNKNOWN_DOCUMENT"),
        ({"manifest": None}, "BAD_PACK"),
        ({"manifest": {}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "size": 0}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "size": -1}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "size": len(BODY) + 1}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "size": OBJECT_LIMIT + 1}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "size": 2**63}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "length": 0}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "length": SKELETON_LIMIT + 1}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "length": 2**32}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "codec": "zstd"}}, "BAD_PACK"),
        ({"manifest": {**MANIFEST, "codec": "xdelta3"}}, "UNKNOWN_CODEC"),
        ({"makes": {}}, "BAD_PACK"),
        ({"makes": [[1]]}, "BAD_PACK"),
        ({"makes": [[1, 1, 1, 1]]}, "BAD_PACK"),
        ({"makes": [[-1, 1]]}, "BAD_PACK"),
        ({"makes": [[1, 2**63]]}, "BAD_PACK"),
        ({"makes": [[1, 1.0]]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "size": 0}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "size": FRAME_STORED_LIMIT + 1}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "size": 2**32}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "pieces": 0}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "pieces": 2**63}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "codec": "zstd"}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "codec": "hdiffpatch"}]}, "UNKNOWN_CODEC"),
        ({"frames": [{**FRAME, "inputs": [[1, -1]]}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "inputs": [[0, INPUT_PIECES_LIMIT + 1]]}]}, "BAD_PACK"),
        ({"frames": [{**FRAME, "inputs": [[0, 2**53 - 1], [0, 2**53 - 1]]}]}, "BAD_PACK"),
        ({"frames": [FRAME, FRAME]}, "BAD_PACK"),
        ({"frames": []}, "BAD_PACK"),
        ({"frames": [{"size": 1}] * (FRAMES_LIMIT + 1)}, "BAD_PACK"),
    ],
)
def test_a_header_that_cannot_be_right_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises((ObjectError, VerificationError)) as error:
        opened(made_by_hand(**changes))
    assert error.value.code == code


@pytest.mark.parametrize(
    "makes",
    [
        [[3, 1]],
        [[1, 3]],
        [[2**32, 1]],
        [[1, 1], [1, 1]],
        [[1, 0, 5]],
        [[1, 1, NEW_SIZES[1] - 1]],
        [[1, 0, 5], [1, 6, NEW_SIZES[1] - 6]],
        [[1, 5, NEW_SIZES[1] - 5], [1, 0, 5]],
        [[1, 0, NEW_SIZES[1] + 1]],
    ],
)
def test_outputs_that_are_not_each_whole_and_once_are_refused(makes: list[list[int]]) -> None:
    with pytest.raises(ObjectError) as error:
        opened(made_by_hand(makes=makes)).pieces(NEW_SIZES)
    assert error.value.code == "BAD_PACK"


@pytest.mark.parametrize(
    ("makes", "code"),
    [([], "BAD_PACK"), ([[1, 2]], "BAD_PACK"), ([[2, 1]], "BAD_PACK")],
    ids=["fewer", "more", "of another length"],
)
def test_outputs_that_are_not_what_the_frames_make_are_refused(makes: list[list[int]], code: str) -> None:
    delta = opened(made_by_hand(makes=makes))
    with pytest.raises(ObjectError) as error:
        list(delta.frames(delta.pieces(NEW_SIZES), reader(BASE)))
    assert error.value.code == code


def nothing_is_read(content: int, offset: int, length: int) -> bytes:
    raise AssertionError(f"{length} bytes of {content} at {offset} were read before everything was checked")


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ([[4, 1]], "BAD_PACK"),
        ([[3, 2]], "BAD_PACK"),
        ([[0, 0]], "BAD_PACK"),
        ([[0, 0, 0]], "BAD_PACK"),
        ([[0, 0, 2**32]], "BAD_PACK"),
        ([[2**53 - 1, 0, 1]], "BAD_PACK"),
        ([[0, 4]] * (FRAME_INPUT_LIMIT // sum(BASE_SIZES) + 1), "TOO_LARGE"),
    ],
)
def test_inputs_that_do_not_exist_or_are_too_much_are_refused(inputs: list[list[int]], code: str) -> None:
    frames = [FRAME, {**FRAME, "size": 1, "inputs": inputs}]
    fields = {"type": "sealcast/delta/1", "manifest": MANIFEST, "makes": [[1, 2]], "frames": frames}
    delta = opened(object_with(fields, BODY, FRAMES[0].body, b"x"))
    with pytest.raises(ObjectError) as error:
        list(delta.frames(delta.pieces(NEW_SIZES), nothing_is_read))
    assert error.value.code == code


def test_a_frame_that_would_make_too_much_is_refused() -> None:
    delta = opened(made_by_hand())
    with pytest.raises(ObjectError) as error:
        list(delta.frames(delta.pieces([1, FRAME_OUTPUT_LIMIT + 1, 1]), nothing_is_read))
    assert error.value.code == "TOO_LARGE"


def test_a_delta_for_another_base_ends_in_a_typed_error_or_other_bytes() -> None:
    delta = opened()
    pieces = delta.pieces(NEW_SIZES)
    other = [words(300, seed=number + 50)[: len(data)].ljust(len(data)) for number, data in enumerate(BASE)]
    for _, data in delta.frames(pieces, reader(other)):
        assert data not in NEW  # zstd cannot know; the digests do
    for manifest in (b"", BASE_MANIFEST[:-200], b"x" * len(BASE_MANIFEST)):
        try:
            assert delta.skeleton(manifest) != SKELETON
        except ObjectError as error:
            code = error.code
        else:
            code = "BAD_PACK"
        assert code == "BAD_PACK"


@pytest.mark.parametrize("change", [-1, 1])
def test_a_base_that_gives_other_lengths_is_damaged(change: int) -> None:
    delta = opened()

    def read(content: int, offset: int, length: int) -> bytes:
        return bytes(length + change)

    with pytest.raises(ObjectError) as error:
        list(delta.frames(delta.pieces(NEW_SIZES), read))
    assert error.value.code == "OBJECT_DAMAGED"


def test_manifests_above_the_limit_are_neither_read_nor_written() -> None:
    large = bytes(SKELETON_LIMIT + 1)
    for call in (
        lambda: opened().skeleton(large),
        lambda: write_delta(large, BASE_MANIFEST, (), (), level=1),
        lambda: write_delta(SKELETON, large, (), (), level=1),
    ):
        with pytest.raises(ObjectError) as error:
            call()
        assert error.value.code == "TOO_LARGE"


@pytest.mark.parametrize("end", range(0, len(DELTA), 7))
def test_cut_short_anywhere_it_is_refused(end: int) -> None:
    with pytest.raises(ObjectError) as error:
        opened(DELTA[:end])
    assert error.value.code == "BAD_PACK"


def test_every_flipped_bit_gives_those_lengths_or_a_typed_error() -> None:
    for place in range(len(DELTA)):
        data = bytearray(DELTA)
        data[place] ^= 1 << place % 8
        try:
            delta = opened(bytes(data))
            delta.skeleton(BASE_MANIFEST)
            pieces = delta.pieces(NEW_SIZES)
            lengths = [(piece.length, len(part)) for piece, part in delta.frames(pieces, reader(BASE))]
        except (ObjectError, VerificationError) as error:
            code = error.code
        else:
            code = "" if all(expected == got for expected, got in lengths) else "other lengths"
        assert code in {"", "BAD_PACK", "TOO_LARGE", "UNKNOWN_CODEC", "UNKNOWN_DOCUMENT"}


def test_one_frame_is_in_memory_at_a_time() -> None:
    size = 4 * MIB
    body = encode("zstd-from", bytes(size), level=1)
    frames = [EncodedFrame("zstd-from", body, 1, ((0, 1),))] * 10
    data = write_delta(SKELETON, BASE_MANIFEST, ((0, 10),), frames, level=3)
    delta = DeltaReader(*open_object(data), [size])
    tracemalloc.start()
    try:
        for _, part in delta.frames(delta.pieces([size] * 10), lambda *_: bytes(size)):
            assert len(part) == size
            del part
        assert tracemalloc.get_traced_memory()[1] < 5 * size + MIB
    finally:
        tracemalloc.stop()

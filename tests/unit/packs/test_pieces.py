"""Runs name pieces, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.errors import ObjectError
from sealcast.packs.bounds import FRAME_OUTPUT_LIMIT, PIECES_LIMIT
from sealcast.packs.pieces import (
    Piece,
    check_rising,
    check_whole,
    count_pieces,
    pieces_from_runs,
    runs_from_pieces,
    segments,
)

SIZES = (10, 20, 30)


@st.composite
def some_pieces(draw: st.DrawFn) -> tuple[list[int], list[Piece]]:
    sizes = draw(st.lists(st.integers(1, 50), min_size=1, max_size=12))
    pieces = []
    for _ in range(draw(st.integers(0, 20))):
        content = draw(st.integers(0, len(sizes) - 1))
        offset = draw(st.integers(0, sizes[content] - 1))
        pieces.append(Piece(content, offset, draw(st.integers(1, sizes[content] - offset))))
    return sizes, pieces


@given(some_pieces())
def test_what_is_written_is_read_back(case: tuple[list[int], list[Piece]]) -> None:
    sizes, pieces = case
    runs = runs_from_pieces(pieces, sizes)
    assert pieces_from_runs(runs, sizes) == tuple(pieces)
    assert count_pieces(runs) == len(pieces)


def test_consecutive_whole_contents_are_one_run() -> None:
    whole = [Piece(number, 0, size) for number, size in enumerate(SIZES)]
    assert runs_from_pieces(whole, SIZES) == ((0, 3),)
    assert runs_from_pieces([*whole[:2], Piece(2, 5, 7), whole[2], whole[0]], SIZES) == (
        (0, 2),
        (2, 5, 7),
        (2, 1),
        (0, 1),
    )


@pytest.mark.parametrize(
    "run",
    [
        (),
        (1,),
        (1, 1, 1, 1),
        (3, 1),
        (0, 4),
        (2, 2),
        (0, 0),
        (0, -1),
        (-1, 1),
        (-1, 2),
        (0, 2**32),
        (0, 2**63),
        (2**63, 1),
        (3, 0, 1),
        (-1, 0, 1),
        (0, -1, 5),
        (0, 0, 0),
        (0, 0, -1),
        (0, 0, 11),
        (0, 9, 2),
        (0, 10, 1),
        (0, 2**63, 1),
        (0, 0, 2**63),
        (2**32, 0, 1),
    ],
)
def test_a_run_outside_the_contents_is_refused(run: tuple[int, ...]) -> None:
    with pytest.raises(ObjectError) as error:
        pieces_from_runs([run], SIZES)
    assert error.value.code == "BAD_PACK"


@pytest.mark.parametrize("run", [(0, PIECES_LIMIT), (0, 0, 1)])
def test_runs_cannot_name_more_pieces_than_there_may_be(run: tuple[int, ...]) -> None:
    sizes = [1] * PIECES_LIMIT
    with pytest.raises(ObjectError) as error:
        pieces_from_runs([(0, PIECES_LIMIT), run], sizes)
    assert error.value.code == "BAD_PACK"


def test_segments_cover_a_content() -> None:
    assert segments(4, FRAME_OUTPUT_LIMIT) == (Piece(4, 0, FRAME_OUTPUT_LIMIT),)
    cut = segments(4, 2 * FRAME_OUTPUT_LIMIT + 1)
    assert [piece.offset for piece in cut] == [0, FRAME_OUTPUT_LIMIT, 2 * FRAME_OUTPUT_LIMIT]
    assert [piece.length for piece in cut] == [FRAME_OUTPUT_LIMIT, FRAME_OUTPUT_LIMIT, 1]
    check_whole(cut, [1, 1, 1, 1, 2 * FRAME_OUTPUT_LIMIT + 1])


def test_pieces_may_be_parts_in_rising_order() -> None:
    check_rising([Piece(0, 2, 3), Piece(1, 0, 20), Piece(0, 5, 1), Piece(0, 8, 2)])


@pytest.mark.parametrize(
    "pieces",
    [
        [Piece(0, 0, 10), Piece(0, 0, 10)],
        [Piece(0, 0, 6), Piece(0, 5, 5)],
        [Piece(0, 5, 5), Piece(0, 0, 5)],
    ],
)
def test_pieces_that_overlap_or_fall_are_refused(pieces: list[Piece]) -> None:
    for check in (check_rising, lambda each: check_whole(each, SIZES)):
        with pytest.raises(ObjectError) as error:
            check(pieces)
        assert error.value.code == "BAD_PACK"


@pytest.mark.parametrize("pieces", [[Piece(0, 0, 9)], [Piece(0, 1, 9)], [Piece(0, 0, 4), Piece(0, 5, 5)]])
def test_a_content_with_a_gap_is_not_whole(pieces: list[Piece]) -> None:
    with pytest.raises(ObjectError) as error:
        check_whole(pieces, SIZES)
    assert error.value.code == "BAD_PACK"

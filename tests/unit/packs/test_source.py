"""A source proves what it reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealcast.errors import RepositoryError
from sealcast.packs.bounds import FRAME_OUTPUT_LIMIT
from sealcast.packs.pieces import Piece, segments
from sealcast.packs.source import VerifiedSource
from sealcast.values import content_of
from tests.unit.packs.samples import noise, reader

LARGE = noise(1000) * (2 * FRAME_OUTPUT_LIMIT // 1000 + 1)
CONTENTS = [b"first", b"second", LARGE]
LISTED = [content_of(data) for data in CONTENTS]
PARTS = segments(2, len(LARGE))


def test_whole_contents_and_parts_are_read() -> None:
    source = VerifiedSource(LISTED, reader(CONTENTS))
    assert source.read(Piece(1, 0, 6)) == b"second"
    assert source.join([Piece(0, 0, 5), Piece(1, 0, 6)]) == b"firstsecond"
    assert b"".join(source.read(part) for part in PARTS) == LARGE
    assert source.read(Piece(2, 7, 9)) == LARGE[7:16]


def test_a_part_out_of_turn_is_proved_first_and_once() -> None:
    asked: list[int] = []

    def read(number: int, offset: int, length: int) -> bytes:
        asked.append(length)
        return CONTENTS[number][offset : offset + length]

    source = VerifiedSource(LISTED, read)
    assert source.read(Piece(2, 100, 5)) == LARGE[100:105]
    assert sum(asked) == len(LARGE) + 5
    assert source.read(Piece(2, 50, 5)) == LARGE[50:55]
    assert sum(asked) == len(LARGE) + 10


def changed(number: int, data: bytes) -> Callable[[int, int, int], bytes]:
    return reader([data if each == number else CONTENTS[each] for each in range(len(CONTENTS))])


@pytest.mark.parametrize(
    ("read", "pieces"),
    [
        (changed(0, b"fir5t"), [Piece(0, 0, 5)]),
        (changed(0, b"firs"), [Piece(0, 0, 5)]),
        (lambda *_: b"first!", [Piece(0, 0, 5)]),
        (changed(2, LARGE[:-1] + b"?"), PARTS),
        (changed(2, b"?" + LARGE[1:]), PARTS),
        (changed(2, LARGE[:-1] + b"?"), [Piece(2, 5, 5)]),
        (changed(2, LARGE[:-1] + b"?"), [PARTS[0], PARTS[2]]),
    ],
    ids=["changed", "shorter", "longer", "end of a large one", "start", "elsewhere", "gap"],
)
def test_a_content_that_changed_is_refused(read: Callable[[int, int, int], bytes], pieces: list[Piece]) -> None:
    source = VerifiedSource(LISTED, read)
    with pytest.raises(RepositoryError) as error:
        source.join(pieces)
    assert error.value.code == "SOURCE_CHANGED"

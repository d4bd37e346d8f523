"""Paths that look alike rank low."""

from __future__ import annotations

import pytest

from sealcast.packs.bounds import FRAME_OUTPUT_LIMIT
from sealcast.packs.likeness import SAME_FOLDER, SAME_KIND, SAME_NAME, SAME_PATH, UNLIKE, Likeness
from sealcast.packs.pieces import Piece

PATHS = ["js/main.4f3a2b1c.js", "bin/app", "big.bin"]
WANTED = [Piece(0, 0, 10), Piece(1, 0, 10), Piece(2, 3 * FRAME_OUTPUT_LIMIT, 10)]


@pytest.mark.parametrize(
    ("path", "rank"),
    [
        ("js/main.4f3a2b1c.js", SAME_PATH),
        ("js/main.00ff00ff.js", SAME_NAME),
        ("js/main.JS", SAME_FOLDER),
        ("js/other.js", SAME_FOLDER),
        ("lib/main.4f3a2b1c.js", SAME_KIND),
        ("README", SAME_KIND),
        ("bin/tool", SAME_FOLDER),
        ("js/main.css", UNLIKE),
    ],
)
def test_ranks(path: str, rank: int) -> None:
    assert Likeness(WANTED, PATHS).rank(Piece(0, 0, 5), path) == rank


def test_of_a_large_file_the_same_place_is_like() -> None:
    likeness = Likeness(WANTED, PATHS)
    ranks = [likeness.rank(Piece(0, place * FRAME_OUTPUT_LIMIT, 5), "big.bin") for place in range(7)]
    assert ranks == [SAME_KIND, SAME_KIND, SAME_PATH, SAME_PATH, SAME_PATH, SAME_KIND, SAME_KIND]

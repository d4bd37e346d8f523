"""A pack that carries one content."""

from __future__ import annotations

import pytest

from sealcast.errors import ObjectError
from sealcast.packs import read_single, write_single
from sealcast.packs.bounds import FRAME_OUTPUT_LIMIT, SKELETON_LIMIT
from tests.unit.packs.samples import words


@pytest.mark.parametrize(
    "data", [b"x", words(1000, seed=1), bytes(FRAME_OUTPUT_LIMIT + 1)], ids=["x", "words", "large"]
)
def test_what_is_written_is_read_back(data: bytes) -> None:
    assert read_single(write_single(data, 1), len(data)) == data


def test_nothing_else_is_read() -> None:
    pack = write_single(b"hello", 1)
    for size, code in ((4, "BAD_PACK"), (6, "BAD_PACK"), (0, "BAD_PACK"), (SKELETON_LIMIT + 1, "TOO_LARGE")):
        with pytest.raises(ObjectError) as error:
            read_single(pack, size)
        assert error.value.code == code


def test_nothing_is_not_written() -> None:
    with pytest.raises(ObjectError) as error:
        write_single(b"", 1)
    assert error.value.code == "BAD_PACK"

"""Streams come back as they were, and anything else is refused within bounds."""

from __future__ import annotations

import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.errors import ObjectError
from sealcast.packs import zstandard
from sealcast.packs.streams import join_streams, read_varints, split_streams, varints
from tests.unit.packs.samples import noise, words

LIMIT = 1 << 20


def split(body: bytes, count: int, limit: int = LIMIT) -> list[bytes]:
    return list(split_streams(body, count, limit))


def refused(body: bytes, count: int = 1, limit: int = LIMIT) -> str:
    with pytest.raises(ObjectError) as caught:
        split(body, count, limit)
    assert caught.value.code == "BAD_PACK"
    return caught.value.what


@given(st.lists(st.binary(max_size=500), max_size=6), st.booleans())
def test_what_is_joined_is_split(streams: list[bytes], best: bool) -> None:
    assert split(join_streams(streams, best=best), len(streams)) == streams


@pytest.mark.parametrize(
    ("stream", "method"), [(noise(5000), 0), (words(4000, seed=2), None), (bytes(100_000), None), (b"", 0)]
)
def test_the_smallest_method_is_taken(stream: bytes, method: int | None) -> None:
    body = join_streams([stream], best=False)
    assert split(body, 1) == [stream]
    assert method is None or body[0] == method
    assert len(body) <= min(len(stream), len(zstandard.compress(stream, b"", 19))) + 7


@pytest.mark.parametrize("preset", [0, 9])
def test_lzma_is_read_whatever_wrote_it(preset: int) -> None:
    data = words(9000, seed=3)
    stored = lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": preset}])
    assert split(b"\x02" + varints([len(data), len(stored)]) + stored, 1) == [data]


@given(st.lists(st.integers(0, 2**35 - 1)))
def test_varints(numbers: list[int]) -> None:
    assert list(read_varints(varints(numbers))) == numbers


@pytest.mark.parametrize("data", [b"\x80", b"\x01\xff", b"\x80" * 5 + b"\x01", b"\xff" * 9])
def test_varints_that_are_cut_short_or_too_long(data: bytes) -> None:
    with pytest.raises(ObjectError) as caught:
        read_varints(data)
    assert caught.value.code == "BAD_PACK"


LZMA = lzma.compress(b"hello" * 9, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])
ZSTD = zstandard.compress(b"hello" * 9, b"", 3)


def stream(method: int, length: int, body: bytes) -> bytes:
    return bytes([method]) + varints([length, len(body)]) + body


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "cut short"),
        (b"\x00", "cut short"),
        (b"\x00\x05", "cut short"),
        (stream(0, 5, b"hello")[:-1], "do not fill"),
        (stream(0, 5, b"hello") + b"x", "do not fill"),
        (stream(0, 4, b"hello"), "other than"),
        (stream(0, 6, b"hello"), "other than"),
        (stream(3, 5, b"hello"), "not known"),
        (stream(255, 5, b"hello"), "not known"),
        (stream(1, 44, ZSTD), "expected"),
        (stream(1, 45, ZSTD[:-1]), ""),
        (stream(1, 45, b"hello"), "Zstandard"),
        (stream(2, 44, LZMA), "other than"),
        (stream(2, 46, LZMA), "other than"),
        (stream(2, 45, LZMA[:-1]), "cut short"),
        (stream(2, 45, LZMA[:9]), "cut short"),
        (stream(2, 45, LZMA + b"x"), "cut short, or ends"),
        (stream(2, 45, b"hello"), "damaged"),
        (stream(0, LIMIT + 1, b""), "more than it can have"),
        (stream(2, 2**35 - 1, LZMA), "more than it can have"),
    ],
)
def test_what_is_malformed_is_refused(body: bytes, why: str) -> None:
    assert why in refused(body)


def test_a_bomb_stops_at_what_it_states() -> None:
    bomb = lzma.compress(bytes(50_000_000), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])
    assert "other than" in refused(stream(2, 1000, bomb))


def test_a_body_with_another_number_of_streams_is_refused() -> None:
    body = join_streams([b"one", b"two"], best=False)
    refused(body, 1)
    refused(body, 3)

"""What HDiffPatch finds is read from its file format, or not believed at all."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import hdiffpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.errors import ObjectError
from sealcast.packs import codecs, copies
from sealcast.packs.copies import Copy, can_search, search
from tests.unit.packs.samples import noise


def test_stretches_that_moved() -> None:
    old = noise(3000)
    new = old[1000:1500] + b"XX" + old[:300] + b"YYY" + old[1200:1900]
    assert search(old, new) == [Copy(1000, 0, 500), Copy(0, 502, 300), Copy(1200, 805, 700)]
    assert search(bytearray(old), bytearray(new)) == search(old, new)


@given(st.binary(max_size=3000), st.binary(max_size=3000))
def test_copies_are_in_order_and_in_bounds(old: bytes, new: bytes) -> None:
    found = search(old, new)
    assert found is not None
    end = 0
    for copy in found:
        assert copy.position >= end
        end = copy.position + copy.length
        assert end <= len(new)
        assert 0 <= copy.source <= len(old) - copy.length


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_search()
    monkeypatch.setitem(sys.modules, "hdiffpatch", None)
    assert not can_search()
    assert search(b"old", b"new") is None
    codec, body = codecs.encode_smallest(("diff",), b"new" * 99, inputs=b"old" * 99, level=3)
    assert codec == "zstd-from"
    assert codecs.decode(codec, body, inputs=b"old" * 99, length=297) == b"new" * 99
    with pytest.raises(ObjectError) as error:
        codecs.encode("diff", b"new", inputs=b"old", level=3)
    assert error.value.code == "UNKNOWN_CODEC"


OLD, NEW = noise(500), noise(500)[100:400]
FOUND = hdiffpatch.diff(OLD, NEW)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HDIFF14&\0" + FOUND[9:],
        FOUND[:9],
        FOUND[:15],
        FOUND[:-1].replace(b"HDIFF13&\0", b"HDIFF13&lzma\0"),
        hdiffpatch.diff(OLD + b"x", NEW),
        hdiffpatch.diff(OLD, NEW + b"x"),
    ],
)
def test_another_format_is_not_believed(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hdiffpatch", SimpleNamespace(diff=lambda *_, **__: answer))
    assert search(OLD, NEW) is None


@pytest.mark.parametrize("place", range(9, len(FOUND)))
def test_a_copy_out_of_bounds_is_not_believed(place: int) -> None:
    for value in range(256):
        damaged = FOUND[:place] + bytes([value]) + FOUND[place + 1 :]
        found = copies._read(damaged, len(OLD), len(NEW))
        for copy in found or ():
            assert 0 <= copy.source <= len(OLD) - copy.length
            assert 0 <= copy.position <= len(NEW) - copy.length

"""Caches: read back as they were written, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sealcast.documents import Document, encode
from sealcast.publisher import kept


class Sample(Document, frozen=True, kw_only=True):
    type: str = "sealcast/sample/1"
    number: int


def test_what_is_kept_is_recalled(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b" / "c.json"
    assert kept.recall(place, Sample) is None
    kept.keep(place, Sample(number=3))
    assert kept.recall(place, Sample) == Sample(number=3)


def test_damage_counts_as_nothing_and_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, good = tmp_path / "c.json", encode(Sample(number=3))
    for bad in (
        b"",
        good[:-1],
        good + b" ",
        good.replace(b"3", b'"3"'),
        good.replace(b"sample/1", b"sample/2"),
        b"\xff",
    ):
        place.write_bytes(bad)
        assert kept.recall(place, Sample) is None
    kept.keep(place, Sample(number=4))
    assert kept.recall(place, Sample) == Sample(number=4)
    monkeypatch.setattr(kept, "LIMIT", len(good) - 1)
    assert kept.recall(place, Sample) is None


@pytest.mark.skipif(os.name != "posix", reason="a folder in a file's place fails otherwise there")
def test_a_cache_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"in the way")
    kept.keep(tmp_path / "a" / "c.json", Sample(number=3))
    assert kept.recall(tmp_path / "a" / "c.json", Sample) is None


def test_what_could_not_take_its_place_is_not_left_over(tmp_path: Path) -> None:
    (tmp_path / "c.json").mkdir()
    kept.keep(tmp_path / "c.json", Sample(number=3))
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]
    assert kept.recall(tmp_path / "c.json", Sample) is None

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sealcast.cli import words


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9994, "9.99 kB"),
        (9996, "10.0 kB"),
        (45_300, "45.3 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (20_700_000, "20.7 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_a_size_has_three_digits(count: int, text: str) -> None:
    assert words.size(count) == text


def test_things_are_counted() -> None:
    assert words.counted(1, "file") == "1 file"
    assert words.counted(2733, "file") == "2,733 files"
    assert words.counted(0, "delta") == "0 deltas"
    assert words.counted(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=25), "1 day"),
        (timedelta(days=-6), "6 days"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(length: timedelta, text: str) -> None:
    assert words.span(length) == text


def test_an_instant_is_told_from_here() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert words.relative(now + timedelta(days=6), now) == "in 6 days"
    assert words.relative(now - timedelta(hours=3), now) == "3 hours ago"

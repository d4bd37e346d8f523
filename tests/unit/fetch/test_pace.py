"""How slow one exchange may be, counted in seconds that the host takes."""

from __future__ import annotations

import pytest

from sealcast.errors import TransferError
from sealcast.fetch.options import Limits
from sealcast.fetch.pace import Pace


def pace(limit: int = 10**9, deadline: float | None = None, now: float = 0.0) -> Pace:
    return Pace("https://h/x", Limits(), lambda: now, limit=limit, deadline=deadline)


def test_a_stream_brings_a_kibibyte_a_second_in_each_minute_of_waiting() -> None:
    one = pace()
    for _ in range(10):
        for _ in range(6):
            one.received(10 * 1024, 10.0)
    for _ in range(5):
        one.received(10 * 1024, 10.0)
    with pytest.raises(TransferError) as caught:
        one.received(10 * 1024 - 1, 10.0)
    assert caught.value.code == "TOO_SLOW"


def test_a_fast_minute_does_not_pay_for_a_slow_one() -> None:
    one = pace()
    one.received(10**8, 60.0)
    with pytest.raises(TransferError) as caught:
        one.received(1, 60.0)
    assert caught.value.code == "TOO_SLOW"


def test_a_small_file_has_a_deadline_instead() -> None:
    one = pace(deadline=120.0, now=100.0)
    one.received(1, 10_000.0)
    assert (one.patience(), one.connect_patience()) == (20.0, 10.0)
    with pytest.raises(TransferError) as caught:
        pace(deadline=120.0, now=120.0).patience()
    assert caught.value.code == "TOO_SLOW"


def test_framing_has_its_bounds() -> None:
    one = pace(limit=1000)
    one.received(2 * 1000 + 1024 * 1024, 0.0)
    with pytest.raises(TransferError) as caught:
        one.received(1, 0.0)
    assert caught.value.code == "TOO_LARGE"

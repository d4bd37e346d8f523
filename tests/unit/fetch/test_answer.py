"""What an answer's header fields may say, where urllib3 would not even let us see it."""

from __future__ import annotations

import pytest
from urllib3 import HTTPHeaderDict

from sealcast.errors import TransferError
from sealcast.fetch.answer import Body, check_body, check_status


def body(status: int, *fields: tuple[str, str], start: int = 0, limit: int = 100) -> Body:
    return check_body(status, HTTPHeaderDict(fields), "https://h/f", start=start, limit=limit)


def code(status: int, *fields: tuple[str, str], start: int = 0) -> str:
    with pytest.raises(TransferError) as caught:
        body(status, *fields, start=start)
    return caught.value.code


def test_lengths_that_differ_are_refused_and_equal_ones_are_one() -> None:
    assert code(200, ("Content-Length", "4"), ("Content-Length", "5")) == "BAD_RESPONSE"
    assert code(200, ("Content-Length", "4,5")) == "BAD_RESPONSE"
    assert body(200, ("Content-Length", "4"), ("content-length", " 4, 4")) == Body(0, 4, 4)
    assert body(200) == Body(0, None, None)


def test_a_part_must_hold_at_least_one_byte() -> None:
    assert code(206, ("Content-Range", "bytes 5-4/100"), start=5) == "BAD_RANGE"
    assert code(206, ("Content-Range", "bytes 5-3/100"), start=5) == "BAD_RANGE"
    assert body(206, ("Content-Range", "bytes 5-5/100"), start=5) == Body(5, 1, 100)
    assert body(206, ("Content-Range", "bytes 5-5/*"), start=5) == Body(5, 1, None)


def test_a_date_that_has_passed_asks_for_no_pause() -> None:
    fields = HTTPHeaderDict({"Retry-After": "Wed, 21 Oct 2020 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"})
    with pytest.raises(TransferError) as caught:
        check_status(503, fields, "https://h/f")
    assert caught.value.data["retry_after"] == 0.0

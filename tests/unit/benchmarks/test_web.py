from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.benchmarks.web import Web, multipart, ranges


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (None, None),
        ("bytes=0-3", [(0, 4)]),
        ("bytes=4-", [(4, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=0-0, 8-20", [(0, 1), (8, 10)]),
        ("bytes=10-", []),
        ("bytes=-", None),
        ("lines=0-3", None),
    ],
)
def test_ranges_are_read_as_the_rfc_says(header: str | None, parts: list[tuple[int, int]] | None) -> None:
    assert ranges(header, 10) == parts


def test_several_ranges_are_told_apart() -> None:
    body = multipart(b"0123456789", [(0, 2), (8, 10)])
    assert b"Content-Range: bytes 0-1/10\r\n\r\n01\r\n--" in body
    assert b"Content-Range: bytes 8-9/10\r\n\r\n89\r\n--" in body
    assert body.endswith(b"--\r\n")


def test_what_is_served_is_counted_and_nothing_else_is_served(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "file").write_bytes(b"0123456789")
    (tmp_path / "secret").write_bytes(b"secret")
    with Web(tmp_path / "site") as web:
        with urllib.request.urlopen(f"{web.url}/file") as answer:
            assert answer.read() == b"0123456789"
        part = urllib.request.Request(f"{web.url}/file", headers={"Range": "bytes=2-4"})
        with urllib.request.urlopen(part) as answer:
            assert (answer.status, answer.read()) == (206, b"234")
        with urllib.request.urlopen(urllib.request.Request(f"{web.url}/file", method="HEAD")) as answer:
            assert answer.headers["Content-Length"] == "10"
        assert web.taken() == (3, 13)
        for path in ("/missing", "/../secret"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(web.url + path)
            refused.value.close()
        assert web.taken() == (2, 0)

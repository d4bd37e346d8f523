"""One request against a host that behaves, and against every way in which it may not."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sealcast.errors import TransferError
from sealcast.fetch import HttpOptions, HttpSource, Limits
from tests.servers import Behaviour, Exchange, Server, answer, drip, endless, head, raw, reset_after, stalled

LIMITS = Limits(backoff_seconds=0.001)
HASTY = Limits(gap_seconds=0.3, total_seconds=0.6, speed_seconds=0.4, backoff_seconds=0.001)
BIG = bytes(range(256)) * 2000  # 512,000 bytes: several pieces, each telling where it comes from
FILE = "/f.bin"


class Pauses(list[float]):
    """Takes the pauses between tries without making them."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "f.bin").write_bytes(BIG)
    (tmp_path / "small.json").write_bytes(b'{"a":1}')
    with Server(tmp_path) as running:
        yield running


@pytest.fixture
def source(server: Server, pauses: Pauses) -> HttpSource:
    return HttpSource(server.url, HttpOptions(limits=LIMITS, sleep=pauses, jitter=lambda: 0.5))


@pytest.fixture
def hasty(server: Server, pauses: Pauses) -> HttpSource:
    """A source that has little time, for hosts that take much."""
    patient = HttpSource(server.url, HttpOptions(limits=LIMITS, sleep=pauses))
    patient.read("small.json", limit=7)  # imports what is imported with the first request
    server.requests.clear()
    return HttpSource(server.url, HttpOptions(limits=HASTY, sleep=pauses))


def refused(source: HttpSource, path: str = "f.bin", *, limit: int = 1000) -> TransferError:
    with pytest.raises(TransferError) as caught:
        source.read(path, limit=limit)
    return caught.value


def refused_stream(source: HttpSource, *, limit: int = len(BIG), start: int = 0) -> TransferError:
    with pytest.raises(TransferError) as caught:
        for _ in source.stream("f.bin", limit=limit, start=start):
            pass
    return caught.value


def both_refused(source: HttpSource) -> list[str]:
    """Read and stream the file at the same time; return the codes of their errors."""
    with ThreadPoolExecutor(2) as threads:
        errors = [threads.submit(refused, source), threads.submit(refused_stream, source)]
        return [error.result().code for error in errors]


def streamed(source: HttpSource, *, limit: int = len(BIG), start: int = 0) -> bytes:
    return b"".join(source.stream("f.bin", limit=limit, start=start))


# ------------------------------------------------------------------------------------------ a host that behaves


def test_a_small_file_is_read_whole(source: HttpSource) -> None:
    assert source.read("small.json", limit=7) == b'{"a":1}'


def test_a_stream_brings_every_byte_in_pieces(source: HttpSource) -> None:
    pieces = list(source.stream("f.bin", limit=len(BIG)))
    assert b"".join(pieces) == BIG
    assert len(pieces) > 1


def test_a_stream_starts_where_it_is_told(server: Server, source: HttpSource) -> None:
    assert streamed(source, start=1234) == BIG[1234:]
    assert server.asked(FILE)[0].headers["range"] == "bytes=1234-"


def test_a_stream_from_the_very_end_is_empty(source: HttpSource) -> None:
    assert streamed(source, start=len(BIG)) == b""


def test_a_chunked_body_and_one_that_ends_with_the_connection_are_read(server: Server, source: HttpSource) -> None:
    server.script(FILE, raw(head(transfer_encoding="chunked") + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n"))
    assert source.read("f.bin", limit=5) == b"abcde"
    server.script(FILE, raw(head() + b"abcde", close=True))
    assert source.read("f.bin", limit=5) == b"abcde"


def test_an_empty_file_is_empty(server: Server, source: HttpSource) -> None:
    server.script(FILE, answer(b""))
    assert source.read("f.bin", limit=0) == b""


def test_plain_bytes_are_asked_for_under_our_name(server: Server, source: HttpSource) -> None:
    source.read("small.json", limit=7)
    headers = server.requests[0].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("sealcast/")
    assert "range" not in headers
    assert "authorization" not in headers


def test_requests_share_a_connection_even_after_an_error_page(server: Server, source: HttpSource) -> None:
    for _ in range(2):
        source.read("small.json", limit=7)
        streamed(source, start=5)
        assert refused(source, "none.json").code == "NOT_FOUND"
    server.script("/small.json", answer(b"", 302, location="/f.bin"))
    assert source.read("small.json", limit=len(BIG)) == BIG
    assert {request.connection for request in server.requests} == {1}


def test_a_stream_that_is_dropped_leaves_the_source_usable(source: HttpSource) -> None:
    stream = source.stream("f.bin", limit=len(BIG))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert streamed(source) == BIG


def test_parallel_streams_do_not_mix(source: HttpSource) -> None:
    starts = [place * 9973 for place in range(24)]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda start: streamed(source, start=start), starts))
    assert results == [BIG[start:] for start in starts]


def test_an_idle_connection_that_the_host_closed_is_replaced(server: Server, source: HttpSource) -> None:
    server.script(FILE, raw(head(content_length=2) + b"ok", close=True))
    assert [source.read("f.bin", limit=2) for _ in range(3)] == [b"ok"] * 3


def test_paths_are_quoted_and_kept_inside(server: Server, source: HttpSource, tmp_path: Path) -> None:
    (tmp_path / "ä b+c@1.txt").write_bytes(b"x")
    assert source.read("ä b+c@1.txt", limit=1) == b"x"
    assert server.requests[0].path == "/%C3%A4%20b%2Bc%401.txt"
    for path in ("../up", "/abs", "a//b", "a/./b", "", "a?b", "a#b", "a%2e", "a\\b", "a\nb", "a\udcff", "x" * 2000):
        assert refused(source, path).code == "UNSAFE_PATH", path
        with pytest.raises(TransferError):
            source.stream(path, limit=1)
    assert len(server.requests) == 1


def test_a_prefix_and_credentials_are_used_and_never_shown(server: Server, tmp_path: Path, pauses: Pauses) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/x.json").write_bytes(b"{}")
    url = server.url.replace("://", "://user:p%40ss@") + "/app/"
    source = HttpSource(url, HttpOptions(limits=LIMITS, sleep=pauses))
    assert source.location == server.url + "/app"
    assert source.read("x.json", limit=2) == b"{}"
    assert server.requests[0].headers["authorization"] == "Basic dXNlcjpwQHNz"
    error = refused(source, "y.json")
    assert "p%40ss" not in repr(error.as_dict()) + repr(source.location)
    assert error.data["url"] == server.url + "/app/y.json"


def test_a_complete_url_below_the_site_is_read_as_it_is_spelt(server: Server, source: HttpSource) -> None:
    server.script("/metadata/1.%2E%2E%2Fa%3F.json", answer(b"{}"))
    url = f"{server.url}/metadata/1.%2E%2E%2Fa%3F.json"
    assert source.read_url(url, limit=2) == b"{}"
    assert b"".join(source.stream_url(url, limit=2)) == b"{}"
    for other in ("http://127.0.0.1:1/x", server.url + "/../x", server.url + "/x?y", server.url + "/x y", "x"):
        with pytest.raises(TransferError, match="is not a file below") as caught:
            source.read_url(other, limit=2)
        assert caught.value.code == "UNSAFE_PATH"


# ---------------------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_is_asked_for_once(server: Server, source: HttpSource, status: int) -> None:
    server.script(FILE, answer(b"no", status))
    error = refused(source)
    assert (error.code, error.data["status"]) == ("NOT_FOUND", status)
    assert error.data["url"] == f"{server.url}{FILE}"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [204, 304, 400, 401, 416, 418, 103])
def test_other_statuses_are_told_and_not_tried_again(server: Server, source: HttpSource, status: int) -> None:
    server.script(FILE, answer(b"", status))
    error = refused(source)
    assert (error.code, error.data["status"]) == ("HTTP_STATUS", status)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(500, "HTTP_STATUS"), (502, "HTTP_STATUS"), (503, "TRY_LATER"), (429, "TRY_LATER")]
)
def test_a_host_in_trouble_is_tried_three_times(
    server: Server, source: HttpSource, pauses: Pauses, status: int, code: str
) -> None:
    server.script(FILE, answer(b"oops", status))
    error = refused(source)
    assert (error.code, error.data["status"]) == (code, status)
    assert len(server.requests) == 3
    assert pauses == [0.001, 0.002]
    server.script(FILE, answer(b"oops", status), answer(b"oops", status), answer(b"fine"))
    assert source.read("f.bin", limit=4) == b"fine"


def test_the_pause_between_tries_is_drawn(server: Server, pauses: Pauses) -> None:
    server.script(FILE, answer(b"", 500))
    draws = iter([0.0, 1.0])
    source = HttpSource(server.url, HttpOptions(limits=LIMITS, sleep=pauses, jitter=lambda: next(draws)))
    refused(source)
    assert pauses == [0.0005, 0.003]


def test_a_proxy_that_wants_a_password_is_named(server: Server, source: HttpSource) -> None:
    server.script(FILE, answer(b"", 407))
    assert refused(source).code == "PROXY_AUTH"


@pytest.mark.parametrize("value", ["999999", "61", "9" * 400, "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_host_that_asks_for_too_long_a_pause_is_left(
    server: Server, source: HttpSource, pauses: Pauses, value: str
) -> None:
    server.script(FILE, answer(b"", 503, retry_after=value, date="Wed, 21 Oct 2026 07:28:00 GMT"))
    for error in (refused(source), refused_stream(source)):
        assert error.code == "TRY_LATER"
    assert len(server.requests) == 2
    assert pauses == []


@pytest.mark.parametrize(
    ("value", "date", "pause"),
    [
        ("60", "", 60.0),
        ("0", "", 0.001),
        ("-5", "", 0.001),
        ("1.5", "", 0.001),
        ("soon", "", 0.001),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "", 0.001),
        ("Wed, 21 Oct 2026 07:28:30 -0000", "Wed, 21 Oct 2026 07:28:00 GMT", 0.001),
        ("Wed, 21 Oct 2020 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0.001),
        ("Wed, 99 Oct 99999 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0.001),
    ],
)
def test_a_pause_that_a_host_asks_for_is_made(
    server: Server, source: HttpSource, pauses: Pauses, value: str, date: str, pause: float
) -> None:
    server.script(FILE, answer(b"", 503, retry_after=value, date=date), answer(BIG))
    assert streamed(source) == BIG
    assert pauses == [pause]


def test_a_pause_never_passes_the_total_deadline(server: Server, pauses: Pauses) -> None:
    server.script(FILE, answer(b"", 429, retry_after="50"), answer(b"fine"))
    source = HttpSource(server.url, HttpOptions(limits=Limits(total_seconds=40), sleep=pauses))
    assert refused(source).code == "TRY_LATER"
    assert (pauses, len(server.requests)) == ([], 1)


# --------------------------------------------------------------------------------------------------- redirects


def test_up_to_three_redirects_on_the_same_host_are_followed(server: Server, source: HttpSource) -> None:
    server.script("/a.json", answer(b"moved", 301, location="/b%20b.json?x=1"))
    server.script("/b%20b.json?x=1", answer(b"", 307, location=f"{server.url}/c/d.json"))
    server.script("/c/d.json", answer(b"", 308, location="../small.json"))
    assert source.read("a.json", limit=7) == b'{"a":1}'
    server.script("/small.json", answer(b"", 302, location="/small.json"))
    assert refused(source, "small.json").code == "REDIRECT_REFUSED"
    assert len(server.asked("/small.json")) == 1 + 4


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1:1/f.bin",
        "http://localhost:{port}/f.bin",
        "https://127.0.0.1:{port}/f.bin",
        "http://169.254.169.254/latest/meta-data",
        "//evil.example/f.bin",
        "file:///etc/passwd",
        "data:text/plain,x",
        "ftp://127.0.0.1:{port}/f.bin",
        "http://user@127.0.0.1:{port}/f.bin",
        "http://127.0.0.1:{port}@evil.example/",
        "http://127.0.0.1:999999/f.bin",
        "http://[::1/f.bin",
        "/with space",
        "/\u00e9",
        "/" + "x" * 9000,
        "",
    ],
)
def test_a_redirect_elsewhere_is_refused(server: Server, source: HttpSource, to: str) -> None:
    server.script(FILE, answer(b"", 302, location=to.format(port=server.port)))
    error = refused(source)
    assert error.code == "REDIRECT_REFUSED"
    assert len(error.what) < 1000
    assert len(server.requests) == 1


def test_a_redirect_that_only_looks_like_another_host_stays_on_this_one(server: Server, source: HttpSource) -> None:
    server.script(
        FILE, answer(b"", 302, location="///evil.example/f.bin"), answer(b"", 302, location="/\\evil.example")
    )
    assert [refused(source).code, refused(source).code] == ["NOT_FOUND", "NOT_FOUND"]
    assert [request.path for request in server.requests][1::2] == ["/evil.example/f.bin", "/%5Cevil.example"]


def test_a_redirect_keeps_the_range(server: Server, source: HttpSource) -> None:
    server.script("/a.bin", answer(b"", 302, location="/f.bin"))
    assert b"".join(source.stream("a.bin", limit=len(BIG), start=7)) == BIG[7:]
    assert server.asked(FILE)[0].headers["range"] == "bytes=7-"


# ------------------------------------------------------------------------------------------------ size and form


def test_a_length_over_the_limit_is_refused_unread(server: Server, source: HttpSource) -> None:
    server.script(FILE, stalled(head(content_length=1001)))
    assert refused(source).code == "TOO_LARGE"
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [head(transfer_encoding="chunked") + b"6\r\nabcdef\r\n0\r\n\r\n", head() + b"abcdef"])
def test_one_byte_over_the_limit_is_too_much(server: Server, source: HttpSource, body: bytes) -> None:
    server.script(FILE, raw(body, close=True))
    assert refused(source, limit=5).code == "TOO_LARGE"
    assert source.read("f.bin", limit=6) == b"abcdef"


ENDLESS = {
    "chunks": endless(head(transfer_encoding="chunked"), b"8000\r\n" + b"x" * 0x8000 + b"\r\n"),
    "no length": endless(head(), b"x" * 0x8000),
    "trailers": endless(head(transfer_encoding="chunked") + b"0\r\n", b"T: " + b"v" * 1000 + b"\r\n"),
    "chunk extension": endless(head(transfer_encoding="chunked") + b"1;", b"x" * 0x8000),
    "interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 60000 + b"\r\n"),
    "one header": endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 0x8000),
    "status line": endless(b"", b"HTTP/1.1 200 " + b"y" * 0x8000),
    "error page": endless(head(500), b"<p>" * 1000),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_answer_ends_and_takes_little_memory(server: Server, hasty: HttpSource, name: str) -> None:
    server.script(FILE, ENDLESS[name])
    tracemalloc.start()
    try:
        error, stream_error = refused(hasty, limit=5000), refused_stream(hasty, limit=5000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    expected = {"HTTP_STATUS"} if name == "error page" else {"TOO_LARGE", "BAD_RESPONSE", "TRUNCATED"}
    assert {error.code, stream_error.code} <= expected | {"TOO_SLOW"}
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "identity, gzip", "X-Odd"])
def test_an_encoded_body_is_refused_unread(server: Server, source: HttpSource, encoding: str) -> None:
    server.script(FILE, endless(head(content_encoding=encoding), b"\x1f\x8b" * 1000))
    assert refused(source).code == "BAD_ENCODING"
    server.script(FILE, answer(b"x", transfer_encoding="gzip, chunked"))
    assert refused(source).code == "BAD_ENCODING"


def test_identity_is_no_encoding(server: Server, source: HttpSource) -> None:
    server.script(FILE, answer(b"x", content_encoding="Identity"))
    assert source.read("f.bin", limit=1) == b"x"


@pytest.mark.parametrize(
    "headers",
    [
        {"content_length": "-1"},
        {"content_length": "ten"},
        {"content_length": "+4"},
        {"content_length": "0x4"},
        {"content_length": "4_0"},
        {"content_length": "4.0"},
        {"content_length": "9" * 5000},
        {"content_length": ""},
        {"content_length": ["4", "5"]},
        {"content_length": "4, 5"},
        {"content_length": "4", "transfer_encoding": "chunked"},
    ],
)
def test_a_length_that_is_none_is_refused(server: Server, source: HttpSource, headers: dict[str, Any]) -> None:
    server.script(FILE, raw(head(**headers) + b"abcd", close=True))
    assert refused(source).code == "BAD_RESPONSE"


def test_the_same_length_twice_is_one(server: Server, source: HttpSource) -> None:
    server.script(FILE, raw(head(content_length=["4", "4"]) + b"abcd"))
    assert source.read("f.bin", limit=4) == b"abcd"


def test_a_body_longer_than_its_length_is_cut_there(server: Server, source: HttpSource) -> None:
    server.script(FILE, raw(head(content_length=4) + b"abcdefgh", close=True))
    assert source.read("f.bin", limit=4) == b"abcd"
    assert source.read("small.json", limit=7) == b'{"a":1}'


@pytest.mark.parametrize(
    "short",
    [
        head(content_length=10) + b"abc",
        head(content_length=10),
        head(transfer_encoding="chunked") + b"5\r\nab",
        head(transfer_encoding="chunked") + b"2\r\nab\r\n",
        head(transfer_encoding="chunked") + b"zz\r\nab\r\n",
    ],
)
def test_a_short_body_is_tried_three_times(server: Server, source: HttpSource, short: bytes) -> None:
    server.script(FILE, raw(short, close=True))
    assert refused(source).code == "TRUNCATED"
    assert len(server.requests) == 3
    server.script(FILE, raw(short, close=True), answer(b"abcdefghij"))
    assert source.read("f.bin", limit=10) == b"abcdefghij"


@pytest.mark.parametrize(
    "portal",
    [
        answer(b"<!DOCTYPE html><p>Please sign in", content_type="text/html"),
        answer(b"\n  <html>", content_type="application/json"),
        endless(head(content_type="Text/HTML; charset=utf-8"), b"<p>"),
        answer(b"", 511),
    ],
)
def test_a_web_page_where_metadata_should_be_is_no_repository(
    server: Server, source: HttpSource, portal: Behaviour
) -> None:
    server.script("/small.json", portal)
    assert refused(source, "small.json").code == "NOT_A_REPOSITORY"
    assert len(server.requests) == 1


def test_a_page_is_welcome_where_it_was_asked_for(server: Server, source: HttpSource) -> None:
    server.script("/index.html", answer(b"<p>", content_type="text/html"))
    assert source.read("index.html", limit=10) == b"<p>"


@pytest.mark.parametrize(
    "nonsense",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"\0" * 100, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 99999 x\r\n\r\n", b"\r\n\r\n"],
)
def test_an_answer_that_is_not_http_is_told(server: Server, source: HttpSource, nonsense: bytes) -> None:
    server.script(FILE, raw(nonsense, close=True))
    assert refused(source).code == "BAD_RESPONSE"


# --------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    "behaviour",
    [
        stalled(b""),
        stalled(b"HTTP/1.1 200 OK\r\nContent-"),
        stalled(head(content_length=10)),
        stalled(head(content_length=10) + b"abc"),
        stalled(head(transfer_encoding="chunked") + b"3\r\nabc\r\n"),
        stalled(head(transfer_encoding="chunked") + b"3\r\nabc\r\n0\r\nTrailer: "),
    ],
)
def test_a_stall_ends_after_the_gap_limit(server: Server, hasty: HttpSource, behaviour: Behaviour) -> None:
    server.script(FILE, behaviour)
    assert both_refused(hasty) == ["TOO_SLOW", "TOO_SLOW"]
    assert len(server.requests) == 2  # a host that stalls is not tried again


@pytest.mark.parametrize(
    "dripped",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 500,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        head(transfer_encoding="chunked") + b"0" * 500,
        head(transfer_encoding="chunked") + b"0\r\n" + b"T: v\r\n" * 100,
    ],
)
def test_a_drip_ends_wherever_it_comes(server: Server, hasty: HttpSource, dripped: bytes) -> None:
    server.script(FILE, drip(dripped, every=0.01))  # 100 bytes per second: neither a gap nor the least speed
    assert both_refused(hasty) == ["TOO_SLOW", "TOO_SLOW"]


def test_a_slow_body_ends_at_the_deadline_or_the_least_speed(server: Server, hasty: HttpSource) -> None:
    server.script(FILE, raw(head(content_length=900), *[b"x"] * 900, every=0.01))
    assert both_refused(hasty) == ["TOO_SLOW", "TOO_SLOW"]


def test_a_caller_that_is_slow_does_not_make_the_host_slow(server: Server, pauses: Pauses) -> None:
    now = [0.0]

    def monotonic() -> float:
        return now[0]

    source = HttpSource(server.url, HttpOptions(limits=LIMITS, sleep=pauses, monotonic=monotonic))
    received = b""
    for piece in source.stream("f.bin", limit=len(BIG)):
        received += piece
        now[0] += 1000.0
    assert received == BIG


def test_a_stream_may_take_longer_than_a_small_file_as_long_as_it_moves(server: Server, pauses: Pauses) -> None:
    server.script(FILE, raw(head(content_length=40_000), *[b"x" * 1000] * 40, every=0.02))
    limits = Limits(gap_seconds=20, total_seconds=0.6, speed_seconds=20, backoff_seconds=0.001)
    source = HttpSource(server.url, HttpOptions(limits=limits, sleep=pauses))
    assert len(streamed(source)) == 40_000  # almost a second, where a small file has 0.6
    assert refused(source, limit=len(BIG)).code == "TOO_SLOW"


# ------------------------------------------------------------------------------------------------------- resume


def test_a_stream_resumes_where_the_connection_broke(server: Server, source: HttpSource, pauses: Pauses) -> None:
    def broken(exchange: Exchange) -> None:
        first = int(exchange.request.headers.get("range", "bytes=0-")[6:-1])
        status = 206 if first else 200
        span = f"bytes {first}-{len(BIG) - 1}/{len(BIG)}"
        start = head(status, content_length=len(BIG) - first, content_range=span)
        reset_after(start + BIG[first : first + 150_000])(exchange)

    server.script(FILE, broken, broken, server.from_folder)
    assert streamed(source) == BIG
    assert [request.headers.get("range") for request in server.requests] == [None, "bytes=150000-", "bytes=300000-"]
    assert len(pauses) == 2
    server.script(FILE, broken)
    error = refused_stream(source)
    assert error.code in {"NETWORK", "TRUNCATED"}
    assert len(server.requests) == 6


def test_a_reset_before_the_answer_is_tried_again(server: Server, source: HttpSource) -> None:
    server.script(FILE, reset_after(b"", 0), reset_after(b"", 0), answer(b"fine"))
    assert source.read("f.bin", limit=4) == b"fine"
    server.script(FILE, reset_after(b"", 0))
    assert refused(source).code == "NETWORK"


def test_a_host_that_ignores_range_is_skipped_through(server: Server, source: HttpSource) -> None:
    server.script(FILE, answer(BIG))
    assert streamed(source, start=100_001) == BIG[100_001:]
    assert streamed(source, start=len(BIG)) == b""


def test_a_whole_file_in_place_of_a_part_is_still_bounded(server: Server, source: HttpSource) -> None:
    server.script(FILE, endless(head(), b"x" * 1000))
    assert refused_stream(source, limit=5000, start=4000).code == "TOO_LARGE"


def test_a_part_shorter_than_asked_is_continued(server: Server, source: HttpSource) -> None:
    server.script(
        FILE,
        raw(head(206, content_length=10, content_range=f"bytes 5-14/{len(BIG)}") + BIG[5:15]),
        raw(head(206, content_length=len(BIG) - 15, content_range=f"bytes 15-{len(BIG) - 1}/*") + BIG[15:]),
    )
    assert streamed(source, start=5) == BIG[5:]


def test_a_part_cut_short_is_continued(server: Server, source: HttpSource) -> None:
    server.script(
        FILE,
        raw(head(206, content_length=10, content_range="bytes 5-14/*") + BIG[5:8], close=True),
        raw(head(206, content_length=7, content_range="bytes 8-14/*") + BIG[8:15]),
    )
    assert streamed(source, start=5) == BIG[5:15]


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 0-9/512000",
        "bytes 6-15/512000",
        "bytes 5-15/512000",
        "bytes 5-4/512000",
        "bytes 5-14/10",
        "bytes 5-14",
        "bytes */512000",
        "5-14/512000",
        "bytes 5-14/512000, bytes 5-14/512000",
        "bytes -5-14/512000",
        "bytes 5-" + "9" * 5000 + "/*",
        "",
    ],
)
def test_a_part_that_lies_is_refused(server: Server, source: HttpSource, content_range: str) -> None:
    server.script(FILE, answer(BIG[5:15], 206, content_range=content_range))
    assert refused_stream(source, start=5).code == "BAD_RANGE"
    assert len(server.requests) == 1


def test_a_part_that_nobody_asked_for_is_refused(server: Server, source: HttpSource) -> None:
    server.script(FILE, answer(b"0123456789", 206, content_range="bytes 0-9/10"))
    assert refused(source).code == "BAD_RANGE"


def test_parts_are_bounded_by_the_whole_file(server: Server, source: HttpSource) -> None:
    server.script(FILE, answer(b"x" * 10, 206, content_range="bytes 5-14/2000"))
    assert refused_stream(source, start=5, limit=1000).code == "TOO_LARGE"
    server.script(FILE, answer(b"x" * 10, 206, content_range="bytes 995-1004/*"))
    assert refused_stream(source, start=995, limit=1000).code == "TOO_LARGE"


def test_a_start_outside_the_file_is_refused(server: Server, source: HttpSource) -> None:
    assert refused_stream(source, start=11, limit=10).code == "BAD_RANGE"
    assert refused_stream(source, start=-1, limit=10).code == "BAD_RANGE"
    assert server.requests == []
    server.script(FILE, answer(b"", 416, content_range="bytes */5"))
    assert refused_stream(source, start=6, limit=10).code == "BAD_RANGE"

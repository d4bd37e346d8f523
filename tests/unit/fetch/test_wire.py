"""Connections: TLS, proxies, names and addresses, and every exception of urllib3 in our words."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3.exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from sealcast.errors import ConfigError, TransferError
from sealcast.fetch import ClientCertificate, HttpOptions, HttpSource, Limits
from sealcast.fetch.wire import told
from tests.authority import Authority
from tests.servers import Behaviour, Server, answer, raw, stalled, tunnel

LIMITS = Limits(backoff_seconds=0.001)
HASTY = Limits(gap_seconds=0.3, total_seconds=0.6, backoff_seconds=0.001)


def options(
    *,
    ca_bundle: Path | None = None,
    proxy: str | None = "",
    client_certificate: ClientCertificate | None = None,
    limits: Limits = LIMITS,
) -> HttpOptions:
    return HttpOptions(
        ca_bundle=ca_bundle,
        proxy=proxy,
        client_certificate=client_certificate,
        limits=limits,
        sleep=lambda _: None,
    )


def refused(source: HttpSource, path: str = "f") -> TransferError:
    with pytest.raises(TransferError) as caught:
        source.read(path, limit=100)
    return caught.value


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


# ---------------------------------------------------------------------------------------------------------- TLS


def test_a_host_of_our_own_authority_is_trusted_and_nobody_else(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "f").write_bytes(b"fine")
    with Server(tmp_path, tls=authority.server_context()) as server:
        source = HttpSource(server.url, options(ca_bundle=authority.bundle))
        assert [source.read("f", limit=4) for _ in range(2)] == [b"fine"] * 2
        assert {request.connection for request in server.requests} == {1}
        for bundle in (None, Authority(tmp_path, "Other").bundle):
            error = refused(HttpSource(server.url, options(ca_bundle=bundle)))
            assert error.code == "TLS_FAILED"
            assert "certificate is not trusted" in error.what
        assert len(server.requests) == 2


def test_a_certificate_for_another_name_or_out_of_date_is_refused(tmp_path: Path, authority: Authority) -> None:
    for context in (authority.server_context("other.example"), authority.server_context(expired=True)):
        with Server(tmp_path, tls=context) as server:
            assert refused(HttpSource(server.url, options(ca_bundle=authority.bundle))).code == "TLS_FAILED"
            assert server.requests == []


def test_a_client_proves_itself_where_the_host_asks(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "f").write_bytes(b"fine")
    pem = authority.issue("device-7", passphrase=b"sesame-7")
    with Server(tmp_path, tls=authority.server_context(clients=True)) as server:
        own = ClientCertificate(pem, passphrase="sesame-7")
        assert "sesame-7" not in repr(own)
        assert HttpSource(server.url, options(ca_bundle=authority.bundle, client_certificate=own)).read("f", limit=4)
        error = refused(HttpSource(server.url, options(ca_bundle=authority.bundle)))
        assert error.code == "TLS_FAILED"
        assert "client's certificate" in error.what


def test_files_that_are_no_certificates_are_refused(tmp_path: Path, authority: Authority) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"junk")
    locked = authority.issue("device-7", passphrase=b"sesame-7")

    def code(**given: Path | ClientCertificate) -> str:
        with pytest.raises(ConfigError) as caught:
            HttpSource("https://127.0.0.1:1", options(**given)).read("f", limit=1)  # type: ignore[arg-type]
        return caught.value.code

    assert code(ca_bundle=junk) == code(ca_bundle=tmp_path / "none") == "BAD_CA_BUNDLE"
    for own in (
        ClientCertificate(junk),
        ClientCertificate(tmp_path / "none"),
        ClientCertificate(locked),  # must not ask on the terminal
        ClientCertificate(locked, passphrase="wrong"),
        ClientCertificate(locked, passphrase="x" * 5000),
        ClientCertificate(authority.issue("a"), private_key=authority.issue("b")),
    ):
        assert code(client_certificate=own) == "BAD_CLIENT_CERTIFICATE"


def test_openssl_never_asks_for_a_passphrase_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def record(_: ssl.SSLContext, certificate: Path, private_key: Path | None, passphrase: object) -> None:
        given.append(passphrase)
        raise OSError

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", record)
    with pytest.raises(ConfigError):
        HttpSource("https://h", options(client_certificate=ClientCertificate(tmp_path))).read("f", limit=1)
    assert given == [""]  # None would have it ask on the terminal


def test_a_host_that_speaks_no_tls_or_stops_in_the_handshake_is_told(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        error = refused(HttpSource(server.url.replace("http:", "https:"), options()))
        assert error.code == "NETWORK"
        assert "TLS" in error.what
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        error = refused(HttpSource(url, options(limits=Limits(connect_seconds=0.1, tries=1))))
        assert (error.code, "no answer in time" in error.what) == ("NETWORK", True)


# --------------------------------------------------------------------------------------------------- addresses


def test_ipv6_loopback_is_reached(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"six")
    with Server(tmp_path, host="::1") as server:
        assert HttpSource(server.url, options()).read("f", limit=3) == b"six"


def test_a_refused_connection_is_tried_and_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pauses: list[float] = []
    source = HttpSource(f"http://127.0.0.1:{port}", HttpOptions(limits=LIMITS, sleep=pauses.append))
    error = refused(source)
    assert error.code == "NETWORK"
    assert "refused" in error.what
    assert len(pauses) == 2


def test_a_name_that_cannot_be_looked_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    error = refused(HttpSource("https://nowhere.example", options()))
    assert error.code == "NETWORK"
    assert "'nowhere.example' cannot be looked up" in error.what


class _BlackHole(socket.socket):
    """A connection to 192.0.2.x (reserved for documents) never comes about."""

    waits: list[float | None] = []

    def connect(self, address: tuple[object, ...]) -> None:  # type: ignore[override]
        if str(address[0]).startswith("192.0.2."):
            self.waits.append(self.gettimeout())
            raise TimeoutError("timed out")
        super().connect(address)


@pytest.fixture
def black_hole(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[object, ...]]]:
    """Names resolve to what the test puts in here."""
    found: list[tuple[object, ...]] = []
    monkeypatch.setattr(_BlackHole, "waits", [])
    monkeypatch.setattr(socket, "socket", _BlackHole)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    return iter([found])


def _address(host: str, port: int, family: int = socket.AF_INET) -> tuple[object, ...]:
    return (family, socket.SOCK_STREAM, 6, "", (host, port))


def test_an_address_that_swallows_everything_costs_one_limit(
    tmp_path: Path, black_hole: Iterator[list[tuple[object, ...]]]
) -> None:
    (tmp_path / "f").write_bytes(b"fine")
    with Server(tmp_path) as server:
        found = next(black_hole)
        found += [
            _address("127.0.0.1", server.port, family=9999),  # a family this system does not have
            _address("192.0.2.1", server.port),
            _address("127.0.0.1", server.port),
        ]
        assert HttpSource(server.url, options()).read("f", limit=4) == b"fine"
        assert _BlackHole.waits == [LIMITS.connect_seconds]


def test_only_a_few_addresses_are_tried(black_hole: Iterator[list[tuple[object, ...]]]) -> None:
    next(black_hole).extend(_address(f"192.0.2.{number}", 1) for number in range(100))
    error = refused(HttpSource("http://127.0.0.1:1", options(limits=Limits(tries=1))))
    assert (error.code, "took too long" in error.what) == ("NETWORK", True)
    assert len(_BlackHole.waits) == 6


def test_connecting_counts_against_the_total(black_hole: Iterator[list[tuple[object, ...]]]) -> None:
    next(black_hole).extend(_address(f"192.0.2.{number}", 1) for number in range(100))
    ticks = iter(range(0, 10_000, 50))
    source = HttpSource("http://127.0.0.1:1", HttpOptions(monotonic=lambda: float(next(ticks)), sleep=lambda _: None))
    assert refused(source).code == "TOO_SLOW"


# ------------------------------------------------------------------------------------------------------ proxies


def test_a_proxy_carries_tls_it_cannot_read(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "f").write_bytes(b"fine")
    context = authority.server_context("updates.example")
    with Server(tmp_path, tls=context) as server, Server() as proxy:
        proxy.script(f"updates.example:{server.port}", tunnel)
        through = proxy.url.replace("://", "://me:p%40ss@")
        source = HttpSource(
            f"https://updates.example:{server.port}", options(ca_bundle=authority.bundle, proxy=through)
        )
        assert source.read("f", limit=4) == b"fine"
        assert [request.headers["proxy-authorization"] for request in proxy.requests] == ["Basic bWU6cEBzcw=="]
        assert "proxy-authorization" not in server.requests[0].headers


def test_a_proxy_may_itself_be_reached_by_tls(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "f").write_bytes(b"fine")
    context = authority.server_context("updates.example")
    with Server(tmp_path, tls=context) as server, Server(tls=authority.server_context()) as proxy:
        proxy.script(f"updates.example:{server.port}", tunnel)
        url = f"https://updates.example:{server.port}"
        assert HttpSource(url, options(ca_bundle=authority.bundle, proxy=proxy.url)).read("f", limit=4) == b"fine"
        assert len(proxy.requests) == 1
        assert refused(HttpSource(url, options(proxy=proxy.url))).code == "TLS_FAILED"


@pytest.mark.parametrize(
    ("behaviour", "code", "word"),
    [
        (answer(b"", 407), "PROXY_AUTH", "wants a name and password"),
        (answer(b"", 403), "NETWORK", "the proxy refuses (status 403)"),
        (raw(b"nonsense\r\n\r\n", close=True), "BAD_RESPONSE", "not HTTP"),
        (raw(b"", close=True), "NETWORK", "closed"),
        (stalled(b"HTTP/1.1 200 OK\r\nX:"), "TOO_SLOW", "slowly"),
        (raw(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 200, every=0.01), "TOO_SLOW", "slowly"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\nno tls here", close=True), "NETWORK", "TLS"),
    ],
)
def test_what_a_proxy_does_wrong_is_told(behaviour: Behaviour, code: str, word: str) -> None:
    with Server() as proxy:
        proxy.script("updates.example:443", behaviour)
        hasty = options(proxy=proxy.url, limits=HASTY if code == "TOO_SLOW" else LIMITS)
        error = refused(HttpSource("https://updates.example", hasty))
    assert error.code == code
    assert word in error.what


def test_a_proxy_that_is_not_there_is_told() -> None:
    assert refused(HttpSource("https://updates.example", options(proxy="http://127.0.0.1:1"))).code == "NETWORK"


@pytest.mark.parametrize("proxy", ["socks5://h:1", "ftp://h", "http://", "http://u:hunter2@h:port", "http://[h"])
def test_what_is_no_proxy_is_refused(proxy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpSource("https://updates.example", options(proxy=proxy)).read("f", limit=1)
    assert caught.value.code == "BAD_PROXY"
    assert "hunter2" not in str(caught.value.as_dict())
    assert "hunter2" not in repr(options(proxy=proxy))


def test_the_system_names_the_proxy_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "f").write_bytes(b"fine")
    with Server(tmp_path) as server, Server() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.removeprefix("http://"))
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "direct.example")
        proxy.script("updates.example:443", answer(b"", 407))
        assert refused(HttpSource("https://updates.example", options(proxy=None))).code == "PROXY_AUTH"
        # This machine itself is never asked for through a proxy.
        assert HttpSource(server.url, options(proxy=None)).read("f", limit=4) == b"fine"
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
        for direct in ("https://direct.example", "https://updates.example"):
            explicit = None if direct == "https://direct.example" else ""
            assert refused(HttpSource(direct, options(proxy=explicit))).code == "NETWORK"
        assert len(proxy.requests) == 1


# -------------------------------------------------------------------------------------------- in our own words


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (urllib3.exceptions.ProtocolError("x", http.client.IncompleteRead(b"")), "TRUNCATED"),
        (urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")), "NETWORK"),
        (urllib3.exceptions.ProtocolError("x", http.client.RemoteDisconnected("closed")), "NETWORK"),
        (urllib3.exceptions.SSLError(ssl.SSLCertVerificationError("bad")), "TLS_FAILED"),
        (urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred")), "NETWORK"),
        (urllib3.exceptions.InvalidHeader("x"), "BAD_RESPONSE"),
        (urllib3.exceptions.LocationParseError("x"), "BAD_RESPONSE"),
        (urllib3.exceptions.DecodeError("x"), "BAD_RESPONSE"),
        (http.client.LineTooLong("header line"), "BAD_RESPONSE"),
        (UnicodeError("x"), "BAD_RESPONSE"),
        (TimeoutError("x"), "NETWORK"),
        (EOFError(), "BAD_RESPONSE"),
    ],
)
def test_every_exception_below_us_is_told_in_our_words(error: Exception, code: str) -> None:
    with pytest.raises(TransferError) as caught, told("https://h/x"):
        raise error
    assert caught.value.code == code
    assert caught.value.data["url"] == "https://h/x"


def test_an_old_error_that_the_caller_deals_with_does_not_stand_in_for_the_new_one() -> None:
    caught = None
    try:
        raise ssl.SSLCertVerificationError("another mirror's")
    except ssl.SSLError:
        with pytest.raises(TransferError) as caught, told("https://h/x"):
            raise urllib3.exceptions.InvalidHeader("this one's")  # noqa: B904 - the context is the point
    assert caught.value.code == "BAD_RESPONSE"


def test_mistakes_of_our_own_are_not_hidden() -> None:
    with pytest.raises(TypeError), told("https://h/x"):
        raise TypeError


LINES = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 206 Part",
            b"HTTP/1.1 302 Found",
            b"HTTP/1.0 200",
            b"HTTP/2 200",
            b"Content-Length: 5",
            b"Content-Length: 0",
            b"Content-Length: -1",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: CHUNKED ",
            b"Content-Range: bytes 2-6/7",
            b"Content-Encoding: gzip",
            b"Location: http://[/",
            b"Location: /f",
            b"Connection: close",
            b"Connection: upgrade",
            b"Set-Cookie: \xff\x00",
            b" folded",
            b": no name",
            b"",
            b"5",
            b"-5",
            b"ffffffffffffffffffffff",
            b"0",
            b"hello",
            b"\xff\xfe\x00",
        ]
    )
    | st.binary(max_size=20),
    max_size=12,
)


@settings(max_examples=80)
@given(LINES)
def test_any_answer_is_taken_or_refused_in_our_words(fuzzed: Server, lines: list[bytes]) -> None:
    fuzzed.script("/f", raw(b"\r\n".join(lines), close=True))
    source = HttpSource(fuzzed.url, options(limits=Limits(tries=1, gap_seconds=10.0)))
    for start in (0, 2):
        data = b""
        # Anything but a TransferError fails the test.
        with contextlib.suppress(TransferError):
            data = b"".join(source.stream("f", limit=64, start=start)) if start else source.read("f", limit=64)
        assert len(data) <= 64


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Server]:
    with Server() as server:
        yield server


def test_importing_this_package_does_not_import_urllib3() -> None:
    code = "import sys, sealcast.fetch; sys.exit(any(name.startswith('urllib3') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

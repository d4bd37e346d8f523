"""urllib3's connections under our pace, and its many exceptions in our few words.

The only module that knows urllib3; imported with the first request, so that a program that never asks never pays.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import make_headers

from .. import __version__
from ..errors import ConfigError, TransferError
from .answer import bad_response, proxy_auth
from .location import Location, shown
from .options import HttpOptions
from .pace import Pace

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_ADDRESSES = 6
"""Addresses of one host that are tried; a name server that lists thousands does not keep us for hours."""
_IDLE_CONNECTIONS = 8
_BUFFER = 64 * 1024


class _Asking(Struct, frozen=True):
    """One request being made: its pace, and the answers begun (a proxy's, the host's), to close when it fails."""

    pace: Pace
    pins: frozenset[str]
    begun: list[http.client.HTTPResponse]


_ASKING: ContextVar[_Asking] = ContextVar("asking")
"""The request of this thread, for the connection that urllib3 makes or picks for it."""


class _PacedReader(io.RawIOBase):
    """A socket's bytes, each wait bounded by what the pace leaves."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open until the answer is closed
        self._pace = pace

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        self._sock.settimeout(self._pace.patience())
        before = self._pace.monotonic()
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError as error:
            raise self._pace.too_slow() from error
        self._pace.received(count or 0, self._pace.monotonic() - before)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PacedResponse(http.client.HTTPResponse):
    """An answer, of the host or of a proxy to CONNECT, that is read through the pace from its first byte on."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        asking = _ASKING.get()
        self.fp = io.BufferedReader(_PacedReader(sock, asking.pace), _BUFFER)
        asking.begun.append(self)


class _PacedConnection(HTTPConnection):
    response_class = _PacedResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port or self.default_port)


class _PacedTlsConnection(HTTPSConnection):
    response_class = _PacedResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port or self.default_port)

    def connect(self) -> None:
        super().connect()
        asking = _ASKING.get()
        if asking.pins:
            from .pins import check_pin  # a client without pins pays nothing

            # Before a byte of the request: what is asked for is nobody else's business.
            tls: Any = self.sock  # ssl.SSLSocket, or urllib3's own where TLS runs inside of TLS
            check_pin(tls.getpeercert(binary_form=True), asking.pins, asking.pace.url)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PacedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PacedTlsConnection


def _connect(host: str, port: int) -> socket.socket:
    """Return a connection to the first address of the host, or of the proxy, that accepts.

    Looking the name up takes as long as the system's resolver does (some 30 s at worst): it cannot be interrupted.
    """
    pace = _ASKING.get().pace
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _network(pace.url, f"the name {host!r} cannot be looked up", "Check the name and the network.") from error
    reason: OSError | None = None
    for family, kind, protocol, _, address in found[:_ADDRESSES]:
        with contextlib.ExitStack() as undo:
            try:
                sock = undo.enter_context(socket.socket(family, kind, protocol))
                sock.settimeout(pace.connect_patience())
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(pace.connect_patience())  # what a TLS handshake may take
            except OSError as error:
                reason = error
                continue
            undo.pop_all()
            return sock
    why = "took too long" if isinstance(reason, TimeoutError) else _words(reason)
    raise _network(pace.url, f"{host} does not accept a connection ({why})") from reason


class Wire:
    """Connections to one origin, kept open and shared between threads."""

    def __init__(self, location: Location, options: HttpOptions) -> None:
        """Raises ``ConfigError``: BAD_CA_BUNDLE, BAD_CLIENT_CERTIFICATE, BAD_PROXY."""
        tls = _tls(options) if location.scheme == "https" else None
        proxy = "" if location.loopback else _proxy(location, options)
        manager = _manager(proxy, tls, options)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        self._pins = options.pins
        self._pool = manager.connection_from_host(location.host, location.port, location.scheme)
        self._fields = make_headers(
            keep_alive=True,
            user_agent=options.user_agent or f"sealcast/{__version__}",
            basic_auth=location.credentials or None,
        ) | {"Accept-Encoding": "identity"}

    def get(self, target: str, pace: Pace, start: int, anew: bool) -> BaseHTTPResponse:
        """Ask for ``target`` from byte ``start`` on and return the answer, its body unread and undecoded.

        ``anew`` asks caches on the way to ask the host themselves (RFC 9111, section 5.2.1.4).
        """
        fields = dict(self._fields)
        if start:
            fields["Range"] = f"bytes={start}-"
        if anew:
            fields["Cache-Control"] = "no-cache"
        asking = _Asking(pace, self._pins, [])
        token = _ASKING.set(asking)
        try:
            with told(pace.url):
                return self._pool.urlopen(
                    "GET",
                    target,
                    headers=fields,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=Timeout(connect=pace.connect_patience(), read=pace.patience()),
                    preload_content=False,
                    decode_content=False,
                    enforce_content_length=False,
                )
        except BaseException:
            for begun in asking.begun:  # urllib3 forgets one whose headers it refuses
                begun.close()
            raise
        finally:
            _ASKING.reset(token)


@contextlib.contextmanager
def told(url: str) -> Iterator[None]:
    """Turn whatever urllib3 and what lies below it raise into a ``TransferError``.

    NETWORK (worth another try), TRUNCATED (likewise), TLS_FAILED, PROXY_AUTH, BAD_RESPONSE.
    """
    try:
        yield
    except (HTTPError, http.client.HTTPException, OSError, ValueError, EOFError) as error:
        raise _in_our_words(url, error) from error


def _in_our_words(url: str, error: BaseException) -> TransferError:
    for cause in _causes(error):
        if isinstance(cause, http.client.IncompleteRead):
            return truncated(url)
        if isinstance(cause, ssl.SSLError):
            return _tls_error(url, cause)
        if isinstance(cause, OSError):  # a connection closed without an answer is one, too
            found = re.match(r"Tunnel connection failed: ([0-9]{3})", str(cause))
            if found is None:
                return _network(url, _words(cause))
            if found[1] == "407":
                return proxy_auth(url)
            return _network(url, f"the proxy refuses (status {found[1]})", "Check the proxy's settings.")
    return bad_response(url, "is not HTTP")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and what urllib3 wrapped in it, as cause or argument.

    Not its context: that may be an old error which our caller is just dealing with, at another mirror say.
    """
    yield error
    for inner in (error.__cause__, *error.args):
        if isinstance(inner, BaseException):
            yield from _causes(inner)


def _tls_error(url: str, error: ssl.SSLError) -> TransferError:
    reason = getattr(error, "reason", None) or ""  # absent where Python, not OpenSSL, raised it
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"the host's certificate is not trusted ({getattr(error, 'verify_message', error)})"
    elif "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        why = "the host does not accept this client's certificate, or wants one"
    else:
        return _network(url, f"the TLS handshake or stream broke ({reason.replace('_', ' ').lower() or 'no reason'})")
    return TransferError(
        "TLS_FAILED",
        f"No safe connection for {url}: {why}.",
        hint="Check the date of this machine. Behind a company's proxy, give its CA bundle.",
        url=url,
    )


def truncated(url: str) -> TransferError:
    """What is raised when a body ends before it should. Worth another try."""
    return TransferError("TRUNCATED", f"{url} ended before its end.", hint="Try again.", url=url)


def _network(url: str, why: str, hint: str = "Check the network, and that the host is up.") -> TransferError:
    return TransferError("NETWORK", f"{url} cannot be reached: {why}.", hint=hint, url=url)


def _words(error: OSError | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if error is not None and error.strerror:
        return error.strerror.lower()
    return "the connection was closed"


def _tls(options: HttpOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca_bundle)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            "BAD_CA_BUNDLE",
            f"The CA bundle {str(options.ca_bundle)!r} cannot be read.",
            hint="Give a PEM file with one or more CA certificates.",
        ) from error
    own = options.client_certificate
    if own is None:
        return context
    try:
        # An empty passphrase still is one: without, OpenSSL would ask on the terminal.
        context.load_cert_chain(own.certificate, own.private_key, own.passphrase)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "BAD_CLIENT_CERTIFICATE",
            f"The client certificate {str(own.certificate)!r} or its private key cannot be used.",
            hint="Give PEM files that belong together, and the passphrase where the private key has one.",
        ) from error
    return context


def _manager(proxy: str, tls: ssl.SSLContext | None, options: HttpOptions) -> PoolManager:
    if not proxy:
        return PoolManager(ssl_context=tls, maxsize=_IDLE_CONNECTIONS)
    try:
        parts = urlsplit(proxy)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError
        credentials, _, place = parts.netloc.rpartition("@")
        return ProxyManager(
            f"{parts.scheme}://{place}",
            maxsize=_IDLE_CONNECTIONS,
            ssl_context=tls,
            proxy_ssl_context=ssl.create_default_context(cafile=options.ca_bundle),
            proxy_headers=make_headers(proxy_basic_auth=unquote(credentials) or None),
        )
    except (HTTPError, ValueError) as error:
        raise ConfigError(
            "BAD_PROXY", f"{shown(proxy)!r} is not a proxy's URL.", hint="It looks like http://proxy.example.org:3128."
        ) from error


def _proxy(location: Location, options: HttpOptions) -> str:
    if options.proxy is not None:
        return options.proxy
    from urllib.request import getproxies, proxy_bypass

    proxy = "" if proxy_bypass(location.host) else getproxies().get(location.scheme, "")
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"

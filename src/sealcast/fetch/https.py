"""A published site on the web: one request, its redirects, its tries, its bytes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..errors import TransferError
from .answer import (
    REDIRECTS,
    Body,
    check_body,
    check_status,
    ends_at,
    not_a_repository,
    retry_after_of,
)
from .location import Location, parse_location, shown
from .options import HttpOptions
from .pace import Pace
from .source import bad_range, too_large

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

    from .wire import Wire

_CHUNK = 64 * 1024
_REDIRECTS = 3
_ERROR_PAGE = 64 * 1024
"""An error page up to this size is read to its end, which keeps its connection in use."""


class HttpSource:
    """A site behind https, or http on this very machine.

    Its methods raise ``TransferError``: UNSAFE_PATH, NOT_FOUND, HTTP_STATUS, PROXY_AUTH, TRY_LATER, NETWORK,
    TLS_FAILED, TOO_SLOW, TOO_LARGE, TRUNCATED, BAD_ENCODING, BAD_RESPONSE, BAD_RANGE, REDIRECT_REFUSED,
    NOT_A_REPOSITORY, PIN_MISMATCH. The first request raises as `prepare` does.
    """

    def __init__(self, url: str, options: HttpOptions | None = None) -> None:
        """Raises ``TransferError``: BAD_URL, INSECURE_URL. Connects to nothing yet."""
        self._url = url
        self._location: Location = parse_location(url)
        self._options = options or HttpOptions()
        self._wire: Wire | None = None
        self._making = threading.Lock()

    @property
    def location(self) -> str:
        """The site's URL, without credentials."""
        return (self._location.origin + self._location.prefix).rstrip("/")

    @property
    def host(self) -> str:
        """The host's name, in lower case, or its address; an IPv6 address in brackets."""
        return self._location.host

    def pinned(self, pins: frozenset[str]) -> HttpSource:
        """Return the same site over connections of its own, on which the host must prove a key in ``pins``."""
        return HttpSource(self._url, replace(self._options, pins=pins))

    def prepare(self) -> None:
        """Make ready for requests, without one.

        Raises ``ConfigError`` for options that cannot be used: BAD_CA_BUNDLE, BAD_CLIENT_CERTIFICATE, BAD_PROXY.
        """
        self._connected()

    def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
        """Return the whole small file at ``path``, within the total deadline."""
        return self._read(self._location.target(path), limit, anew)

    def read_url(self, url: str, *, limit: int) -> bytes:
        """Return what `read` does, for a complete and percent-encoded URL below `location`."""
        return self._read(self._location.target_of(url), limit)

    def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        """Yield the file at ``path`` from byte ``start`` on; a broken connection is resumed where it broke."""
        return self._stream(self._location.target(path), limit, start)

    def stream_url(self, url: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        """Yield what `stream` does, for a complete and percent-encoded URL below `location`."""
        return self._stream(self._location.target_of(url), limit, start)

    def _read(self, target: str, limit: int, anew: bool = False) -> bytes:
        deadline = self._options.monotonic() + self._options.limits.total_seconds
        tries = _Tries(self._options, deadline)
        while True:
            data = bytearray()  # not a list: a host may send megabytes in pieces of one byte
            try:
                for piece in self._once(target, limit, 0, deadline, anew):
                    data += piece
            except TransferError as error:
                tries.wait_after(error)
                continue
            if target.endswith(".json") and data.lstrip()[:1] == b"<":
                raise not_a_repository(self._shown(target))
            return bytes(data)

    def _stream(self, target: str, limit: int, start: int) -> Iterator[bytes]:
        if not 0 <= start <= limit:
            raise bad_range(self._shown(target), f"may have {limit} bytes and cannot be read from byte {start}")
        tries = _Tries(self._options, None)
        position = start
        while True:
            try:
                with contextlib.closing(self._once(target, limit, position, None)) as pieces:
                    for piece in pieces:
                        position += len(piece)
                        yield piece
                return
            except TransferError as error:
                tries.wait_after(error)

    def _once(
        self, target: str, limit: int, start: int, deadline: float | None, anew: bool = False
    ) -> Generator[bytes]:
        """One try: ask, follow, check, and yield the body from byte ``start`` of the file on."""
        options = self._options
        pace = Pace(self._shown(target), options.limits, options.monotonic, limit=limit, deadline=deadline)
        response = self._ask(target, pace, start, anew)
        try:
            if response.status not in {200, 206}:
                _drain(response, pace.url)
            if response.status == 416 and start:
                if ends_at(response.headers, start):
                    return
                raise bad_range(pace.url, f"has no byte {start}")
            check_status(response.status, response.headers, pace.url)
            if deadline is not None and target.endswith(".json") and _is_page(response):
                raise not_a_repository(pace.url)
            body = check_body(response.status, response.headers, pace.url, start=start, limit=limit)
            yield from _skipping(_pieces(response, body, pace.url, limit), start - body.first)
        finally:
            response.close()

    def _ask(self, target: str, pace: Pace, start: int, anew: bool) -> BaseHTTPResponse:
        wire = self._connected()
        for _ in range(_REDIRECTS + 1):
            response = wire.get(target, pace, start, anew)
            if response.status not in REDIRECTS:
                return response
            to = response.headers.get("location", "")
            _drain(response, pace.url)
            target = self._location.redirected(target, to)
        raise TransferError(
            "REDIRECT_REFUSED",
            f"{pace.url} leads on more than {_REDIRECTS} times.",
            hint="Give the site's final URL.",
            url=pace.url,
        )

    def _connected(self) -> Wire:
        with self._making:
            if self._wire is None:
                from .wire import Wire

                self._wire = Wire(self._location, self._options)
            return self._wire

    def _shown(self, target: str) -> str:
        return self._location.origin + shown(target)


class _Tries:
    """How often one request is made, and how long is waited in between."""

    def __init__(self, options: HttpOptions, deadline: float | None) -> None:
        self._options = options
        self._deadline = deadline
        self._made = 0

    def wait_after(self, error: TransferError) -> None:
        """Wait before the next try, or raise ``error`` where another one is not worth it or not allowed."""
        limits = self._options.limits
        self._made += 1
        if not _worth_another_try(error) or self._made >= limits.tries:
            raise error
        asked = retry_after_of(error)
        pause = limits.backoff_seconds * 2 ** (self._made - 1) * (0.5 + self._options.jitter())
        pause = max(pause, asked)
        left = None if self._deadline is None else self._deadline - self._options.monotonic()
        if asked > limits.retry_after_seconds or (left is not None and pause >= left):
            raise error
        self._options.sleep(pause)


def _worth_another_try(error: TransferError) -> bool:
    status = error.data.get("status")
    server_failed = error.code == "HTTP_STATUS" and isinstance(status, int) and status >= 500
    return server_failed or error.code in {"NETWORK", "TRUNCATED", "TRY_LATER"}


def _pieces(response: BaseHTTPResponse, body: Body, url: str, limit: int) -> Iterator[bytes]:
    """Yield the body as it comes. Raises ``TransferError``: TOO_LARGE, TRUNCATED and what the wire raises."""
    from .wire import told, truncated

    position = body.first
    end = None if body.length is None else body.first + body.length
    while end is None or position < end:
        with told(url):
            piece = response.read1(_CHUNK, decode_content=False)
        if not piece:
            break
        position += len(piece)
        if position > limit:
            raise too_large(url, limit)
        yield piece
    if position < (end or 0) or position < (body.total or 0):
        raise truncated(url)
    with told(url):
        response.read(1, decode_content=False)  # takes note of the end, which gives the connection back


def _skipping(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Yield the pieces without their first ``count`` bytes: a host may ignore Range and send everything."""
    for piece in pieces:
        if rest := piece[count:]:
            yield rest
        count = max(0, count - len(piece))


def _is_page(response: BaseHTTPResponse) -> bool:
    return response.headers.get("content-type", "").strip().lower().startswith("text/html")


def _drain(response: BaseHTTPResponse, url: str) -> None:
    """Read what little an error page has, to use its connection again; whatever is wrong with it does not matter."""
    try:
        body = check_body(200, response.headers, url, start=0, limit=_ERROR_PAGE)
        for _ in _pieces(response, body, url, _ERROR_PAGE):
            pass
    except TransferError:
        pass
    finally:
        response.close()

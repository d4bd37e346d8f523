"""A small web server on loopback, for tests: a folder served as a good host would, and faults by script.

    with Server(site) as server:                                   # every file, Range, the right cache headers
        server.script("/metadata/timestamp.json", answer(status=503), answer(b"{}"))
        open_source(server.url).read("metadata/timestamp.json", limit=1000)
        assert len(server.asked("/metadata/timestamp.json")) == 2

A behaviour is any function of an `Exchange`; it may send what it likes, byte by byte, wait and hang up. Where a
path has several, each request takes the next and the last one stays. Paths are as requested, percent-encoding included.
"""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "max-age=60, must-revalidate"
OVERWRITTEN = frozenset({"timestamp.json", "index.html", "status.json"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. ``headers`` by lower-case name; ``connection`` counts the connections from 1."""

    method: str
    path: str
    headers: dict[str, str]
    connection: int


class Exchange:
    """One request, and the means to answer it well or badly."""

    def __init__(self, request: Request, handler: _Handler) -> None:
        self.request = request
        self.connection: socket.socket = handler.connection
        self._handler = handler

    def send(self, data: bytes) -> None:
        """Send these bytes now. Raises ``OSError`` when the client has gone."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def wait(self, seconds: float) -> None:
        """Do nothing for a while; the end of the test ends it early."""
        if self._handler.server.ending.wait(seconds):
            raise ConnectionAbortedError

    def hang_up(self) -> None:
        """Close the connection in good order once this behaviour returns."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """Tear the connection down at once, so that the client sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.close_connection = True
        # Closing the descriptor itself: the handler's files on it would keep an orderly close from being a reset.
        socket.socket(fileno=self.connection.detach()).close()


Behaviour = Callable[[Exchange], None]


def head(status: int = 200, **headers: object) -> bytes:
    """Return a status line and headers; ``content_length`` stands for Content-Length, a list for a repeated field."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    for name, given in headers.items():
        values = given if isinstance(given, list) else [given]
        lines += [f"{name.replace('_', '-').title()}: {value}" for value in values]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(body: bytes = b"", status: int = 200, **headers: object) -> Behaviour:
    """Return a well-formed answer, unless ``headers`` say otherwise."""
    return raw(head(status, **{"content_length": len(body), **headers}) + body)


def raw(*pieces: bytes, every: float = 0.0, close: bool = False) -> Behaviour:
    """Return an answer of exactly these bytes, a pause after each piece."""

    def behave(exchange: Exchange) -> None:
        for piece in pieces:
            exchange.send(piece)
            if every:
                exchange.wait(every)
        if close:
            exchange.hang_up()

    return behave


def drip(data: bytes, every: float) -> Behaviour:
    """Return an answer that sends ``data`` byte by byte."""
    return raw(*(data[place : place + 1] for place in range(len(data))), every=every, close=True)


def stalled(data: bytes, seconds: float = 60.0) -> Behaviour:
    """Return an answer that stops after ``data`` and keeps the connection open."""
    return raw(data, every=seconds, close=True)


def reset_after(data: bytes, pause: float = 0.05) -> Behaviour:
    """Return an answer that sends ``data`` and then resets the connection."""

    def behave(exchange: Exchange) -> None:
        exchange.send(data)
        exchange.wait(pause)  # a reset overtakes and destroys what the client has not read yet
        exchange.reset()

    return behave


def endless(start: bytes, piece: bytes) -> Behaviour:
    """Return an answer that never ends: ``start``, then ``piece`` over and over until the client hangs up."""

    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        while not exchange._handler.server.ending.is_set():
            exchange.send(piece)

    return behave


def tunnel(exchange: Exchange) -> None:
    """Carry bytes both ways, as a proxy does after CONNECT."""
    host, _, port = exchange.request.path.rpartition(":")
    with socket.create_connection(("127.0.0.1" if host.endswith(".example") else host, int(port))) as there:
        exchange.send(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        back = threading.Thread(target=_pump, args=(there, exchange.connection))
        back.start()
        _pump(exchange.connection, there)
        back.join()
    exchange.hang_up()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the client to acknowledge the headers
    server: _Server

    def setup(self) -> None:
        if self.server.tls is not None:
            self.request = _handshake(self.request, self.server.tls)
        super().setup()
        self.number = self.server.connected(self.connection)

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError):  # the client, or the test, has gone
            super().handle_one_request()
            return
        self.close_connection = True

    def _behave(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.number)
        self.server.behaviour_for(request)(Exchange(request, self))

    do_GET = do_HEAD = do_CONNECT = _behave

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        if self.server.tls is not None:
            self.connection.close()  # the server knows, and closes, the plain socket only

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def _handshake(plain: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Return the connection under TLS. A refused client is heard out, so that no reset overtakes the alert to it."""
    connection = tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
    try:
        connection.do_handshake()
    except OSError:
        with socket.socket(fileno=connection.detach()) as refused, contextlib.suppress(OSError):
            refused.shutdown(socket.SHUT_WR)
            refused.settimeout(0.5)
            while refused.recv(65536):
                pass
        raise
    return connection


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, owner: Server, host: str, tls: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.owner = owner
        self.tls = tls
        self.ending = threading.Event()
        self._sockets: list[socket.socket] = []
        super().__init__((host, 0), _Handler)

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)  # the base class looks its own name up, which may take seconds
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def connected(self, connection: socket.socket) -> int:
        with self.owner.lock:
            self._sockets.append(connection)
            return len(self._sockets)

    def behaviour_for(self, request: Request) -> Behaviour:
        return self.owner.next_behaviour(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: a refused handshake or a client that has gone is what many tests are about."""

    def end(self) -> None:
        self.ending.set()
        self.shutdown()
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Server:
    """A web server on loopback, running while its ``with`` block does."""

    def __init__(
        self, folder: Path | None = None, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.folder = folder
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self._scripts: dict[str, list[Behaviour]] = {}
        self._server = _Server(self, host, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.port: int = self._server.server_port
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"

    def script(self, path: str, *behaviours: Behaviour) -> None:
        """Answer requests for ``path`` with these behaviours in turn; the last one stays. Without any: as before."""
        with self.lock:
            self._scripts[path] = list(behaviours)

    def asked(self, path: str) -> list[Request]:
        """Return the requests for ``path`` so far."""
        with self.lock:
            return [request for request in self.requests if request.path == path]

    def next_behaviour(self, request: Request) -> Behaviour:
        with self.lock:
            self.requests.append(request)
            script = self._scripts.get(request.path)
            if script:
                return script.pop(0) if len(script) > 1 else script[0]
        return self.from_folder

    def from_folder(self, exchange: Exchange) -> None:
        """Answer as a good host would: what is done where nothing is scripted."""
        request = exchange.request
        path = self._file_of(request.path)
        if path is None:
            answer(b"nothing here", 404, content_type="text/plain", cache_control="no-cache")(exchange)
            return
        data = path.read_bytes()
        headers: dict[str, object] = {
            "content_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "cache_control": REVALIDATED if path.name in OVERWRITTEN else IMMUTABLE,
            "etag": f'"{hashlib.sha256(data).hexdigest()}"',
            "accept_ranges": "bytes",
        }
        status = 200
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", "")):
            first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
            if first > last:
                answer(b"", 416, content_range=f"bytes */{len(data)}")(exchange)
                return
            status, headers["content_range"] = 206, f"bytes {first}-{last}/{len(data)}"
            data = data[first : last + 1]
        exchange.send(head(status, content_length=len(data), **headers))
        if request.method != "HEAD":
            exchange.send(data)

    def _file_of(self, requested: str) -> Path | None:
        if self.folder is None:
            return None
        root = self.folder.resolve()
        path = (root / unquote(requested.partition("?")[0]).lstrip("/")).resolve()
        if path.is_dir():
            path /= "index.html"
        return path if path.is_relative_to(root) and path.is_file() else None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.end()
        self._thread.join()

"""A web server on loopback for the peers: files with single and multiple ranges, every answer counted."""

from __future__ import annotations

import re
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import unquote

_RANGES = re.compile(r"bytes=(\s*\d*-\d*\s*(?:,\s*\d*-\d*\s*)*)")
_BOUNDARY = "sealcast-benchmark-boundary"


class Traffic(NamedTuple):
    """Requests that were answered, and the bytes of their bodies."""

    requests: int
    wire: int


class Web:
    """Serves ``folder`` while its ``with`` block runs."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._requests = self._wire = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folder.resolve(), self._count))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def taken(self) -> Traffic:
        """Return what was asked for since the last call."""
        with self._lock:
            traffic = Traffic(self._requests, self._wire)
            self._requests = self._wire = 0
        return traffic

    def _count(self, size: int) -> None:
        with self._lock:
            self._requests += 1
            self._wire += size


def ranges(header: str | None, size: int) -> list[tuple[int, int]] | None:
    """Return the parts of a file of ``size`` bytes that a Range header asks for, as first byte and the one after the
    last; None where the whole file is the answer (RFC 9110, section 14).
    """
    match = _RANGES.fullmatch(header or "")
    if match is None:
        return None
    parts = []
    for asked in match[1].split(","):
        first, _, last = asked.strip().partition("-")
        if first:
            start, end = int(first), min(int(last or size) + (1 if last else 0), size)
        elif last:
            start, end = max(0, size - int(last)), size
        else:
            return None
        if start < end:
            parts.append((start, end))
    return parts


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for headers and a small body
    disable_nagle_algorithm = True

    def __init__(self, root: Path, count: object, *arguments: object) -> None:
        self._root = root
        self._count = count
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = (self._root / unquote(self.path.partition("?")[0]).lstrip("/")).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            self._answer(HTTPStatus.NOT_FOUND, b"")
            return
        data = path.read_bytes()
        asked = ranges(self.headers.get("Range"), len(data))
        if asked is None:
            self._answer(HTTPStatus.OK, data)
        elif not asked:
            self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", ("Content-Range", f"bytes */{len(data)}"))
        elif len(asked) == 1:
            ((start, end),) = asked
            header = ("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
            self._answer(HTTPStatus.PARTIAL_CONTENT, data[start:end], header)
        else:
            header = ("Content-Type", f"multipart/byteranges; boundary={_BOUNDARY}")
            self._answer(HTTPStatus.PARTIAL_CONTENT, multipart(data, asked), header)

    do_HEAD = do_GET

    def _answer(self, status: HTTPStatus, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            body = b""
        self._count(len(body))  # type: ignore[operator]
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def multipart(data: bytes, parts: list[tuple[int, int]]) -> bytes:
    """Return the body of an answer to several ranges."""
    pieces = []
    for start, end in parts:
        pieces += [
            f"\r\n--{_BOUNDARY}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Range: bytes {start}-{end - 1}/{len(data)}\r\n\r\n".encode(),
            data[start:end],
        ]
    return b"".join([*pieces, f"\r\n--{_BOUNDARY}--\r\n".encode()])

"""A web server for a site in a folder, on this machine only: for development, demonstrations and tests.

It answers as a good host would: ranges, the cache rules of DESIGN section 7, and 404 for whatever is not part of a
site. It never serves anything else that happens to lie in the folder, such as keys.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote_to_bytes

from .errors import RepositoryError, TransferError
from .hosting.stores import IMMUTABLE_CACHE, MUTABLE_CACHE
from .values import path_flaw

HOST = "127.0.0.1"

_FOLDERS = ("metadata/", "targets/", "objects/")
_PAGES = {"index.html": "text/html; charset=utf-8", "status.json": "application/json"}
_CHANGING = {"metadata/timestamp.json", *_PAGES}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK = 256 * 1024


class Request(NamedTuple):
    """A request that was answered: what was asked for, the answer's status and the bytes of its body."""

    method: str
    path: str
    status: int
    size: int


class SiteServer(ThreadingMixIn, TCPServer):
    """Serves a site until it is shut down. Use it as a context manager, or close it."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows it would let others take the port over

    def __init__(self, folder: Path, port: int = 0, seen: Callable[[Request], None] = lambda _: None) -> None:
        """Listen on ``port``, or a free one; ``seen`` is told of each request, in the thread that answered it.

        Raises ``RepositoryError`` (NO_SITE) or ``TransferError`` (PORT_TAKEN).
        """
        if not (folder / "metadata").is_dir():
            raise RepositoryError(
                "NO_SITE",
                f"{folder} holds no site: it has no folder metadata.",
                hint="Make one with `sealcast build DIR`.",
                path=str(folder),
            )
        try:
            super().__init__((HOST, port), partial(_Handler, folder.resolve(), seen))
        except OSError as error:
            raise TransferError(
                "PORT_TAKEN",
                f"Port {port} cannot be used: {error.strerror or error}.",
                safe="Nothing was served.",
                hint="Choose another with --port; 0 takes a free one.",
                port=port,
            ) from error

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of readers that went away; anything else is a mistake of ours, and loud."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """The site's URL."""
        return f"http://{HOST}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sealcast"
    sys_version = ""
    timeout = 60

    def __init__(self, root: Path, seen: Callable[[Request], None], *arguments: object) -> None:
        self._root = root
        self._seen = seen
        self._sent = 0
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing yet: a request is told of when its answer is known."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the signature is http.server's
        """Nothing: broken requests are of no interest to whoever develops an app."""

    def _answer(self, *, body: bool) -> None:
        path = _site_path(self.path)
        file = _open(self._root, path) if path else None
        if path is None or file is None:
            self._finish(HTTPStatus.NOT_FOUND, {"Cache-Control": "no-store"}, None, 0, 0)
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            status, start, end = _part(self.headers.get("Range"), size)
            headers = _headers(path)
            if status is HTTPStatus.PARTIAL_CONTENT:
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            elif status is HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                headers["Content-Range"] = f"bytes */{size}"
            self._finish(status, headers, file if body else None, start, end)

    def _finish(self, status: HTTPStatus, headers: dict[str, str], body: BinaryIO | None, start: int, end: int) -> None:
        """Send the answer: bytes ``start`` to ``end`` of ``body``, or only their number when there is no body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        sent = 0
        try:
            if body is not None:
                body.seek(start)
                while sent < end - start and (chunk := body.read(min(_CHUNK, end - start - sent))):
                    self.wfile.write(chunk)
                    sent += len(chunk)
                self.close_connection |= sent < end - start  # the file shrank: the reader must not wait for the rest
        except ConnectionError:
            self.close_connection = True
        self._seen(Request(self.command, self.path, status, sent))


def _site_path(target: str) -> str | None:
    """Return the path in the site that a request asks for, or None where that can be no file of a site."""
    try:
        path = unquote_to_bytes(target.partition("?")[0].partition("#")[0]).decode("utf-8").removeprefix("/")
    except UnicodeDecodeError:
        return None
    path = path or "index.html"
    hidden = any(part.startswith(".") for part in path.split("/"))
    if hidden or path_flaw(path) or not (path in _PAGES or path.startswith(_FOLDERS)):
        return None
    return path


def _open(root: Path, path: str) -> BinaryIO | None:
    """Open a regular file below ``root``, following no link out of it; None if there is none."""
    try:
        place = (root / path).resolve(strict=True)
        if not place.is_relative_to(root) or not stat.S_ISREG(place.stat().st_mode):
            return None
        return place.open("rb", buffering=0)
    except (OSError, RuntimeError, ValueError):  # the second: links in a circle, before Python 3.13
        return None


def _headers(path: str) -> dict[str, str]:
    kind = _PAGES.get(path) or ("application/json" if path.endswith(".json") else "application/octet-stream")
    return {
        "Content-Type": kind,
        "Cache-Control": MUTABLE_CACHE if path in _CHANGING else IMMUTABLE_CACHE,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }


def _part(header: str | None, size: int) -> tuple[HTTPStatus, int, int]:
    """Return how a Range header is answered, with the first byte of the body and the one after its last.

    RFC 9110, section 14: several ranges, other units and nonsense may be ignored; then the whole file is the answer.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not (match[1] or match[2]) or (match[1] and match[2] and int(match[2]) < int(match[1])):
        return HTTPStatus.OK, 0, size
    if match[1]:
        start, end = int(match[1]), min(int(match[2] or size) + 1, size)
    else:
        start, end = max(0, size - int(match[2])), size
    if start >= end:
        return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, 0
    return HTTPStatus.PARTIAL_CONTENT, start, end

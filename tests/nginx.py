"""A real web server for tests: nginx with TLS 1.3, its files wherever a test says, its certificates replaced at will.

One process for a whole module, on ports that the system gave. What it serves is a link, ``site``, that each test points
to a folder of its own; every request is written down.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.authority import Authority

COMMAND = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

_MARK = "/mark-"
_MAIN = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    log_format seen "$server_port $status $ssl_protocol $sent_http_content_encoding- $http_range- $request_uri";
    access_log {folder}/access.log seen;
    default_type application/octet-stream;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    root {folder}/site;
    ssl_protocols TLSv1.3;
    map $server_port $certificate {{ default {folder}/host.pem; }}
    ssl_certificate $certificate;  # by a variable: read anew for each connection
    ssl_certificate_key $certificate;
    gzip on; gzip_min_length 1; gzip_types *; gzip_comp_level 9; gzip_http_version 1.0;
    {servers}
}}
"""
_SERVERS = {
    "plain": "",
    "clients": "ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;",
    "forbids": "location ~ [0-9]+\\.root\\.json$ {{ return 403; }}",
    "moves": "location /metadata/ {{ return 302 /moved$request_uri; }} location /moved/ {{ alias {folder}/site/; }}",
    "leads away": "location /metadata/ {{ return 302 https://elsewhere.example$request_uri; }}",
}


class Seen(NamedTuple):
    """One request, as nginx wrote it down. Texts are empty where there was nothing."""

    server: str
    status: int
    protocol: str
    encoding: str
    range: str
    path: str


class Nginx:
    """nginx, running while its ``with`` block does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = Authority(folder)
        shutil.copy(self.authority.bundle, folder / "ca.pem")
        self.ports: dict[str, int] = {}
        self._marks = 0

    def url(self, server: str = "plain", host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.ports[server]}"

    def serve(self, site: Path) -> None:
        """Let ``site`` be what is served, and forget the requests so far."""
        link = self._folder / "site.new"
        link.symlink_to(site, target_is_directory=True)
        link.replace(self._folder / "site")
        os.truncate(self._folder / "access.log", 0)

    def seen(self, server: str = "plain") -> list[Seen]:
        """Return the requests to one server so far."""
        names = {str(port): name for name, port in self.ports.items()}
        found = []
        for line in self._log():
            port, status, protocol, encoding, span, path = line.split(" ", 5)
            found.append(Seen(names[port], int(status), protocol, encoding.strip("-"), span.removesuffix("-"), path))
        return [one for one in found if one.server == server and not one.path.startswith(_MARK)]

    def _log(self) -> list[str]:
        """Return the lines of the log once a request of our own stands in it: what came before it then does, too."""
        self._marks += 1
        mark = f"{_MARK}{self._marks}"
        context = ssl.create_default_context(cafile=self.authority.bundle)
        context.check_hostname = False
        with (
            socket.create_connection(("127.0.0.1", self.ports["plain"]), 30) as plain,
            context.wrap_socket(plain) as tls,
        ):
            tls.sendall(f"GET {mark} HTTP/1.0\r\n\r\n".encode())
            while tls.recv(65536):
                pass
        ends = time.monotonic() + 30
        while not (lines := (self._folder / "access.log").read_text().splitlines()) or not lines[-1].endswith(mark):
            assert time.monotonic() < ends, "nginx writes nothing down"
            time.sleep(0.005)
        return lines

    def present(self, certificate: Path) -> None:
        """Show another certificate on every connection from now on."""
        shutil.copy(certificate, self._folder / "host.pem.new")
        (self._folder / "host.pem.new").replace(self._folder / "host.pem")

    def __enter__(self) -> Self:
        self.present(self.authority.issue("127.0.0.1"))
        for _ in range(5):  # somebody may take a port before nginx does
            self.ports = dict(zip(_SERVERS, _free_ports(len(_SERVERS)), strict=True))
            (self._folder / "nginx.conf").write_text(self._configuration())
            self._process = subprocess.Popen(
                [COMMAND or "nginx", "-p", self._folder, "-c", self._folder / "nginx.conf"],
                stderr=subprocess.DEVNULL,  # a port that was taken; what else is wrong stands in error.log
            )
            if self._wait():
                return self
        raise AssertionError("nginx does not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def _configuration(self) -> str:
        servers = "\n    ".join(
            f"server {{ listen 127.0.0.1:{port} ssl; {_SERVERS[name].format(folder=self._folder)} }}"
            for name, port in self.ports.items()
        )
        user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
        return _MAIN.format(folder=self._folder, servers=servers, user=user)

    def _wait(self, seconds: float = 30.0) -> bool:
        """Wait until nginx accepts connections, and tell whether it does; not when it has ended."""
        ends = time.monotonic() + seconds
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.ports["plain"]), 10).close()
                return True
            except OSError:
                assert time.monotonic() < ends, "nginx does not answer"
                time.sleep(0.02)
        return False


def _free_ports(count: int) -> Sequence[int]:
    """Return ports that are free just now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()

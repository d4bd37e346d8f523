"""Where a site is on the web: one origin, one prefix, and nothing outside that origin."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, unquote, urljoin, urlsplit

from msgspec import Struct

from ..errors import TransferError
from ..values import printable
from .source import check_path

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"[!-~]{1,4096}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?")
_PATH_SAFE = "/-._~!$&'()*+,;=:@%"


class Location(Struct, frozen=True):
    """A site's URL in parts. ``prefix`` is percent-encoded, starts and ends with ``/``."""

    scheme: str
    host: str
    """A name or address; an IPv6 address in brackets."""
    port: int
    prefix: str
    credentials: str = ""
    """``user:password`` for basic authentication; never part of a message."""

    def __repr__(self) -> str:
        return f"Location({self.origin}{self.prefix})"  # without what is secret

    @property
    def origin(self) -> str:
        """Scheme, host and, where it is not the usual one, port."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def loopback(self) -> bool:
        """Whether the host is this very machine."""
        return _is_loopback(self.host)

    def target(self, path: str) -> str:
        """Return what to request for the site's file at ``path``. Raises ``TransferError`` (UNSAFE_PATH)."""
        return self.prefix + quote(check_path(path), safe="/")

    def target_of(self, url: str) -> str:
        """Return what to request for a complete URL below this one, percent-encoding kept as it is.

        For clients that build their own URLs. Raises ``TransferError`` (UNSAFE_PATH) for one that lies elsewhere.
        """
        target = url.removeprefix(self.origin)
        inside = url.startswith(self.origin + self.prefix) and re.fullmatch(r"[!-~]+", target)
        if not inside or {"..", "."} & set(target.split("/")) or {"?", "#", "\\"} & set(target):
            raise TransferError("UNSAFE_PATH", f"{shown(url)} is not a file below {self.origin}{self.prefix}.")
        return target

    def redirected(self, target: str, to: str) -> str:
        """Return what to request after the answer to ``target`` pointed ``to`` another place of the same origin.

        Raises ``TransferError`` (REDIRECT_REFUSED): another origin could be anybody, and addresses such as
        169.254.169.254 give away secrets to whoever makes a client ask there.
        """
        try:
            if not re.fullmatch(r"[!-~]{1,8192}", to):
                raise ValueError
            parts = urlsplit(urljoin(self.origin + target, to))
            port = parts.port or _PORTS.get(parts.scheme)
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            if (parts.scheme, host, port) != (self.scheme, self.host, self.port) or "@" in parts.netloc:
                raise ValueError
        except ValueError:
            raise self._refused(target, to) from None
        query = f"?{parts.query}" if parts.query else ""
        return quote(parts.path or "/", safe=_PATH_SAFE) + query

    def _refused(self, target: str, to: str) -> TransferError:
        return TransferError(
            "REDIRECT_REFUSED",
            f"{self.origin}{shown(target)} leads to another place, {shown(to)!r}, which is not followed.",
            hint="Give the site's final URL. On a guest network, sign in with a browser first.",
            url=self.origin + shown(target),
        )


def parse_location(url: str) -> Location:
    """Return the parts of a site's URL. Raises ``TransferError``: BAD_URL, INSECURE_URL."""
    try:
        if not _URL.fullmatch(url) or "\\" in url:
            raise ValueError("holds a space or a character that URLs do not have")
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError("is neither https nor a folder")
        if parts.query or parts.fragment or url.endswith(("?", "#")):
            raise ValueError("has a query or fragment; files are found by path alone")
        if {"..", "."} & set(unquote(parts.path).split("/")):
            raise ValueError("has a path with '.' or '..'")
        host, port = _host(parts.hostname or "", parts.netloc), parts.port
        if port == 0:
            raise ValueError("has the port 0")
    except ValueError as error:
        raise TransferError(
            "BAD_URL", f"{_guarded(url)!r} {error}.", hint="A site's URL looks like https://updates.example.org/app."
        ) from None
    if parts.scheme == "http" and not _is_loopback(host):
        raise TransferError(
            "INSECURE_URL",
            f"{shown(url)!r} is plain http, which is for this very machine only.",
            hint="Use https.",
        )
    prefix = quote(parts.path.rstrip("/"), safe=_PATH_SAFE) + "/"
    credentials = unquote(parts.netloc.rpartition("@")[0])
    return Location(parts.scheme, host, port or _PORTS[parts.scheme], prefix, credentials)


def shown(url: str) -> str:
    """Return ``url`` fit to print: without credentials and query, short, with nothing a terminal obeys."""
    bare = re.sub(r"//[^/?#]*@", "//", url[:8192]).partition("?")[0]
    return printable(bare[:300])


def _guarded(url: str) -> str:
    """Return a URL that could not be parsed fit to print: whatever stands before an ``@`` may be a password."""
    return shown(re.sub(r"//.*@", "//\N{HORIZONTAL ELLIPSIS}@", url, flags=re.DOTALL))


def _host(host: str, netloc: str) -> str:
    if "[" in netloc:
        if "%" in host:
            raise ValueError("names a network interface")
        return f"[{ipaddress.IPv6Address(host)}]"  # AddressValueError is a ValueError
    if not _HOST.fullmatch(host) or len(host) > 253 or any(not 0 < len(label) < 64 for label in host.split(".")):
        raise ValueError("names no host that can be looked up (write international names in their xn-- form)")
    return host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

"""What a host's answer must look like before a byte of its body is taken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from ..errors import TransferError
from .source import bad_range, too_large

if TYPE_CHECKING:
    from urllib3 import HTTPHeaderDict

_LENGTH = re.compile(r"[0-9]{1,19}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,19})")
_SECONDS = re.compile(r"[0-9]+")

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({403, 404, 410})  # a bucket that hides its listing says 403 for what is not there
_BUSY = frozenset({429, 503})


class Body(Struct, frozen=True):
    """What the host says that its body is. ``first`` is where it begins in the file, in bytes."""

    first: int
    length: int | None
    """Bytes of this body; None when only its end tells."""
    total: int | None
    """Bytes of the whole file, where the host says so."""


def check_status(status: int, fields: HTTPHeaderDict, url: str) -> None:
    """Let 200 and 206 pass, whatever was asked. Raises ``TransferError`` for everything else.

    NOT_FOUND, PROXY_AUTH, NOT_A_REPOSITORY (511: a network that wants a sign-in), TRY_LATER (``retry_after`` seconds
    in its data, where the host names them), HTTP_STATUS. Their data hold the ``status``.
    """
    if status in {200, 206}:
        return
    if status == 407:
        raise proxy_auth(url)
    if status == 511:
        raise not_a_repository(url, status)
    if status in _GONE:
        code, what, hint = "NOT_FOUND", f"The host has no {url} (status {status}).", "Check the site's URL."
    elif status in _BUSY:
        code, what, hint = "TRY_LATER", f"The host of {url} asks to come back later (status {status}).", "Try later."
    else:
        code, what, hint = "HTTP_STATUS", f"The host answered {url} with status {status}.", "Ask whoever runs the host."
    raise TransferError(code, what, hint=hint, url=url, status=status, retry_after=_retry_after(fields))


def check_body(status: int, fields: HTTPHeaderDict, url: str, *, start: int, limit: int) -> Body:
    """Return what the body of a 200 or 206 claims to be. ``start`` is the byte that was asked for.

    Raises ``TransferError``: BAD_ENCODING (coded bytes can be a bomb, and are not what was signed), BAD_RESPONSE
    (lengths that contradict, RFC 9112 section 6.3), BAD_RANGE (RFC 9110 section 14.4), TOO_LARGE.
    """
    encoding = fields.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity"}:
        raise _bad_encoding(url, encoding)
    length = _content_length(fields, url)
    first, total = 0, length
    if status == 206:
        first, length, total = _content_range(fields, url, start, length)
    if max(total or 0, first + (length or 0)) > limit:
        raise too_large(url, limit)
    return Body(first, length, total)


def ends_at(fields: HTTPHeaderDict, start: int) -> bool:
    """Tell whether a 416 says that the file ends just where we are: everything is here already."""
    found = _UNSATISFIED.fullmatch(fields.get("content-range", ""))
    return found is not None and int(found[1]) == start


def retry_after_of(error: TransferError) -> float:
    """Return the seconds that the host asked to wait for, or 0."""
    seconds = error.data.get("retry_after")
    return seconds if isinstance(seconds, float) else 0.0


def not_a_repository(url: str, status: int = 200) -> TransferError:
    """What is raised for a web page where metadata should be."""
    return TransferError(
        "NOT_A_REPOSITORY",
        f"A web page came instead of {url}.",
        hint="On a guest network, sign in with a browser first. Otherwise check the site's URL.",
        url=url,
        status=status,
    )


def proxy_auth(url: str) -> TransferError:
    """What is raised when the proxy wants a name and password, or others."""
    return TransferError(
        "PROXY_AUTH",
        f"The proxy on the way to {url} wants a name and password.",
        hint="Give them in the proxy's URL: http://user:password@proxy:port.",
        url=url,
        status=407,
    )


def bad_response(url: str, why: str) -> TransferError:
    """What is raised for an answer that is not HTTP as its standard has it."""
    return TransferError(
        "BAD_RESPONSE", f"The answer to {url} {why}.", hint="Something on the way, or the host, is broken.", url=url
    )


def _bad_encoding(url: str, encoding: str) -> TransferError:
    return TransferError(
        "BAD_ENCODING",
        f"{url} came encoded as {encoding[:40]!r}, although plain bytes were asked for.",
        hint="Switch off compression on the host or the CDN for this site.",
        url=url,
    )


def _content_length(fields: HTTPHeaderDict, url: str) -> int | None:
    coding = fields.get("transfer-encoding", "").strip().lower()
    if coding not in {"", "chunked"}:
        raise _bad_encoding(url, coding)
    values = {value.strip() for field in fields.getlist("content-length") for value in field.split(",")}
    if not values:
        return None
    if coding or len(values) > 1:
        raise bad_response(url, "gives its length in ways that contradict")
    value = values.pop()
    if not _LENGTH.fullmatch(value):
        raise bad_response(url, f"gives {value[:40]!r} as its length")
    return int(value)


def _content_range(fields: HTTPHeaderDict, url: str, start: int, length: int | None) -> tuple[int, int, int | None]:
    found = _CONTENT_RANGE.fullmatch(fields.get("content-range", "").strip())
    if start == 0 or found is None:
        raise bad_range(url, "came in part, in a way that was not asked for")
    first, last = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    size = last - first + 1
    if first != start or size < 1 or (total is not None and last >= total) or (length not in {None, size}):
        raise bad_range(url, f"came from another byte than {start}, or with a range that cannot be")
    return first, size, total


def _retry_after(fields: HTTPHeaderDict) -> float | None:
    """Return the seconds that the host asks to wait for; None where it gives none that make sense.

    A date is read against the host's own ``Date``, so that neither clock needs to be right.
    """
    value = fields.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value[:20])
    from email.utils import parsedate_to_datetime  # costs 20 ms, and hosts that answer well never need it

    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(fields.get("date", ""))).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None

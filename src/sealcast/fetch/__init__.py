"""Bytes of a published site, from https or from a folder, with every limit that a hostile host calls for.

Nothing here knows what the bytes mean: callers verify them. What is promised is that a download ends, in bounded time
and memory, with the bytes the host sent or with one ``TransferError`` (DESIGN section 6, "Limits on a hostile host").

    read this first     `source`    what a source is
    then                `https`     one request, its tries, its redirects
    where limits live   `pace`      time and volume of one exchange, down to the socket
                        `answer`    what a host's answer must look like
                        `wire`      urllib3's connections under our pace, its exceptions in our words
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import TransferError
from .folder import FolderSource
from .https import HttpSource
from .options import ClientCertificate, HttpOptions, Limits
from .overlay import Overlay
from .source import Source

__all__ = [
    "ClientCertificate",
    "FolderSource",
    "HttpOptions",
    "HttpSource",
    "Limits",
    "Overlay",
    "Source",
    "open_source",
]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?i:https?|file):")


def open_source(location: str | Path, options: HttpOptions | None = None) -> Source:
    """Return the source at ``location``: an https URL, http on this very machine, or a folder. Touches nothing yet.

    Raises ``TransferError``: INSECURE_URL, BAD_URL.
    """
    if isinstance(location, Path):
        return FolderSource(location)
    if _URL.match(location):
        return HttpSource(location, options or HttpOptions())
    if not location or "\0" in location:
        raise TransferError("BAD_URL", f"{location[:80]!r} is neither a URL nor a folder.")
    return FolderSource(Path(location))

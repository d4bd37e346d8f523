"""What a source of published bytes is, and what every source refuses alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..errors import TransferError
from ..values import path_flaw


class Source(Protocol):
    """Where the bytes of a published site come from. Safe to use from several threads.

    Both methods raise ``TransferError`` and nothing else, but for a ``ConfigError`` about a source's own options.
    Codes that every source has: UNSAFE_PATH, NOT_FOUND (gone, or not for us), TOO_LARGE, BAD_RANGE. What a source
    gives is as the host sent it: verify it.
    """

    @property
    def location(self) -> str:
        """The URL or folder, fit to print: never with credentials."""
        ...

    def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
        """Return the whole small file at ``path``, of at most ``limit`` bytes; ``anew``: not as a cache kept it."""
        ...

    def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        """Yield the file at ``path`` from byte ``start`` on, in pieces; with what came before, at most ``limit`` bytes.

        Close the iterator (or exhaust it) to give its connection back.
        """
        ...


def check_path(path: str) -> str:
    """Return ``path`` if it may name a file of a site: as in a manifest, and free of what URLs give a meaning to.

    Raises ``TransferError`` (UNSAFE_PATH): the path comes from metadata and becomes part of a request or file name.
    """
    flaw = path_flaw(path)
    if flaw is None and (found := next((character for character in "#%" if character in path), None)):
        flaw = f"holds {found!r}, which URLs read otherwise"
    if flaw:
        raise TransferError(
            "UNSAFE_PATH", f"The path {path[:200]!r} {flaw}.", hint="Nothing was asked for.", path=path[:200]
        )
    return path


def too_large(place: str, limit: int) -> TransferError:
    """What every source raises for more than ``limit`` bytes."""
    return TransferError(
        "TOO_LARGE",
        f"{place} is larger than the {limit} bytes that it may have.",
        hint="The host sends something else than what was published. Tell the publisher.",
        url=place,
        limit=limit,
    )


def bad_range(place: str, why: str) -> TransferError:
    """What every source raises when a file cannot be continued where the caller left off."""
    return TransferError(
        "BAD_RANGE", f"{place} {why}.", hint="Drop the partial download and start it again.", url=place
    )

"""How long, how slow and how much one exchange with a host may be.

Measured at the socket, not at the body: a host can drip its status line, its headers, a hundred interim answers or
endless chunk trailers just as well, and an HTTP library waits for each of them with a fresh timeout.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import TransferError
from .options import Limits
from .source import too_large

_FRAMING = 1024 * 1024
"""Bytes that headers and chunk framing may take besides the body; a further body's worth for tiny chunks."""


class Pace:
    """The limits of one exchange. ``deadline``, on the clock of ``monotonic``, binds `Source.read`; without one the
    least speed binds. Raises ``TransferError``: TOO_SLOW, TOO_LARGE.
    """

    def __init__(
        self, url: str, limits: Limits, monotonic: Callable[[], float], *, limit: int, deadline: float | None
    ) -> None:
        self.url = url
        self.monotonic = monotonic
        self._limits = limits
        self._limit = limit
        self._deadline = deadline
        self._budget = 2 * limit + _FRAMING
        self._waited = 0.0
        self._brought = 0

    def patience(self) -> float:
        """Return how many seconds the host may take for its next byte."""
        return self._at_most(self._limits.gap_seconds)

    def connect_patience(self) -> float:
        """Return how many seconds one address may take to accept, or a TLS handshake to end."""
        return self._at_most(self._limits.connect_seconds)

    def received(self, count: int, waited: float) -> None:
        """Take note of ``count`` bytes that came after ``waited`` seconds.

        Only time spent waiting for the host counts, so a caller who is busy with the bytes does not make it slow.
        """
        self._budget -= count
        if self._budget < 0:
            raise too_large(self.url, self._limit)
        if self._deadline is not None:
            return
        self._waited += waited
        self._brought += count
        if self._waited >= self._limits.speed_seconds:
            if self._brought < self._limits.least_speed * self._waited:
                raise self.too_slow()
            self._waited, self._brought = 0.0, 0

    def too_slow(self) -> TransferError:
        """What is raised when the host takes more time than it has."""
        return TransferError(
            "TOO_SLOW",
            f"{self.url} comes too slowly, or has stopped coming.",
            hint="Try again later, or over another network.",
            url=self.url,
        )

    def _at_most(self, seconds: float) -> float:
        if self._deadline is not None:
            seconds = min(seconds, self._deadline - self.monotonic())
        if seconds <= 0:
            raise self.too_slow()
        return seconds

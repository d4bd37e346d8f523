"""What a caller may choose about transfers. Everything else is fixed by the limits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct


class Limits(Struct, frozen=True):
    """How long, how slow and how often (DESIGN section 6). Other values are for tests."""

    connect_seconds: float = 10.0
    """For one address to accept, and for the TLS handshake after it."""
    gap_seconds: float = 30.0
    """For the next byte to come."""
    total_seconds: float = 120.0
    """For a whole `Source.read`, with its tries and pauses."""
    least_speed: int = 1024
    """Bytes per second that a stream must bring, over each ``speed_seconds`` spent waiting for it."""
    speed_seconds: float = 60.0
    tries: int = 3
    backoff_seconds: float = 0.5
    """Pause after the first failed try; doubled after each further one, times 0.5 to 1.5."""
    retry_after_seconds: float = 60.0
    """The longest pause that a host may ask for."""


class ClientCertificate(Struct, frozen=True):
    """What proves this client to the host (mutual TLS): PEM files, and the passphrase of the private one."""

    certificate: Path
    private_key: Path | None = None
    """None when the certificate's file holds the private key too."""
    passphrase: str = ""

    def __repr__(self) -> str:
        return f"ClientCertificate({self.certificate})"  # without what is secret


class HttpOptions(Struct, frozen=True):
    """How an `HttpSource` reaches its host. Time and chance are arguments; their defaults are the real ones."""

    ca_bundle: Path | None = None
    """PEM file of the authorities to trust *instead of* the system's."""
    client_certificate: ClientCertificate | None = None
    pins: frozenset[str] = frozenset()
    """SHA-256 digests of public keys (`sealcast.fetch.pins`); the host must prove to hold one. Empty: not pinned."""
    proxy: str | None = None
    """``http://[user:password@]host:port``; empty: none; None: what the system says (``HTTPS_PROXY``, ``NO_PROXY``)."""
    user_agent: str = ""
    """Empty: ``sealcast/<version>``."""
    limits: Limits = Limits()
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that only rise."""
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """A number from 0 to 1, another each time, so that a fleet does not come back in step."""

    def __repr__(self) -> str:
        return f"HttpOptions({self.ca_bundle}, {self.client_certificate})"  # a proxy's URL may hold a password

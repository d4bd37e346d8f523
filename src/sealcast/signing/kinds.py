"""What every kind of signer is: a way to open it, a way to find its public key, and a way to tell that it is away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from securesystemslib.signer import Signer, SSlibKey

from ..errors import SigningError


class Secrets(Protocol):
    """How a secret is asked for. The program's edge implements it: prompt, environment, file."""

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        """Return the passphrase of the key ``name``; ``confirm`` asks twice, for a new one.

        Raises ``SigningError`` (NO_PASSPHRASE) when nobody can be asked.
        """
        ...

    def pin(self, token: str) -> str:
        """Return the PIN of the token with this label. Raises ``SigningError`` (NO_PIN) when nobody can be asked."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signer is: its URI, whole and after the scheme, and where to ask and look."""

    uri: str
    rest: str
    secrets: Secrets
    folder: Path


@dataclass(frozen=True, slots=True)
class Located:
    """A signer's public key, and its URI as it reads from any folder."""

    uri: str
    key: SSlibKey


@dataclass(frozen=True, slots=True)
class Kind:
    """One scheme of URIs. What it needs of optional packages, it imports when it is called.

    ``open`` returns the signer at a place, proven to belong to a public key; ``locate`` finds the public key of one
    that is only named; ``absent`` says why there is no use in opening it on this machine, and asks nobody.
    """

    open: Callable[[Place, SSlibKey], Signer]
    locate: Callable[[Place], Located]
    absent: Callable[[Place], SigningError | None]

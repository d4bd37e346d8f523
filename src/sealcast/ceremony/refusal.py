"""How what is wrong with a proposal becomes an error of the ceremony: one family, whichever rule found it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import CeremonyError, ConfigError, VerificationError

_KEPT = frozenset({"BAD_PUBLIC_KEY", "BAD_THRESHOLD", "DUPLICATE_KEY", "KEYID_MISMATCH", "UNKNOWN_DOCUMENT"})
"""Codes that say more than that something cannot be read, and are the same wherever they are met."""


@contextmanager
def refusing(code: str = "BAD_PROPOSAL") -> Iterator[None]:
    """Turn what the readers below raise into a ``CeremonyError``: with ``code``, or with its own if that says more."""
    try:
        yield
    except (VerificationError, ConfigError) as error:
        raise CeremonyError(error.code if error.code in _KEPT else code, error.what, hint=error.hint) from error


def bad(what: str, why: str) -> CeremonyError:
    """Return the error for a proposal that is no such thing: ``why`` goes on after «cannot be used:»."""
    return CeremonyError(
        "BAD_PROPOSAL",
        f"{what} cannot be used: {why}.",
        hint="Ask for the proposal again. If it stays so, the machine that made it may be in other hands.",
    )

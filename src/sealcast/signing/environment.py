"""Passphrases and PINs from the environment: for CI and for Python programs, where nobody can be asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from ..errors import SigningError
from ..values import printable

VARIABLE = "SEALCAST_PASSPHRASE"
"""The variable that answers for every key; with ``_<KEYNAME>`` behind it, for one."""

PIN_VARIABLE = "SEALCAST_PIN"
"""The variable that answers for every token; with ``_<TOKEN>`` behind it, for the one with that label."""

_NOT_IN_VARIABLES = re.compile(r"[^A-Z0-9]")


def variable_of(name: str, variable: str = VARIABLE) -> str:
    """Return the variable that answers for the key or token ``name`` alone: ``ci-1`` is SEALCAST_PASSPHRASE_CI_1."""
    return f"{variable}_{_NOT_IN_VARIABLES.sub('_', name.upper())}"


def as_passphrase(text: str) -> bytes:
    """Return what was typed as the bytes that protect a key: UTF-8 in normal form C (RFC 8265, section 4.2).

    So the same keys on another system's keyboard open the same file. Bytes of the environment that are no text stay
    as they are.
    """
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")


class EnvironmentSecrets:
    """Answers from environment variables, and asks nobody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        """See `sealcast.signing.Secrets`."""
        del confirm  # there is nobody who could mistype
        if value := self._answer(name, VARIABLE):
            return as_passphrase(value)
        raise SigningError(
            "NO_PASSPHRASE",
            f"The passphrase of the key {printable(name)} is needed, and nobody can be asked.",
            hint=f"Set {variable_of(name)} or {VARIABLE}.",
            key=name,
        )

    def pin(self, token: str) -> str:
        """See `sealcast.signing.Secrets`."""
        if value := self._answer(token, PIN_VARIABLE):
            return value
        raise no_pin(token)

    def _answer(self, name: str, variable: str) -> str | None:
        # An empty variable is a secret that the CI system does not have: as good as none.
        return self._environment.get(variable_of(name, variable)) or self._environment.get(variable)


def no_pin(token: str) -> SigningError:
    """Return the error that says which variables answer for the token with this label."""
    return SigningError(
        "NO_PIN",
        f"The token {printable(token)} needs its PIN, and nobody can be asked.",
        hint=f"Set {variable_of(token, PIN_VARIABLE)} or {PIN_VARIABLE}.",
        token=token,
    )

"""Passphrases from the environment: for CI and for Python programs, where nobody can be asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from ..errors import SigningError
from ..values import printable

VARIABLE = "SEALCAST_PASSPHRASE"
"""The variable that answers for every key; with ``_<KEYNAME>`` behind it, for one."""

_NOT_IN_VARIABLES = re.compile(r"[^A-Z0-9]")


def variable_of(name: str, variable: str = VARIABLE) -> str:
    """Return the variable that answers for the key ``name`` alone: ``ci-1`` is SEALCAST_PASSPHRASE_CI_1."""
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
        for variable in (variable_of(name), VARIABLE):
            # An empty variable is a secret that the CI system does not have: as good as none.
            if value := self._environment.get(variable):
                return as_passphrase(value)
        raise SigningError(
            "NO_PASSPHRASE",
            f"The passphrase of the key {printable(name)} is needed, and nobody can be asked.",
            hint=f"Set {variable_of(name)} or {VARIABLE}.",
            key=name,
        )

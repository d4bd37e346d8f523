"""Passphrases from the environment: for CI and for Python programs, where nobody can be asked."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import SigningError

VARIABLE = "SEALCAST_PASSPHRASE"
"""The variable that answers for every key; with ``_<KEYNAME>`` behind it, for one."""


def variable_of(name: str) -> str:
    """Return the variable that answers for the key ``name`` alone: ``ci-1`` is SEALCAST_PASSPHRASE_CI_1."""
    return f"{VARIABLE}_{name.upper().replace('-', '_')}"


class EnvironmentSecrets:
    """Answers from environment variables, and asks nobody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        """See `sealcast.signing.Secrets`."""
        del confirm  # there is nobody who could mistype
        for variable in (variable_of(name), VARIABLE):
            if value := self._environment.get(variable):
                return value.encode()
        raise SigningError(
            "NO_PASSPHRASE",
            f"The passphrase of the key {name} is needed, and nobody can be asked.",
            hint=f"Set {variable_of(name)} or {VARIABLE}.",
            key=name,
        )

"""Passphrases and PINs from the edge of the program: the environment, a file, or the person at the terminal.

Never from an argument, which every process on the machine could read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import SigningError
from ..files import read_secret
from ..signing import PIN_VARIABLE, VARIABLE, EnvironmentSecrets, as_passphrase, variable_of
from ..values import printable
from .ask import can_ask, secret
from .session import Session

NEW_VARIABLE = "SEALCAST_NEW_PASSPHRASE"
"""The variable that answers for a passphrase that replaces one; for one key, with ``_<KEYNAME>`` behind it."""

FILE_OPTION = "--passphrase-file"

Prompt = Callable[[str, bool], str]
"""Asks a question without showing the answer; twice, when the second argument says so."""


class Passphrases:
    """Answers for one run: each key is asked for once, in the order variable of the key, file, variable, person.

    The variable that names the key comes first, so that one run can use keys with different passphrases.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        prompt: Prompt,
        can_ask: bool,
        file: Path | None = None,
        variable: str = VARIABLE,
        option: str = FILE_OPTION,
    ) -> None:
        self._environment = environment
        self._prompt = prompt
        self._can_ask = can_ask
        self._file = file
        self._variable = variable
        self._option = option
        self._known: dict[str, bytes] = {}
        self._pins: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        """Return the passphrase of the key ``name``; ``confirm`` asks twice, for a new one.

        Raises ``SigningError`` (NO_PASSPHRASE) when nobody can be asked, ``ConfigError`` (BAD_PASSPHRASE_FILE).
        """
        if confirm or name not in self._known:
            self._known[name] = as_passphrase(self._find(name, confirm))
        return self._known[name]

    def pin(self, token: str) -> str:
        """Return the PIN of the token with this label: from its variable, SEALCAST_PIN, or the person.

        Raises ``SigningError`` (NO_PIN) when nobody can be asked.
        """
        if token not in self._pins:
            self._pins[token] = self._find_pin(token)
        return self._pins[token]

    def _find_pin(self, token: str) -> str:
        if self._can_ask and not any(map(self._environment.get, (variable_of(token, PIN_VARIABLE), PIN_VARIABLE))):
            return self._prompt(f"PIN of the token {printable(token)}", False)
        return EnvironmentSecrets(self._environment).pin(token)

    def _find(self, name: str, confirm: bool) -> str:
        own = variable_of(name, self._variable)
        # An empty variable is a secret that the CI system does not have: as good as none.
        if found := self._environment.get(own):
            return found
        if self._file is not None:
            return read_secret(self._file)
        if found := self._environment.get(self._variable):
            return found
        if not self._can_ask:
            raise SigningError(
                "NO_PASSPHRASE",
                f"The key {printable(name)} needs a passphrase, and there is no terminal to ask on.",
                hint=f"Set {own} or {self._variable}, or name a file with {self._option}.",
            )
        return self._prompt(f"{'New passphrase' if confirm else 'Passphrase'} of {printable(name)}", confirm)


def passphrases(
    session: Session, file: Path | None, *, variable: str = VARIABLE, option: str = FILE_OPTION
) -> Passphrases:
    """Return the passphrases of this run: its environment, its terminal, and the ``file`` that was named."""

    def prompt(question: str, repeat: bool) -> str:
        return secret(session, question, answered_by=f"{variable} or {option}", repeat=repeat)

    return Passphrases(
        session.environment,
        prompt=prompt,
        can_ask=can_ask(session),
        file=file,
        variable=variable,
        option=option,
    )

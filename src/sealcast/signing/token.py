"""Tokens: found by what a URI names, logged into with care, every failure told in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SigningError
from ..values import printable
from .outside import require
from .token_uri import TokenKey

if TYPE_CHECKING:
    import pkcs11

MODULE_VARIABLE = "SEALCAST_PKCS11_MODULE"
"""Names the PKCS#11 module to load.

Read here and not passed down, as the variable that it becomes is: a process loads a module once, for good.
"""

_LIBRARY_VARIABLE = "PYKCS11LIB"  # where securesystemslib's signer looks
_USUAL_MODULES = (
    "/usr/lib/x86_64-linux-gnu/libykcs11.so",
    "/usr/lib/aarch64-linux-gnu/libykcs11.so",
    "/usr/local/lib/libykcs11.dylib",
    "/opt/homebrew/lib/libykcs11.dylib",
    "C:/Program Files/Yubico/Yubico PIV Tool/bin/libykcs11.dll",
    "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
    "/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
    "/Library/OpenSC/lib/opensc-pkcs11.so",
    "C:/Program Files/OpenSC Project/OpenSC/pkcs11/opensc-pkcs11.dll",
    "/usr/lib/softhsm/libsofthsm2.so",
)

_refused: set[tuple[bytes, str]] = set()
"""PINs that a token refused, by its serial number. After a few a token locks itself, so none is sent there twice."""


def find_token(wanted: TokenKey) -> pkcs11.Token:
    """Return the one token that ``wanted`` describes.

    Raises ``SigningError``: MISSING_PACKAGE, NO_PKCS11_MODULE, TOKEN_NOT_FOUND, AMBIGUOUS_SIGNER, TOKEN_FAILED.
    """
    library = _load()
    import pkcs11

    try:
        here = [token for token in library.get_tokens() if token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED]
    except pkcs11.PKCS11Error as error:
        raise told(error, wanted.token_name) from None
    found = [token for token in here if _fits(token, wanted)]
    if not found:
        labels = ", ".join(printable(token.label) for token in here) or "none"
        raise SigningError(
            "TOKEN_NOT_FOUND",
            f"The token {wanted.token_name} is not here.",
            hint=f"Plug it in, or correct the URI. Tokens that are here: {labels}.",
        )
    # The library that signs knows a token by its label alone.
    twins = [token for token in here if token.label == found[0].label]
    if len(twins) > 1 or not found[0].label:
        raise SigningError(
            "AMBIGUOUS_SIGNER",
            f"{len(twins)} tokens here have the label {printable(found[0].label)!r}.",
            hint="Unplug the others, or give each a label of its own.",
        )
    return found[0]


def _load() -> Any:
    """Return the PKCS#11 module of this process."""
    require("pkcs11", "pkcs11", "A key in a token")
    import pkcs11

    path = os.environ.get(MODULE_VARIABLE) or os.environ.get(_LIBRARY_VARIABLE)
    if not path:
        here = [module for module in _USUAL_MODULES if Path(module).exists()]
        raise SigningError(
            "NO_PKCS11_MODULE",
            "It is not said which PKCS#11 module speaks to the token.",
            hint=f"Set {MODULE_VARIABLE} to its path" + (f", here perhaps {' or '.join(here)}." if here else "."),
        )
    try:
        module = pkcs11.lib(path)
    except RuntimeError as error:
        raise SigningError(
            "NO_PKCS11_MODULE",
            f"The PKCS#11 module {printable(path)} cannot be used: {_first_line(error)}.",
            hint=f"Correct {MODULE_VARIABLE}, or install the token's own software.",
        ) from None
    os.environ[_LIBRARY_VARIABLE] = path
    return module


def _fits(token: pkcs11.Token, wanted: TokenKey) -> bool:
    facts = {
        token.label: wanted.token,
        token.serial.decode("utf-8", "replace").strip("\0 "): wanted.serial,
        token.manufacturer_id: wanted.manufacturer,
        token.model: wanted.model,
    }
    return all(asked is None or fact == asked for fact, asked in facts.items())


@contextmanager
def session(token: pkcs11.Token, pin: str | None = None, *, write: bool = False) -> Iterator[pkcs11.Session]:
    """Speak to ``token``, as its user where a PIN is given; what goes wrong inside is told in our words.

    Raises ``SigningError``: WRONG_PIN, PIN_LOCKED, TOKEN_NOT_FOUND, TOKEN_FAILED.
    """
    import pkcs11

    if pin is not None:
        _check_tries(token, pin)
    try:
        with token.open(rw=write, user_pin=pin) as opened:
            yield opened
    except pkcs11.PKCS11Error as error:
        if pin is not None and isinstance(error, pkcs11.PinIncorrect):
            _refused.add((token.serial, pin))
        raise told(error, printable(token.label)) from None


def _check_tries(token: pkcs11.Token, pin: str) -> None:
    import pkcs11

    if (token.serial, pin) in _refused or not pin.isprintable():
        raise told(pkcs11.PinIncorrect(), printable(token.label))
    if token.flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY:
        # Nobody may be there: a job that repeats itself with an old PIN would lock the token.
        raise SigningError(
            "PIN_LOCKED",
            f"The token {printable(token.label)} has one try left, and a wrong PIN would lock it.",
            hint="Log into it once with its own software, which gives it all tries back.",
        )


_LOOK_UP = "Look the PIN up first: a few wrong ones lock the token."
_OWN_SOFTWARE = "Do so with the token's own software."
_PLUG_IN = "Plug it in again."
_TOLD = {
    "PinIncorrect": ("WRONG_PIN", "The token {} refuses the PIN", _LOOK_UP),
    "PinInvalid": ("WRONG_PIN", "The token {} cannot have such a PIN", _LOOK_UP),
    "PinLenRange": ("WRONG_PIN", "The token {} cannot have a PIN of that length", _LOOK_UP),
    "PinLocked": ("PIN_LOCKED", "The token {} is locked, and must be unlocked with its PUK", _OWN_SOFTWARE),
    "PinExpired": ("PIN_LOCKED", "The token {} must be given a new PIN first", _OWN_SOFTWARE),
    "UserPinNotInitialized": ("PIN_LOCKED", "The token {} must be given a PIN first", _OWN_SOFTWARE),
    "NoSuchToken": ("TOKEN_NOT_FOUND", "The token {} is not here any more", _PLUG_IN),
    "TokenNotPresent": ("TOKEN_NOT_FOUND", "The token {} is not here any more", _PLUG_IN),
    "DeviceRemoved": ("TOKEN_NOT_FOUND", "The token {} is not here any more", _PLUG_IN),
}
"""Code, sentence and hint, by the name of python-pkcs11's exception."""


def told(error: Exception, token: str) -> SigningError:
    """Return what an exception of the libraries below means for the token of this name."""
    if isinstance(error, SigningError):
        return error
    name = type(error).__name__
    if isinstance(error, ValueError) and str(error).startswith("No PKCS#11 token found"):
        name = "NoSuchToken"
    code, sentence, hint = _TOLD.get(
        name,
        (
            "TOKEN_FAILED",
            "The token {} failed: " + (_first_line(error) or name).replace("{", "(").replace("}", ")"),
            "Check that it is plugged in and that its own software can use it.",
        ),
    )
    return SigningError(code, sentence.format(token) + ".", hint=hint)


def _first_line(error: Exception) -> str:
    return printable(next(iter(str(error).splitlines()), "")[:200]).rstrip(".")

"""Signers from URIs: where a private key is, and how it is asked to sign (DESIGN section 8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from ..errors import SigningError
from ..values import printable
from .examples import is_example
from .key_files import open_key_file
from .key_types import checked


class Secrets(Protocol):
    """How a passphrase is asked for. The program's edge implements it: prompt, environment, file."""

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        """Return the passphrase of the key ``name``; ``confirm`` asks twice, for a new one.

        Raises ``SigningError`` (NO_PASSPHRASE) when nobody can be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What an opener is given: the URI after its scheme, the expected key, and where to ask and look."""

    rest: str
    key: SSlibKey
    secrets: Secrets
    folder: Path


Opener = Callable[[Request], Signer]
"""Opens one kind of signer. What it needs of optional packages, it imports when it is called."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.+)", re.DOTALL)


def open_signer(uri: str, key: Key, secrets: Secrets, *, folder: Path) -> Signer:
    """Return the signer that ``uri`` names, proven to belong to the public ``key``.

    ``file:PATH`` is an encrypted PKCS#8 PEM file, relative paths starting at ``folder``. Raises
    ``SigningError``: UNKNOWN_SIGNER, KEY_NOT_FOUND, KEY_PERMISSIONS, BAD_KEY_FILE, NO_PASSPHRASE,
    WRONG_PASSPHRASE, KEY_MISMATCH; BAD_SIGNER; ``VerificationError``: BAD_PUBLIC_KEY, KEYID_MISMATCH.
    """
    found = _SCHEME.fullmatch(uri)
    opener = OPENERS.get(found[1]) if found else None
    if found is None or opener is None:
        raise SigningError(
            "UNKNOWN_SIGNER",
            f"{printable(uri[:200])!r} names no signer that this version knows.",
            hint=f"Known: {', '.join(f'{scheme}:' for scheme in OPENERS)} — for instance file:keys/alice.pem",
        )
    return opener(Request(found[2], checked(key), secrets, folder))


def _open_file(request: Request) -> Signer:
    path = request.folder / _local(request.rest)
    private = open_key_file(
        path,
        lambda: request.secrets.passphrase(path.stem),
        # Everybody has the example keys, and a checkout leaves them readable: there is nothing to guard.
        public_knowledge=is_example(request.key.keyid),
    )
    try:
        return CryptoSigner(private, request.key)
    except ValueError:
        raise SigningError(
            "KEY_MISMATCH",
            f"The private key in {printable(str(path))} is not that of {request.key.keyid[:16]}….",
            hint="The signer's URI names another holder's file, or the file was replaced.",
            path=str(path),
            keyid=request.key.keyid,
        ) from None


def _local(rest: str) -> str:
    """Return the path after ``file:``; ``///`` starts an absolute one (RFC 8089)."""
    path = rest.removeprefix("//") if rest.startswith("///") else rest
    if path.startswith(("//", "\\\\")):
        # Windows would ask that host, and hand it the user's credentials in doing so.
        raise SigningError(
            "BAD_SIGNER",
            "A file: signer names a path on another host.",
            hint="Copy the key, or mount the share.",
        )
    return path


OPENERS: Mapping[str, Opener] = MappingProxyType({"file": _open_file})
"""What opens each scheme."""

"""Signers outside this process, in a device or a service: reached through packages that need not be installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature, Signer

from ..errors import SigningError

Explain = Callable[[Exception], SigningError]
"""Says in our words what a library's exception means."""


def missing(module: str, extra: str, what: str) -> SigningError | None:
    """Return the error that says how to install what ``what`` needs, or None where ``module`` is installed."""
    if _installed(module):
        return None
    return SigningError(
        "MISSING_PACKAGE",
        f"{what} needs a package that is not installed: {module}.",
        hint=f"Run: python3 -m pip install 'sealcast[{extra}]'",
        package=module,
    )


def require(module: str, extra: str, what: str) -> None:
    """Raise ``SigningError`` (MISSING_PACKAGE) unless ``module`` is installed."""
    if error := missing(module, extra, what):
        raise error


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that the module would be in
        return False


class OutsideSigner(Signer):
    """Another signer, whose failures are told in our words and whose signatures are checked when they are made."""

    def __init__(self, signer: Signer, explain: Explain) -> None:
        self._signer = signer
        self._explain = explain

    @classmethod
    def from_priv_key_uri(cls, *_: object, **__: object) -> Signer:
        """Refuse: a URI alone does not say what to wrap."""
        raise NotImplementedError

    @property
    def public_key(self) -> Key:
        """The key that the signatures verify with."""
        return self._signer.public_key

    def sign(self, payload: bytes) -> Signature:
        """Return a signature that was verified. Raises ``SigningError``: SIGNING_FAILED, or what the cause asks for."""
        try:
            signature = self._signer.sign(payload)
        except Exception as error:  # noqa: BLE001 - securesystemslib: signers may raise anything
            raise self._explain(error) from None
        try:
            self.public_key.verify_signature(signature, payload)
        except UnverifiedSignatureError:
            raise SigningError(
                "SIGNING_FAILED",
                f"The signer of {self.public_key.keyid[:16]}… made a signature that does not verify.",
                hint="Check the device or service that holds the key. Do not use what it signed.",
                keyid=self.public_key.keyid,
            ) from None
        return signature

"""Public-key pins: which keys a host must prove to hold, beside a certificate that an authority signed.

A pin is the SHA-256 digest of the SubjectPublicKeyInfo (RFC 7469, section 2.4) of the certificate that the host itself
shows, in lower-case hex. Keys of authorities are not looked at: only since 3.13 Python tells which chain it verified,
and one set of pins must mean the same on every device.
"""

from __future__ import annotations

import hashlib

from ..errors import TransferError


def key_digest(certificate: bytes) -> str:
    """Return the pin of a certificate (DER). Raises ``ValueError`` where its key is none that can be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    try:
        public = load_der_x509_certificate(certificate).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def check_pin(certificate: bytes | None, pins: frozenset[str], url: str) -> None:
    """Let the host that shows ``certificate`` (DER) pass if its key is in ``pins``.

    Raises ``TransferError`` (PIN_MISMATCH).
    """
    try:
        found = key_digest(certificate or b"")
    except ValueError:
        found = "none that can be read"
    if found not in pins:
        raise TransferError(
            "PIN_MISMATCH",
            f"The host of {url} proves another key than the pinned ones.",
            safe="Nothing was asked for there. What runs now keeps running.",
            hint="Somebody may stand in between (a company's proxy does), or the host's key was changed: then the "
            "publisher must sign new pins.",
            url=url,
            found=found,
        )

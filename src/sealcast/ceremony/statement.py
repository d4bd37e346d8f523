"""The statement: one holder's detached answer to a proposal. It holds signatures and nothing that needs belief."""

from __future__ import annotations

import json
from datetime import datetime

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signer
from tuf.api import exceptions as tuf_errors

from ..documents import KIB, Document, decode, plain
from ..errors import CeremonyError, SigningError
from ..model.channel import Time
from ..model.manifest import Digest
from ..values import format_time, printable
from .asks import asks_of, unsigned
from .evidence import Hex
from .refusal import refusing
from .reviewing import Review

STATEMENT_LIMIT = 64 * KIB
"""Bytes that a statement may have: two of the longest signatures take 14 kB."""


class Statement(Document, frozen=True, kw_only=True):
    """Signatures over a proposal by one key: ``signatures`` in hex by role.

    ``proposal`` is the proposal's digest. ``time`` is when the holder's machine says that it was signed; nothing is
    concluded from it.
    """

    type: str = "sealcast/statement/1"
    proposal: Digest
    keyid: Digest
    signatures: dict[str, Hex]
    time: Time


def read_statement(data: bytes, name: str) -> Statement:
    """Return the statement that ``data`` holds; ``name`` is that of its file.

    Raises ``CeremonyError``: BAD_STATEMENT, UNKNOWN_DOCUMENT.
    """
    with refusing("BAD_STATEMENT"):
        return decode(data, Statement, what=f"The statement {printable(name)}", limit=STATEMENT_LIMIT)


def statement_bytes(statement: Statement) -> bytes:
    """Return the statement as its file holds it."""
    return (json.dumps(plain(statement), indent=1, sort_keys=True) + "\n").encode()


def roles_to_sign(review: Review, keyid: str) -> tuple[str, ...]:
    """Return the roles that this key signs for the proposal. Raises ``CeremonyError`` (NOT_A_HOLDER) for none."""
    roles = tuple(dict.fromkeys(ask.role for ask in asks_of(review) if keyid in ask.keys))
    if not roles:
        raise CeremonyError(
            "NOT_A_HOLDER",
            f"The key {keyid[:16]}… signs nothing of this proposal.",
            hint="The facts of the proposal say who signs. Use the key of one of them.",
            keyid=keyid,
        )
    return roles


def sign(review: Review, signer: Signer, now: datetime) -> Statement:
    """Return the statement of the holder whose key ``signer`` has, after the rules were kept and the facts confirmed.

    Raises ``CeremonyError`` (NOT_A_HOLDER), ``SigningError`` (SIGNING_FAILED) when the signer fails or signs wrongly.
    """
    key = signer.public_key
    signatures, parts = {}, unsigned(review)
    for role in roles_to_sign(review, key.keyid):
        metadata = parts[role]
        try:
            signature = metadata.sign(signer)
            key.verify_signature(signature, metadata.signed_bytes)  # hardware can fail without saying so
        except (tuf_errors.UnsignedMetadataError, UnverifiedSignatureError) as error:
            raise SigningError(
                "SIGNING_FAILED",
                f"The signer failed, or made a signature of {role} that does not verify.",
                hint="Check the device or service that holds the key, then run the command again.",
                role=role,
            ) from error
        signatures[role] = signature.signature
    return Statement(proposal=review.digest, keyid=key.keyid, signatures=signatures, time=format_time(now))

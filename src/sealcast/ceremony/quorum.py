"""Statements counted: who has signed, who is missing, and, when nobody is, the signed metadata.

Order and place do not matter, and neither does who brings the statements: each signature is verified here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata

from ..errors import CeremonyError
from ..values import printable
from .asks import Ask, asks_of, unsigned
from .facts import AddressBook, Holder, Names
from .reviewing import Review
from .statement import Statement, read_statement, roles_to_sign


@dataclass(frozen=True, slots=True)
class Count:
    """One thing asked for: how many of which holders, who of them has signed, and who has not.

    ``new`` tells the holders whom the proposed root names from those whom the current one names.
    """

    role: str
    new: bool
    threshold: int
    signed: tuple[Holder, ...]
    missing: tuple[Holder, ...]

    @property
    def is_complete(self) -> bool:
        """Whether enough of them have signed."""
        return len(self.signed) >= self.threshold


@dataclass(frozen=True, slots=True)
class Quorum:
    """All that was asked for, and by role the metadata with the signatures that there are."""

    counts: tuple[Count, ...]
    metadata: Mapping[str, Metadata[Any]]

    @property
    def is_complete(self) -> bool:
        """Whether nobody's signature is missing any more."""
        return all(count.is_complete for count in self.counts)


def count_statements(review: Review, statements: Mapping[str, bytes], book: AddressBook) -> Quorum:
    """Return how far the statements, by the names of their files, answer the proposal.

    Raises ``CeremonyError``: BAD_STATEMENT, OTHER_PROPOSAL, NOT_A_HOLDER, BAD_SIGNATURE; each names the file.
    """
    asks, metadata, names = asks_of(review), unsigned(review), Names(review, book)
    for name, data in sorted(statements.items()):
        statement = _checked(review, asks, metadata, read_statement(data, name), printable(name))
        for role, signature in statement.signatures.items():
            metadata[role].signatures.setdefault(statement.keyid, Signature(statement.keyid, signature))
    for one in metadata.values():
        one.signatures = dict(sorted(one.signatures.items()))  # the same statements make the same bytes

    def counted(ask: Ask) -> Count:
        signed = metadata[ask.role].signatures
        return Count(
            ask.role,
            ask.new,
            ask.threshold,
            tuple(names.holder(keyid) for keyid in ask.keys if keyid in signed),
            tuple(names.holder(keyid) for keyid in ask.keys if keyid not in signed),
        )

    return Quorum(tuple(map(counted, asks)), metadata)


def _checked(
    review: Review, asks: Sequence[Ask], metadata: Mapping[str, Metadata[Any]], statement: Statement, name: str
) -> Statement:
    """Return the statement if its holder signed this proposal, all that was asked of them, and with their key."""
    if statement.proposal != review.digest:
        raise CeremonyError(
            "OTHER_PROPOSAL",
            f"The statement {name} answers another proposal than this one.",
            hint="Words and digest of both must be the same. Ask that holder to sign this proposal.",
        )
    try:
        wanted = roles_to_sign(review, statement.keyid)
    except CeremonyError as error:
        raise CeremonyError(error.code, f"The statement {name}: {error.what}", hint=error.hint) from error
    if set(statement.signatures) != set(wanted):
        raise CeremonyError(
            "BAD_STATEMENT",
            f"The statement {name} does not sign just {' and '.join(wanted)}, as its key should.",
            hint="Ask that holder to sign the proposal again.",
        )
    key = next(ask.keys[statement.keyid] for ask in asks if statement.keyid in ask.keys)
    for role, signature in statement.signatures.items():
        try:
            key.verify_signature(Signature(statement.keyid, signature), metadata[role].signed_bytes)
        except UnverifiedSignatureError as error:
            raise CeremonyError(
                "BAD_SIGNATURE",
                f"The statement {name} has a signature of {role} that its key did not make.",
                hint="The file is damaged, or somebody else made it. Ask that holder to sign the proposal again.",
            ) from error
    return statement

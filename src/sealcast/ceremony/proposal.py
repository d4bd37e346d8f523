"""The proposal: what a machine that holds no key asks the holders of root and targets to sign (DESIGN section 8).

It is a text file to be carried on a stick or reviewed in a pull request, and nothing in it is believed: the chain of
roots is evidence to be verified, and what the proposal means is computed by whoever signs.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from securesystemslib.formats import encode_canonical

from ..documents import MIB, Document, decode, plain
from ..values import printable
from .parts import Json, Repository
from .refusal import refusing

PROPOSAL_LIMIT = 16 * MIB
"""Bytes that a proposal may have: targets of a thousand apps, and the roots of many years."""


class Proposal(Document, frozen=True, kw_only=True, omit_defaults=True):
    """Signed parts that wait for signatures, with the evidence to judge them by.

    ``roots`` is the chain of signed roots up to the current one, ``current`` the current signed targets; both are left
    out of the first proposal. ``root`` and ``targets`` are to be signed; what is left out stays as it is. ``files``
    holds the texts of the files that the proposed targets lists, by their target paths.
    """

    type: str = "sealcast/proposal/1"
    repository: Repository
    roots: tuple[dict[str, Any], ...] = ()
    current: dict[str, Any] = {}
    root: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    files: dict[str, str] = {}

    @property
    def to_sign(self) -> dict[str, Json]:
        """The signed parts that wait for signatures, by role."""
        return {role: part for role, part in (("root", self.root), ("targets", self.targets)) if part}


def read_proposal(data: bytes, name: str = "") -> Proposal:
    """Return the proposal that ``data`` holds; ``name`` is that of its file. What it asks for is not looked at yet.

    Raises ``CeremonyError``: BAD_PROPOSAL, UNKNOWN_DOCUMENT.
    """
    with refusing():
        return decode(data, Proposal, what=f"The proposal {printable(name)}".rstrip(), limit=PROPOSAL_LIMIT)


def proposal_bytes(proposal: Proposal) -> bytes:
    """Return the proposal as its file holds it: one field a line, so that a difference can be read."""
    return (json.dumps(plain(proposal), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def digest_of(proposal: Proposal) -> str:
    """Return what stands for a proposal: SHA-256, in hex, over the canonical JSON of all that is to be signed."""
    signed = {"type": proposal.type, "repository": proposal.repository, **proposal.to_sign}
    return hashlib.sha256(str(encode_canonical(signed)).encode()).hexdigest()

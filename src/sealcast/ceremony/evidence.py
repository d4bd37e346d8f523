"""The signed metadata that a proposal builds on, believed only as far as the reader's own root leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import msgspec
from securesystemslib.signer import Signature
from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, Targets

from ..documents import parse, whole
from ..errors import CeremonyError
from ..model.manifest import Digest
from .parts import Part, RootPart, TargetsPart, read_root_part, read_targets_part, root_of, targets_of
from .refusal import bad, refusing

ROOT_LIMIT = 512_000
"""Bytes that a file with a root may have, as for clients."""

Hex = Annotated[str, msgspec.Meta(pattern=whole("([0-9a-f]{2})+"))]


class SignaturePart(Part, frozen=True, kw_only=True):
    """One signature, as TUF metadata holds it."""

    keyid: Digest
    sig: Hex


class Envelope(Part, frozen=True, kw_only=True):
    """Signed metadata of any role."""

    signed: dict[str, Any]
    signatures: tuple[SignaturePart, ...]


@dataclass(frozen=True, slots=True)
class SignedRoot:
    """A signed root: what it says, and as what the TUF library verifies with."""

    part: RootPart
    metadata: Metadata[Root]

    @property
    def root(self) -> Root:
        """What verifies the signatures of other roles, and of the next root."""
        return self.metadata.signed


@dataclass(frozen=True, slots=True)
class SignedTargets:
    """Signed targets."""

    part: TargetsPart
    metadata: Metadata[Targets]


def read_own_root(data: bytes) -> SignedRoot:
    """Return the root that the reader keeps and trusts. Raises ``CeremonyError`` as `read_root_part` does."""
    with refusing():
        value = parse(data, what="Your own root", limit=ROOT_LIMIT)
    return read_signed_root(value, "Your own root")


def read_signed_root(value: object, what: str) -> SignedRoot:
    """Return a signed root, its signatures not verified yet. Raises ``CeremonyError`` as `read_root_part` does."""
    envelope = _envelope(value, what)
    part = read_root_part(envelope.signed, what)
    return SignedRoot(part, Metadata(root_of(envelope.signed), _signatures(envelope, what)))


def read_signed_targets(value: object, what: str) -> SignedTargets:
    """Return signed targets, their signatures not verified yet. Raises ``CeremonyError`` as `read_root_part` does."""
    envelope = _envelope(value, what)
    part = read_targets_part(envelope.signed, what)
    return SignedTargets(part, Metadata(targets_of(envelope.signed), _signatures(envelope, what)))


def walk(own: SignedRoot, chain: Sequence[SignedRoot]) -> SignedRoot:
    """Return the last root of ``chain``, as far as one leads to it from the reader's ``own`` without a gap.

    Each root is signed by its own holders and by those of the one before, as for every client (TUF specification
    1.0.34, section 5.3). Raises ``CeremonyError``: OTHER_REPOSITORY, OLD_PROPOSAL, BROKEN_CHAIN.
    """
    ours = own.part.ours.repository
    if any(root.part.ours.repository != ours for root in chain):
        raise other_repository()
    last = chain[-1].part.version
    if last < own.part.version:
        raise CeremonyError(
            "OLD_PROPOSAL",
            f"The proposal builds on root {last}, and your own is root {own.part.version} already.",
            hint="Somebody brings back an old proposal. Ask for one that was made now.",
        )
    same = [root for root in chain if root.part.version == own.part.version]
    if not same or same[0].metadata.signed_bytes != own.metadata.signed_bytes:
        raise _broken(f"your own root {own.part.version} is not in it")
    for before, after in pairwise(chain):
        version = before.part.version + 1
        if after.part.version != version:
            raise _broken(f"root {version} is missing")
        if not all(is_signed(root.root, "root", after.metadata) for root in (before, after)):
            raise _broken(f"root {version} is not signed by its holders and by those before them")
    return chain[-1]


def check_current(root: SignedRoot, targets: SignedTargets) -> SignedTargets:
    """Return ``targets`` if the holders that ``root`` names signed it. Raises ``CeremonyError`` (BROKEN_CHAIN)."""
    if not is_signed(root.root, "targets", targets.metadata):
        raise _broken("the current targets is not signed by its holders")
    return targets


def is_signed(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> bool:
    """Tell whether enough holders signed, of those that ``delegator`` names for ``role``."""
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except tuf_errors.UnsignedMetadataError:
        return False
    return True


def other_repository() -> CeremonyError:
    """Return what is raised when a proposal is about another repository than the reader's."""
    return CeremonyError(
        "OTHER_REPOSITORY",
        "The proposal is for another repository than your own root.",
        hint="Take the last root of that repository, if you hold a key of it.",
    )


def _broken(why: str) -> CeremonyError:
    return CeremonyError(
        "BROKEN_CHAIN",
        f"The proposal does not follow from your own root: {why}.",
        hint="Ask for a new proposal. If it stays so, the machine that made it may be in other hands.",
    )


def _envelope(value: object, what: str) -> Envelope:
    try:
        return msgspec.convert(value, Envelope)
    except msgspec.ValidationError as error:
        raise bad(what, str(error)) from error


def _signatures(envelope: Envelope, what: str) -> dict[str, Signature]:
    found = {one.keyid: Signature(one.keyid, one.sig) for one in envelope.signatures}
    if len(found) != len(envelope.signatures):
        raise bad(what, "one key signed it twice")
    return found

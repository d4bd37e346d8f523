"""Whose signatures a proposal needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root

from .parts import root_of, targets_of
from .reviewing import Review


@dataclass(frozen=True, slots=True)
class Ask:
    """Signatures that a role needs: ``threshold`` of the holders of these keys.

    ``new`` tells those whom the proposed root names from those whom the current one names, where there is one.
    """

    role: str
    new: bool
    threshold: int
    keys: dict[str, Key]


def asks_of(review: Review) -> tuple[Ask, ...]:
    """Return whose signatures the proposal needs.

    A root is signed by its own holders and by those before them. So is a targets whose holders change: it becomes
    current under the old root, a moment before the new one does (DESIGN section 7).
    """
    return tuple(_asks(review))


def _asks(review: Review) -> Iterator[Ask]:
    before = review.root_before.root if review.root_before else None
    after = root_of(review.proposal.root) if review.root is not None else None
    for role in review.proposal.to_sign:
        old = _ask(role, before, new=False)
        new = _ask(role, after, new=before is not None)
        if old is not None:
            yield old
        if new is not None and (old is None or (new.threshold, new.keys.keys()) != (old.threshold, old.keys.keys())):
            yield new


def _ask(role: str, root: Root | None, *, new: bool) -> Ask | None:
    if root is None:
        return None
    held = root.roles[role]
    return Ask(role, new, held.threshold, {keyid: root.keys[keyid] for keyid in held.keyids})


def unsigned(review: Review) -> dict[str, Metadata[Any]]:
    """Return what is to be signed, by role, without a signature."""
    readers = {"root": root_of, "targets": targets_of}
    return {role: Metadata(readers[role](part)) for role, part in review.proposal.to_sign.items()}

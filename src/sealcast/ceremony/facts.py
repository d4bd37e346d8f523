"""What a proposal means, computed by whoever reads it, and never taken from what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..errors import CeremonyError
from ..model.roles import TOP_LEVEL
from ..values import parse_time
from .limits import lowered
from .parts import DelegatedPart, RolePart, RootPart, TargetsPart
from .reviewing import Review
from .words import words_of

AddressBook = Mapping[str, str]
"""The reader's own list of key holders: names by key id."""


class Standing(StrEnum):
    """How far a holder's name is known."""

    KNOWN = "known"  # the reader's address book has this key under this name
    UNVERIFIED = "unverified"  # the name is only what the proposal or the current root says
    OTHER_KEY = "other-key"  # the reader's address book has this name for another key


class Change(StrEnum):
    """What happens to a role or a file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds a key: the key's id, the name, and how far that is known. The name can be empty."""

    keyid: str
    name: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class PartFacts:
    """One of the two roles that are to be signed; what was before is None in the first ceremony."""

    role: str
    version_before: int | None
    version: int
    expires_before: datetime | None
    expires: datetime
    spec_version_before: str | None
    spec_version: str


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """Who signs a role, before and after; ``paths`` are what a delegated role may speak for."""

    role: str
    change: Change
    added: tuple[Holder, ...]
    removed: tuple[Holder, ...]
    kept: tuple[Holder, ...]
    threshold_before: int | None
    threshold: int | None
    paths: tuple[str, ...] = ()
    terminating_before: bool | None = None
    terminating: bool | None = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The policy of an app: whether its channels are sealed, its mirrors, and by host the pins with their ends.

    All of it is empty where the app goes.
    """

    app: str
    change: Change
    sealed: Mapping[str, bool]
    mirrors: tuple[str, ...]
    pins: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a holder should know before signing. ``lowered`` names roles whose threshold would fall."""

    repository: str
    digest: str
    words: tuple[str, ...]
    first: bool
    parts: tuple[PartFacts, ...]
    roles: tuple[RoleFacts, ...]
    files: tuple[FileFacts, ...]
    renamed: tuple[Holder, ...]
    lowered: tuple[str, ...]

    @property
    def is_renewal(self) -> bool:
        """Whether nothing changes but versions and expiries."""
        changes = [role.change for role in self.roles] + [file.change for file in self.files]
        return not self.renamed and set(changes) <= {Change.SAME}


def facts_of(review: Review, book: AddressBook) -> Facts:
    """Return what the proposal means; ``book`` is the reader's own address book.

    Raises ``CeremonyError`` (WRONG_HOLDER) when a name stands for a key that the address book has under another name.
    """
    names = Names(review, book)
    return Facts(
        review.proposal.repository,
        review.digest,
        words_of(review.digest),
        review.root_before is None,
        tuple(_parts(review)),
        tuple(_roles(review, names)),
        tuple(_files(review)),
        tuple(names.renamed()),
        tuple(role for role, _, _ in lowered(review)),
    )


class Names:
    """Who is said to hold which key, held against the reader's address book."""

    def __init__(self, review: Review, book: AddressBook) -> None:
        self._book = book
        self._before = dict(review.root_before.part.ours.holders) if review.root_before else {}
        self._after = dict(review.root.ours.holders) if review.root else self._before

    def holder(self, keyid: str) -> Holder:
        """Return who holds a key. Raises ``CeremonyError`` (WRONG_HOLDER)."""
        said = self._after.get(keyid) or self._before.get(keyid, "")
        known = self._book.get(keyid)
        if known is not None and said and known != said:
            raise CeremonyError(
                "WRONG_HOLDER",
                f"The proposal says that {said} holds the key {keyid[:16]}…, and in your address book it is {known}'s.",
                hint="Ask both of them. One of the lists is wrong, or somebody wants you to take one for the other.",
            )
        if known is not None:
            return Holder(keyid, known, Standing.KNOWN)
        taken = bool(said) and said in self._book.values()
        return Holder(keyid, said, Standing.OTHER_KEY if taken else Standing.UNVERIFIED)

    def renamed(self) -> Iterable[Holder]:
        """Yield those whose key stays, under another name."""
        for keyid, name in self._after.items():
            if self._before.get(keyid, name) != name:
                yield self.holder(keyid)


def _parts(review: Review) -> Iterable[PartFacts]:
    pairs: tuple[tuple[RootPart | TargetsPart | None, RootPart | TargetsPart | None], ...] = (
        (review.root_before.part if review.root_before else None, review.root),
        (review.targets_before.part if review.targets_before else None, review.targets),
    )
    for before, after in pairs:
        if after is not None:
            yield PartFacts(
                after.type,
                before.version if before else None,
                after.version,
                parse_time(before.expires) if before else None,
                parse_time(after.expires),
                before.spec_version if before else None,
                after.spec_version,
            )


def _roles(review: Review, names: Names) -> Iterable[RoleFacts]:
    if review.root is not None:
        before = review.root_before.part.roles if review.root_before else {}
        for role in TOP_LEVEL:
            yield _role(role, before.get(role), review.root.roles[role], names)
    if review.targets is not None:
        now = review.targets_before.part.delegations.by_name if review.targets_before else {}
        after = review.targets.delegations.by_name
        for role in dict.fromkeys((*after, *now)):
            yield _role(role, now.get(role), after.get(role), names)


def _role(role: str, before: RolePart | None, after: RolePart | None, names: Names) -> RoleFacts:
    old, new = (tuple(part.keyids) if part else () for part in (before, after))
    delegated = next((part for part in (after, before) if isinstance(part, DelegatedPart)), None)
    return RoleFacts(
        role,
        _change(_terms(before), _terms(after)),
        tuple(names.holder(keyid) for keyid in new if keyid not in old),
        tuple(names.holder(keyid) for keyid in old if keyid not in new),
        tuple(names.holder(keyid) for keyid in new if keyid in old),
        before.threshold if before else None,
        after.threshold if after else None,
        delegated.paths if delegated else (),
        before.terminating if isinstance(before, DelegatedPart) else None,
        after.terminating if isinstance(after, DelegatedPart) else None,
    )


def _terms(role: RolePart | None) -> object:
    """Return what makes two roles the same: the order of keys does not."""
    if role is None:
        return None
    beyond = (role.paths, role.terminating) if isinstance(role, DelegatedPart) else ()
    return frozenset(role.keyids), role.threshold, beyond


def _change(before: object, after: object) -> Change:
    if before is None:
        return Change.ADDED
    if after is None:
        return Change.REMOVED
    return Change.SAME if before == after else Change.CHANGED


def _files(review: Review) -> Iterable[FileFacts]:
    if review.targets is None:
        return
    before = review.targets_before.part.targets if review.targets_before else {}
    for path in dict.fromkeys((*review.targets.targets, *before)):
        app = path.partition("/")[0]
        policy = review.policies.get(app)
        yield FileFacts(
            app,
            _change(before.get(path), review.targets.targets.get(path)),
            {channel: rules.sealed for channel, rules in policy.channels.items()} if policy else {},
            policy.mirrors if policy else (),
            policy.pins if policy else {},
        )

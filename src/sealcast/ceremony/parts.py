"""The signed parts of root and targets, read more strictly than any TUF library does, before anybody signs them.

A field that neither TUF nor we know (DESIGN section 3) could mean something to somebody else, so it is refused: what a
holder signs is exactly what these types hold, and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Root, Targets

from ..documents import whole
from ..errors import CeremonyError
from ..model.channel import Name, Sequence, Time
from ..model.keys import check_keys, check_thresholds
from ..model.manifest import Digest, Size
from ..model.roles import EXTENSION, TOP_LEVEL
from ..signing.key_types import checked
from ..signing.records import KeyValue
from .refusal import bad, refusing

Json = dict[str, Any]
Repository = Annotated[str, msgspec.Meta(pattern=whole("[0-9a-f]{32}"))]
Ids = tuple[Digest, ...]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is signed field by field: no other field may stand in it."""


class KeyPart(Part, frozen=True, kw_only=True):
    """A public key, as root and targets list it."""

    keytype: str
    scheme: str
    keyval: KeyValue


class RolePart(Part, frozen=True, kw_only=True):
    """Who signs a role, and how many of them must."""

    keyids: Ids
    threshold: Sequence


class OwnPart(Part, frozen=True, kw_only=True):
    """Our one field in root: the repository's name, and the names of those who hold keys."""

    repository: Repository
    holders: dict[Digest, Name]


class RootPart(Part, frozen=True, kw_only=True):
    """The signed part of a root."""

    type: str = msgspec.field(name="_type")
    version: Sequence
    spec_version: str
    expires: Time
    consistent_snapshot: bool
    keys: dict[Digest, KeyPart]
    roles: dict[str, RolePart]
    ours: OwnPart = msgspec.field(name=EXTENSION)


class HashesPart(Part, frozen=True, kw_only=True):
    """How a target file is known: by SHA-256 alone."""

    sha256: Digest


class FilePart(Part, frozen=True, kw_only=True):
    """A target file."""

    length: Size
    hashes: HashesPart


class DelegatedPart(RolePart, frozen=True, kw_only=True):
    """A delegated role, and what it may speak for."""

    name: str
    paths: tuple[str, ...]
    terminating: bool


class DelegationsPart(Part, frozen=True, kw_only=True):
    """Who signs the channels."""

    keys: dict[Digest, KeyPart]
    roles: tuple[DelegatedPart, ...]

    @property
    def by_name(self) -> dict[str, DelegatedPart]:
        """The delegated roles by their names."""
        return {role.name: role for role in self.roles}


class TargetsPart(Part, frozen=True, kw_only=True):
    """The signed part of targets."""

    type: str = msgspec.field(name="_type")
    version: Sequence
    spec_version: str
    expires: Time
    targets: dict[str, FilePart]
    delegations: DelegationsPart


P = TypeVar("P", bound=Part)


def read_root_part(value: object, what: str) -> RootPart:
    """Return the signed part of a root.

    Raises ``CeremonyError``: UNKNOWN_FIELD, DUPLICATE_KEY, KEYID_MISMATCH, BAD_PUBLIC_KEY, BAD_THRESHOLD, BAD_PROPOSAL.
    """
    with refusing():
        _check_delegator(value, "roles", what)
    root = _convert(value, RootPart, what)
    if not root.consistent_snapshot:
        raise bad(what, "consistent_snapshot is off, and a host could mix files of different days")
    if set(root.roles) != set(TOP_LEVEL):
        raise bad(what, f"its roles are not {', '.join(TOP_LEVEL)}")
    _check_listed(root.keys, root.roles.values(), what)
    _check_same(value, Root, what)
    return root


def read_targets_part(value: object, what: str) -> TargetsPart:
    """Return the signed part of targets. Raises as `read_root_part` does."""
    with refusing():
        _check_delegator(value.get("delegations") if isinstance(value, dict) else None, "roles", what)
    targets = _convert(value, TargetsPart, what)
    _check_listed(targets.delegations.keys, targets.delegations.roles, what)
    _check_same(value, Targets, what)
    return targets


def root_of(value: Json) -> Root:
    """Return the root of this signed part, for the TUF library to verify with; the part must have been read."""
    return Root.from_dict(copy.deepcopy(value))


def targets_of(value: Json) -> Targets:
    """Return the targets of this signed part; it must have been read."""
    return Targets.from_dict(copy.deepcopy(value))


def _check_delegator(value: object, name: str, what: str) -> None:
    """Check keys and thresholds on the JSON itself: a `true` is still a `true` there."""
    keys = value.get("keys") if isinstance(value, dict) else None
    roles = value.get(name) if isinstance(value, dict) else None
    if not isinstance(roles, dict | list):
        raise bad(what, "it does not say who signs what")
    check_keys(keys, what=what)
    check_thresholds(roles.values() if isinstance(roles, dict) else roles, what=what)


def _convert(value: object, kind: type[P], what: str) -> P:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        if "unknown field" in str(error):
            raise CeremonyError(
                "UNKNOWN_FIELD",
                f"{what} has a field that this version does not know: {error}.",
                hint="What it would mean to others is unknown too. Sign with the version of Sealcast that made it.",
            ) from error
        raise bad(what, str(error)) from error


def _check_listed(keys: Mapping[str, KeyPart], roles: Iterable[RolePart], what: str) -> None:
    """Check that each key is sound and of use, and that no role counts on one that is not there."""
    if {keyid for role in roles for keyid in role.keyids} != set(keys):
        raise bad(what, "the keys that it lists are not those that its roles use")
    for keyid, key in keys.items():
        with refusing():
            checked(SSlibKey(keyid, key.keytype, key.scheme, {"public": key.keyval.public}), what)


def _check_same(value: object, kind: type[Root | Targets], what: str) -> None:
    """Check that the TUF library, which clients use, reads exactly what stands there."""
    try:
        same = kind.from_dict(copy.deepcopy(value)).to_dict() == value  # type: ignore[arg-type]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad(what, "it is not TUF metadata") from error
    if not same:
        raise bad(what, "TUF clients would read something else in it")

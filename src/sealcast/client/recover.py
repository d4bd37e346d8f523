"""A new floor where both copies of the old one are lost: from a root given by hand, and what can still be proven.

Both copies are never lost by one power cut. Who asks for this says that the root is the publisher's; everything else is
taken only as far as it verifies under that root. Nothing here can lower a floor that is there: then it is refused.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from tuf.api.metadata import DelegatedRole, Metadata, Root, Snapshot, Targets, Timestamp

from ..errors import ConfigError, InstallError, SealcastError, VerificationError
from ..files import read_regular, write_durably
from ..model import read_channel
from ..model.roles import content_listed, own_fields, role_name, role_prefix
from ..values import content_of, parse_time
from .carried import check_root, repository_of
from .directory import StateDirectory
from .floor import Floor, FloorStore, Least, Mark
from .freshness import KEPT_LIMIT
from .kept import next_root, parse_role, verified_role
from .settings import Settings

MARKS = ("timestamp", "issued", "snapshot", "revision", "lowest")


class Recovered(Struct, frozen=True):
    """The new floor, and the marks of it that nothing on this device proves: what they protected from is lost."""

    floor: Floor
    lost: tuple[str, ...]

    @property
    def numbers(self) -> dict[str, int]:
        """The least that is accepted, by name: versions, and ``issued`` in seconds since 1970 (UTC)."""
        floor = self.floor
        marks = {name: getattr(floor, name) for name in MARKS}
        found = {name: max(mark.number if mark else 0, getattr(floor.least, name)) for name, mark in marks.items()}
        return {"root": max(floor.root, floor.least.root), **found}

    def as_dict(self) -> dict[str, Any]:
        """Return the result as one JSON object."""
        return {"floor": self.numbers, "lost": list(self.lost)}


def recover_floor(place: StateDirectory, settings: Settings, root: bytes, least: Least) -> Recovered:
    """Write a new floor, and a root for the client where its own is lost or older; return what could be proven.

    ``root`` is trusted, of any version; ``least`` is what the app carries. Raises ``InstallError`` (FLOOR_WHOLE),
    ``ConfigError`` (BAD_ROOT, OTHER_REPOSITORY), ``OSError``.
    """
    store = FloorStore(place.path)
    floor, known = _known_floor(store), _known_root(place)
    if floor is not None and known is not None:
        raise _whole()
    given = check_root(root)
    if known is not None and repository_of(known) != repository_of(given):
        raise ConfigError(
            "OTHER_REPOSITORY",
            "The root that is given is of another repository than this client follows.",
            hint="Ask the publisher for the root of this repository, or make a client of the other one.",
        )
    if known is None or known.signed.version < given.signed.version:
        write_durably(place.root, root, mode=0o600)
        known = given
    if floor is not None:  # only the root was lost
        return Recovered(floor, ())
    proof = _Proof(place.repository, known.signed)
    floor = replace(Floor(root=proof.root.version, least=least), **dict(proof.marks(settings)))
    lost = tuple(name for name in MARKS if getattr(floor, name) is None and not getattr(least, name))
    store.create(floor)
    return Recovered(floor, lost)


def _known_floor(store: FloorStore) -> Floor | None:
    try:
        return store.read()
    except VerificationError:
        return None


def _known_root(place: StateDirectory) -> Metadata[Root] | None:
    try:
        return check_root(place.root.read_bytes())
    except (OSError, ConfigError):
        return None


def _whole() -> InstallError:
    return InstallError(
        "FLOOR_WHOLE",
        "The floor of this client is whole: there is nothing to recover.",
        safe="It was left as it is; nothing was lowered.",
        hint="For a damaged release, run `sealcast client repair` without --root.",
    )


class _Proof:
    """What the verifier's folder still proves under a root: each role for itself, whatever became of the others."""

    def __init__(self, folder: Path, root: Root) -> None:
        self._metadata = folder / "metadata"
        self._documents = folder / "documents"
        self.root = self._newest(root)

    def marks(self, settings: Settings) -> Iterator[tuple[str, Mark]]:
        """Yield the marks by name."""
        timestamp = self._role("timestamp", Timestamp, self.root)
        if timestamp is not None:
            yield "timestamp", self._mark("timestamp", timestamp.version)
            if (issued := _issued(timestamp)) is not None:
                yield "issued", self._mark("timestamp", issued)
        snapshot = self._role("snapshot", Snapshot, self.root)
        if snapshot is not None:
            yield "snapshot", self._mark("snapshot", snapshot.version)
        targets = self._role("targets", Targets, self.root)
        if targets is not None:
            yield from self._of_channel(targets, settings.app, settings.channel)

    def _of_channel(self, targets: Targets, app: str, channel: str) -> Iterator[tuple[str, Mark]]:
        name, path = role_name(app, channel), f"{role_prefix(app, channel)}/channel.json"
        roles = targets.delegations.roles if targets.delegations else None
        delegated: DelegatedRole | None = (roles or {}).get(name)
        role = self._role(name, Targets, targets) if delegated else None
        if role is None or path not in role.targets:
            return
        wanted = content_listed(role.targets[path])
        try:
            data = read_regular(self._documents / wanted.sha256, KEPT_LIMIT)
            if content_of(data) != wanted:
                return
            document = read_channel(data, app=app, channel=channel)
        except (OSError, SealcastError):
            return
        yield "revision", self._mark(name, document.revision)
        yield "lowest", self._mark(name, document.floor)

    def _newest(self, root: Root) -> Root:
        """Follow the chain of roots that is kept as far as it holds."""
        while True:
            try:
                root = next_root(self._metadata, root)
            except SealcastError:
                return root

    def _role(self, name: str, kind: type[Any], delegator: Root | Targets) -> Any:
        try:
            return verified_role(parse_role(self._bytes(name), name, kind), name, delegator)
        except (OSError, SealcastError):
            return None

    def _mark(self, name: str, number: int) -> Mark:
        return Mark(number=number, metadata=base64.b64encode(self._bytes(name)).decode())

    def _bytes(self, name: str) -> bytes:
        return read_regular(self._metadata / f"{name}.json", KEPT_LIMIT)


def _issued(timestamp: Timestamp) -> int | None:
    try:
        return int(parse_time(own_fields(timestamp)["issued"]).timestamp())
    except (KeyError, TypeError, SealcastError):
        return None

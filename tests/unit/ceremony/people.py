"""A repository whose root and targets several people hold, as far as its ceremonies go. Keys sign at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization.json import JSONSerializer

from sealcast.ceremony import (
    Proposal,
    Quorum,
    Review,
    count_statements,
    proposal_bytes,
    read_proposal,
    review,
    sign,
    statement_bytes,
)
from sealcast.documents import encode
from sealcast.model import ChannelPolicy, Policy
from sealcast.model.keys import key_id
from sealcast.model.roles import first_root, first_targets, target
from sealcast.values import content_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
REPOSITORY = "0123456789abcdef" * 2
NAMES = ("alice", "bob", "carol", "dave", "ci", "oncall", "mallory")
PEOPLE: Mapping[str, CryptoSigner] = {name: CryptoSigner.generate_ed25519() for name in NAMES}
BOOK: Mapping[str, str] = {signer.public_key.keyid: name for name, signer in PEOPLE.items()}


def keyid(name: str) -> str:
    return PEOPLE[name].public_key.keyid


@dataclass
class Wish:
    """What a root and a targets shall say. ``roles`` holds names and threshold."""

    roles: dict[str, tuple[Sequence[str], int]] = field(
        default_factory=lambda: {
            "root": (("alice", "bob", "carol"), 2),
            "targets": (("alice", "bob"), 2),
            "snapshot": (("ci",), 1),
            "timestamp": (("ci",), 1),
            "demo-stable": (("ci",), 1),
            "demo-halt": (("oncall",), 1),
        }
    )
    channels: dict[str, bool] = field(default_factory=lambda: {"stable": False})
    version: int = 1
    targets_version: int = 1
    root_days: float = 365
    targets_days: float = 180

    def root(self) -> dict[str, Any]:
        top = ("root", "targets", "snapshot", "timestamp")
        keys = {role: [PEOPLE[name].public_key for name in self.roles[role][0]] for role in top}
        thresholds = {role: threshold for role, (_, threshold) in self.roles.items()}
        names = {keyid(name): name for held, _ in self.roles.values() for name in held}
        made = first_root(keys, thresholds, names, REPOSITORY, NOW + timedelta(days=self.root_days))
        made.version = self.version
        return made.to_dict()

    def policy(self) -> bytes:
        channels = {channel: ChannelPolicy(sealed=sealed) for channel, sealed in self.channels.items()}
        return encode(Policy(app="demo", channels=channels))

    def targets(self) -> dict[str, Any]:
        delegations = {
            ("demo", channel): ([PEOPLE[name].public_key for name in held], threshold)
            for channel in (*self.channels, "halt")
            for held, threshold in [self.roles[f"demo-{channel}"]]
        }
        entry = target("demo/policy.json", content_of(self.policy()))
        made = first_targets(delegations, [entry], NOW + timedelta(days=self.targets_days))
        made.version = self.targets_version
        return made.to_dict()


def signed(part: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Signed metadata as a JSON object."""
    kind = Root if part["_type"] == "root" else Targets
    metadata: Metadata[Any] = Metadata(kind.from_dict(copy.deepcopy(dict(part))))
    for name in names:
        metadata.sign(PEOPLE[name], append=True)
    return json.loads(metadata.to_bytes(JSONSerializer(compact=True)))  # type: ignore[no-any-return]


def first(wish: Wish | None = None) -> Proposal:
    """The proposal of a first root and targets."""
    wish = wish or Wish()
    return Proposal(
        repository=REPOSITORY,
        root=wish.root(),
        targets=wish.targets(),
        files={"demo/policy.json": wish.policy().decode()},
    )


OWN = signed(Wish().root(), "alice", "bob")
OWN_ROOT = json.dumps(OWN).encode()
CURRENT = signed(Wish().targets(), "alice", "bob")


def later(wish: Wish | None = None, *, root: bool = True, targets: bool = True, **changes: Any) -> Proposal:
    """The proposal of root 2 and targets 2."""
    wish = wish or Wish()
    wish.version, wish.targets_version = 2, 2
    made = Proposal(
        repository=REPOSITORY,
        roots=(OWN,),
        current=CURRENT,
        root=wish.root() if root else {},
        targets=wish.targets() if targets else {},
        files={"demo/policy.json": wish.policy().decode()} if targets else {},
    )
    return replace(made, **changes)


def reviewed(proposal: Proposal, own_root: bytes | None = OWN_ROOT) -> Review:
    """The review of a proposal as its file holds it."""
    return review(read_proposal(proposal_bytes(proposal)), own_root if proposal.roots else None)


def statements(case: Review, names: Iterable[str]) -> dict[str, bytes]:
    return {f"{name}.statement": statement_bytes(sign(case, PEOPLE[name], NOW)) for name in names}


def counted(case: Review, *names: str) -> Quorum:
    return count_statements(case, statements(case, names), BOOK)


def as_json(proposal: Proposal) -> dict[str, Any]:
    return json.loads(proposal_bytes(proposal))  # type: ignore[no-any-return]


def again(key: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A key listed once more, spelled otherwise, under the id that this spelling has."""
    entry = {**key, **changes}
    return {key_id(entry): entry}

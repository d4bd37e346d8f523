"""A workspace of several holders, whose keys lie beside it; and ceremonies in one line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sealcast.ceremony import Proposal, Review, proposal_bytes, read_proposal, review, sign, statement_bytes
from sealcast.publisher import Combined, Repository, Wanted, create_shared
from sealcast.signing import (
    DEFAULT_KEY_TYPE,
    EnvironmentSecrets,
    PublicRecord,
    generate,
    locate,
    open_signer,
    read_record,
    save_key,
)
from tests.unit.publisher.workshop import Time

ROLES: Mapping[str, Sequence[str]] = {
    "root": ("alice", "bob", "carol"),
    "targets": ("alice", "bob"),
    "snapshot": ("ci",),
    "timestamp": ("ci",),
    "demo-stable": ("ci",),
    "demo-halt": ("oncall",),
}
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "ci", "oncall")


@dataclass(frozen=True)
class Office:
    """A folder with ``ws`` and everybody's keys in ``keys``."""

    folder: Path
    clock: Time

    @property
    def ws(self) -> Path:
        return self.folder / "ws"

    def open(self, *signers: str) -> Repository:
        uris = [f"file:{self.folder}/keys/{name}.pem" for name in signers]
        return Repository.open(self.ws, signers=uris, clock=self.clock)

    def record(self, name: str) -> PublicRecord:
        return read_record(self.folder / "keys" / f"{name}.pub.json")

    def edit(self, *pairs: tuple[str, str]) -> None:
        place = self.ws / "sealcast.toml"
        text = place.read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new, 1)
        place.write_text(text)

    def hire(self, *names: str) -> None:
        """Put records into the workspace."""
        for name in names:
            place = self.ws / "holders" / f"{name}.pub.json"
            place.parent.mkdir(exist_ok=True)
            place.write_bytes((self.folder / "keys" / f"{name}.pub.json").read_bytes())

    def plan(self, *renew: str) -> Proposal:
        case = self.open().ceremonies.plan(renew=renew)
        assert case is not None
        return read_proposal(proposal_bytes(case.proposal))

    def own_root(self, number: int | None = None) -> bytes | None:
        numbers = sorted(int(path.name.split(".")[0]) for path in (self.ws / "metadata").glob("*.root.json"))
        return (self.ws / f"metadata/{number or numbers[-1]}.root.json").read_bytes() if numbers else None

    def answers(self, proposal: Proposal, *names: str, own_root: bytes | None = None) -> dict[str, bytes]:
        case = review(proposal, own_root or self.own_root())
        return {name: self.answer(case, name, self.clock()) for name in names}

    def answer(self, case: Review, name: str, now: datetime) -> bytes:
        secrets = EnvironmentSecrets({})
        located = locate(f"file:{self.folder}/keys/{name}.pem", secrets, folder=Path())
        signer = open_signer(located.uri, located.key, secrets, folder=Path())
        return statement_bytes(sign(case, signer, now))

    def combine(self, proposal: Proposal, answers: Mapping[str, bytes], *signers: str) -> Combined:
        return self.open(*signers).ceremonies.combine(proposal, answers)

    def hold(self, *names: str, renew: Iterable[str] = (), signers: Sequence[str] = ("ci", "oncall")) -> Combined:
        """A whole ceremony."""
        proposal = self.plan(*renew)
        return self.combine(proposal, self.answers(proposal, *names), *signers)


def furnish(folder: Path, clock: Time) -> Office:
    """Make everybody's keys, and the workspace."""
    office = Office(folder, clock)
    for name in PEOPLE:
        save_key(folder / "keys", generate(name, DEFAULT_KEY_TYPE, None, random=os.urandom))
    holders = {role: [office.record(name) for name in names] for role, names in ROLES.items()}
    create_shared(office.ws, Wanted("demo", ["stable"], clock(), os.urandom, holders, {"root": 2, "targets": 2}))
    office.edit(('effort = "normal"', 'effort = "fast"'))
    return office

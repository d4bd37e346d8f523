"""The machine that plans and combines a ceremony, and keeps the online keys, belongs to Mallory. She can only withhold.

Holders are played as they are told to be: they sign what their own machine shows, if it is what they agreed on.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Snapshot, Timestamp
from tuf.api.serialization.json import JSONSerializer

from sealcast.ceremony import Facts, check_limits, facts_of, proposal_bytes, read_proposal, review
from sealcast.errors import CeremonyError, SealcastError
from sealcast.fetch import FolderSource
from sealcast.model.roles import listed
from sealcast.signing import EnvironmentSecrets, locate, open_signer
from sealcast.values import content_of
from sealcast.verify import View
from tests.unit.publisher.holders import Office, furnish
from tests.unit.publisher.workshop import V1, this_second, write

MALLORY = CryptoSigner.generate_ed25519()
Json = dict[str, Any]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield Scene(tmp_path_factory.mktemp("scene"))


class Scene:
    """A repository that is live. Its holders agreed to take dave for carol; ``proposal`` says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.office = Office(folder, this_second())
        furnish(folder, self.office.clock)
        self.office.hold("alice", "bob")
        write(folder / "one", V1)
        self.office.open("ci", "oncall").add_release(folder / "one", version="1.0.0")
        self.office.open().plan_publish(folder / "site").run()
        self.own_root = self.office.own_root() or b""
        self.book = {self.office.record(name).keyid: name for name in ("alice", "bob", "carol", "dave", "ci", "oncall")}
        self.office.hire("dave")
        self.office.edit(('"carol"', '"dave"'))
        self.proposal: Json = json.loads(proposal_bytes(self.office.plan("root", "targets")))
        self.agreed = self.understood(self.proposal)
        self.answers = self.office.answers(read_proposal(self.data(self.proposal)), "alice", "bob")

    @staticmethod
    def data(proposal: Json) -> bytes:
        return json.dumps(proposal).encode()

    def understood(self, proposal: Json) -> Facts:
        """What a holder's own machine shows."""
        case = review(read_proposal(self.data(proposal)), self.own_root)
        check_limits(case, self.office.clock())
        return facts_of(case, self.book)

    def would_sign(self, proposal: Json) -> bool:
        """Whether a holder signs: the rules do not refuse it, and it is what was agreed on, digest aside."""
        try:
            facts = self.understood(proposal)
        except CeremonyError:
            return False
        return changed(facts, digest="", words=()) == changed(self.agreed, digest="", words=())

    def ci(self) -> CryptoSigner:
        """The online key, which lies on Mallory's machine."""
        secrets = EnvironmentSecrets({})
        located = locate(f"file:{self.folder}/keys/ci.pem", secrets, folder=Path())
        signer = open_signer(located.uri, located.key, secrets, folder=Path())
        assert isinstance(signer, CryptoSigner)
        return signer

    def device(self, site: Path) -> tuple[int, frozenset[str], frozenset[str]]:
        """What a device with the first root believes: its root's version, who holds root, and who the channel."""
        folder = site / "device"
        folder.mkdir()
        view = View(FolderSource(site), root=self.own_root, folder=folder)
        roles = view.targets.delegations.roles if view.targets.delegations else None
        assert roles
        return (
            view.root.version,
            frozenset(view.root.roles["root"].keyids),
            frozenset(roles["demo-stable"].keyids),
        )


# ----------------------------------------------------------------------------------------------- what she may propose


def _holder(part: str, role: str, *, threshold: int = 0) -> Callable[[Json], object]:
    """Add Mallory to a role, or put her in the place of everybody."""

    def change(proposal: Json) -> None:
        where = proposal["root"] if part == "root" else proposal["targets"]["delegations"]
        entry = where["roles"][role] if part == "root" else next(one for one in where["roles"] if one["name"] == role)
        where["keys"][MALLORY.public_key.keyid] = MALLORY.public_key.to_dict()
        entry["keyids"].append(MALLORY.public_key.keyid)
        entry["threshold"] = threshold or entry["threshold"]
        proposal["root"]["x-sealcast"]["holders"][MALLORY.public_key.keyid] = "carol"

    return change


def _policy(proposal: Json) -> None:
    text = proposal["files"]["demo/policy.json"].replace('"stable":{}', '"stable":{},"evil":{}')
    content = content_of(text.encode())
    proposal["files"]["demo/policy.json"] = text
    proposal["targets"]["targets"]["demo/policy.json"] = {"hashes": {"sha256": content.sha256}, "length": content.size}


def _mirror(proposal: Json) -> None:
    text = proposal["files"]["demo/policy.json"].replace('"type"', '"mirrors":["https://evil.example"],"type"')
    content = content_of(text.encode())
    proposal["files"]["demo/policy.json"] = text
    proposal["targets"]["targets"]["demo/policy.json"] = {"hashes": {"sha256": content.sha256}, "length": content.size}


PLANS: dict[str, Callable[[Json], object]] = {
    "herself among the roots": _holder("root", "root"),
    "herself as a root of one": _holder("root", "root", threshold=1),
    "herself among the targets": _holder("root", "targets"),
    "herself as timestamp": _holder("root", "timestamp"),
    "herself as a channel": _holder("targets", "demo-stable"),
    "a lower threshold": lambda one: one["root"]["roles"]["root"].update(threshold=1),
    "no threshold": lambda one: one["root"]["roles"]["root"].update(threshold=0),
    "a root of ten years": lambda one: one["root"].update(expires="2036-11-21T00:00:00Z"),
    "a root that is over tomorrow": lambda one: one["root"].update(expires="2026-11-22T00:00:00Z"),
    "a jump of versions": lambda one: one["targets"].update(version=2**40),
    "an unknown field": lambda one: one["root"].update({"x-mallory": True}),
    "mixed snapshots": lambda one: one["root"].update(consistent_snapshot=False),
    "a channel with another's folder": lambda one: one["targets"]["delegations"]["roles"][0].update(paths=["demo/*"]),
    "one more channel": _policy,
    "a mirror of her own": _mirror,
    "another repository": lambda one: one.update(repository="00" * 16),
    "no chain": lambda one: one.update(roots=[], current={}),
    "another chain": lambda one: one["roots"][0]["signed"]["roles"]["root"].update(threshold=1),
    "another current targets": lambda one: one["current"]["signed"].update(version=7),
    "a policy that is not there": lambda one: one.update(files={}),
    "targets left out": lambda one: (one.update(targets={}, files={}), _holder("root", "targets")(one)),
}


@pytest.mark.parametrize("plan", PLANS)
def test_whatever_she_proposes_is_refused_or_seen(scene: Scene, plan: str) -> None:
    proposal = copy.deepcopy(scene.proposal)
    PLANS[plan](proposal)
    assert not scene.would_sign(proposal)


def test_what_she_says_about_a_proposal_changes_nothing(scene: Scene) -> None:
    proposal = {**scene.proposal, "description": "+ dave", "facts": {"roles": []}, "words": ["lusab"]}
    assert scene.would_sign(proposal)
    assert scene.understood(proposal).digest == scene.agreed.digest
    lying = copy.deepcopy(proposal)
    _holder("root", "root")(lying)
    assert not scene.would_sign(lying)


def test_an_old_proposal_is_not_signed_again(scene: Scene) -> None:
    folder = scene.folder / "later"
    office = Office(Path(shutil.copytree(scene.office.ws, folder / "ws")).parent, scene.office.clock)
    shutil.copytree(scene.folder / "keys", folder / "keys")
    office.combine(read_proposal(scene.data(scene.proposal)), scene.answers, "ci")
    with pytest.raises(CeremonyError) as caught:
        review(read_proposal(scene.data(scene.proposal)), office.own_root())
    assert caught.value.code == "OLD_PROPOSAL"


# -------------------------------------------------------------------------------------- what she may make of answers


def _envelope(part: Json, *signers: CryptoSigner, answers: Json | None = None) -> bytes:
    """Metadata with signatures by her and by the online key, beside those that holders made for something else."""
    signed = str(encode_canonical(part)).encode()
    own = {signer.public_key.keyid: signer.sign(signed).signature for signer in signers}
    found = [{"keyid": keyid, "sig": sig} for keyid, sig in {**own, **(answers or {})}.items()]
    return json.dumps({"signed": part, "signatures": found}).encode()


@pytest.fixture
def signatures(scene: Scene) -> dict[str, Json]:
    """What the holders answered, by role and key."""
    found: dict[str, Json] = {"root": {}, "targets": {}}
    for data in scene.answers.values():
        statement = json.loads(data)
        for role, sig in statement["signatures"].items():
            found[role][statement["keyid"]] = sig
    return found


def _site(scene: Scene, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scene.folder / "site", tmp_path / "site"))


@pytest.mark.parametrize("plan", ["nothing", *(name for name in PLANS if "root" in name or "threshold" in name)])
@pytest.mark.parametrize("using", ["root", "targets"])
def test_no_root_but_the_agreed_one_is_believed(
    scene: Scene, signatures: dict[str, Json], tmp_path: Path, plan: str, using: str
) -> None:
    """Whatever signatures she puts under it: those of the holders are for the agreed one, or for another role."""
    proposal = copy.deepcopy(scene.proposal)
    PLANS.get(plan, lambda _: None)(proposal)
    site = _site(scene, tmp_path)
    forged = _envelope(proposal["root"], MALLORY, scene.ci(), answers=signatures[using])
    (site / "metadata/2.root.json").write_bytes(forged)
    agreed = frozenset(scene.proposal["root"]["roles"]["root"]["keyids"])
    if (plan, using) == ("nothing", "root"):
        assert scene.device(site)[:2] == (2, agreed)
        return
    with pytest.raises(SealcastError) as caught:
        scene.device(site)
    assert caught.value.code in {"THRESHOLD", "BAD_THRESHOLD"}  # the device stays where it is


@pytest.mark.parametrize("using", ["root", "targets"])
def test_no_channel_changes_hands_by_the_online_keys(
    scene: Scene, signatures: dict[str, Json], tmp_path: Path, using: str
) -> None:
    """She signs snapshot and timestamp as she likes: a targets that names her as a channel's holder is not believed."""
    proposal = copy.deepcopy(scene.proposal)
    _holder("targets", "demo-stable")(proposal)
    proposal["targets"]["delegations"]["roles"][0]["keyids"] = [MALLORY.public_key.keyid]
    ci = scene.ci()
    site = _site(scene, tmp_path)
    data = _envelope(proposal["targets"], MALLORY, ci, answers=signatures[using])
    version = proposal["targets"]["version"]
    (site / f"metadata/{version}.targets.json").write_bytes(data)
    timestamp = Metadata[Timestamp].from_file(str(site / "metadata/timestamp.json"))
    number = timestamp.signed.snapshot_meta.version
    snapshot = Metadata[Snapshot].from_file(str(site / f"metadata/{number}.snapshot.json"))
    snapshot.signed.meta["targets.json"] = listed(version, data)
    snapshot.signed.version = number + 1
    snapshot.sign(ci)
    lying = snapshot.to_bytes(JSONSerializer(compact=True))
    (site / f"metadata/{number + 1}.snapshot.json").write_bytes(lying)
    timestamp.signed.snapshot_meta = listed(number + 1, lying)
    timestamp.signed.version += 1
    timestamp.sign(ci)
    (site / "metadata/timestamp.json").write_bytes(timestamp.to_bytes(JSONSerializer(compact=True)))
    with pytest.raises(SealcastError) as caught:
        scene.device(site)
    assert caught.value.code == "THRESHOLD"


def test_she_can_withhold_and_others_complete_it(scene: Scene, tmp_path: Path) -> None:
    proposal = read_proposal(scene.data(scene.proposal))
    one = dict(list(scene.answers.items())[:1])
    shutil.copytree(scene.office.ws, tmp_path / "ws")
    shutil.copytree(scene.folder / "keys", tmp_path / "keys")
    elsewhere = Office(tmp_path, scene.office.clock)
    with pytest.raises(CeremonyError) as caught:
        elsewhere.combine(proposal, one, "ci")
    assert caught.value.code == "INCOMPLETE"
    elsewhere.combine(proposal, scene.answers, "ci")
    elsewhere.open().plan_publish(tmp_path / "site").run()
    assert scene.device(tmp_path / "site")[0] == 2

"""Roots that do not follow, come from somebody else, or bend the rules for keys and thresholds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from sealcast.model.keys import key_id
from tests.attacks.forger import ONLINE, Forger, Json
from tests.attacks.scene import Device, Scene
from tests.servers import answer


def add_key(root: Json, role: str, key: Any) -> None:
    root["keys"][key.keyid] = key.listed
    root["roles"][role]["keyids"].append(key.keyid)


def only_key(root: Json, role: str, key: Any) -> None:
    root["keys"][key.keyid] = key.listed
    root["roles"][role]["keyids"] = [key.keyid]


def test_a_root_that_skips_a_version(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()
    forger.publish_root()
    forger.publish_root()
    (scene.site / "metadata/3.root.json").replace(scene.site / "metadata/2.root.json")
    scene.refused(device, "ROOT_CHAIN")
    scene.recovers(device)


def test_an_older_root_under_a_newer_number(scene: Scene) -> None:
    device = scene.device(1)
    shutil.copy(scene.site / "metadata/1.root.json", scene.site / "metadata/2.root.json")
    scene.refused(device, "ROOT_CHAIN")
    scene.recovers(device)


def test_the_metadata_of_another_role_as_a_root(scene: Scene) -> None:
    device = scene.device(1)
    for role in ("timestamp.json", "1.targets.json", "3.snapshot.json"):
        shutil.copy(scene.site / "metadata" / role, scene.site / "metadata/2.root.json")
        scene.refused(device, "BAD_METADATA", "INCONSISTENT")
    scene.recovers(device)


def test_the_host_was_taken_over_and_serves_a_repository_of_its_own(scene: Scene) -> None:
    """A dangling name, a bought domain: everything is well signed, by somebody else."""
    device, fresh = scene.device(1), scene.device(name="fresh")
    forger = scene.forger()
    for name in ("root", "online", "channel", "halt"):
        forger.new_key(name)

    def usurp(root: Json) -> None:
        root["version"], root["keys"] = 1, {}
        for role in root["roles"]:
            only_key(root, role, forger.keys["root" if role in {"root", "targets"} else "online"])

    def delegate(targets: Json) -> None:
        keys = [forger.keys["channel"], forger.keys["halt"]]
        targets["delegations"]["keys"] = {key.keyid: key.listed for key in keys}
        for role in targets["delegations"]["roles"]:
            role["keyids"] = [forger.keys["halt" if role["name"].endswith("halt") else "channel"].keyid]

    forger.publish_root(usurp)
    forger.publish("targets", delegate)
    forger.channel()
    foreign = (scene.site / "metadata/1.root.json").read_bytes()
    assert foreign != scene.root
    for victim in (device, fresh):
        scene.refused(victim, "THRESHOLD")
    (scene.site / "metadata/2.root.json").write_bytes(foreign.replace(b'"version":1', b'"version":2'))
    for victim in (device, fresh):
        scene.refused(victim, "THRESHOLD")
    scene.recovers(device)
    scene.recovers(fresh)


@pytest.mark.parametrize("by", [("thief",), ("root",)], ids=["only the new holder", "only the old holder"])
def test_a_root_that_its_old_and_its_new_holders_did_not_both_sign(scene: Scene, by: tuple[str, ...]) -> None:
    device = scene.device(1)
    forger = scene.forger()
    thief = forger.new_key("thief")
    forger.publish_root(lambda root: only_key(root, "root", thief), by=by)
    scene.refused(device, "THRESHOLD")
    scene.recovers(device)


def two_of_three(scene: Scene, device: Device) -> Forger:
    """Make the root one of three keys, of which two must sign; the device follows."""
    forger = scene.forger()

    def share(root: Json) -> None:
        for name in ("second", "third"):
            add_key(root, "root", forger.new_key(name))
        root["roles"]["root"]["threshold"] = 2

    forger.publish_root(share, by=("root", "second", "third"))
    device.take()
    assert device.heights()["root"] == 2
    return forger


def test_one_of_three_holders_alone(scene: Scene) -> None:
    device = scene.device(1)
    forger = two_of_three(scene, device)
    forger.publish_root(lambda root: only_key(root, "timestamp", forger.new_key("thief")), by=("second",))
    scene.refused(device, "THRESHOLD")


def test_one_signature_many_times_is_one_signature(scene: Scene) -> None:
    device = scene.device(1)
    forger = two_of_three(scene, device)
    forger.publish_root(by=("second",) * 8)
    scene.refused(device, "THRESHOLD", "BAD_METADATA")


def test_one_key_under_two_ids_cannot_meet_a_threshold_of_two(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()

    def twice(root: Json) -> None:
        key = forger.keys["root"]
        again = {**key.listed, "x": "another id, the same key"}
        root["keys"][key_id(again)] = again
        root["roles"]["root"]["keyids"].append(key_id(again))
        root["roles"]["root"]["threshold"] = 2

    forger.publish_root(twice)
    scene.refused(device, "DUPLICATE_KEY")
    scene.recovers(device)


def test_one_key_in_another_spelling_is_the_same_key(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()

    def twice(root: Json) -> None:
        key = forger.keys["root"]
        again = {**key.listed, "keyval": {"public": key.listed["keyval"]["public"].upper()}}
        root["keys"][key_id(again)] = again
        root["roles"]["root"]["keyids"].append(key_id(again))

    forger.publish_root(twice)
    scene.refused(device, "DUPLICATE_KEY")


def test_a_key_id_that_is_not_the_hash_of_its_key(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()

    def misname(root: Json) -> None:
        key = forger.new_key("thief")
        root["keys"]["0" * 64] = key.listed
        root["roles"]["timestamp"]["keyids"].append("0" * 64)

    forger.publish_root(misname)
    scene.refused(device, "KEYID_MISMATCH")

    def steal_the_id(root: Json) -> None:
        root["keys"][forger.keys["online"].keyid] = forger.new_key("thief").listed

    scene.host(2)
    forger.publish_root(steal_the_id)
    scene.refused(device, "KEYID_MISMATCH")
    scene.recovers(device)


THRESHOLDS = [0, -1, True, False, None, "1", [1], 2**53 - 1, 2]


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_thresholds_that_are_no_thresholds(scene: Scene, role: str) -> None:
    device = scene.device(1)
    # Every role meets the same check: all of it for root, a share for each of the others.
    for threshold in THRESHOLDS if role == "root" else THRESHOLDS[len(role) % 3 :: 3]:
        scene.host(2)
        scene.forger().publish_root(lambda root: root["roles"][role].update(threshold=threshold))  # noqa: B023
        scene.refused(device, "BAD_THRESHOLD")
    scene.recovers(device)


def spoil_delegation(edit: Callable[[Json, Json], object]) -> Callable[[Json], object]:
    """Change the delegations of targets, and the role ``demo-stable`` among them."""

    def change(targets: Json) -> None:
        delegations = targets["delegations"]
        edit(delegations, next(role for role in delegations["roles"] if role["name"] == "demo-stable"))

    return change


def test_thresholds_of_a_delegation(scene: Scene) -> None:
    device = scene.device(1)
    for threshold in THRESHOLDS:
        scene.host(2)
        scene.forger().publish("targets", spoil_delegation(lambda _, role: role.update(threshold=threshold)))  # noqa: B023
        scene.refused(device, "BAD_THRESHOLD")
    scene.recovers(device)


def test_keys_of_a_delegation(scene: Scene) -> None:
    device = scene.device(1)
    key = scene.forger().keys["channel"]
    again = {**key.listed, "x": 1}
    for listed, code in (
        ({key_id(again): again}, "DUPLICATE_KEY"),
        ({"f" * 64: scene.forger().new_key("thief").listed}, "KEYID_MISMATCH"),
    ):
        scene.host(2)
        scene.forger().publish("targets", spoil_delegation(lambda delegations, _: delegations["keys"].update(listed)))  # noqa: B023
        scene.refused(device, code)
    scene.recovers(device)


def test_a_role_that_is_delegated_twice(scene: Scene) -> None:
    """The second delegation of one name would bring the keys that the first one lacks."""
    device = scene.device(1)
    forger = scene.forger()
    thief = forger.new_key("thief")

    def twice(delegations: Json, role: Json) -> None:
        delegations["keys"][thief.keyid] = thief.listed
        delegations["roles"].insert(0, {**role, "keyids": [thief.keyid]})

    forger.publish("targets", spoil_delegation(twice))
    scene.refused(device, "BAD_METADATA")
    scene.recovers(device)


@pytest.mark.parametrize(
    "paths", [["*/*/*"], ["demo/*"], ["demo/stable/*", "demo/halt/*"], ["demo/beta/*"], []], ids=str
)
def test_a_delegation_of_other_folders_than_its_own(scene: Scene, paths: list[str]) -> None:
    device = scene.device(1)
    scene.forger().publish("targets", spoil_delegation(lambda _, role: role.update(paths=paths)))
    scene.refused(device, "UNKNOWN_CHANNEL")
    scene.recovers(device)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_the_next_root_is_withheld(scene: Scene, status: int) -> None:
    """The old root holds until it ends; what the new keys signed is refused, and accepted once the root comes."""
    device = scene.device(1)
    forger = scene.forger()
    new = forger.new_key("new")

    def rotate(root: Json) -> None:
        for role in ONLINE:
            only_key(root, role, new)

    forger.publish_root(rotate)
    forger.keys["online"] = new
    forger.publish("snapshot")
    scene.server.script("/metadata/2.root.json", answer(b"hidden", status))
    scene.refused(device, "THRESHOLD")
    scene.server.script("/metadata/2.root.json")
    assert device.take().version == "2.0.0"
    assert device.heights()["root"] == 2


@pytest.mark.parametrize("status", [500, 502, 503, 401])
def test_a_host_that_fails_at_the_next_root_proves_nothing(scene: Scene, status: int) -> None:
    """Only "there is none" ends the chain; a failure must not pass for it."""
    device = scene.device(1)
    scene.server.script("/metadata/2.root.json", answer(b"oops", status))
    scene.refused(device, "HTTP_STATUS", "TRY_LATER")
    scene.server.script("/metadata/2.root.json")
    scene.recovers(device)


def test_a_root_that_ended(scene: Scene) -> None:
    device = scene.device(1)
    scene.forger().publish_root(lambda root: root.update(expires="2020-01-01T00:00:00Z"))
    scene.refused(device, "EXPIRED")
    # A later one may follow, whatever the first said.
    scene.forger().publish_root(lambda root: root.update(expires="2099-01-01T00:00:00Z"))
    assert device.take().version == "2.0.0"


@pytest.mark.long
def test_a_device_that_slept_through_three_hundred_roots(scene: Scene) -> None:
    """python-tuf follows 256 in one go; the next look goes on where that one stopped."""
    device = scene.device(1)
    forger = scene.forger()
    for _ in range(300):
        forger.publish_root()
    heights = device.heights()
    for _ in range(2):
        if device.heights()["root"] < 301:
            device.client().outlook()
    assert device.heights()["root"] == 301 > heights["root"]
    assert device.take().version == "2.0.0"

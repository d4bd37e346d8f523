"""Stolen keys: what each can do, what it cannot, and that replacing it ends what it could.

No thief but the holder of a channel's own key can make a device take what that channel did not sign.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealcast.documents import encode
from sealcast.values import format_time
from tests.attacks.forger import ONLINE, Forger, Json
from tests.attacks.scene import START, Device, Scene

FAR = 2**40


def lose_cache(device: Device) -> None:
    shutil.rmtree(device.folder / "repository")


def rotate_online(scene: Scene) -> Forger:
    """Replace the key of snapshot and timestamp by the next root; return who signs with the new one."""
    forger = Forger(scene.site, scene.keys)
    new = forger.new_key("new")

    def change(root: Json) -> None:
        root["keys"][new.keyid] = new.listed
        for role in ONLINE:
            root["roles"][role]["keyids"] = [new.keyid]

    forger.publish_root(change)
    forger.keys["online"] = new
    return forger


def rotate_channel(scene: Scene) -> Forger:
    """Replace the key of the channel by the next targets."""
    forger = Forger(scene.site, scene.keys)
    new = forger.new_key("new")

    def change(targets: Json) -> None:
        targets["delegations"]["keys"][new.keyid] = new.listed
        next(role for role in targets["delegations"]["roles"] if role["name"] == "demo-stable")["keyids"] = [new.keyid]

    forger.publish("targets", change)
    forger.keys["channel"] = new
    return forger


# ------------------------------------------------------------------------------------------- snapshot and timestamp


def test_the_online_key_signs_no_release(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()
    forger.keys["channel"] = forger.keys["online"]
    forger.channel()
    scene.refused(device, "THRESHOLD")
    scene.recovers(device)


def test_the_online_key_signs_no_delegation_and_no_policy(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()
    forger.keys["root"] = forger.keys["online"]
    forger.policy(lambda policy: policy["channels"]["stable"].update(sealed=True))
    scene.refused(device, "THRESHOLD")
    scene.recovers(device)


def relist(scene: Scene, prepared: Path, *names: str) -> None:
    """Sign a new snapshot that lists older, once valid files: the power of whoever has the online key."""
    old = Forger(prepared / "site-1", scene.keys)
    entries = {f"{name}.json": old.live("snapshot")["signed"]["meta"][f"{name}.json"] for name in names}
    scene.forger().publish("snapshot", lambda signed: signed["meta"].update(entries))


@pytest.mark.parametrize("cache", [True, False], ids=["with its cache", "after its cache was lost"])
def test_the_online_key_cannot_bring_an_older_channel_document_back(scene: Scene, prepared: Path, cache: bool) -> None:
    device = scene.device(2)
    relist(scene, prepared, "demo-stable")
    if not cache:
        lose_cache(device)
    scene.refused(device, "ROLLBACK")


@pytest.mark.parametrize("cache", [True, False], ids=["with its cache", "after its cache was lost"])
@pytest.mark.parametrize("role", ["targets", "demo-halt"])
def test_the_online_key_brings_back_no_policy_or_halt_of_old(scene: Scene, role: str, cache: bool) -> None:
    """What was sealed, pinned or halted meanwhile stays so: the floor knows every version of the last snapshot."""
    device = scene.device(2)
    old = Forger(scene.site, scene.keys).live("snapshot")["signed"]["meta"][f"{role}.json"]
    if role == "targets":
        scene.forger().policy(lambda policy: policy.update(mirrors=["https://mirror.example.org/"]))
    else:
        scene.forger().halt({"paused": True})
    device.check()
    scene.forger().publish("snapshot", lambda signed: signed["meta"].update({f"{role}.json": old}))
    if not cache:
        lose_cache(device)
    scene.refused(device, "ROLLBACK")


def test_the_online_key_cannot_leave_a_role_out(scene: Scene) -> None:
    device = scene.device(2)
    scene.forger().publish("snapshot", lambda signed: signed["meta"].pop("demo-stable.json"))
    scene.refused(device, "ROLLBACK", "INCONSISTENT")
    lose_cache(device)
    scene.refused(device, "INCONSISTENT")


@pytest.mark.parametrize("cache", [True, False], ids=["with its cache", "after its cache was lost"])
def test_numbers_driven_far_ahead_are_forgotten_with_the_online_key(scene: Scene, cache: bool) -> None:
    """A thief drives versions to the sky; the next root brings another key and low numbers, and they are taken."""
    device = scene.device(1)
    forger = scene.forger()
    for role in ONLINE:
        forger.publish(role, lambda signed: signed.update(version=FAR))
    device.check()
    assert device.heights()["timestamp"] == device.heights()["snapshot"] == FAR
    scene.host(2)
    scene.refused(device, "ROLLBACK")
    rotate_online(scene).publish("snapshot")
    if not cache:
        lose_cache(device)
    assert device.take().version == "2.0.0"
    assert device.heights()["timestamp"] < FAR
    assert device.heights()["root"] == 2


def sign_time(forger: Forger, when: str, **more: object) -> None:
    """Sign a timestamp of that time, and of an end that is far."""

    def change(signed: Json) -> None:
        signed["x-sealcast"]["issued"] = when
        signed.update(expires="2199-01-01T00:00:00Z", **more)

    forger.publish("timestamp", change)


@pytest.mark.parametrize("cache", [True, False], ids=["with its cache", "after its cache was lost"])
def test_a_signed_time_of_2099_and_versions_of_2_to_the_40_end_with_the_online_key(scene: Scene, cache: bool) -> None:
    """The worst case: a device whose clock was wrong believed it. It needs no visit, only the next root."""
    device = scene.device(1)
    thief = scene.forger()
    sign_time(thief, "2099-01-01T00:00:00Z", version=FAR)
    scene.refused(device, "CLOCK_AHEAD")  # a clock that is right refuses it, and remembers nothing
    assert device.heights()["timestamp"] < FAR
    device.clock.now = datetime(2099, 1, 1, tzinfo=UTC)
    device.check()
    assert device.heights()["timestamp"] == FAR
    assert device.heights()["issued"] == int(device.clock.now.timestamp())
    device.clock.now = START
    scene.refused(device, "CLOCK_BACK", "CLOCK_AHEAD")
    scene.host(2)
    scene.refused(device, "ROLLBACK", "CLOCK_BACK")
    rotate_online(scene).publish("snapshot")
    if not cache:
        lose_cache(device)
    assert device.take().version == "2.0.0"
    assert device.heights()["timestamp"] < FAR
    assert device.heights()["issued"] <= int(START.timestamp())


def test_the_timestamp_key_finishes_a_running_rollout_early_and_no_more(scene: Scene) -> None:
    """A day beyond the device's clock is as far as signed time goes. What is rolled out, the channel signed."""
    channel = scene.forger()
    channel.ship("3.0.0", {"app.py": b"print('3.0.0')"})

    def roll(document: Json) -> None:
        document.update(candidate=3, stable=2)
        steps = [{"at": format_time(START + timedelta(hours=hours)), "permyriad": 10_000} for hours in (20,)]
        document["rollout"] = {"salt": "5a" * 16, "steps": steps}

    channel.channel(roll)
    device, halted = scene.device(2), scene.device(2, "halted")
    assert not device.update()
    thief = Forger(scene.site, scene.keys)
    sign_time(thief, format_time(START + timedelta(hours=23)))
    assert device.take().version == "3.0.0"  # four fifths of a day too early
    sign_time(thief, format_time(START + timedelta(hours=25)))
    scene.refused(halted, "CLOCK_AHEAD")
    thief.halt({"paused": True})  # the on-call's key, which the thief has not
    sign_time(thief, format_time(START + timedelta(hours=23)))
    assert not halted.update()
    assert halted.running() == "2.0.0"


def test_the_timestamp_key_opens_no_step_that_is_more_than_a_day_away(scene: Scene) -> None:
    channel = scene.forger()
    channel.ship("3.0.0", {"app.py": b"print('3.0.0')"})
    later = format_time(START + timedelta(hours=30))
    channel.channel(
        lambda document: document.update(
            candidate=3, stable=2, rollout={"salt": "5a" * 16, "steps": [{"at": later, "permyriad": 10_000}]}
        )
    )
    device = scene.device(2)
    sign_time(Forger(scene.site, scene.keys), format_time(START + timedelta(hours=23, minutes=59)))
    assert not device.update()
    sign_time(Forger(scene.site, scene.keys), later)
    scene.refused(device, "CLOCK_AHEAD")


def test_a_replaced_online_key_is_worth_nothing(scene: Scene) -> None:
    device = scene.device(1)
    rotate_online(scene).publish("snapshot")
    device.take()
    scene.forger().publish("timestamp")  # with the old key
    scene.refused(device, "THRESHOLD")
    lose_cache(device)
    scene.refused(device, "THRESHOLD")


# --------------------------------------------------------------------------------------------------------- channel


def test_a_channel_key_cannot_write_outside_its_folder(scene: Scene) -> None:
    """What it lists elsewhere is nobody's: it is not even asked for."""
    device = scene.device(1)
    forger = scene.forger()
    mine = encode({"type": "sealcast/policy/1", "app": "demo", "channels": {"stable": {"sealed": True}}})
    halt = encode({"type": "sealcast/halt/1", "app": "demo", "revision": 99, "channels": {"stable": {"recall": [1]}}})
    for path, data in (("demo/policy.json", mine), ("demo/halt/halt.json", halt), ("other/x/channel.json", b"{}")):
        forger.target("demo-stable", path, data)
    assert device.take().version == "2.0.0"
    assert not [request for request in scene.server.requests if "other" in request.path]


def test_a_channel_key_cannot_sign_as_another_role(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()
    forger.keys["halt"] = forger.keys["channel"]
    forger.halt({"recall": [1]})
    scene.refused(device, "THRESHOLD")
    scene.recovers(device)


def test_a_channel_key_cannot_bring_a_device_back_to_an_older_release(scene: Scene) -> None:
    """A lower sequence is no update, whatever its version says, and a sequence is not given twice."""
    device = scene.device(2)

    def back(document: Json) -> None:
        document["stable"] = 1
        document["releases"][0]["version"] = "9.9.9"

    scene.forger().channel(back)
    with scene.unharmed(device, floor="not lowered"):
        assert not device.update()


def test_a_channel_key_cannot_lower_its_revision_or_its_floor(scene: Scene) -> None:
    device = scene.device(2)
    scene.forger().channel(lambda document: document.update(revision=50, floor=2))
    device.update()
    heights = device.heights()
    assert (heights["revision"], heights["lowest"]) == (50, 2)
    scene.forger().channel(lambda document: document.update(revision=49))
    scene.refused(device, "ROLLBACK")
    scene.forger().channel(lambda document: document.update(revision=51, floor=0))
    device.update()
    assert device.heights()["lowest"] == 2


@pytest.mark.parametrize("field", ["revision", "floor"])
def test_numbers_driven_far_ahead_are_forgotten_with_the_channel_key(scene: Scene, field: str) -> None:
    device = scene.device(1)
    scene.forger().channel(lambda document: document.update({field: FAR}))
    blocked = device.client().outlook()
    if field == "floor":
        assert (blocked.action, blocked.why) == ("blocked", "below-floor")
    assert device.heights()["revision" if field == "revision" else "lowest"] == FAR
    forger = rotate_channel(scene)
    forger.channel(lambda document: document.update({field: 5}))
    if field == "floor":
        forger.channel(lambda document: document.update(floor=2))
    assert device.take().version == "2.0.0"
    assert FAR not in device.heights().values()


def test_a_replaced_channel_key_is_worth_nothing(scene: Scene) -> None:
    device = scene.device(1)
    rotate_channel(scene).channel()
    device.take()
    scene.forger().channel()  # with the old key
    scene.refused(device, "THRESHOLD")


def test_a_sealed_channel_is_not_read_in_the_clear(scene: Scene) -> None:
    """Only the targets role can seal, and then nothing clear is taken, whoever signed it."""
    device = scene.device(1)
    scene.forger().policy(lambda policy: policy["channels"]["stable"].update(sealed=True))
    scene.refused(device, "NO_IDENTITY")
    scene.forger().channel()
    scene.refused(device, "NO_IDENTITY")


def test_a_channel_that_the_policy_does_not_know_is_not_read(scene: Scene) -> None:
    device = scene.device(1)
    scene.forger().policy(lambda policy: policy["channels"].pop("stable"))
    scene.refused(device, "UNKNOWN_CHANNEL")
    scene.recovers(device)


def test_a_policy_of_another_app_or_version(scene: Scene) -> None:
    device = scene.device(1)
    for change in ({"app": "omed"}, {"type": "sealcast/policy/2"}, {"must_understand": ["moods"]}):
        scene.host(2)
        scene.forger().policy(lambda policy: policy.update(change))  # noqa: B023
        scene.refused(device, "BAD_METADATA", "UNKNOWN_DOCUMENT")
    scene.recovers(device)

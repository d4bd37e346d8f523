"""Delegations that lead in circles, deeper and deeper, or to somebody else: none of them gives a channel another voice.

Only the role that the targets role delegates a channel to speaks for it. What that one delegates is not followed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from sealcast.documents import encode
from sealcast.values import content_of, format_time
from tests.attacks.forger import Forger, Json
from tests.attacks.scene import Scene
from tests.clocks import START

EXPIRES = format_time(START + timedelta(days=30))


def delegate(forger: Forger, to: str, *, paths: tuple[str, ...] = ("demo/stable/*",)) -> Callable[[Json], None]:
    """Return the edit that makes a role delegate ``paths`` to the role ``to``, held by the thief."""
    thief = forger.keys["thief"]
    role = {"name": to, "keyids": [thief.keyid], "threshold": 1, "terminating": False, "paths": list(paths)}

    def edit(signed: Json) -> None:
        known = signed.setdefault("delegations", {"keys": {}, "roles": []})
        known["keys"][thief.keyid] = thief.listed
        known["roles"].append(role)

    return edit


def put_role(forger: Forger, name: str, edit: Callable[[Json], object], targets: Json | None = None) -> None:
    """Sign a role of the thief's, list it, and let it list ``targets``."""
    signed = {
        "_type": "targets",
        "spec_version": "1.0.31",
        "version": 900,
        "expires": EXPIRES,
        "targets": targets or {},
    }
    edit(signed)
    data = forger.signed(signed, "thief")
    forger.write(f"metadata/900.{name}.json", data)
    content = content_of(data)
    entry = {"version": 900, "length": content.size, "hashes": {"sha256": content.sha256}}
    forger.publish("snapshot", lambda listed: listed["meta"].update({f"{name}.json": entry}))


def forged_document(forger: Forger) -> Json:
    """Write a channel document that offers release 1 under a number above all others, and return its listing."""
    path = "demo/stable/stable.channel.json"
    path = next(path for path in forger.live("demo-stable")["signed"]["targets"] if path.endswith("channel.json"))
    document = forger.document("demo-stable", path)
    document["revision"] += 1000
    data = encode(document)
    content = content_of(data)
    folder, _, name = path.rpartition("/")
    forger.write(f"targets/{folder}/{content.sha256}.{name}", data)
    return {path: {"length": content.size, "hashes": {"sha256": content.sha256}}}


def nothing(_: Json) -> None:
    """Delegate no further."""


def in_a_circle(forger: Forger) -> None:
    put_role(forger, "one", delegate(forger, "demo-stable"), forged_document(forger))
    forger.publish("demo-stable", delegate(forger, "one"))


def to_itself(forger: Forger) -> None:
    forger.publish("demo-stable", delegate(forger, "demo-stable"))


def diamond(forger: Forger) -> None:
    put_role(forger, "below", nothing, forged_document(forger))
    for name in ("left", "right"):
        put_role(forger, name, delegate(forger, "below"))
        forger.publish("demo-stable", delegate(forger, name))


def deep(forger: Forger) -> None:
    put_role(forger, "deep-33", nothing, forged_document(forger))
    for depth in range(32, 0, -1):
        put_role(forger, f"deep-{depth}", delegate(forger, f"deep-{depth + 1}"))
    forger.publish("demo-stable", delegate(forger, "deep-1"))


@pytest.mark.parametrize("shape", [in_a_circle, to_itself, diamond, deep])
def test_what_a_channel_delegates_is_not_followed(scene: Scene, shape: Callable[[Forger], None]) -> None:
    device = scene.device(1)
    forger = scene.forger()
    forger.new_key("thief")
    shape(forger)
    scene.server.requests.clear()
    before = device.heights()["revision"]
    assert device.take().version == "2.0.0", "what the channel itself signed is in order"
    assert device.heights()["revision"] < before + 1000
    assert not [asked.path for asked in scene.server.requests if "/metadata/900." in asked.path]


def test_a_channel_cannot_delegate_to_a_role_of_the_top(scene: Scene) -> None:
    forger = scene.forger()
    forger.new_key("thief")
    forger.publish("demo-stable", delegate(forger, "targets", paths=("*",)))
    scene.refused(scene.device(1), "BAD_METADATA")


@pytest.mark.parametrize("paths", [("demo/stable/*",), ("demo/*/*",), ("demo/st*/?",)])
def test_nobody_is_delegated_to_beside_the_channel(scene: Scene, paths: tuple[str, ...]) -> None:
    """The targets role lets somebody else write into the channel's folder, too: refused, whoever signed it."""
    forger = scene.forger()
    forger.new_key("thief")
    put_role(forger, "beside", nothing, forged_document(forger))
    forger.publish("targets", delegate(forger, "beside", paths=paths))
    scene.refused(scene.device(1), "INCONSISTENT")

"""Taking releases back, and what the key that may do so cannot do.

The halt document only subtracts: whatever it says, a device runs what its channel signed as stable, or what it had.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from sealcast.client.record import Installed
from sealcast.documents import encode
from sealcast.errors import InstallError, VerificationError
from sealcast.values import MAX_INTEGER
from tests.attacks.forger import Forger, Json
from tests.attacks.scene import Device, Scene


def take_back(scene: Scene, by: str, *sequences: int) -> None:
    if by == "channel":
        scene.forger().channel(lambda document: document.update(recall=list(sequences)))
    else:
        scene.forger().halt({"recall": list(sequences)})


BY = pytest.mark.parametrize("by", ["channel", "halt"])


@BY
def test_a_recalled_release_is_left_for_the_good_one_before_it(scene: Scene, by: str) -> None:
    device = scene.device(2)
    take_back(scene, by, 2)
    found = device.client().outlook()
    assert (found.action, found.why) == ("rollback", "recalled")
    asked = len(scene.server.requests)
    assert device.running() == "1.0.0"
    assert len(scene.server.requests) == asked, "going back needs no network"
    assert [failure.reason for failure in device.record.quarantine.values()] == ["recalled"]
    assert not device.update()
    assert device.running() == "1.0.0"


@BY
def test_a_recalled_release_is_left_for_a_newer_one(scene: Scene, by: str) -> None:
    device = scene.device(2)
    forger = scene.forger()
    forger.ship("3.0.0", {"app.py": b"print('3.0.0')\n"})
    take_back(scene, by, 2)
    assert device.take().version == "3.0.0"


@BY
def test_a_release_that_waits_is_withdrawn(scene: Scene, by: str) -> None:
    device = scene.device(1)
    device.update()
    take_back(scene, by, 2)
    assert not device.update()
    assert device.record.pending is None
    assert device.running() == "1.0.0"


@BY
def test_a_recalled_release_is_offered_to_nobody(scene: Scene, by: str) -> None:
    old, fresh = scene.device(1), scene.device(name="fresh")
    take_back(scene, by, 2)
    assert not old.update()
    assert not fresh.update()
    assert fresh.running() == ""


@BY
def test_with_nothing_to_go_back_to_the_app_still_starts(scene: Scene, by: str) -> None:
    device = scene.device(2)
    take_back(scene, by, 1, 2)
    found = device.client().outlook()
    assert (found.action, found.why) == ("blocked", "nothing-to-go-back-to")
    for _ in range(2):
        assert device.running() == "2.0.0"


@BY
def test_no_recall_leads_below_the_floor(scene: Scene, by: str) -> None:
    device = scene.device(2)
    scene.forger().channel(lambda document: document.update(floor=2))
    device.check()
    take_back(scene, by, 2)
    assert device.client().outlook().action == "blocked"
    assert device.running() == "2.0.0"
    with pytest.raises(InstallError) as caught:
        device.launcher().rollback()
    assert caught.value.code == "NOTHING_TO_GO_BACK_TO"


def test_the_floor_outlives_cache_record_and_a_lower_document(scene: Scene) -> None:
    device = scene.device(2)
    scene.forger().channel(lambda document: document.update(floor=2))
    device.check()
    scene.forger().channel(lambda document: document.update(floor=0, recall=[2], stable=1))
    shutil.rmtree(device.folder / "repository")
    found = device.client().outlook()
    assert found.action == "blocked"
    assert device.running() == "2.0.0"


def test_a_failed_release_is_not_left_for_one_below_the_floor(scene: Scene) -> None:
    device = scene.device(2)
    forger = scene.forger()
    forger.ship("3.0.0", {"app.py": b"raise SystemExit(1)\n"})
    forger.channel(lambda document: document.update(floor=3))
    device.update()
    versions = [device.start().version for _ in range(3)]
    assert versions == ["3.0.0"] * 3
    with pytest.raises(InstallError) as caught:
        device.start()
    assert caught.value.code == "SAFE_MODE"


def test_a_recall_that_is_taken_back_itself(scene: Scene) -> None:
    device = scene.device(2)
    take_back(scene, "halt", 2)
    device.check()
    scene.forger().halt({})
    device.check()
    assert device.running() == "2.0.0"


# ------------------------------------------------------------------------------------------------ the halt document

CANDIDATE = {"app.py": b"print('3.0.0')\n"}


def candidate(document: Json, permyriad: int, at: str = "2026-01-01T00:00:00Z") -> None:
    """Make the newest release the candidate of a rollout, and the one before it stable again."""
    document["candidate"] = document["last"]
    document["stable"] = document["last"] - 1
    document["rollout"] = {"salt": "5a" * 16, "steps": [{"at": at, "permyriad": permyriad}]}


@pytest.fixture
def rolling(scene: Scene) -> Scene:
    """A site with a candidate for everybody."""
    forger = scene.forger()
    forger.ship("3.0.0", CANDIDATE)
    forger.channel(lambda document: candidate(document, 10_000))
    return scene


@pytest.mark.parametrize("halt", [{"paused": True}, {"cap": 0}, {"recall": [3]}], ids=str)
def test_a_halt_keeps_the_candidate_from_those_who_do_not_have_it(rolling: Scene, halt: Json) -> None:
    device, eager = rolling.device(2), rolling.device(2, "eager")
    assert eager.take().version == "3.0.0"
    rolling.forger().halt(halt)
    assert not device.update()
    assert device.running() == "2.0.0"
    eager.update()
    assert eager.running() == ("2.0.0" if "recall" in halt else "3.0.0")


def test_a_halt_cannot_raise_a_share(scene: Scene) -> None:
    forger = scene.forger()
    forger.ship("3.0.0", CANDIDATE)
    forger.channel(lambda document: candidate(document, 0))
    forger.halt({"cap": 10_000, "paused": False, "stable": 3, "candidate": 3, "steps": [{"permyriad": 10_000}]})
    device = scene.device(2)
    assert not device.update()


INTEGERS = st.integers(-5, 5) | st.sampled_from([10_000, 10_001, 2**31, MAX_INTEGER, MAX_INTEGER + 1])
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "paused": st.booleans() | JSON,
        "cap": INTEGERS | JSON,
        "recall": st.lists(st.integers(1, 5), max_size=5) | JSON,
        "stable": INTEGERS,
        "floor": INTEGERS,
        "releases": JSON,
        "rollout": JSON,
    },
)
VALID = st.fixed_dictionaries(
    {"recall": st.lists(st.integers(1, 4), max_size=4)},
    optional={"paused": st.booleans(), "cap": st.integers(0, 10_000), "stable": INTEGERS, "floor": INTEGERS},
)
DOCUMENT = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*["sealcast/halt/1"] * 8, "sealcast/halt/2", "sealcast/channel/1"]),
        "app": st.just("demo"),
        "revision": st.integers(1, 9),
        "channels": st.fixed_dictionaries({"stable": st.one_of(VALID, VALID, VALID, SAID)}),
    },
    optional={
        "recall": JSON,
        "must_understand": st.sampled_from([["channels"], ["channels"], ["stable"]]),
        "stable": INTEGERS,
        "releases": JSON,
        "floor": INTEGERS,
        "last": INTEGERS,
    },
)


class Halted:
    """A site in a rollout, and a device on each of its releases, to be brought back after each example."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.devices = {"1.0.0": scene.device(1, "one"), "2.0.0": scene.device(2, "two")}
        self.site = self._keep(scene.site)
        self.kept = {device.folder: self._keep(device.folder) for device in self.devices.values()}

    def _keep(self, folder: Path) -> Path:
        return Path(shutil.copytree(folder, folder.with_name(f".kept-{folder.name}"), symlinks=True))

    def restore(self) -> Forger:
        for folder, kept in [*self.kept.items(), (self.scene.site, self.site)]:
            shutil.rmtree(folder)
            shutil.copytree(kept, folder, symlinks=True)
        return Forger(self.scene.site, self.scene.keys, lowest=5000)


@pytest.fixture
def halted(rolling: Scene) -> Halted:
    return Halted(rolling)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=settings().max_examples // 10,
)
@given(said=DOCUMENT)
def test_no_halt_document_installs_or_starts_what_no_channel_signed(halted: Halted, said: Json) -> None:
    """A device ends on a release that the channel signed for it, or on one that was good on it before."""
    forger = halted.restore()
    forger.target("demo-halt", "demo/halt/halt.json", encode_loosely(said))
    stable, offered = "2.0.0", "3.0.0"
    for had, device in halted.devices.items():
        before = device.record
        refused = False
        try:
            device.update()
        except VerificationError:
            refused = True
        event("refused" if refused else "read")
        seen = [device.running() for _ in range(2)]
        allowed = {had} if refused else {had, stable, offered, *_versions(before.held)}
        assert set(seen) <= allowed
        assert signed_for(device, seen[-1])
        if had == "1.0.0":
            assert seen[-1] != "", "no halt takes away the last release that works"


def encode_loosely(said: Json) -> bytes:
    try:
        return encode(said)
    except UnicodeEncodeError:
        return json.dumps(said).encode()


def _versions(releases: tuple[Installed, ...]) -> set[str]:
    return {release.version for release in releases}


def signed_for(device: Device, version: str) -> bool:
    """Tell whether the files that start are, byte for byte, those of the signed manifest."""
    launch = device.start()
    device.launcher()._slots.verify(launch.manifest)
    return launch.version == version

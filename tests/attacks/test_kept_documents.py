"""What `client explain` makes of the documents that a device keeps: a check's answer, or that they are not whole."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sealcast.client import Explanation
from sealcast.client.fact import WORDS
from sealcast.documents import encode
from sealcast.errors import TransferError
from tests.attacks.forger import Forger, Json
from tests.attacks.scene import Device, Scene


class Nowhere:
    """A source that nobody may ask."""

    location = "nowhere"

    def read(self, path: str, *, limit: int, anew: bool = False) -> bytes:
        raise AssertionError(f"{path} was asked for")

    def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
        raise AssertionError(f"{path} was asked for")


def picture(folder: Path) -> dict[Path, object]:
    """Everything in a folder, with its times: also a file that was written again as it was differs."""
    found: dict[Path, object] = {}
    for path in folder.rglob("*"):
        look, data = path.lstat(), path.is_file() and path.read_bytes()
        found[path] = (look.st_mode, look.st_ino, look.st_mtime_ns, look.st_ctime_ns, data)
    return found


def explained(device: Device, **more: Any) -> Explanation:
    """Explain, and hold that nothing was asked and nothing written, and that every word is a known one."""
    before = picture(device.folder)
    found = device.client(source=Nowhere(), **more).explain()
    after = picture(device.folder)
    assert [path for path in before if before[path] != after.get(path)] == []
    assert before.keys() == after.keys()
    for fact in found.facts:
        assert fact.topic == "decision" or fact.word in WORDS[fact.topic], fact
        json.dumps(fact.data)
    return found


def words(device: Device, **more: Any) -> dict[str, str]:
    return {fact.topic: fact.word for fact in explained(device, **more).facts}


# ----------------------------------------------------------------------------------------- the answer of a check


def rollout(share: int, **more: Json) -> Callable[[Json], None]:
    steps = [{"at": "2020-01-01T00:00:00Z", "permyriad": share}, {"at": "2199-01-01T00:00:00Z", "permyriad": 10_000}]
    plan = {"salt": "0" * 32, "steps": steps, **more}
    return lambda document: document.update(stable=1, candidate=2, rollout=plan)


def nothing(_forger: Forger) -> None:
    pass


CASES: dict[str, tuple[int, Callable[[Forger], object], str, str]] = {
    "newer": (1, nothing, "newer", "none"),
    "current": (2, nothing, "current", "none"),
    "empty": (0, nothing, "newer", "none"),
    "outside": (1, lambda forger: forger.channel(rollout(0)), "current", "outside"),
    "inside": (1, lambda forger: forger.channel(rollout(10_000)), "newer", "inside"),
    "paused": (1, lambda forger: forger.channel(rollout(10_000, paused=True)), "current", "paused"),
    "installed": (2, lambda forger: forger.channel(rollout(0)), "current", "installed"),
    "recalled": (2, lambda forger: forger.channel(lambda it: it.update(recall=[2], stable=1)), "recalled", "none"),
    "recalled by the halt role": (2, lambda forger: forger.halt({"recall": [2]}), "recalled", "none"),
    "below the floor": (1, lambda forger: forger.channel(lambda it: it.update(floor=9)), "below-floor", "none"),
    "nowhere to go": (2, lambda forger: forger.halt({"recall": [1, 2]}), "nothing-to-go-back-to", "none"),
    "no build": (1, lambda forger: forger.ship("3.0.0", {"app.py": b""}), "newer", "none"),
}


@pytest.mark.parametrize("case", CASES)
def test_explain_says_what_a_check_says(scene: Scene, case: str) -> None:
    state, change, why, word = CASES[case]
    device = scene.device(state)
    change(scene.forger())
    checked = device.client().outlook()
    found = explained(device)
    assert found.as_dict()["check"] == checked.as_dict()
    assert checked.why == why
    assert {fact.topic: fact.word for fact in found.facts}["rollout"] == word
    assert device.client().outlook().as_dict() == checked.as_dict(), "and what was explained was left as it was"


def test_halted_and_capped_rollouts_are_told_apart(scene: Scene) -> None:
    device = scene.device(1)
    forger = scene.forger()
    forger.channel(rollout(10_000))
    for halt, word in (({"paused": True}, "halted"), ({"cap": 0}, "capped")):
        forger.halt(halt)
        device.check()
        assert words(device)["rollout"] == word
    assert words(device)["decision"] == "current"


def test_a_release_is_explained_on_its_whole_way(scene: Scene) -> None:
    device = scene.device(1)
    assert (words(device)["active"], words(device)["fallback"]) == ("good", "none")
    device.update()
    found = words(device)
    assert (found["pending"], found["next-start"], found["decision"]) == ("taken", "trial", "staged")
    device.start()
    found = words(device)
    assert (found["active"], found["fallback"], found["next-start"]) == ("trial", "last-good", "again")
    device.launcher().fail("no database")
    found = words(device)
    assert (found["active"], found["quarantine"], found["decision"]) == ("good", "stands", "quarantined")
    assert device.client().outlook().as_dict() == explained(device).as_dict()["check"]


def test_a_signed_retry_lifts_a_quarantine(scene: Scene) -> None:
    device = scene.device(1)
    device.update()
    device.start()
    device.launcher().fail("no database")
    forger = scene.forger()
    forger.channel(lambda document: document["releases"][-1].update(retry=1))
    device.check()
    assert (words(device)["quarantine"], words(device)["decision"]) == ("lifted", "newer")
    forger.channel(lambda document: document.update(releases=document["releases"][:1], stable=1))
    device.check()
    assert words(device)["quarantine"] == "unlisted"


def test_another_native_build_is_taken_into_account(scene: Scene) -> None:
    device = scene.device(1)
    builds = scene.forger().document("demo-stable", "demo/stable/channel.json")["releases"][-1]["platforms"]
    builds["any"]["native"] = ">=2"
    scene.forger().release("3.0.0", builds)
    for native, why in (("1.0.0", "native"), ("2.0.0", "newer")):
        checked = device.client(native=native).outlook()
        found = explained(device, native=native)
        assert found.as_dict()["check"] == checked.as_dict()
        assert checked.why == why
    told = next(fact for fact in explained(device, native="7.0.0").facts if fact.topic == "next-start")
    assert "The native build is 7.0.0 now" in told.text


# ------------------------------------------------------------------------------------------- documents that changed


def kept(device: Device) -> list[Path]:
    """Everything that an explanation rests on."""
    folder = device.folder / "repository"
    roles = ("timestamp", "snapshot", "targets", "demo-stable", "demo-halt")
    return [
        *(folder / "metadata" / f"{role}.json" for role in roles),
        folder / "metadata" / "root_history" / "2.root.json",
        *sorted((folder / "documents").iterdir()),
    ]


@pytest.fixture
def settled(scene: Scene) -> Device:
    """A device that has seen another root, and keeps the documents of one look."""
    scene.forger().publish_root()
    device = scene.device()
    device.check()
    assert len(kept(device)) == 9
    assert words(device)["documents"] == "verified"
    return device


def test_what_is_missing_is_said(settled: Device) -> None:
    for path in kept(settled):
        data = path.read_bytes()
        path.unlink()
        found = explained(settled)
        word = {fact.topic: fact.word for fact in found.facts}["documents"]
        # The chain of roots may end anywhere; but an older root was seen to be older.
        assert (path.name, word) == (path.name, "refused" if path.name == "2.root.json" else "missing")
        assert found.as_dict()["check"]["action"] == "refused"
        path.write_bytes(data)
    settled.check()
    assert words(settled)["documents"] == "verified"


def damage(data: bytes) -> Iterator[bytes]:
    yield b""
    yield data[: len(data) // 2]
    yield b"[]"
    yield data.replace(b"2", b"3").replace(b"1", b"2")
    yield bytes(len(data))
    if b'"signed"' in data:  # well-formed, and signed by nobody
        value = json.loads(data)
        value["signed"]["expires"] = "2199-01-01T00:00:00Z"
        yield encode(value)


def test_what_was_altered_is_said(settled: Device) -> None:
    for path in kept(settled):
        data = path.read_bytes()
        for changed in damage(data):
            path.write_bytes(changed)
            assert (path.name, words(settled)["documents"]) == (path.name, "altered")
        path.write_bytes(data)
    assert words(settled)["documents"] == "verified"


def test_one_role_does_not_stand_for_another(settled: Device) -> None:
    metadata = settled.folder / "repository" / "metadata"
    shutil.copy(metadata / "snapshot.json", metadata / "timestamp.json")
    assert words(settled)["documents"] == "altered"


def test_a_root_of_another_version_is_none_of_the_chain(settled: Device) -> None:
    history = settled.folder / "repository" / "metadata" / "root_history"
    shutil.copy(history / "1.root.json", history / "2.root.json")
    assert words(settled)["documents"] == "altered"


def test_a_root_that_the_one_before_did_not_sign_is_none(scene: Scene, settled: Device) -> None:
    forger = scene.forger()
    thief = forger.new_key("thief")
    own = forger.live("root")["signed"]
    own["keys"][thief.keyid] = thief.listed
    own["roles"]["root"]["keyids"] = [thief.keyid]
    place = settled.folder / "repository" / "metadata" / "root_history" / f"{own['version']}.root.json"
    place.write_bytes(forger.signed(own, "thief"))
    assert words(settled)["documents"] == "altered"


def test_one_number_stands_for_one_file(scene: Scene, settled: Device) -> None:
    """Signed by the right key, with the number that is listed, and yet another file."""
    forger = scene.forger()
    other = forger.live("snapshot")["signed"] | {"expires": "2199-01-01T00:00:00Z"}
    (settled.folder / "repository" / "metadata" / "snapshot.json").write_bytes(forger.signed(other, "online"))
    assert words(settled)["documents"] == "mixed"


def test_documents_of_two_looks_are_told(scene: Scene) -> None:
    device = scene.device(1)
    metadata = device.folder / "repository" / "metadata"
    old = {role: (metadata / f"{role}.json").read_bytes() for role in ("snapshot", "demo-stable")}
    device.check()
    for role, data in old.items():
        now = (metadata / f"{role}.json").read_bytes()
        (metadata / f"{role}.json").write_bytes(data)
        assert words(device)["documents"] == "mixed", role
        (metadata / f"{role}.json").write_bytes(now)


def test_an_older_state_that_was_put_back_is_refused_as_a_host_would_be(scene: Scene) -> None:
    device = scene.device(1)
    older = device.folder.parent / "older"
    shutil.copytree(device.folder / "repository", older, symlinks=True)
    device.check()
    shutil.rmtree(device.folder / "repository")
    shutil.copytree(older, device.folder / "repository", symlinks=True)
    found = words(device)
    assert (found["documents"], found["decision"]) == ("refused", "ROLLBACK")


def test_a_floor_that_is_damaged_is_said(scene: Scene) -> None:
    device = scene.device(1)
    for copy in device.floor_copies:
        copy.write_bytes(b"")
    assert words(device)["decision"] == "STATE_DAMAGED"


def test_documents_that_expired_are_explained_and_lead_to_nothing(scene: Scene) -> None:
    device = scene.device(1)
    device.check()
    device.clock.forward(days=6)
    assert (words(device)["freshness"], words(device)["decision"]) == ("stale", "newer")
    device.clock.forward(days=6)
    found = words(device)
    assert (found["documents"], found["freshness"], found["decision"]) == ("verified", "expired", "EXPIRED")
    assert found["rollout"] == "none"


def test_a_slot_that_changed_is_explained_and_left_as_it_is(scene: Scene) -> None:
    device = scene.device(2)
    (device.slot("2.0.0") / "stamp").unlink()
    assert words(device)["next-start"] == "start", "every file was hashed"
    (device.slot("2.0.0") / "files" / "app.py").write_bytes(b"rot")
    found = explained(device)
    told = next(fact for fact in found.facts if fact.topic == "next-start")
    assert (told.word, told.data["steps"], told.data["version"]) == ("start", ["lost", "start"], "1.0.0")
    assert device.running() == "1.0.0", "as was said"


def test_the_last_attempt_is_told_from_the_log(scene: Scene) -> None:
    device = scene.device()
    assert words(device)["attempt"] == "none"
    device.check()
    assert words(device)["attempt"] == "done"
    with pytest.raises(TransferError):
        device.client(url="http://127.0.0.1:1").check()
    told = next(fact for fact in explained(device).facts if fact.topic == "attempt")
    assert (told.word, told.data["code"]) == ("failed", "NETWORK")


def test_a_device_without_documents_says_so(scene: Scene) -> None:
    device = scene.device()
    found = words(device)
    assert (found["active"], found["documents"], found["decision"]) == ("none", "missing", "NOT_KEPT")
    assert "freshness" not in found


def test_a_document_that_a_role_never_listed_is_not_believed(settled: Device) -> None:
    """Not even one that lies there under its own digest."""
    from sealcast.values import content_of

    documents = settled.folder / "repository" / "documents"
    own = encode({"type": "sealcast/channel/1", "app": "demo", "channel": "stable", "revision": 99})
    (documents / content_of(own).sha256).write_bytes(own)
    told = next(fact for fact in explained(settled).facts if fact.topic == "documents")
    assert told.data["revision"] != 99


# ---------------------------------------------------------------------- what may stand in the verifier's folder at all


def plant(path: Path, kind: str, elsewhere: Path) -> None:
    """Put something in the place of a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        (path / "in").mkdir(parents=True)
    elif kind == "endless":
        path.touch()
        os.truncate(path, 2**40)
    else:
        path.symlink_to(elsewhere)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "endless"])
@pytest.mark.parametrize("name", ["metadata/timestamp.json", "metadata/targets.json", "document"])
def test_what_is_no_file_of_metadata_is_neither_waited_for_nor_read(scene: Scene, kind: str, name: str) -> None:
    """Whoever can write there could else hang a check, under its lock, or fill the memory of `client status`."""
    device = scene.device(2)
    folder = device.folder / "repository"
    places = list((folder / "documents").iterdir()) if name == "document" else [folder / name]
    for place in places:
        plant(place, kind, scene.folder)
    assert device.client().status().as_dict()["active"] == "2.0.0"
    assert device.client().explain().as_dict()["check"]["why"] == "NOT_KEPT"
    assert device.check() is None
    assert device.client().explain().as_dict()["check"]["why"] == "current"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
@pytest.mark.parametrize("name", ["metadata", "metadata/root_history", "documents"])
def test_nothing_is_removed_behind_a_link(scene: Scene, name: str) -> None:
    device = scene.device(2)
    theirs = scene.folder / "theirs"
    (theirs / "folder").mkdir(parents=True)
    for number in range(70):
        (theirs / f"{number}.txt").write_text("precious")
    os.mkfifo(theirs / "pipe")
    before = picture(theirs)
    plant(device.folder / "repository" / name, "link", theirs)
    assert device.check() is None
    assert picture(theirs) == before

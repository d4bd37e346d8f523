"""What protects from replay is lost: the cache, a copy of the floor, both, or the whole state directory.

Whatever is left still refuses an older site; where nothing is left, the floor that the app carries does; and where
nothing can be proven any more, the client stops and says what it takes to go on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealcast.client import Client, Kind
from sealcast.client.kept import parse_role
from sealcast.errors import SealcastError, VerificationError
from sealcast.fetch import HttpOptions
from sealcast.publisher import Repository
from tests.attacks.conftest import Said
from tests.attacks.scene import Device, Scene
from tests.attacks.test_rollback_of_the_whole_site import DAMAGE, keep, restore

CACHED = (
    "metadata/timestamp.json",
    "metadata/snapshot.json",
    "metadata/targets.json",
    "metadata/demo-stable.json",
    "metadata/demo-halt.json",
    "metadata/root.json",
    "metadata/root_history",
    "documents",
)


def spoil(path: Path, damage: Callable[[Path], object] | None) -> None:
    """Damage a file, or every file of a folder; None deletes."""
    if damage is None:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return
    for file in [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]:
        if not file.is_symlink():
            damage(file)


@pytest.fixture
def replayed(scene: Scene) -> Device:
    """A device that has seen release 2, and a host that went back to release 1."""
    device = scene.device(2)
    scene.host(1)
    return device


def code(act: Callable[[], object]) -> str:
    try:
        act()
    except SealcastError as error:
        return error.code
    return ""


def test_whatever_is_lost_of_the_cache_and_of_one_copy_of_the_floor(scene: Scene, replayed: Device) -> None:
    kept = keep(replayed)
    heights = replayed.heights()
    kinds = st.sampled_from([None, *DAMAGE])

    @settings(max_examples=settings().max_examples * 3 // 4)
    @given(
        cache=st.dictionaries(st.sampled_from(CACHED), kinds),
        copy=st.none() | st.tuples(st.integers(0, 1), kinds),
    )
    def refused(
        cache: dict[str, Callable[[Path], object] | None], copy: tuple[int, Callable[[Path], object] | None] | None
    ) -> None:
        restore(replayed, kept)
        for name, damage in cache.items():
            spoil(replayed.folder / "repository" / name, damage)
        if copy is not None:
            spoil(replayed.floor_copies[copy[0]], copy[1])
        assert code(replayed.update) == "ROLLBACK"
        assert replayed.heights() == heights
        assert replayed.record.pending is None

    refused()


# ------------------------------------------------------------------------------------------- both copies are lost


def lose_floor(device: Device) -> None:
    for path in device.floor_copies:
        path.write_bytes(b"")
    assert code(device.update) == "STATE_DAMAGED"


def test_a_new_floor_is_as_high_as_what_is_kept_proves(scene: Scene, replayed: Device) -> None:
    heights = replayed.heights()
    lose_floor(replayed)
    heard: list[Kind] = []
    done = replayed.client(listener=lambda event: heard.append(event.event)).recover_floor(scene.root)
    assert done.lost == ()
    assert replayed.heights() == heights
    assert heard == [Kind.FLOOR_RECOVERED]
    scene.refused(replayed, "ROLLBACK")
    scene.host(2)
    assert not replayed.update()


@pytest.mark.parametrize(
    ("spoiled", "lost"),
    [
        ("timestamp.json", ("timestamp", "issued")),
        ("snapshot.json", ("snapshot",)),
        ("targets.json", ("revision", "lowest")),
        ("demo-stable.json", ("revision", "lowest")),
        ("../documents", ("revision", "lowest")),
        ("", ("timestamp", "issued", "snapshot", "revision", "lowest")),
    ],
)
def test_what_cannot_be_proven_is_said_to_be_lost(
    scene: Scene, replayed: Device, spoiled: str, lost: tuple[str, ...]
) -> None:
    lose_floor(replayed)
    metadata = replayed.folder / "repository" / "metadata"
    spoil(metadata / spoiled, DAMAGE[-1])
    done = replayed.client().recover_floor(scene.root)
    assert done.lost == lost
    assert all(done.numbers[name] == 0 for name in lost)
    if spoiled:
        assert code(replayed.update) == "ROLLBACK", "the rest still stands"
    scene.host(2)
    assert not replayed.update()
    scene.host(1)
    scene.refused(replayed, "ROLLBACK")


def test_metadata_of_somebody_else_raises_nothing(scene: Scene, replayed: Device, tmp_path: Path) -> None:
    foreign = Repository.create_solo(tmp_path / "foreign", app="demo", encrypted=False, clock=scene.clock)
    foreign.plan_publish(tmp_path / "foreign-site").run()
    lose_floor(replayed)
    shutil.copy(tmp_path / "foreign-site/metadata/timestamp.json", replayed.folder / "repository/metadata")
    assert replayed.client().recover_floor(scene.root).lost == ("timestamp", "issued")


def test_a_floor_that_is_whole_is_never_touched(scene: Scene, replayed: Device) -> None:
    kept = keep(replayed)
    for lost in ((), (0,), (1,)):
        restore(replayed, kept)
        for number in lost:
            replayed.floor_copies[number].write_bytes(b"")
        heights = replayed.heights()
        assert code(lambda: replayed.client().recover_floor(scene.root)) == "FLOOR_WHOLE"
        assert replayed.heights() == heights


def test_a_root_of_another_repository_or_of_nothing_is_refused(scene: Scene, replayed: Device, tmp_path: Path) -> None:
    foreign = Repository.create_solo(tmp_path / "foreign", app="demo", encrypted=False, clock=scene.clock)
    other = (foreign.workspace.folder / "metadata" / "1.root.json").read_bytes()
    lose_floor(replayed)
    client = replayed.client()
    assert code(lambda: client.recover_floor(other)) == "OTHER_REPOSITORY"
    assert code(lambda: client.recover_floor(b"{}")) == "BAD_ROOT"
    assert code(replayed.update) == "STATE_DAMAGED"


def plain(device: Device) -> Client:
    """A client that is given nothing but its directory, as the command line opens it."""
    return Client(directory=device.folder, clock=device.clock, http=HttpOptions(proxy=""))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_root_that_is_lost_can_be_given_again(
    scene: Scene, replayed: Device, damage: Callable[[Path], object]
) -> None:
    heights = replayed.heights()
    damage(replayed.folder / "root.json")
    expected = {"STATE_DAMAGED", "THRESHOLD", "BAD_METADATA", "ROOT_CHAIN", "KEYID_MISMATCH"}
    assert code(plain(replayed).check) in expected
    assert replayed.running() == "2.0.0"
    plain(replayed).recover_floor(scene.root)
    assert replayed.heights() == heights, "the floor was whole, and is what it was"
    assert code(plain(replayed).check) == "ROLLBACK"
    scene.host(2)
    assert plain(replayed).check() is None


def test_roots_that_were_seen_stay_seen(scene: Scene, replayed: Device) -> None:
    scene.host(2)
    scene.forger().publish_root()
    assert not replayed.update()
    assert replayed.heights()["root"] == 2
    newer = (scene.site / "metadata" / "2.root.json").read_bytes()
    kept = keep(replayed)
    for given_root in (scene.root, newer):
        restore(replayed, kept)
        lose_floor(replayed)
        assert replayed.client().recover_floor(given_root).numbers["root"] == 2
        # A chain that does not hold proves nothing of its end.
        restore(replayed, kept)
        lose_floor(replayed)
        (replayed.folder / "repository/metadata/root_history/2.root.json").write_bytes(newer[:-30])
        proven = replayed.client().recover_floor(given_root).numbers["root"]
        assert proven == (1 if given_root == scene.root else 2)


# ------------------------------------------------------------------------------- the floor that the app carries


@pytest.fixture
def carried(scene: Scene) -> bytes:
    return scene.workspace().floor()


def test_it_stands_where_the_whole_state_was_deleted(scene: Scene, replayed: Device, carried: bytes) -> None:
    shutil.rmtree(replayed.folder)
    assert code(lambda: replayed.client(floor=carried).check()) == "ROLLBACK"
    assert code(lambda: replayed.client().check()) == "ROLLBACK", "written down at once"
    scene.host(2)
    assert replayed.take().version == "2.0.0"
    # Without it, a device that knows nothing believes what it is shown: this is what it is for.
    shutil.rmtree(replayed.folder)
    scene.host(1)
    assert replayed.take().version == "1.0.0"


def test_a_newer_app_raises_the_floor_of_a_client_that_is_there(scene: Scene, carried: bytes) -> None:
    device = scene.device(1)
    scene.host(1)
    assert code(device.update) == ""
    assert code(lambda: device.client(floor=carried).check()) == "ROLLBACK"
    assert code(device.update) == "ROLLBACK", "from then on, whoever asks"
    assert device.running() == "1.0.0"
    least = device.floor.least
    older = json.loads(carried) | {"timestamp": 1, "snapshot": 1, "root": 1, "channels": {}}
    assert code(lambda: device.client(floor=json.dumps(older).encode()).check()) == "ROLLBACK"
    assert device.floor.least == least, "never lowered"


@pytest.mark.parametrize("name", ["timestamp", "snapshot", "root", "revision"])
def test_each_number_counts_for_itself(scene: Scene, carried: bytes, name: str) -> None:
    given_floor = json.loads(carried)
    zero = {"root": 0, "timestamp": 0, "snapshot": 0, "channels": {"demo/stable": {"revision": 0}}}
    low = {**given_floor, **zero}
    device = scene.device(0, "low")
    assert code(lambda: device.client(floor=json.dumps(low).encode()).check()) == ""
    if name == "revision":
        low["channels"]["demo/stable"]["revision"] = given_floor["channels"]["demo/stable"]["revision"] + 1
    else:
        low[name] = given_floor[name] + 1
    high = scene.device(0, "high")
    assert code(lambda: high.client(floor=json.dumps(low).encode()).check()) == "ROLLBACK"


def test_its_time_is_a_floor_for_the_clock(scene: Scene, carried: bytes) -> None:
    """An old repository fits the clock of a device that was set back; the time of the app does not."""
    scene.host(1)
    later = (scene.clock() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    old = json.loads(carried) | {"timestamp": 0, "snapshot": 0, "channels": {}, "issued": later}
    device = scene.device()
    assert code(lambda: device.client(floor=json.dumps(old).encode()).check()) == "CLOCK_BACK"
    scene.clock.forward(days=3)
    assert code(device.check) == ""


def test_its_lowest_sequence_is_held_by_a_start_too(scene: Scene, carried: bytes) -> None:
    given_floor = json.loads(carried)
    given_floor["channels"]["demo/stable"]["lowest"] = 2
    device = scene.device(2)
    assert device.launcher().conditions().floor == 0
    device.client(floor=json.dumps(given_floor).encode()).check()
    assert device.launcher().conditions().floor == 2
    assert code(device.launcher().rollback) == "NOTHING_TO_GO_BACK_TO"


def test_it_fills_in_what_a_recovery_cannot_prove(scene: Scene, replayed: Device, carried: bytes) -> None:
    lose_floor(replayed)
    shutil.rmtree(replayed.folder / "repository" / "metadata")
    (replayed.folder / "repository" / "metadata").mkdir()
    done = replayed.client(floor=carried).recover_floor(scene.root)
    assert done.lost == ("lowest",)
    scene.refused(replayed, "ROLLBACK")


@pytest.mark.parametrize("bad", [b"{}", b"", b"no json", b'{"type":"sealcast/carried-floor/9"}'])
def test_what_is_no_floor_is_refused(scene: Scene, carried: bytes, bad: bytes) -> None:
    other = json.dumps(json.loads(carried) | {"repository": "0" * 32}).encode()
    for number, data in enumerate((bad, other) if bad else (other,)):
        device = Device(scene.folder / f"new-{number}", scene.server.url, scene.root, scene.clock)
        assert code(lambda data=data, device=device: device.client(floor=data)) == "BAD_FLOOR"  # type: ignore[misc]
        assert not device.folder.exists()


def test_the_commands_of_it_all(scene: Scene, replayed: Device, sealcast: Callable[..., Said], tmp_path: Path) -> None:
    scene.workspace()
    assert "floor.json" in sealcast("-C", scene.folder / "ws", "status", "--floor", tmp_path / "floor.json").out
    root = tmp_path / "root.json"
    root.write_bytes(scene.root)
    where = ("--dir", replayed.folder)
    lose_floor(replayed)
    said = sealcast("client", "check", *where)
    assert (said.status, said.code) == (6, "STATE_DAMAGED")
    assert "client repair --root FILE" in said.err
    spoil(replayed.folder / "repository" / "metadata" / "timestamp.json", None)
    said = sealcast("client", "repair", *where, "--root", root, "--json")
    assert said.document["lost"] == ["timestamp", "issued"]
    assert "Check over a network that you trust" in said.err
    lose_floor(replayed)
    said = sealcast("client", "repair", *where, "--root", root, "--floor", tmp_path / "floor.json")
    assert said.status == 0
    assert "issued" in said.out
    assert sealcast("client", "repair", *where, "--root", root).code == "FLOOR_WHOLE"
    new = ("client", "init", "--app", "demo", "--channel", "stable", "--dir", scene.folder / "new", "--platform", "any")
    made = sealcast(*new, "--url", scene.server.url, "--root", root, "--floor", tmp_path / "floor.json")
    assert made.status == 0, made.err
    assert sealcast("client", "check", "--dir", scene.folder / "new").code == "ROLLBACK"


def test_a_root_under_another_number_proves_nothing(scene: Scene, replayed: Device) -> None:
    scene.host(2)
    for _ in range(2):
        scene.forger().publish_root()
    assert not replayed.update()
    lose_floor(replayed)
    history = replayed.folder / "repository/metadata/root_history"
    shutil.copy(history / "3.root.json", history / "2.root.json")
    assert replayed.client().recover_floor(scene.root).numbers["root"] == 1


@pytest.mark.parametrize("fields", [{}, {"x-sealcast": None}, {"x-sealcast": {}}, {"x-sealcast": {"issued": "now"}}])
def test_a_timestamp_that_does_not_say_when_it_was_signed_proves_no_time(
    scene: Scene, replayed: Device, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    lose_floor(replayed)
    real = parse_role

    def without(data: bytes, role: str, kind: type) -> object:
        found = real(data, role, kind)
        if role == "timestamp":
            kept = found.signed.unrecognized_fields
            kept.clear()
            kept.update(fields)
        return found

    monkeypatch.setattr("sealcast.client.recover.parse_role", without)
    monkeypatch.setattr("sealcast.client.recover.verified_role", lambda found, *_: found.signed)
    assert replayed.client().recover_floor(scene.root).lost == ("issued",)


def test_a_document_that_cannot_be_read_proves_nothing(
    scene: Scene, replayed: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_floor(replayed)

    def unreadable(*_: object, **__: object) -> None:
        raise VerificationError("UNKNOWN_DOCUMENT", "of a later version")

    monkeypatch.setattr("sealcast.client.recover.read_channel", unreadable)
    assert replayed.client().recover_floor(scene.root).lost == ("revision", "lowest")

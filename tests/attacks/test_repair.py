"""An installed release that is damaged is told file by file, and made whole again: never anything else than before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.client import Kind
from sealcast.client.record import Records
from sealcast.errors import InstallError, SealcastError
from tests.attacks.scene import Device, Scene, app_files, picture
from tests.attacks.test_changed_slots import CHANGES
from tests.attacks.test_killed import keep, points, restore
from tests.attacks.victims import Victims

SHARED = "files/lib/shared.bin"


def rot(slot: Path, path: str = SHARED) -> None:
    """Change bytes below the file system's notice: size, times and inode are as they were, and the stamp holds."""
    file = slot / path
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    stamp(slot)


def stamp(slot: Path) -> None:
    from sealcast.client.stamp import take_looks, write_stamp

    paths = [file.relative_to(slot / "files").as_posix() for file in (slot / "files").rglob("*") if file.is_file()]
    write_stamp(slot, take_looks(slot, paths))


def whole(device: Device) -> bool:
    return not any(found.damaged for found in device.client().verify(every=True))


def test_what_is_wrong_is_told_file_by_file_and_nothing_is_changed(scene: Scene) -> None:
    device = scene.device(2)
    slot = device.slot("2.0.0")
    rot(slot)
    (slot / "files/bin/tool").unlink()
    (slot / "files/app.py").chmod(0o755)
    (slot / "files/lib/log.txt").write_bytes(b"mine")
    (slot / "files/out").symlink_to(scene.home)
    before = picture(device.folder)
    (found,) = device.client().verify()
    assert picture(device.folder) == before
    assert [(one.path, one.fault) for one in found.findings] == [
        ("files/app.py", "damaged"),
        ("files/bin/tool", "missing"),
        (SHARED, "damaged"),
        ("files/out", "foreign"),
        ("files/lib/log.txt", "foreign"),
    ]
    assert len(found.damaged) == 3
    assert [one.version for one in device.client().verify(every=True)] == ["2.0.0", "1.0.0"]


def test_bytes_that_rot_unseen_are_found_and_only_their_pack_is_fetched(scene: Scene) -> None:
    device = scene.device(2)
    for version in ("1.0.0", "2.0.0"):
        rot(device.slot(version))
    assert device.running() == "2.0.0", "a start looks at the stamp alone"
    heard: list[Kind] = []
    client = device.client(listener=lambda event: heard.append(event.event))
    (done,) = client.repair()
    packs = [request.path for request in scene.server.requests if "/objects/" in request.path]
    assert done.came
    assert len(packs) == 1
    assert {Kind.DAMAGED, Kind.REPAIRED} <= set(heard)
    assert (device.slot("2.0.0") / SHARED).read_bytes() == app_files("2.0.0")["lib/shared.bin"]
    assert device.running() == "2.0.0"
    # The other one takes from its neighbour what that has again.
    packs.clear()
    scene.server.requests.clear()
    assert [one.came for one in device.client().repair(every=True)] == [None, 0]
    assert scene.server.requests == []
    assert whole(device)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_was_done_to_the_running_release_is_undone(scene: Scene, change: Callable[[Path], object]) -> None:
    device = scene.device(2)
    change(device.slot("2.0.0"))
    record = device.record
    device.client().repair()
    assert device.record == record
    assert device.running() == "2.0.0"
    assert whole(device)
    device.update()
    assert device.leftovers() == []


def test_a_whole_release_is_left_alone_without_a_network(scene: Scene) -> None:
    device = scene.device(2)
    (done,) = device.client().repair()
    assert done.came is None
    assert scene.server.requests == []


def test_a_release_that_the_channel_has_forgotten_is_repaired_too(scene: Scene) -> None:
    """The record knows what its manifest must be, and where the host has it; even expired metadata does not matter."""
    device = scene.device(2)
    (device.slot("2.0.0") / "manifest.json").write_bytes(b"{}")
    rot(device.slot("2.0.0"))
    shutil.rmtree(scene.site / "metadata")
    device.client().repair()
    assert device.running() == "2.0.0"
    assert whole(device)


def forget_carrier(device: Device) -> None:
    """Let the record be one of a client that did not note yet where a manifest can be had."""
    from msgspec.structs import replace

    def bare(record):  # type: ignore[no-untyped-def]
        lacking = {name: replace(getattr(record, name), carrier=None) for name in ("active", "last_good")}
        return replace(record, **lacking)

    Records(device.folder).change(bare)


def test_a_lost_manifest_is_found_through_the_signed_channel(scene: Scene) -> None:
    device = scene.device(2)
    forget_carrier(device)
    (device.slot("2.0.0") / "manifest.json").unlink()
    device.client().repair()
    assert whole(device)


def test_a_manifest_that_was_packed_anew_is_found_through_the_signed_channel(scene: Scene) -> None:
    from msgspec.structs import replace

    device = scene.device(2)
    active = device.record.active
    assert active is not None
    assert active.carrier is not None
    elsewhere = replace(active, carrier=replace(active.carrier, sha256="0" * 64))
    Records(device.folder).change(lambda record: replace(record, active=elsewhere, last_good=elsewhere))
    (device.slot("2.0.0") / "manifest.json").unlink()
    (device.slot("2.0.0") / "manifest.json").mkdir()
    (found,) = device.client().verify()
    assert (found.findings[0].path, found.findings[0].fault) == ("manifest.json", "damaged")
    device.client().repair()
    assert whole(device)


def test_what_the_channel_said_is_put_back_too(scene: Scene) -> None:
    """A slot is what an app embeds: a copy of it must be whole in every part."""
    device = scene.device(2)
    place = device.slot("2.0.0") / "release.json"
    said = place.read_bytes()
    for wrong in (b"", (device.slot("1.0.0") / "release.json").read_bytes()):
        place.write_bytes(wrong)
        (found,) = device.client().verify()
        assert [one.path for one in found.damaged] == ["release.json"]
        device.client().repair()
        assert place.read_bytes() == said


def test_what_cannot_be_had_any_more_is_said_and_not_started(scene: Scene) -> None:
    device = scene.device(2)
    rot(device.slot("1.0.0"))
    rot(device.slot("2.0.0"))
    shutil.rmtree(scene.site / "objects")
    with pytest.raises(InstallError) as caught:
        device.client().repair()
    assert caught.value.code == "CANNOT_REPAIR"
    assert "hint" in caught.value.as_dict()
    assert device.running() == "1.0.0", "what is known to be damaged is not started"


def test_a_manifest_that_nobody_has_any_more(scene: Scene) -> None:
    device = scene.device(2)
    forget_carrier(device)
    (device.slot("2.0.0") / "manifest.json").unlink()
    found = device.record.active
    assert found is not None

    def forgotten(document: dict[str, object]) -> None:
        releases = document["releases"]
        assert isinstance(releases, list)
        for one in releases:
            if one["version"] == "2.0.0":
                one["platforms"]["other"] = one["platforms"].pop("any")
                one["platforms"]["other"]["manifest"]["sha256"] = "0" * 64

    scene.forger().channel(forgotten)
    with pytest.raises(InstallError) as caught:
        device.client().repair()
    assert caught.value.code == "CANNOT_REPAIR"


def test_a_hostile_host_gives_a_repair_nothing(scene: Scene) -> None:
    device = scene.device(2)
    for version in ("1.0.0", "2.0.0"):
        rot(device.slot(version))
    for path in (scene.site / "objects").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(SealcastError) as caught:
        device.client().repair()
    assert caught.value.code == "HASH_MISMATCH"
    assert device.running() == "1.0.0"


def test_an_empty_device_has_nothing_to_verify_or_repair(scene: Scene) -> None:
    device = scene.device()
    for act in (device.client().verify, device.client().repair):
        with pytest.raises(InstallError) as caught:
            act()
        assert caught.value.code == "NOTHING_INSTALLED"


def test_the_embedded_release_is_verified_and_never_changed(scene: Scene) -> None:
    device = scene.device(2)
    embedded = scene.folder / "embedded"
    shutil.copytree(device.slot("2.0.0"), embedded)
    fresh = scene.device(0, "fresh")
    fresh.set_settings(embedded=str(embedded))
    rot(embedded)
    before = picture(embedded)
    (found,) = fresh.client().verify()
    assert found.embedded
    assert [one.path for one in found.damaged] == [SHARED]
    with pytest.raises(InstallError) as caught:
        fresh.client().repair()
    assert caught.value.code == "CANNOT_REPAIR"
    assert picture(embedded) == before


def test_an_embedded_release_lends_its_manifest_and_files(scene: Scene) -> None:
    device = scene.device(2)
    embedded = scene.folder / "embedded"
    shutil.copytree(device.slot("2.0.0"), embedded)
    device.set_settings(embedded=str(embedded))
    (device.slot("2.0.0") / "manifest.json").unlink()
    rot(device.slot("2.0.0"))
    (done,) = device.client().repair()
    assert done.came == 0
    assert scene.server.requests == []
    assert whole(device)


def test_a_program_that_runs_from_the_slot_keeps_its_files(scene: Scene) -> None:
    device = scene.device(2)
    slot = device.slot("2.0.0")
    rot(slot)
    with (slot / "files/app.py").open("rb") as held:
        where = os.open(slot / "files", os.O_RDONLY)
        try:
            device.client().repair()
            assert held.read() == app_files("2.0.0")["app.py"]
            assert "lib" in os.listdir(where), "its folder is there until the next clean-up"  # noqa: PTH208
        finally:
            os.close(where)
    assert (slot / SHARED).read_bytes() == app_files("2.0.0")["lib/shared.bin"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_repair_killed_at_any_change(scene: Scene) -> None:
    """What starts is always a whole release; the next repair, or update, makes the rest good."""
    device = scene.device(2)
    rot(device.slot("2.0.0"))
    rot(device.slot("1.0.0"))
    (device.slot("1.0.0") / "stamp").unlink()
    good = device.slot("2.0.0").name
    kept, heights = keep(device.folder), device.heights()
    with Victims(scene.folder) as victims:
        whole_run = victims.order("repair", folder=device.folder, url=device.url)
        assert whole_run["code"] == ""
        for point in points(whole_run["changes"], 8):
            restore(device.folder, kept)
            for slot in (device.folder / "slots").iterdir():  # a copy has other inodes
                stamp(slot)
            victims.order("repair", folder=device.folder, url=device.url, at=point)
            assert (device.folder / "slots" / good).is_dir(), "there is no instant without the slot"
            assert device.heights() == heights
            device.client().repair(every=True)
            assert device.running() == "2.0.0"
            assert whole(device)
            assert not device.update()
            assert device.leftovers() == []

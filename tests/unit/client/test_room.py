"""Room for an update: nothing is taken away without need, and what is said of it is true."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from sealcast.client.directory import StateDirectory
from sealcast.client.plan import Archive, Plan, Route, Step
from sealcast.client.record import Record, Records
from sealcast.client.room import RESERVE, Room, needed_by, objects_of
from sealcast.client.slots import Slots
from sealcast.errors import InstallError
from sealcast.model import Delta, ManifestEntry, Object
from sealcast.values import Content
from tests.unit.client.sites import release

KEPT = Content("a" * 64, 300)


class Usage(NamedTuple):
    free: int


class Disk:
    """A state directory with a held slot, a stray one, trash, and downloads, on a disk of which little is free."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = StateDirectory(folder)
        self.place.create()
        self.size = 10_000 + RESERVE
        one = release(1)
        Records(folder).change(lambda record: Record(active=one, last_good=one))
        for path, size in {
            f"slots/{one.manifest[:32]}/files/a": 1000,
            f"slots/{'f' * 32}/files/a": 1000,
            "trash/x": 500,
            "staging/y/z": 100,
            f"downloads/{KEPT.sha256}.part": 200,
            f"downloads/{'b' * 64}": 2000,
        }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(bytes(size))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(self.size - self.taken()))

    def taken(self) -> int:
        folders = (self.place.slots, self.place.trash, self.place.staging, self.place.downloads)
        return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())

    def room(self, quota: int = 0) -> Room:
        return Room(self.place, Slots(self.place.slots, self.place.trash), Records(self.place.path), quota)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path / "device", monkeypatch)


@pytest.mark.parametrize("quota", [0, 20_000])
def test_with_room_nothing_is_taken_away(disk: Disk, quota: int) -> None:
    disk.room(quota).make(5200, [])
    assert disk.taken() == 4800
    disk.room(quota).make(5400, [KEPT])  # 200 of it are here
    assert disk.taken() == 4800


@pytest.mark.parametrize(("quota", "size"), [(0, 10_000), (10_000, 1_000_000)])
def test_what_nobody_needs_goes_first_and_other_downloads_then(disk: Disk, quota: int, size: int) -> None:
    disk.size = size + RESERVE
    disk.room(quota).make(6000, [])
    assert disk.taken() == 3200, "the stray slot, trash and staging"
    disk.room(quota).make(8800 + 200, [KEPT])
    assert disk.taken() == 1200, "and a download that this update does not name"
    assert (disk.place.downloads / f"{KEPT.sha256}.part").exists()
    with pytest.raises(InstallError) as caught:
        disk.room(quota).make(8801 + 200, [KEPT])
    assert caught.value.code == "NO_SPACE"
    assert caught.value.data["cleaned"] == 0
    assert caught.value.data["quota"] == quota
    assert ("quota" in caught.value.hint) is bool(quota)
    assert next(disk.place.slots.iterdir()).name == release(1).manifest[:32], "what is held stays"


@pytest.mark.parametrize("quota", [0, 100])
def test_it_is_said_what_is_needed_and_what_was_cleaned_away(disk: Disk, quota: int) -> None:
    with pytest.raises(InstallError) as caught:
        disk.room(quota).make(50_000)
    assert caught.value.data["cleaned"] == 3800
    assert caught.value.data["wanted"] == 50_000 + (0 if quota else RESERVE)
    assert "3800 were made free" in caught.value.what


def test_what_a_plan_needs_and_names() -> None:
    entry = ManifestEntry(sha256="1" * 64, size=1, pack=Object(sha256="2" * 64, size=1))
    steps = tuple(Step(Delta(base="0" * 64, sha256=letter * 64, size=5, codecs=()), entry) for letter in "cd")
    delta = Plan(Route.DELTA, size=10, steps=steps)
    assert needed_by(delta, 100) == 210
    assert objects_of(delta) == [Content("c" * 64, 5), Content("d" * 64, 5)]
    archive = Plan(Route.ARCHIVE, size=7, archive=Archive(KEPT, "x"))
    assert (needed_by(archive, 100), objects_of(archive)) == (107, [KEPT])
    packs = Plan(Route.PACKS, size=7)
    assert (needed_by(packs, 100), objects_of(packs)) == (107, [])
    assert needed_by(Plan(Route.HELD), 100) == 0, "what is here needs nothing"


def test_a_sweep_leaves_what_is_held_alone(disk: Disk) -> None:
    (disk.place.path / ".tmp-x").write_bytes(b"")
    disk.room().sweep()
    assert disk.taken() == 1000
    assert not (disk.place.path / ".tmp-x").exists()

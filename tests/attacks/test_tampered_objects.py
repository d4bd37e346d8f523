"""The host, or a disk, alters objects: each is known by its digest, so altered ones are never used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.client import Kind, Outlook
from sealcast.values import Content, object_path
from tests.attacks.scene import Device, Scene


def flip(place: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        altered = bytearray(data)
        altered[place * (len(data) - 1) // 16] ^= 1 << (place % 8)
        return bytes(altered)

    return change


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    **{f"bit {place}": flip(place) for place in range(0, 17, 8)},
    "one byte short": lambda data: data[:-1],
    "cut in half": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
    "one byte longer": lambda data: data + b"\0",
    "twice as long": lambda data: data + data,
    "zeros": lambda data: bytes(len(data)),
    "backwards": lambda data: data[::-1],
}


def objects(device: Device) -> dict[str, Content]:
    """Return the objects that bring the newest release: its delta, its manifest's pack, a pack of its files."""
    found: Outlook = device.client().outlook()
    assert found.build is not None
    build = found.build
    carrier = build.manifest.pack.content
    names = {"manifest": carrier}
    if build.deltas:
        names["delta"] = Content(build.deltas[0].sha256, build.deltas[0].size)
    return names


def pack_files(scene: Scene, device: Device) -> list[Path]:
    known = {content.sha256 for content in objects(device).values()}
    return [path for path in (scene.site / "objects").rglob("*/*") if path.name not in known]


def noted(device: Device) -> list[str]:
    lines = (device.folder / "events.jsonl").read_text().splitlines()
    return [event["why"] for event in map(json.loads, lines) if event["event"] == Kind.DOWNLOAD_FAILED]


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("kind", ["manifest", "packs"])
def test_a_whole_release_is_not_made_of_altered_objects(scene: Scene, kind: str, name: str) -> None:
    device = scene.device()
    paths = pack_files(scene, device)
    if kind == "manifest":
        paths = [scene.site / object_path(objects(device)["manifest"].sha256)]
    good = {path: path.read_bytes() for path in paths}
    for path, data in good.items():
        path.write_bytes(DAMAGE[name](data))
    assert scene.refused(device, "HASH_MISMATCH").exit_status == 8
    assert device.folder.joinpath("slots").is_dir()
    assert not list(device.folder.joinpath("slots").iterdir())
    for path, data in good.items():
        path.write_bytes(data)
    assert device.take().version == "2.0.0"
    assert device.leftovers() == []


@pytest.mark.parametrize("name", [*DAMAGE, "missing", "another delta"])
def test_an_altered_delta_costs_its_bytes_and_nothing_else(scene: Scene, name: str) -> None:
    device = scene.device(1)
    path = scene.site / object_path(objects(device)["delta"].sha256)
    if name == "missing":
        path.unlink()
    elif name == "another delta":
        path.write_bytes(pack_files(scene, device)[0].read_bytes())
    else:
        path.write_bytes(DAMAGE[name](path.read_bytes()))
    assert device.take().version == "2.0.0"
    assert noted(device) == ["INCOMPLETE_REPO" if name == "missing" else "HASH_MISMATCH"]
    assert device.leftovers() == []


def test_a_missing_object_is_named(scene: Scene) -> None:
    device = scene.device()
    for path in pack_files(scene, device):
        path.unlink()
    assert scene.refused(device, "INCOMPLETE_REPO").data["object"]


def test_one_valid_object_under_the_name_of_another(scene: Scene) -> None:
    device = scene.device()
    carrier = scene.site / object_path(objects(device)["manifest"].sha256)
    for path in pack_files(scene, device):
        path.write_bytes(carrier.read_bytes())
    scene.refused(device, "HASH_MISMATCH")
    scene.host(2)
    carrier.write_bytes(pack_files(scene, device)[0].read_bytes())
    scene.refused(scene.device(name="another"), "HASH_MISMATCH", floor="not lowered")


@pytest.mark.parametrize("half", [True, False], ids=["half", "whole"])
def test_wrong_bytes_planted_among_the_downloads_are_dropped(scene: Scene, half: bool) -> None:
    """A beginning that somebody else wrote, and a finished object that is not what its name says."""
    device = scene.device()
    for path in (*pack_files(scene, device), scene.site / object_path(objects(device)["manifest"].sha256)):
        data = path.read_bytes()
        place = device.folder / "downloads" / (f"{path.name}.part" if half else path.name)
        place.write_bytes(b"\xff" * (len(data) // 2 if half else len(data)))
    (device.folder / "downloads" / "stranger").write_bytes(b"x")
    assert device.take().version == "2.0.0"
    assert device.leftovers() == []

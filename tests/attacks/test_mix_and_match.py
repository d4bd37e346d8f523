"""The host combines files that were each signed, and never belonged together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.attacks.scene import Scene


def older(scene: Scene, prepared: Path, name: str) -> bytes:
    return (prepared / "site-1" / name).read_bytes()


def test_an_older_file_under_a_newer_name(scene: Scene, prepared: Path) -> None:
    device = scene.device(1)
    for new, old in (
        # In the order in which they are fetched: what is in order is kept, and not asked for again.
        ("metadata/timestamp.json", "metadata/2.snapshot.json"),
        ("metadata/3.snapshot.json", "metadata/2.snapshot.json"),
        ("metadata/3.snapshot.json", "metadata/timestamp.json"),
        ("metadata/3.demo-stable.json", "metadata/2.demo-stable.json"),
        ("metadata/3.demo-stable.json", "metadata/1.demo-halt.json"),
    ):
        scene.host(2)
        (scene.site / new).write_bytes(older(scene, prepared, old))
        scene.refused(device, "HASH_MISMATCH", "INCONSISTENT", "BAD_METADATA")
    scene.host(2)
    assert device.take().version == "2.0.0"


@pytest.mark.parametrize("name", ["3.snapshot.json", "3.demo-stable.json", "1.targets.json", "1.demo-halt.json"])
def test_a_file_that_is_gone(scene: Scene, name: str) -> None:
    fresh = scene.device()
    (scene.site / "metadata" / name).unlink()
    scene.refused(fresh, "NOT_A_REPOSITORY")
    scene.host(2)
    assert fresh.take().version == "2.0.0"


def test_the_new_timestamp_over_the_old_site(scene: Scene, prepared: Path) -> None:
    device = scene.device(1)
    scene.host(1)
    (scene.site / "metadata/timestamp.json").write_bytes((prepared / "site-2/metadata/timestamp.json").read_bytes())
    scene.refused(device, "NOT_A_REPOSITORY")
    scene.host(2)
    assert device.take().version == "2.0.0"


def test_the_old_timestamp_over_the_new_site_offers_nothing(scene: Scene, prepared: Path) -> None:
    device, newer = scene.device(1), scene.device(2, "newer")
    (scene.site / "metadata/timestamp.json").write_bytes(older(scene, prepared, "metadata/timestamp.json"))
    assert not device.update()
    scene.refused(newer, "ROLLBACK")


def test_an_older_document_under_a_newer_name(scene: Scene, prepared: Path) -> None:
    device = scene.device(1)
    folder = scene.site / "targets/demo/stable"
    old = next((prepared / "site-1/targets/demo/stable").glob("*.channel.json"), None)
    assert old is not None
    for path in folder.glob("*.channel.json"):
        shutil.copy(old, path)
    # The document of release 1 is kept from before: only the new one is fetched, and it is not what was signed.
    scene.refused(device, "HASH_MISMATCH")
    for path in folder.glob("*.channel.json"):
        path.unlink()
    scene.refused(device, "NOT_FOUND")
    scene.host(2)
    assert device.take().version == "2.0.0"


def test_documents_damaged_in_the_cache_are_fetched_again(scene: Scene) -> None:
    device = scene.device(2)
    for path in (device.folder / "repository/documents").iterdir():
        path.write_bytes(path.read_bytes().replace(b'"revision":', b'"revision":9'))
    with scene.unharmed(device):
        assert not device.update()
    assert scene.server.asked(f"/targets/{_channel_path(scene)}")


def _channel_path(scene: Scene) -> str:
    entry = scene.forger().live("demo-stable")["signed"]["targets"]["demo/stable/channel.json"]
    return f"demo/stable/{entry['hashes']['sha256']}.channel.json"

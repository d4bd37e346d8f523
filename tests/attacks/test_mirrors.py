"""Several hosts: what one withholds the next one brings, and none of them can do more than a host alone could."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealcast.client import Events, Network
from tests.attacks.scene import QUICK, Device, Scene
from tests.servers import Behaviour, Server, answer, stalled


@pytest.fixture
def mirror(prepared: Path, tmp_path: Path) -> Iterator[Server]:
    """A second host, which serves the newest state."""
    shutil.copytree(prepared / "site-2", tmp_path / "mirror")
    with Server(tmp_path / "mirror") as running:
        yield running


@pytest.fixture
def device(scene: Scene, mirror: Server) -> Device:
    """Runs release 1, and knows the mirror from its settings."""
    made = scene.device(1)
    made.set_settings(network={"mirrors": [mirror.url]})
    return made


def everywhere(server: Server, behaviour: Behaviour) -> None:
    server.from_folder = behaviour  # type: ignore[method-assign, assignment]


def why(device: Device) -> list[str]:
    """Return why hosts were left, as the events tell it."""
    return [event.why for event in Events(device.folder, device.clock).read() if event.event == "download_failed"]


BROKEN: dict[str, tuple[Behaviour, str]] = {
    "gone": (answer(b"no", 404), "NOT_A_REPOSITORY"),
    "in trouble": (answer(b"", 500), "HTTP_STATUS"),
    "silent": (stalled(b""), "TOO_SLOW"),
    "a portal": (answer(b"<html>", content_type="text/html"), "NOT_A_REPOSITORY"),
    "a redirect": (answer(b"", 302, location="http://169.254.169.254/"), "REDIRECT_REFUSED"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_host_that_is_no_use_is_left_for_the_mirror(scene: Scene, device: Device, name: str) -> None:
    behaviour, code = BROKEN[name]
    device.limits = QUICK
    everywhere(scene.server, behaviour)
    assert device.take().version == "2.0.0"
    assert why(device)[-1] == code


def test_the_mirror_is_asked_for_nothing_while_the_host_works(scene: Scene, device: Device, mirror: Server) -> None:
    assert device.take().version == "2.0.0"
    assert mirror.requests == []
    assert why(device) == []


def test_objects_that_the_host_spoils_come_from_the_mirror(scene: Scene, device: Device, mirror: Server) -> None:
    for path in (scene.site / "objects").rglob("*/*"):
        path.write_bytes(bytes(path.stat().st_size))
    assert device.take().version == "2.0.0"
    assert why(device)[-1] == "HASH_MISMATCH"
    assert all(request.path.startswith("/objects/") for request in mirror.requests)
    assert device.leftovers() == []


def test_the_mirrors_of_the_last_policy_are_known_when_the_host_is_gone(scene: Scene, mirror: Server) -> None:
    device = scene.device(1)
    scene.host(1)
    scene.forger().policy(lambda policy: policy.update(mirrors=[mirror.url]))
    assert not device.update()
    shutil.rmtree(mirror.folder or Path())
    shutil.copytree(scene.site, mirror.folder or Path())
    scene.forger().ship("3.0.0", {"app.py": b"print('3.0.0')"})
    shutil.copytree(scene.site, mirror.folder or Path(), dirs_exist_ok=True)
    everywhere(scene.server, answer(b"", 500))
    assert device.take().version == "3.0.0"


def test_a_stale_mirror_lowers_no_floor_and_hides_no_failure(scene: Scene, device: Device, mirror: Server) -> None:
    """With it, the client is told what it would be told without it, and nothing it knew is forgotten."""
    assert device.take().version == "2.0.0"
    heights = device.heights()
    shutil.rmtree(mirror.folder or Path())
    shutil.copytree(scene._prepared / "site-1", mirror.folder or Path())
    everywhere(scene.server, answer(b"", 500))
    for lost in (False, True):
        if lost:
            shutil.rmtree(device.folder / "repository")
        scene.refused(device, "HTTP_STATUS")
        assert device.heights() == heights
    del scene.server.from_folder
    assert not device.update()
    assert device.heights() == heights


def test_a_mirror_of_somebody_else_changes_nothing(scene: Scene, device: Device, mirror: Server) -> None:
    for name in ("1.root.json", "timestamp.json", "1.targets.json"):
        (mirror.folder or Path()).joinpath("metadata", name).write_bytes(b'{"signed":{},"signatures":[]}')
    everywhere(scene.server, answer(b"", 503))
    scene.refused(device, "TRY_LATER")
    everywhere(mirror, answer(b"<html>"))
    scene.refused(device, "TRY_LATER")


def test_a_refusal_of_the_publisher_is_final_everywhere(scene: Scene, device: Device, mirror: Server) -> None:
    """A mirror that is behind must not bring back a channel that was taken away."""
    scene.forger().policy(lambda policy: policy["channels"].pop("stable"))
    scene.refused(device, "UNKNOWN_CHANNEL")
    assert mirror.requests == []


def test_a_policy_leads_into_no_folder_of_the_device(scene: Scene, prepared: Path) -> None:
    device = scene.device(1)
    scene.host(1)
    scene.forger().policy(lambda policy: policy.update(mirrors=[str(prepared / "site-2")]))
    device.update()
    everywhere(scene.server, answer(b"", 500))
    scene.refused(device, "HTTP_STATUS")
    assert "BAD_URL" in why(device)


def test_the_application_may_name_mirrors_itself(scene: Scene, mirror: Server) -> None:
    device = scene.device(1)
    everywhere(scene.server, answer(b"", 500))
    client = device.client(network=Network(mirrors=(mirror.url,)))
    found = client.check()
    assert found is not None
    client.install(found)
    assert device.start().version == "2.0.0"


def test_a_damaged_release_is_repaired_from_the_mirror_of_the_last_policy(scene: Scene, mirror: Server) -> None:
    device = scene.device(1)
    scene.forger().policy(lambda policy: policy.update(mirrors=[mirror.url]))
    assert device.take().version == "2.0.0"
    for name in ("app.py", "lib/shared.bin"):
        (device.slot("2.0.0") / "files" / name).write_bytes(b"rotten")
    everywhere(scene.server, answer(b"", 500))
    (repaired,) = device.client().repair()
    assert repaired.came
    assert device.running() == "2.0.0"
    assert all(request.path.startswith("/objects/") for request in mirror.requests)

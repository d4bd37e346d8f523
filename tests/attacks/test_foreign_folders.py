"""Folders that somebody else owns, or can write to: nothing is started from them, and nothing is trusted to them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.errors import InstallError
from tests.attacks.conftest import Said
from tests.attacks.scene import Device, Scene, picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no owner and no mode of this kind")

ACTS: dict[str, Callable[[Device], object]] = {
    "check": lambda device: device.check(),
    "update": lambda device: device.update(),
    "start": lambda device: device.start(),
    "ready": lambda device: device.launcher().ready("x"),
    "rollback": lambda device: device.launcher().rollback(),
}


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702], ids=oct)
def test_a_state_directory_that_others_may_write_to(scene: Scene, mode: int) -> None:
    device = scene.device(2)
    device.folder.chmod(mode)
    before = picture(scene.folder)
    for name, act in ACTS.items():
        with pytest.raises(InstallError) as caught:
            act(device)
        assert caught.value.code == "UNSAFE_OWNER", name
    assert picture(scene.folder) == before
    device.folder.chmod(0o700)
    assert device.running() == "2.0.0"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_state_directory_of_somebody_else(scene: Scene, sealcast: Callable[..., Said]) -> None:
    device = scene.device(2)
    os.chown(device.folder, 12345, 12345)
    before = picture(scene.folder)
    for word in (("check",), ("update",), ("run", "--", "true"), ("ready",), ("rollback",)):
        said = sealcast("client", word[0], "--dir", device.folder, *word[1:])
        assert (said.status, said.code) == (10, "UNSAFE_OWNER"), word
    assert picture(scene.folder) == before
    os.chown(device.folder, os.geteuid(), os.getegid())
    assert device.running() == "2.0.0"


@pytest.mark.parametrize("mode", [0o1777, 0o777], ids=oct)
def test_a_temporary_folder_of_everybody(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """What an update writes, it writes below its own directory, wherever the system keeps temporary files."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    device = scene.device(1)
    made = shared.stat().st_mtime_ns
    assert device.take().version == "2.0.0"
    assert picture(shared) == {}
    assert shared.stat().st_mtime_ns == made, "nothing was there even for a moment"

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sealcast.client.directory import StateDirectory
from sealcast.errors import InstallError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    place = StateDirectory(tmp_path / "a" / "b")
    place.create()
    place.create()
    assert place.path.stat().st_mode & 0o777 == 0o700
    for folder in (place.slots, place.staging, place.downloads, place.trash, place.repository):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o722, 0o1777])
def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(mode)
    with pytest.raises(InstallError) as caught:
        StateDirectory(tmp_path / "d").create()
    assert caught.value.code == "UNSAFE_OWNER"
    assert not list((tmp_path / "d").iterdir())


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(InstallError) as caught:
        StateDirectory(tmp_path).check_owner()
    assert caught.value.code == "UNSAFE_OWNER"


def test_others_may_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StateDirectory(tmp_path).check_owner()


@pytest.mark.parametrize("name", ["slots", "staging", "downloads", "trash", "repository"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    """What is cleaned up there would be deleted elsewhere."""
    place = StateDirectory(tmp_path / "d")
    place.create()
    (tmp_path / "elsewhere").mkdir()
    for target in (tmp_path / "elsewhere", tmp_path / "nowhere"):
        (place.path / name).rmdir() if not (place.path / name).is_symlink() else (place.path / name).unlink()
        (place.path / name).symlink_to(target)
        with pytest.raises(InstallError) as caught:
            place.make_folders()
        assert caught.value.code == "UNSAFE_PATH"


@pytest.mark.parametrize("name", ["slots", "staging", "downloads", "trash", "repository"])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, name: str) -> None:
    place = StateDirectory(tmp_path / "d")
    place.create()
    (place.path / name).chmod(0o777)
    with pytest.raises(InstallError) as caught:
        place.make_folders()
    assert caught.value.code == "UNSAFE_OWNER"


def test_a_folder_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    place = StateDirectory(tmp_path / "d")
    place.create()
    place.trash.rmdir()
    place.make_folders()
    assert place.trash.stat().st_mode & 0o777 == 0o700

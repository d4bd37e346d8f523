"""A new workspace: whole, private, and nowhere where something is already."""

from __future__ import annotations

import importlib.resources
import os
import shutil
import stat
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealcast.errors import ConfigError, RepositoryError, SealcastError, SigningError
from sealcast.files import exclusive
from sealcast.publisher import Repository, template, template_folder
from sealcast.publisher.creation import SOLO_KEYS
from sealcast.publisher.workspace import busy
from sealcast.signing import EnvironmentSecrets, is_encrypted
from tests.unit.publisher.failpoints import killed_at
from tests.unit.publisher.workshop import Time, digests, first_root, read_site


def make(folder: Path, clock: Time, **given: Any) -> Repository:
    return Repository.create_solo(folder, **{"app": "demo", "encrypted": False, "clock": clock, **given})


def refusal(action: Callable[[], object]) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    return caught.value


def test_what_a_workspace_holds(tmp_path: Path, clock: Time) -> None:
    repository = make(tmp_path / "ws", clock, channels=("stable", "beta"))
    found = {path.relative_to(tmp_path / "ws").as_posix() for path in (tmp_path / "ws").rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith(("targets/", ".sealcast"))} == {
        "sealcast.toml", "README.md", ".gitignore",
        *(f"keys/{name}.{kind}" for name in SOLO_KEYS for kind in ("pem", "pub.json")),
        *(f"holders/{name}.pub.json" for name in SOLO_KEYS),
        "metadata/timestamp.json",
        *(f"metadata/1.{role}.json" for role in
          ("root", "targets", "snapshot", "demo-stable", "demo-beta", "demo-halt")),
    }  # fmt: skip
    assert [document.channel for document in repository.channels()] == ["stable", "beta"]
    assert read_site(tmp_path / "ws", first_root(repository), clock).findings == ()
    repository.build(tmp_path / "site")


def test_the_configuration_is_filled_in(tmp_path: Path, clock: Time) -> None:
    repository = make(tmp_path / "ws", clock, app="my-app", channels=("edge", "stable"))
    text = (tmp_path / "ws" / "sealcast.toml").read_text()
    config = tomllib.loads(text)
    assert "$" not in text
    assert config["apps"]["my-app"]["channels"] == ["edge", "stable"]
    assert sorted(config["signers"].values()) == sorted(f"file:keys/{name}.pem" for name in SOLO_KEYS)
    assert repository.workspace.config.app(None)[0] == "my-app"
    assert not (tmp_path / "ws" / "sample-app").exists()
    assert "keys/*.pem" in (tmp_path / "ws" / ".gitignore").read_text()


@pytest.mark.skipif(os.name != "posix", reason="no modes there")
def test_only_the_owner_reads_the_keys(tmp_path: Path, clock: Time) -> None:
    make(tmp_path / "ws", clock)
    assert stat.S_IMODE((tmp_path / "ws" / "keys").stat().st_mode) == 0o700
    for path in (tmp_path / "ws" / "keys").glob("*.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Told(EnvironmentSecrets):
    """Answers with one passphrase, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__({"SEALCAST_PASSPHRASE": "canary-passphrase-5f0c9"})
        self.asked: list[tuple[str, bool]] = []

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        self.asked.append((name, confirm))
        return super().passphrase(name)


def test_keys_are_encrypted_unless_somebody_says_not(tmp_path: Path, clock: Time) -> None:
    secrets = Told()
    make(tmp_path / "ws", clock, encrypted=True, secrets=secrets)
    assert secrets.asked[:4] == [(name, True) for name in SOLO_KEYS]
    assert all(is_encrypted(path) for path in (tmp_path / "ws" / "keys").glob("*.pem"))


def test_no_passphrase_leaves_nothing_behind(tmp_path: Path, clock: Time) -> None:
    error = refusal(lambda: make(tmp_path / "a" / "ws", clock, encrypted=True, secrets=EnvironmentSecrets({})))
    assert isinstance(error, SigningError)
    assert error.code == "NO_PASSPHRASE"
    assert not (tmp_path / "a" / "ws").exists()
    (tmp_path / "there").mkdir()
    refusal(lambda: make(tmp_path / "there", clock, encrypted=True, secrets=EnvironmentSecrets({})))
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"app": "Demo"}, "UNSAFE_NAME"),
        ({"app": "../demo"}, "UNSAFE_NAME"),
        ({"channels": ("stable", "stable")}, "NAME_TAKEN"),
        ({"channels": ("halt",)}, "NAME_TAKEN"),
        ({"channels": ("Stable",)}, "UNSAFE_NAME"),
        ({"channels": ()}, "NO_CHANNEL"),
        ({"app": "../demo", "channels": ()}, "UNSAFE_NAME"),
    ],
)
def test_names_that_cannot_be(tmp_path: Path, clock: Time, given: dict[str, Any], code: str) -> None:
    error = refusal(lambda: make(tmp_path / "ws", clock, **given))
    assert isinstance(error, ConfigError)
    assert error.code == code
    assert list(tmp_path.iterdir()) == []


def a_file(place: Path) -> None:
    place.write_text("mine")


def a_folder(place: Path) -> None:
    place.mkdir()
    (place / "mine").touch()


def a_link_to_nothing(place: Path) -> None:
    place.symlink_to("nowhere")


def another_workspace(place: Path) -> None:
    Repository.create_solo(place, app="other", encrypted=False)


@pytest.mark.parametrize("there", [a_file, a_folder, a_link_to_nothing, another_workspace])
def test_it_never_touches_what_is_there(tmp_path: Path, clock: Time, there: Callable[[Path], None]) -> None:
    there(tmp_path / "ws")
    before = digests(tmp_path)
    error = refusal(lambda: make(tmp_path / "ws", clock))
    assert isinstance(error, RepositoryError)
    assert error.code == "FOLDER_NOT_EMPTY"
    assert digests(tmp_path) == before


def test_the_folder_one_stands_in(tmp_path: Path, clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    # Replacing it by another of that name would leave the user's shell in a folder that is gone.
    (tmp_path / "here").mkdir()
    before = (tmp_path / "here").stat().st_ino
    monkeypatch.chdir(tmp_path / "here")
    make(Path(), clock)
    assert (tmp_path / "here").stat().st_ino == before
    assert Path("sealcast.toml").exists()


# ------------------------------------------------------------------------------------------------ what a kill leaves


def stopped(folder: Path, clock: Time, until: Callable[[], bool], **given: Any) -> None:
    """Make a workspace, killed as soon as ``until`` holds."""
    for at in range(200):
        with killed_at(at) as steps:
            make(folder, clock, **given)
        assert steps.hit
        if until():
            return
        make(folder, clock, **given)
        shutil.rmtree(folder)
    raise AssertionError("it never came to that")


@pytest.fixture
def half(tmp_path: Path, clock: Time) -> Path:
    """A folder into which some of a new workspace was moved."""
    folder = tmp_path / "ws"
    stopped(folder, clock, lambda: (folder / "keys").exists() and not (folder / "sealcast.toml").exists())
    return folder


def test_a_stopped_init_is_completed_with_the_keys_that_it_made(half: Path, clock: Time) -> None:
    made = digests(half / "keys")
    make(half, clock)
    assert digests(half / "keys") == made


def test_another_init_does_not_take_it_for_its_own(half: Path, clock: Time) -> None:
    before = digests(half)
    for given in ({"app": "other"}, {"channels": ("stable", "beta")}):
        error = refusal(lambda given=given: make(half, clock, **given))  # type: ignore[misc]
        assert error.code == "FOLDER_NOT_EMPTY"
        assert "demo" in error.hint
    assert digests(half) == before


def test_what_somebody_put_there_since_is_not_overwritten(half: Path, clock: Time) -> None:
    (half / "metadata").mkdir(exist_ok=True)
    (half / "metadata" / "mine").touch()
    error = refusal(lambda: make(half, clock))
    assert error.code == "FOLDER_NOT_EMPTY"
    assert (half / "metadata" / "mine").exists()


def test_something_else_beside_it_is_not_touched(half: Path, clock: Time) -> None:
    (half / "letter.txt").write_text("mine")
    assert refusal(lambda: make(half, clock)).code == "FOLDER_NOT_EMPTY"


def test_two_at_once_make_one_workspace(tmp_path: Path, clock: Time) -> None:
    outcomes: list[str] = []

    def run() -> None:
        try:
            make(tmp_path / "ws", clock)
            outcomes.append("made")
        except RepositoryError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("made") == 1
    assert set(outcomes) <= {"made", "BUSY", "FOLDER_NOT_EMPTY"}
    Repository.open(tmp_path / "ws", clock=clock).status()


def test_one_that_waits_for_another_takes_nothing_away(tmp_path: Path, clock: Time) -> None:
    (tmp_path / "ws" / ".sealcast").mkdir(parents=True)
    with exclusive(tmp_path / "ws" / ".sealcast" / "lock", busy):
        assert refusal(lambda: make(tmp_path / "ws", clock)).code == "BUSY"
    assert (tmp_path / "ws" / ".sealcast" / "lock").exists()


# ------------------------------------------------------------------------------------------------------- the template


def test_the_template_is_found_in_a_wheel_and_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (template_folder() / "sealcast.toml").is_file()
    (tmp_path / "_template").mkdir()
    monkeypatch.setattr(importlib.resources, "files", lambda name: tmp_path)
    assert template_folder() == tmp_path / "_template"


def test_folders_of_the_template_come_along(tmp_path: Path, clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "template"
    (place / "dot-github" / "workflows").mkdir(parents=True)
    (place / "dot-github" / "workflows" / "release.yml").write_text("app: $app ${{ secrets.X }}")
    (place / "sample-app").mkdir()
    (place / "sample-app" / "index.html").touch()
    (place / "sealcast.toml").write_text((template_folder() / "sealcast.toml").read_text())
    monkeypatch.setattr(template, "template_folder", lambda: place)
    make(tmp_path / "ws", clock)
    # A workflow has variables of its own: only the two files that are ours to fill in are.
    assert (tmp_path / "ws/.github/workflows/release.yml").read_text() == "app: $app ${{ secrets.X }}"
    assert not (tmp_path / "ws" / "sample-app").exists()

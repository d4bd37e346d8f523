"""The catalogue: what was ever released, and nothing that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.errors import RepositoryError, SealcastError
from sealcast.publisher import Repository
from sealcast.publisher.catalogue import Catalogue
from tests.unit.publisher.workshop import V1, V2, Files, Time

Tree = Callable[[str, Files], Path]


@pytest.fixture
def catalogue(repo: Repository) -> Catalogue:
    return repo._catalogue


def place(repo: Repository, version: str = "1.0.0") -> Path:
    return repo.workspace.folder / "releases" / "demo" / f"{version}.json"


def refusal(action: Callable[[], object]) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    return caught.value


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_release_that_a_killed_command_left_out_is_entered_by_the_next(
    repo: Repository, tree: Tree, catalogue: Catalogue, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            repo.add_release(tree("one", V1), version="1.0.0", channel="stable", notes="first")
    assert repo.channel("stable").by_version("1.0.0")
    assert repo.releases() == ()
    repo.refresh()
    assert repo.releases() == ()  # signing again is no change of channels
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    listed = {record.version: record for record in repo.releases()}
    assert set(listed) == {"1.0.0", "1.1.0"}
    assert listed["1.0.0"].notes == "first"
    assert all(build.deltas == () for record in listed.values() for build in record.builds.values())


def test_a_platform_that_a_killed_command_left_out(repo: Repository, tree: Tree, catalogue: Catalogue) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    before = place(repo).read_bytes()
    repo.add_release(tree("two", V2), version="1.0.0", channel="stable", platform="linux-x64")
    place(repo).write_bytes(before)
    catalogue.catch_up(repo.channels(), "2026-01-01T00:00:00Z")
    assert set(repo.release("1.0.0").builds) == {"any", "linux-x64"}


def test_what_was_never_offered_is_not_in_it(repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    # So its version is free: the build that was wrong can be corrected.
    with monkeypatch.context() as patch:
        patch.setattr("sealcast.publisher.workspace.write_durably", killed)
        with pytest.raises(KeyboardInterrupt):
            repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    assert repo.releases() == ()
    repo.add_release(tree("two", V2), version="1.0.0", channel="stable")
    assert repo.releases()[0].version == "1.0.0"


def test_a_removed_release_that_was_added_again_and_not_entered(
    repo: Repository, tree: Tree, catalogue: Catalogue
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    repo.remove_release("1.0.0")
    removed = place(repo).read_bytes()
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", allow_lower=True)
    place(repo).write_bytes(removed)
    assert "1.0.0" not in [record.version for record in repo.releases()]
    catalogue.catch_up(repo.channels(), "2026-01-01T00:00:00Z")
    assert "1.0.0" in [record.version for record in repo.releases()]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("sealcast/release/1", "sealcast/release/2"),
        lambda text: text.replace('"version":"1.0.0"', '"version":"1.0.1"'),
        lambda text: text.replace('"app":"demo"', '"app":"other"'),
    ],
)
def test_a_damaged_record_is_named(repo: Repository, tree: Tree, damage: Callable[[str], str]) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    place(repo).write_text(damage(place(repo).read_text()))
    for action in (repo.releases, lambda: repo.release("1.0.0")):
        error = refusal(action)
        assert isinstance(error, RepositoryError)
        assert error.code == "WORKSPACE_DAMAGED"
        assert "demo/1.0.0.json" in error.hint


def test_a_stray_file_is_named(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    place(repo, "notes").write_text("{}")
    error = refusal(repo.releases)
    assert error.code == "WORKSPACE_DAMAGED"
    assert "notes.json" in error.hint

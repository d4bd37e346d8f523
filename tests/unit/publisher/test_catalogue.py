"""The catalogue: what was ever released, and nothing that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.errors import RepositoryError, SealcastError
from sealcast.model import ChannelDocument
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


# ------------------------------------------------------------------------------------------------------ baselines


def bases(document: ChannelDocument, version: str) -> set[str]:
    release = document.by_version(version)
    assert release is not None
    return {delta.base for build in release.platforms.values() for delta in build.deltas}


def test_every_later_release_in_every_channel_has_a_delta_from_a_baseline(
    reopen: Callable[[], Repository], tree: Tree, setting: Callable[[str, str], None]
) -> None:
    setting("deltas = 3", "deltas = 1")
    setting("keep = 3", "keep = 1")
    first = reopen().add_release(tree("n0", V1), version="1.0.0", channel="stable", baseline=True)
    base = first.release.platforms["any"].manifest.sha256
    for number in range(1, 5):
        reopen().add_release(tree(f"n{number}", {**V1, "n": str(number)}), version=f"1.{number}.0", channel="stable")
    stable = reopen().channel("stable")
    assert stable.by_version("1.0.0") is None  # long gone from the channel
    assert base in bases(stable, "1.4.0")
    assert len(bases(stable, "1.4.0")) == 2
    reopen().add_release(tree("n5", V2), version="1.5.0", channel="beta")
    assert bases(reopen().channel("beta"), "1.5.0") == {base}
    assert base in bases(reopen().promote("beta", "stable"), "1.5.0")


def test_a_baseline_is_for_its_platform(reopen: Callable[[], Repository], tree: Tree) -> None:
    for platform, files in (("ios", V1), ("any", {**V1, "n": "any"})):
        reopen().add_release(tree(platform, files), version="1.0.0", channel="stable", platform=platform)
    repo = reopen()
    builds = repo.release("1.0.0").builds
    assert repo.set_baseline("1.0.0", platform="ios") == ("ios",)
    assert repo.baselines() == {"1.0.0": ("ios",)}
    # In another channel, where nothing else could be a base.
    for platform, expected in (("ios", {builds["ios"].manifest.sha256}), ("android", set())):
        reopen().add_release(
            tree(f"{platform}2", {**V2, "p": platform}), version="1.1.0", channel="beta", platform=platform
        )
        release = reopen().channel("beta").by_version("1.1.0")
        assert release is not None
        assert {delta.base for delta in release.platforms[platform].deltas} == expected
    assert repo.set_baseline("1.0.0") == ("any", "ios")
    reopen().add_release(tree("other", {**V2, "p": "x"}), version="1.2.0", channel="beta", platform="windows")
    release = reopen().channel("beta").by_version("1.2.0")
    assert release is not None
    assert {delta.base for delta in release.platforms["windows"].deltas} == {builds["any"].manifest.sha256}


def test_a_baseline_serves_only_what_came_after_it(reopen: Callable[[], Repository], tree: Tree, clock: Time) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="beta")
    clock.forward(hours=1)
    reopen().add_release(tree("two", V2), version="2.0.0", channel="beta", baseline=True)
    assert bases(reopen().promote("beta", "stable", version="1.0.0"), "1.0.0") == set()


def test_a_baseline_is_on_until_it_is_off_and_cannot_be_removed(reopen: Callable[[], Repository], tree: Tree) -> None:
    repo = reopen()
    assert repo.baselines() == {}
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", baseline=True)
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    assert reopen().baselines() == {"1.0.0": ("any",)}
    with pytest.raises(RepositoryError) as caught:
        repo.remove_release("1.0.0")
    assert caught.value.code == "RELEASE_IS_BASELINE"
    assert repo.set_baseline("1.0.0") == ("any",)  # once more is no error
    assert repo.set_baseline("1.0.0", on=False) == ()
    assert repo.set_baseline("1.0.0", on=False) == ()
    assert reopen().baselines() == {}
    assert repo.remove_release("1.0.0") == ("stable",)


def test_a_trial_makes_no_baseline(reopen: Callable[[], Repository], tree: Tree) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable", baseline=True, dry_run=True)
    assert reopen().baselines() == {}


def test_adding_the_same_again_makes_it_a_baseline(reopen: Callable[[], Repository], tree: Tree) -> None:
    folder = tree("one", V1)
    reopen().add_release(folder, version="1.0.0", channel="stable")
    reopen().add_release(folder, version="1.0.0", channel="stable", baseline=True)
    assert reopen().baselines() == {"1.0.0": ("any",)}


def test_only_what_is_there_can_be_a_baseline(reopen: Callable[[], Repository], tree: Tree) -> None:
    repo = reopen()
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    for action in (lambda: repo.set_baseline("9.9.9"), lambda: repo.set_baseline("1.0.0", platform="ios")):
        with pytest.raises(RepositoryError) as caught:
            action()
        assert caught.value.code == "UNKNOWN_RELEASE"


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"app":"other","releases":{},"type":"sealcast/baselines/1"}'])
def test_a_damaged_list_of_baselines_is_named(
    reopen: Callable[[], Repository], tree: Tree, ws: Path, damage: bytes
) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable", baseline=True)
    (ws / "releases" / "demo.baselines.json").write_bytes(damage)
    with pytest.raises(RepositoryError) as caught:
        reopen().baselines()
    assert caught.value.code == "WORKSPACE_DAMAGED"
    assert "demo.baselines.json" in caught.value.hint

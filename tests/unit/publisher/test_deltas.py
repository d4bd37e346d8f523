"""Deltas: from the last few releases, once each, and only where they spare something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.publisher import Repository
from sealcast.publisher.deltas import known_deltas, with_deltas
from tests.unit.publisher.workshop import V1, V2, V3, Files

Tree = Callable[[str, Files], Path]
Setting = Callable[[str, str], None]
Reopen = Callable[[], Repository]


def bases(repository: Repository, version: str) -> list[str | None]:
    """The versions that a release has deltas from."""
    document = repository.channel("stable")
    release = document.by_version(version)
    assert release is not None
    found = [document.by_manifest(delta.base) for build in release.platforms.values() for delta in build.deltas]
    return [base.version if base else None for base in found]


@pytest.mark.parametrize(("wanted", "expected"), [(0, []), (1, ["1.2.0"]), (2, ["1.2.0", "1.1.0"])])
def test_from_the_last_few(reopen: Reopen, tree: Tree, setting: Setting, wanted: int, expected: list[str]) -> None:
    setting("deltas = 3", f"deltas = {wanted}")
    for number in range(4):
        reopen().add_release(tree(f"n{number}", {**V1, "n": str(number)}), version=f"1.{number}.0", channel="stable")
    assert bases(reopen(), "1.3.0") == expected


@pytest.mark.parametrize("more", [0, 1])
def test_none_where_packs_cost_less(repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="beta")
    build = repo.release("1.1.0").builds["any"]
    cost = build.packs.size + build.manifest.pack.size
    monkeypatch.setattr("sealcast.publisher.deltas.make_delta", lambda *_, **__: bytes(cost - 1 + more))
    monkeypatch.setattr("sealcast.publisher.deltas.DeltaReader", Unread)
    before = set(repo.workspace.objects)
    repo.promote("beta", "stable")
    assert len(bases(repo, "1.1.0")) == (0 if more else 1)
    assert len(set(repo.workspace.objects) - before) == (0 if more else 1)


class Unread:
    """What a delta's header would say."""

    codecs = ("zstd-from",)

    def __init__(self, *_: object) -> None: ...


def test_none_where_the_release_is_too_large_for_one_object(
    repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    monkeypatch.setattr("sealcast.packs.build_delta.OBJECT_LIMIT", 10)
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    assert bases(repo, "1.1.0") == []


def test_none_between_releases_with_the_same_manifest(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    document = repo.channel("stable")
    twin = document.releases[0].platforms["any"]
    from sealcast.publisher import channels

    both, sequence = channels.enter(document, "1.1.0", {"any": twin})
    store = repo.workspace.objects
    assert with_deltas(both, sequence, count=3, known={}, effort="fast", store=store) == both


def test_only_from_earlier_releases_and_only_to_the_one_that_is_meant(repo: Repository, tree: Tree) -> None:
    for version, files in (("1.0.0", V1), ("1.1.0", V2), ("1.2.0", V3)):
        repo.add_release(tree(version, files), version=version, channel="stable")
    document = repo.channel("stable")
    store = repo.workspace.objects
    known = known_deltas([document], store)
    assert len(known) == 3
    assert with_deltas(document, 2, count=3, known=known, effort="fast", store=store) == document
    assert bases(repo, "1.0.0") == []


def test_a_delta_of_last_year_stays(repo: Repository, reopen: Reopen, tree: Tree, setting: Setting) -> None:
    for version, files in (("1.0.0", V1), ("1.1.0", V2)):
        repo.add_release(tree(version, files), version=version, channel="stable")
    setting("deltas = 3", "deltas = 0")
    reopen().add_release(tree("1.2.0", V3), version="1.2.0", channel="stable")
    assert bases(repo, "1.1.0") == ["1.0.0"]


def test_a_platform_without_a_base_has_none(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", platform="linux-x64")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable", platform="windows-x64")
    assert bases(repo, "1.1.0") == []


def test_deltas_are_the_same_wherever_they_are_made(
    repo: Repository, tree: Tree, tmp_path: Path, pristine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr("os.cpu_count", lambda: 5)
    other = Repository.open(shutil.copytree(pristine, tmp_path / "other"))
    found = []
    for one in (repo, other):
        one.add_release(tree("one", V1), version="1.0.0", channel="stable")
        found.append(one.add_release(tree("two", V2), version="1.1.0", channel="stable"))
    assert found[0] == found[1]
    assert sorted(repo.workspace.objects) == sorted(other.workspace.objects)
    assert sorted(path.name for path in (other.workspace.folder / "targets").rglob("*.tar.zst")) == sorted(
        path.name for path in (repo.workspace.folder / "targets").rglob("*.tar.zst")
    )

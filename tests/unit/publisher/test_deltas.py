"""Deltas: from the last few releases, once each, and only where they spare something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from sealcast.model import Manifest
from sealcast.packs import MEMORY, ObjectStore, make_delta
from sealcast.publisher import Repository
from sealcast.publisher.deltas import DeltaMaker, Known, delta_encoder, known_deltas, with_deltas
from sealcast.publisher.made import DeltaMemory
from sealcast.publisher.manifests import Manifests
from sealcast.publisher.proofs import Proofs
from sealcast.publisher.stored import StoredContents
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


def maker(repository: Repository, *, known: Known | None = None) -> DeltaMaker:
    store, place = repository.workspace.objects, repository.workspace.kept
    proofs = Proofs(place / "proofs.json", store, datetime.now(UTC))
    memory = DeltaMemory(place / "deltas.json", proofs, delta_encoder("fast", MEMORY))
    return DeltaMaker(store, Manifests(store), known or {}, memory, "fast")


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
    assert with_deltas(both, sequence, count=3, maker=maker(repo)) == both


def test_only_from_earlier_releases_and_only_to_the_one_that_is_meant(repo: Repository, tree: Tree) -> None:
    for version, files in (("1.0.0", V1), ("1.1.0", V2), ("1.2.0", V3)):
        repo.add_release(tree(version, files), version=version, channel="stable")
    document = repo.channel("stable")
    assert len(known_deltas([document])) == 3
    assert with_deltas(document, 2, count=3, maker=maker(repo)) == document
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


# ----------------------------------------------------------------------------------------------- nothing twice


@pytest.fixture
def makes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of deltas that are really made."""
    sizes: list[int] = []

    def counting(*arguments: Any, **settings: Any) -> bytes | None:
        data = make_delta(*arguments, **settings)
        sizes.append(len(data or b""))
        return data

    monkeypatch.setattr("sealcast.publisher.deltas.make_delta", counting)
    return sizes


def test_a_run_that_was_killed_before_it_signed_made_its_deltas_for_the_next(
    reopen: Reopen, tree: Tree, makes: list[int]
) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable")
    trial = reopen().add_release(tree("two", V2), version="1.1.0", channel="stable", dry_run=True)
    assert len(makes) == 1
    real = reopen().add_release(tree("two", V2), version="1.1.0", channel="stable")
    assert len(makes) == 1
    assert real.release.platforms == trial.release.platforms


def test_a_second_channel_makes_nothing_again(reopen: Reopen, tree: Tree, makes: list[int]) -> None:
    for channel in ("stable", "beta"):
        for version, files in (("1.0.0", V1), ("1.1.0", V2)):
            reopen().add_release(tree(version, files), version=version, channel=channel)
    assert len(makes) == 1
    stable, beta = reopen().channels()
    assert [release.platforms for release in stable.releases] == [release.platforms for release in beta.releases]


def test_what_was_not_worth_making_is_not_tried_again(
    reopen: Reopen, tree: Tree, makes: list[int], setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable")
    monkeypatch.setattr("sealcast.publisher.deltas._cost_of_packs", lambda *_: 1)
    for _ in range(2):
        reopen().add_release(tree("two", V2), version="1.1.0", channel="stable", dry_run=True)
    assert len(makes) == 1
    setting('effort = "fast"', 'effort = "best"')  # which might make it worth while
    reopen().add_release(tree("two", V2), version="1.1.0", channel="stable", dry_run=True)
    assert len(makes) == 2


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x")])
def test_a_remembered_delta_that_was_lost_or_damaged_is_made_again(
    reopen: Reopen, tree: Tree, makes: list[int], damage: Callable[[Path], object]
) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable")
    added = reopen().add_release(tree("two", V2), version="1.1.0", channel="stable", dry_run=True)
    (delta,) = added.release.platforms["any"].deltas
    place = reopen().workspace.objects.path(delta.sha256)
    before = place.read_bytes()
    damage(place)
    assert reopen().add_release(tree("two", V2), version="1.1.0", channel="stable").release == added.release
    assert place.read_bytes() == before
    assert len(makes) == 2


def test_a_delta_of_another_channel_that_is_damaged_is_made_again(reopen: Reopen, tree: Tree, makes: list[int]) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable")
    added = reopen().add_release(tree("two", V2), version="1.1.0", channel="stable")
    reopen().add_release(tree("one", V1), version="1.0.0", channel="beta")
    (delta,) = added.release.platforms["any"].deltas
    place = reopen().workspace.objects.path(delta.sha256)
    before = place.read_bytes()
    place.write_bytes(b"x")
    reopen().add_release(tree("two", V2), version="1.1.0", channel="beta")
    assert place.read_bytes() == before
    assert len(makes) == 2


def test_a_damaged_memory_of_deltas_is_as_good_as_none(reopen: Reopen, tree: Tree, makes: list[int]) -> None:
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable")
    for number in (1, 2):
        reopen().add_release(tree("two", V2), version="1.1.0", channel="stable", dry_run=True)
        (reopen().workspace.kept / "deltas.json").write_bytes(b"{")
        assert len(makes) == number


def test_what_decides_a_deltas_bytes_is_part_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    normal = delta_encoder("normal", MEMORY)
    assert delta_encoder("fast", MEMORY) != normal
    assert delta_encoder("normal", MEMORY // 2) != normal

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert delta_encoder("normal", MEMORY)["hdiffpatch"] == ""


def test_one_release_is_decoded_once_for_all_its_deltas(
    reopen: Reopen, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Manifest] = []
    real = StoredContents.__init__

    def noting(self: StoredContents, manifest: Manifest, store: ObjectStore) -> None:
        decoded.append(manifest)
        real(self, manifest, store)

    for number in range(3):
        reopen().add_release(tree(f"n{number}", {**V1, "n": str(number)}), version=f"1.{number}.0", channel="stable")
    monkeypatch.setattr(StoredContents, "__init__", noting)
    added = reopen().add_release(tree("n3", V2), version="1.3.0", channel="stable")
    assert len(added.release.platforms["any"].deltas) == 3
    assert sorted(manifest.version for manifest in decoded) == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]

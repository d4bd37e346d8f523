"""Packs and proofs that are remembered: found again while they are whole, and never believed blindly."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealcast.documents import encode
from sealcast.errors import ObjectError
from sealcast.model import Manifest, Pack
from sealcast.packs import Identity, ObjectStore
from sealcast.publisher import Repository, made, manifests, proofs
from sealcast.publisher.kept import recall
from sealcast.publisher.made import MadePacks, PackMemory
from sealcast.publisher.manifests import Manifests
from sealcast.publisher.proofs import Proofs
from sealcast.values import Content, content_of
from tests.samples import file, manifest
from tests.unit.publisher.workshop import V1, V2, Files

Tree = Callable[[str, Files], Path]
LATER = datetime.now(UTC) + timedelta(hours=1)
ONE: Identity = (("1" * 64, 0, 5),)
TWO: Identity = (("2" * 64, 0, 5),)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "store")


@pytest.fixture
def remembering(tmp_path: Path, store: ObjectStore) -> Callable[..., PackMemory]:
    def open_memory(encoder: str = "1") -> PackMemory:
        return PackMemory(tmp_path / "packs.json", store, Proofs(tmp_path / "p", store, LATER), {"zstd": encoder})

    return open_memory


# ----------------------------------------------------------------------------------------------------------- packs


def test_a_pack_is_found_by_what_it_holds_and_what_encoded_it(remembering: Callable[..., PackMemory]) -> None:
    packs = remembering()
    assert packs.get(ONE) is None
    assert packs.get(TWO) is None
    kept = [packs.keep(b"one"), packs.keep(b"two")]  # in the order in which they were asked for
    for again in (packs, remembering()):
        assert [again[ONE], again[TWO]] == kept == [content_of(b"one"), content_of(b"two")]
        assert len(again) == 2
        assert list(again) == []
    assert ONE not in remembering("2")


def test_a_pack_that_is_gone_or_damaged_is_missed(remembering: Callable[..., PackMemory], store: ObjectStore) -> None:
    packs = remembering()
    assert ONE not in packs
    place = store.path(packs.keep(b"one").sha256)
    assert ONE in packs
    place.write_bytes(b"eno")
    assert ONE not in remembering()
    place.unlink()
    assert ONE not in remembering()


def test_the_oldest_are_forgotten(remembering: Callable[..., PackMemory], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "PACKS", 1)
    packs = remembering()
    for identity in (ONE, TWO):
        assert identity not in packs
    for data in (b"one", b"two"):
        packs.keep(data)
    assert (ONE in remembering(), TWO in remembering()) == (False, True)


def test_an_earlier_release_is_read_once(
    remembering: Callable[..., PackMemory], store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = store.put(b"pack")
    before = manifest(file("a", b"1"), packs=(Pack(sha256=pack.sha256, size=pack.size, holds=((0, 1),)),))
    loads: list[int] = []

    def load() -> Manifest:
        loads.append(1)
        return before

    for _ in range(3):
        packs = remembering()
        packs.learn("a" * 64, load)
        assert packs[((content_of(b"1").sha256, 0, 1),)] == pack
    assert len(loads) == 1
    packs.learn("b" * 64, load)
    assert len(loads) == 2
    monkeypatch.setattr(made, "RELEASES", 1)
    packs.learn("c" * 64, load)
    kept = recall(tmp_path / "packs.json", MadePacks)
    assert kept is not None
    assert len(kept.releases) == 1


def test_nothing_is_packed_again_after_a_trial_or_in_another_channel(
    repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    keep = PackMemory.keep
    monkeypatch.setattr(PackMemory, "keep", lambda self, data: calls.append(1) or keep(self, data))  # type: ignore[func-returns-value]
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", dry_run=True)
    assert len(calls) == 1
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("one", V1), version="1.0.1", channel="beta")
    assert len(calls) == 1
    repo.add_release(tree("two", V2), version="1.1.0", channel="beta")
    assert len(calls) == 2


def test_earlier_manifests_are_not_read_for_their_packs(
    reopen: Callable[[], Repository], tree: Tree, monkeypatch: pytest.MonkeyPatch, setting: Callable[[str, str], None]
) -> None:
    setting("deltas = 3", "deltas = 0")
    for number in range(5):
        reopen().add_release(tree(f"{number}", {**V1, "n": str(number)}), version=f"1.{number}.0", channel="stable")
        monkeypatch.setattr(manifests, "read_manifest", None)


# ----------------------------------------------------------------------------------------------------------- proofs


class Opened:
    def __init__(self, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = store.open

        def counting(content: Content) -> object:
            self.count += 1
            return real(content)

        monkeypatch.setattr(store, "open", counting)


@pytest.fixture
def opened(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Opened:
    return Opened(store, monkeypatch)


def test_an_object_is_proved_once(store: ObjectStore, opened: Opened, tmp_path: Path) -> None:
    content = store.put(b"data")
    for _ in range(3):
        proving = Proofs(tmp_path / "p.json", store, LATER)
        assert proving.is_whole(content)
        assert proving.is_whole(content)
        proving.save()
    assert opened.count == 1
    assert not Proofs(tmp_path / "p.json", store, LATER).is_whole(Content(content.sha256, 5))


def test_one_that_was_just_written_is_proved_again(store: ObjectStore, opened: Opened, tmp_path: Path) -> None:
    content = store.put(b"data")
    proving = Proofs(tmp_path / "p.json", store, datetime.now(UTC))
    assert proving.is_whole(content)
    assert proving.is_whole(content)
    assert opened.count == 2
    proving.save()
    assert not (tmp_path / "p.json").exists()


def test_other_bytes_of_the_same_size_are_found_out(store: ObjectStore, tmp_path: Path) -> None:
    content = store.put(b"data")
    proving = Proofs(tmp_path / "p.json", store, LATER)
    assert proving.is_whole(content)
    place = store.path(content.sha256)
    before = place.stat()
    place.write_bytes(b"atad")
    assert not proving.is_whole(content)
    if os.name == "posix":  # elsewhere a date that is set back hides it
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert not proving.is_whole(content)
    place.unlink()
    assert not proving.is_whole(content)


def test_a_link_in_its_place_is_not_taken_for_it(store: ObjectStore, tmp_path: Path) -> None:
    content = store.put(b"data")
    proving = Proofs(tmp_path / "p.json", store, LATER)
    assert proving.is_whole(content)
    place = store.path(content.sha256)
    place.rename(tmp_path / "data")
    place.symlink_to(tmp_path / "data")
    (tmp_path / "data").write_bytes(b"atad")
    assert not proving.is_whole(content)


def test_damage_to_the_proofs_costs_time_only(store: ObjectStore, opened: Opened, tmp_path: Path) -> None:
    content = store.put(b"data")
    for _ in range(2):
        proving = Proofs(tmp_path / "p.json", store, LATER)
        assert proving.is_whole(content)
        proving.save()
        (tmp_path / "p.json").write_bytes(b"nothing")
    assert opened.count == 2


def test_only_the_newest_proofs_are_kept(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "ROWS", 2)
    proving = Proofs(tmp_path / "p.json", store, LATER)
    contents = [store.put(bytes([number])) for number in range(3)]
    assert all(map(proving.is_whole, contents))
    proving.save()
    kept = recall(tmp_path / "p.json", proofs.Proved)
    assert kept is not None
    assert [proof.sha256 for proof in kept.objects] == [content.sha256 for content in contents[1:]]


# -------------------------------------------------------------------------------------------------------- manifests


def test_a_manifest_is_read_once_and_the_last_few_stay(
    repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = repo.workspace.objects
    builds = [
        repo.add_release(tree(version, files), version=version, channel="stable").release.platforms["any"]
        for version, files in (("1.0.0", V1), ("1.1.0", V2))
    ]
    loading = Manifests(store)
    first = loading.load(builds[0])
    assert content_of(encode(first)).sha256 == builds[0].manifest.sha256
    assert loading.load(builds[0]) is first
    loading.load(builds[1])
    assert loading.load(builds[0]) is first
    monkeypatch.setattr(manifests, "FILES", 1)
    second = loading.load(builds[1])
    assert loading.load(builds[1]) is second
    assert loading.load(builds[0]) is not first
    store.path(builds[0].manifest.pack.sha256).unlink()
    with pytest.raises(ObjectError) as caught:
        Manifests(store).load(builds[0])
    assert caught.value.code == "OBJECT_MISSING"

"""From files to manifest and packs: proved, without secrets, and the same on every machine."""

from __future__ import annotations

import json
import os
import random
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

from sealcast.config import Effort
from sealcast.documents import MIB, encode
from sealcast.errors import ObjectError, RepositoryError
from sealcast.model import Build, File, Manifest
from sealcast.packs import EFFORTS, ObjectStore, grouping
from sealcast.publisher import building, stored
from sealcast.publisher.building import (
    Names,
    build_release,
    check_packs,
    store_manifest,
)
from sealcast.publisher.entries import READ_SIZE, Entry
from sealcast.publisher.made import PackMemory
from sealcast.publisher.manifests import Manifests
from sealcast.publisher.proofs import Proofs
from sealcast.publisher.reading import read_files
from sealcast.publisher.sources import open_input
from sealcast.publisher.stored import StoredContents
from sealcast.values import Content, content_of, no_progress
from tests.unit.publisher.workshop import write

NAMES = Names("demo", "1.0.0", "any")


def entry(path: str, data: bytes) -> Entry:
    return Entry(path, len(data), False, lambda offset, length: data[offset : offset + length])


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "store")


def memory(store: ObjectStore, *before: Manifest) -> PackMemory:
    """Packs of some releases, and no others."""
    lost = store.path("0" * 64) / "cannot be kept"
    packs = PackMemory(lost, store, Proofs(lost, store, datetime.now(UTC)), {"zstd": "1"})
    for manifest in before:
        packs.learn(content_of(encode(manifest)).sha256, partial(copy, manifest))
    return packs


def is_whole(store: ObjectStore, content: Content) -> bool:
    return Proofs(Path("nowhere"), store, datetime.now(UTC)).is_whole(content)


def load_manifest(build: Build, store: ObjectStore) -> Manifest:
    return Manifests(store).load(build)


def built(path: Path, store: ObjectStore, *before: Manifest) -> Manifest:
    with open_input(path, path.parent) as entries:
        files = read_files(entries, no_progress)
        return build_release(NAMES, files, entries, effort="fast", known=memory(store, *before), progress=no_progress)


def sample(folder: Path) -> Path:
    dice = random.Random(7)
    words = [bytes(dice.choices(range(97, 123), k=7)) for _ in range(50)]
    files = {f"src/{number:03}.js": b" ".join(dice.choices(words, k=300)) for number in range(60)}
    files |= {"img/logo.png": dice.randbytes(200_000), "README": b"read me", "empty": b"", "run.sh": b"#!/bin/sh\n"}
    files["copy/README"] = files["README"]
    write(folder, files)
    (folder / "run.sh").chmod(0o755)
    return folder


# ------------------------------------------------------------------------------------------------------- reading


def test_files_are_told_with_digests_and_progress() -> None:
    told: list[tuple[int, int, str]] = []
    files = read_files([entry("a", b"aa"), entry("b", b"")], lambda *said: told.append(said))
    assert files == (
        File(path="a", size=2, sha256=content_of(b"aa").sha256),
        File(path="b", size=0, sha256=content_of(b"").sha256),
    )
    assert told == [(2, 2, "reading a"), (2, 2, "reading b")]


BODY = "MC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq"
SECRETS = {
    "PKCS#8": f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n",
    "encrypted": f"-----BEGIN ENCRYPTED PRIVATE KEY-----\r\n{BODY}\r\n",
    "OpenSSH": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}",
    "old RSA": f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n{BODY}",
    "service account": json.dumps({"private_key": f"-----BEGIN PRIVATE KEY-----\n{BODY}\n"}),
    "age": "# created\nAGE-SECRET-KEY-1" + "Q3" * 29,
    "in the middle": "x" * 1000 + f"-----BEGIN EC PRIVATE KEY-----\n{BODY}" + "y" * 1000,
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("at", [0, READ_SIZE - 100, READ_SIZE - 27, READ_SIZE - 10, READ_SIZE - 1])
def test_a_private_key_is_found_wherever_it_lies(kind: str, at: int) -> None:
    data = b"\n" * at + SECRETS[kind].encode()
    with pytest.raises(RepositoryError) as caught:
        read_files([entry("config/key", data)], no_progress)
    assert (caught.value.code, caught.value.data["path"]) == ("SECRET_IN_INPUT", "config/key")
    assert BODY not in str(caught.value.as_dict())
    assert read_files([entry("config/key", data)], no_progress, allow_secrets=True)


def test_programs_that_handle_keys_are_no_secrets() -> None:
    for text in (
        'if (pem.startsWith("-----BEGIN PRIVATE KEY-----")) { return parse(pem) }',
        "`-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----`",
        "-----BEGIN PUBLIC KEY-----\n" + BODY,
        "const AGE = 'AGE-SECRET-KEY-1'",
    ):
        assert read_files([entry("app.js", text.encode())], no_progress)


def test_the_workspaces_own_keys_are_found(ws: Path) -> None:
    with open_input(ws / "keys", ws) as entries, pytest.raises(RepositoryError) as caught:
        read_files(entries, no_progress)
    assert caught.value.code == "SECRET_IN_INPUT"


# ------------------------------------------------------------------------------------------------------- building


def test_what_was_built_reads_back(tmp_path: Path, store: ObjectStore) -> None:
    manifest = built(sample(tmp_path / "dist"), store)
    contents = StoredContents(manifest, store)
    for number, content in enumerate(manifest.contents):
        assert content_of(contents.read(number, 0, content.size)) == content
    assert [file.path for file in manifest.files if file.executable] == (["run.sh"] if os.name == "posix" else [])


def test_a_file_that_changes_between_hashing_and_packing_stops_it(tmp_path: Path, store: ObjectStore) -> None:
    folder = sample(tmp_path / "dist")
    with open_input(folder, tmp_path) as entries:
        files = read_files(entries, no_progress)
        (folder / "src/007.js").write_bytes(bytes((folder / "src/007.js").stat().st_size))  # as long as before
        with pytest.raises(RepositoryError) as caught:
            build_release(NAMES, files, entries, effort="fast", known=memory(store), progress=no_progress)
    assert caught.value.code == "SOURCE_CHANGED"


def test_progress_reaches_the_end(tmp_path: Path, store: ObjectStore) -> None:
    told: list[tuple[int, int, str]] = []
    with open_input(sample(tmp_path / "dist"), tmp_path) as entries:
        files = read_files(entries, no_progress)
        build_release(
            NAMES, files, entries, effort="fast", known=memory(store), progress=lambda *said: told.append(said)
        )
    assert told[-1][0] == told[-1][1] > 0


def shuffled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same files, in a folder that lists them in another order, written under other circumstances."""
    other = folder.with_name("other")
    before = os.umask(0o077)
    try:
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file():
                place = other / path.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())
                place.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
                os.utime(place, (0, 0))
    finally:
        os.umask(before)
    real = os.scandir

    class Reversed:
        def __init__(self, path: object) -> None:
            self.items = sorted(real(path), key=lambda item: item.name, reverse=True)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.items)

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Reversed)
    return other


def as_zip(folder: Path) -> Path:
    place = folder.with_suffix(".zip")
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return place


def as_tar(folder: Path) -> Path:
    place = folder.with_suffix(".tar.gz")
    with tarfile.open(place, "w:gz") as tar:
        tar.add(folder, ".")
    return place


@pytest.mark.parametrize("cores", [1, 2, 7])
def test_the_same_on_every_machine_and_from_every_kind_of_input(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    folder = sample(tmp_path / "dist")
    expected = encode(built(folder, store))
    objects = sorted(store)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    for make in (as_zip, as_tar, lambda folder: shuffled(folder, monkeypatch)):
        other = ObjectStore(tmp_path / f"store-{len(list(tmp_path.iterdir()))}")
        assert encode(built(make(folder), other)) == expected
        assert sorted(other) == objects


def test_a_machine_that_does_not_count_its_cores(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert built(sample(tmp_path / "dist"), store).packs


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let little data make several packs."""
    monkeypatch.setattr(grouping, "GROUP_LIMIT", 40_000)


@pytest.mark.usefixtures("small_packs")
def test_an_unchanged_pack_is_used_again_and_a_lost_or_damaged_one_is_made_again(
    tmp_path: Path, store: ObjectStore
) -> None:
    folder = sample(tmp_path / "dist")
    first = built(folder, store)
    write(folder, {"src/new.js": "new"})
    calls: list[int] = []
    keep = store.put
    store.put = lambda data: calls.append(len(data)) or keep(data)  # type: ignore[method-assign, func-returns-value]
    second = built(folder, store, first)
    shared = {pack.sha256 for pack in first.packs} & {pack.sha256 for pack in second.packs}
    assert shared
    assert len(calls) == len(second.packs) - len(shared)

    one, *_ = sorted(shared)
    for spoil in (lambda path: path.unlink(), lambda path: path.write_bytes(b"x" + path.read_bytes()[1:])):
        spoil(store.path(one))
        assert built(folder, store, first) == second
        assert is_whole(store, next(pack.content for pack in second.packs if pack.sha256 == one))


def test_a_manifest_travels_as_a_pack_and_comes_back(tmp_path: Path, store: ObjectStore) -> None:
    manifest = built(sample(tmp_path / "dist"), store)
    build = store_manifest(manifest, ">=3.0.0", "fast", store)
    assert load_manifest(build, store) == manifest
    assert build.manifest.sha256 == content_of(encode(manifest)).sha256
    assert (build.packs.count, build.installed, build.native) == (len(manifest.packs), manifest.size, ">=3.0.0")


def test_a_manifest_that_no_client_reads_is_not_made(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MANIFEST_LIMIT", 100)
    bare = Manifest(app="demo", version="1.0.0", platform="any", encoder={"zstd": "1"}, files=(), packs=())
    with pytest.raises(ObjectError) as caught:
        store_manifest(bare, "", "fast", store)
    assert caught.value.code == "TOO_LARGE"
    assert list(store) == []


def test_packs_that_do_not_hold_everything_are_found_out(tmp_path: Path, store: ObjectStore) -> None:
    import msgspec

    manifest = built(sample(tmp_path / "dist"), store)
    with pytest.raises(ObjectError) as caught:
        check_packs(msgspec.structs.replace(manifest, packs=manifest.packs[1:]))
    assert caught.value.code == "BAD_PACK"


# ------------------------------------------------------------------------------------------------------- reading back


@pytest.mark.usefixtures("small_packs")
def test_any_range_reads_back_with_little_in_memory(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(3)
    files = {f"{number}.bin": dice.randbytes(dice.choice((3_000, 30_000, 70_000))) for number in range(20)}
    manifest = built(write(tmp_path / "dist", files), store)
    assert len(manifest.packs) > 5
    monkeypatch.setattr(stored, "CACHE_BYTES", 1)  # one decoded pack at a time
    contents = StoredContents(manifest, store)
    by_digest = {content_of(data).sha256: data for data in files.values()}
    for _ in range(100):
        number = dice.randrange(len(manifest.contents))
        data = by_digest[manifest.contents[number].sha256]
        start = dice.randrange(len(data))
        length = dice.randrange(len(data) - start + 1)
        assert contents.read(number, start, length) == data[start : start + length]
        assert len(contents._cache) == 1


@pytest.mark.usefixtures("small_packs")
def test_packs_just_read_are_not_decoded_again(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(3)
    manifest = built(write(tmp_path / "dist", {f"{n}.bin": dice.randbytes(30_000) for n in range(6)}), store)
    monkeypatch.setattr(stored, "CACHE_BYTES", 100_000)
    contents = StoredContents(manifest, store)
    opened: list[object] = []
    real = store.open
    monkeypatch.setattr(store, "open", lambda content: opened.append(content) or real(content))
    for number in (0, 1, 0, 1, 2, 0):
        contents.read(number, 0, 30_000)
    assert len(opened) == 3
    assert sum(sum(map(len, pieces.values())) for pieces in contents._cache.values()) <= 100_000


def test_a_content_of_several_pieces(tmp_path: Path, store: ObjectStore) -> None:
    data = bytes(17 * MIB) + b"the end"
    manifest = built(write(tmp_path / "dist", {"large": data}), store)
    contents = StoredContents(manifest, store)
    assert contents.read(0, 0, 10) == bytes(10)
    assert contents.read(0, 16 * MIB - 3, 6) == bytes(6)
    assert contents.read(0, len(data) - 8, 8) == b"\0the end"


def test_a_range_beyond_the_content_is_refused(tmp_path: Path, store: ObjectStore) -> None:
    manifest = built(write(tmp_path / "dist", {"a": "abc"}), store)
    with pytest.raises(ObjectError) as caught:
        StoredContents(manifest, store).read(0, 1, 3)
    assert caught.value.code == "BAD_PACK"


def test_a_damaged_object_is_named(tmp_path: Path, store: ObjectStore) -> None:
    manifest = built(sample(tmp_path / "dist"), store)
    path = store.path(manifest.packs[0].sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    contents = StoredContents(manifest, store)
    with pytest.raises(ObjectError) as caught:
        [contents.read(number, 0, content.size) for number, content in enumerate(manifest.contents)]
    assert caught.value.code == "HASH_MISMATCH"


@pytest.mark.long
def test_a_hundred_thousand_files(tmp_path: Path, store: ObjectStore) -> None:
    folder = tmp_path / "dist"
    for number in range(1000):
        (folder / f"{number:04}").mkdir(parents=True)
        for index in range(100):
            (folder / f"{number:04}" / f"{index:02}.txt").write_text(f"{number} {index}")
    manifest = built(folder, store)
    assert len(manifest.files) == 100_000
    build = store_manifest(manifest, "", "fast", store)
    assert load_manifest(build, store) == manifest
    shutil.rmtree(folder)


@pytest.mark.long
@pytest.mark.parametrize("size", [2**31 - 1, 2**31 + 1, 2**32 - 1, 2**32 + 1])
def test_sizes_around_which_integers_wrap(tmp_path: Path, store: ObjectStore, size: int) -> None:
    folder = write(tmp_path / "dist", {"a": "a"})
    with (folder / "sparse").open("wb") as file:
        file.truncate(size - 1)
        file.seek(size - 1)
        file.write(b"!")
    manifest = built(folder, store)
    contents = StoredContents(manifest, store)
    number = next(number for number, content in enumerate(manifest.contents) if content.size == size)
    assert contents.read(number, size - 3, 3) == b"\0\0!"


def test_every_effort_has_a_level() -> None:
    assert set(get_args(Effort)) == set(EFFORTS)

"""The store gives back what was put, proved, or says what is wrong."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sealcast import files
from sealcast.errors import ObjectError, VerificationError
from sealcast.packs import ObjectStore
from sealcast.packs.bounds import OBJECT_LIMIT
from sealcast.values import Content, content_of

DATA = b"some bytes"
CONTENT = content_of(DATA)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "site")


def test_what_is_put_is_read_back(store: ObjectStore, tmp_path: Path) -> None:
    assert not store.has(CONTENT.sha256)
    assert list(store) == []
    assert store.put(DATA) == CONTENT
    assert store.has(CONTENT.sha256)
    assert store.read(CONTENT) == DATA
    with store.open(CONTENT) as file:
        assert file.read() == DATA
    assert store.path(CONTENT.sha256) == tmp_path / "site" / "objects" / CONTENT.sha256[:2] / CONTENT.sha256
    assert list(store) == [CONTENT.sha256]


def test_putting_it_again_leaves_it_as_it_is(store: ObjectStore) -> None:
    store.put(DATA)
    before = store.path(CONTENT.sha256).stat()
    assert store.put(DATA) == CONTENT
    after = store.path(CONTENT.sha256).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("damage", [b"", b"some bytez", b"some bytes and more", b"some"])
def test_a_damaged_object_is_found_out_and_put_right(store: ObjectStore, damage: bytes) -> None:
    store.put(DATA)
    store.path(CONTENT.sha256).write_bytes(damage)
    for read in (store.read, store.open):
        with pytest.raises(ObjectError) as error:
            read(CONTENT)
        assert error.value.code == "HASH_MISMATCH"
    assert store.put(DATA) == CONTENT
    assert store.read(CONTENT) == DATA


def test_a_right_digest_with_a_wrong_size_is_refused(store: ObjectStore) -> None:
    store.put(DATA)
    for size in (0, len(DATA) - 1, len(DATA) + 1):
        for read in (store.read, store.open):
            with pytest.raises(ObjectError) as error:
                read(Content(CONTENT.sha256, size))
            assert error.value.code == "HASH_MISMATCH"


def test_a_missing_object_is_named(store: ObjectStore) -> None:
    for read in (store.read, store.open):
        with pytest.raises(ObjectError) as error:
            read(CONTENT)
        assert error.value.code == "OBJECT_MISSING"
        assert error.value.data["sha256"] == CONTENT.sha256


def test_a_name_that_is_no_digest_never_becomes_a_path(store: ObjectStore) -> None:
    for name in ("../../etc/passwd", "", CONTENT.sha256.upper(), CONTENT.sha256[:-1]):
        with pytest.raises(VerificationError) as error:
            store.read(Content(name, 1))
        assert error.value.code == "BAD_METADATA"


def test_an_object_above_the_limit_is_not_kept(store: ObjectStore) -> None:
    with pytest.raises(ObjectError) as error:
        store.put(bytes(OBJECT_LIMIT + 1))
    assert error.value.code == "TOO_LARGE"
    assert list(store) == []


def test_what_is_no_object_is_passed_over(store: ObjectStore) -> None:
    for number in range(20):
        store.put(b"%d" % number)
    folder = store.path(CONTENT.sha256).parent
    folder.mkdir(exist_ok=True)
    (folder / f"{files.TEMPORARY_PREFIX}left").write_bytes(b"unfinished")
    (folder / ("f" + CONTENT.sha256[1:])).write_bytes(b"in another's folder")
    (folder.parent / "README").write_text("not a folder")
    assert list(store) == sorted(content_of(b"%d" % number).sha256 for number in range(20))


def test_a_full_disk_leaves_nothing_behind(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "sync_file", full)
    with pytest.raises(OSError, match="No space"):
        store.put(DATA)
    assert not store.has(CONTENT.sha256)
    assert list(store.path(CONTENT.sha256).parent.iterdir()) == []


def test_many_at_once_put_one_object(store: ObjectStore) -> None:
    results: list[Content] = []
    start = threading.Barrier(8)

    def put() -> None:
        start.wait()
        results.append(store.put(DATA))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 8
    assert [path.name for path in store.path(CONTENT.sha256).parent.iterdir()] == [CONTENT.sha256]
    assert store.read(CONTENT) == DATA

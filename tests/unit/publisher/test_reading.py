"""Reading the input: unchanged files are known by their stamps, changed ones never slip through."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealcast.documents import encode
from sealcast.errors import RepositoryError
from sealcast.model import File
from sealcast.publisher import hash_cache, reading
from sealcast.publisher.entries import Entry
from sealcast.publisher.hash_cache import HashCache
from sealcast.publisher.kept import recall
from sealcast.publisher.reading import read_files
from sealcast.publisher.sources import open_input
from sealcast.values import content_of, no_progress
from tests.unit.publisher.workshop import write

LATER = datetime.now(UTC) + timedelta(hours=1)
KEY = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC\n"


class Counted:
    """Reads a folder through a cache, and tells which files were really read."""

    def __init__(self, place: Path, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.read: list[str] = []

    def __call__(
        self, *, began: datetime = LATER, allow_secrets: bool = False, fresh: bool = False
    ) -> tuple[File, ...]:
        self.read.clear()
        cache = HashCache(self.place, self.folder, began, fresh=fresh)
        with open_input(self.folder, self.folder.parent) as entries:
            files = read_files(
                [self._told(entry) for entry in entries], no_progress, allow_secrets=allow_secrets, cache=cache
            )
        cache.save()
        return files

    def _told(self, entry: Entry) -> Entry:
        def read(offset: int, length: int) -> bytes:
            self.read.append(entry.path)
            return entry.read(offset, length)

        return Entry(entry.path, entry.size, entry.executable, read, entry.stamp)


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    folder = write(tmp_path / "dist", {"a": "1", "b/c": "22", "d": "333"})
    return Counted(tmp_path / "kept", folder)


def test_unchanged_files_are_not_read_again(counted: Counted) -> None:
    first = counted()
    assert counted.read == ["a", "b/c", "d"]
    assert counted() == first
    assert counted.read == []
    (counted.folder / "b/c").write_text("23")
    assert counted() != first
    assert counted.read == ["b/c"]
    (counted.folder / "a").rename(counted.folder / "e")
    counted()
    assert counted.read == ["e"]


def test_on_demand_everything_is_read_and_learnt_again(counted: Counted) -> None:
    first = counted()
    assert counted(fresh=True) == first
    assert counted.read == ["a", "b/c", "d"]
    counted()
    assert counted.read == []


def test_a_file_of_the_same_size_and_date_is_found_out_by_the_time_of_its_change(counted: Counted) -> None:
    counted()
    place = counted.folder / "a"
    before = place.stat()
    place.write_text("2")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    if os.name == "posix":
        assert counted()[0].sha256 == content_of(b"2").sha256


def test_a_file_that_another_replaced_is_read(counted: Counted) -> None:
    counted()
    place, other = counted.folder / "a", counted.folder.parent / "other"
    other.write_text("2")
    before = place.stat()
    other.replace(place)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counted()[0].sha256 == content_of(b"2").sha256


@pytest.mark.parametrize("ago", [-10.0, 0.0, 1.9])
def test_a_file_that_changed_only_just_before_is_not_kept(counted: Counted, ago: float) -> None:
    changed = max(path.stat().st_ctime_ns for path in counted.folder.rglob("*"))
    counted(began=datetime.fromtimestamp(changed / 1e9 + ago, UTC))
    counted()
    assert "d" in counted.read


def test_a_date_in_the_future_is_not_kept(counted: Counted) -> None:
    ahead = (LATER + timedelta(days=1)).timestamp()
    os.utime(counted.folder / "a", (ahead, ahead))
    counted()
    counted()
    assert counted.read == ["a"]


def test_what_was_let_pass_unseen_is_looked_at_when_it_counts(counted: Counted) -> None:
    (counted.folder / "a").write_bytes(KEY)
    counted(allow_secrets=True)
    with pytest.raises(RepositoryError) as caught:
        counted()
    assert caught.value.code == "SECRET_IN_INPUT"
    counted(allow_secrets=True)
    assert counted.read == []
    (counted.folder / "a").write_bytes(b"harmless")
    counted()
    assert sorted(counted.read) == ["a", "b/c", "d"]
    counted(allow_secrets=True)
    assert counted.read == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"not JSON", None])
def test_a_damaged_cache_is_ignored_and_written_anew(counted: Counted, damage: bytes | None) -> None:
    first = counted()
    (place,) = counted.place.iterdir()
    place.write_bytes(place.read_bytes()[:-2] if damage is None else damage)
    assert counted() == first
    assert counted.read == ["a", "b/c", "d"]
    counted()
    assert counted.read == []


def test_a_cache_that_holds_no_digest_is_damaged(counted: Counted) -> None:
    counted()
    (place,) = counted.place.iterdir()
    hashes = recall(place, hash_cache.Hashes)
    assert hashes is not None
    place.write_bytes(encode(hashes).replace(hashes.files["a"].sha256.encode(), b"Z" * 64))
    counted()
    assert "a" in counted.read


def test_files_that_are_gone_are_forgotten_and_so_are_folders_long_unused(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted()
    (counted.folder / "a").unlink()
    counted()
    (place,) = counted.place.iterdir()
    hashes = recall(place, hash_cache.Hashes)
    assert hashes is not None
    assert list(hashes.files) == ["b/c", "d"]
    monkeypatch.setattr(hash_cache, "FOLDERS", 2)
    for number in range(3):
        for other in counted.place.iterdir():
            os.utime(other, ns=(number + 1, number + 1))
        Counted(counted.place, write(counted.folder.parent / f"other{number}", {"x": "y"}))()
        counted()  # nothing is new, and yet it was used
    assert len(list(counted.place.iterdir())) == 2
    assert place.exists()


def test_what_is_in_an_archive_is_never_known() -> None:
    cache = HashCache(Path("nowhere"), Path(), LATER)
    loose = Entry("a", 1, False, lambda offset, length: b"a"[offset : offset + length])
    cache.learn(loose, content_of(b"a").sha256, checked=True)
    assert cache.find(loose, checked=True) is None


# ------------------------------------------------------------------------------------------------------- in threads


def entry(path: str, data: bytes, threads: list[str]) -> Entry:
    def read(offset: int, length: int) -> bytes:
        threads.append(threading.current_thread().name)
        return data[offset : offset + length]

    return Entry(path, len(data), False, read)


def made(threads: list[str]) -> Sequence[Entry]:
    return [entry(f"{number:03}", bytes([number]) * number * 7, threads) for number in range(100)]


@pytest.mark.parametrize(("workers", "batch"), [(1, 1), (3, 1), (3, 1000), (2, 10**9)])
def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch, workers: int, batch: int) -> None:
    monkeypatch.setattr(reading, "BATCH", batch)
    told: list[tuple[int, int, str]] = []
    threads: list[str] = []
    files = read_files(made(threads), lambda *said: told.append(said), workers=workers)
    assert [file.sha256 for file in files] == [content_of(bytes([n]) * n * 7).sha256 for n in range(100)]
    assert [what for _, _, what in told] == [f"reading {number:03}" for number in range(100)]
    assert told[-1][0] == told[-1][1] == sum(file.size for file in files)
    assert len(set(threads)) <= workers


def test_the_first_error_in_order_is_told_and_the_rest_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 1)
    threads: list[str] = []
    entries = [*made(threads)]
    entries[5:5] = [entry("key", KEY, threads), entry("also", KEY, threads)]
    with pytest.raises(RepositoryError) as caught:
        read_files(entries, no_progress, workers=1)
    assert caught.value.data["path"] == "key"
    assert threading.active_count() == 1 or all(not t.name.startswith("hash") for t in threading.enumerate())

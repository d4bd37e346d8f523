"""A folder as a store: created once, replaced only by who saw what is there."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sealcast.errors import RepositoryError, SealcastError, TransferError
from sealcast.files import exclusive
from sealcast.hosting import FolderStore
from sealcast.hosting.stores import READ_LIMIT, TIMESTAMP, conflict_at
from sealcast.values import content_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def store(folder: Path) -> FolderStore:
    return FolderStore(folder)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"the bytes")
    return path


def refusal(action: Callable[[], object]) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    assert caught.value.hint
    return caught.value


def test_what_is_created_is_there(store: FolderStore, folder: Path, source: Path) -> None:
    assert store.read("objects/ab/cd") is None
    assert not store.has("objects/ab/cd", 9)
    assert store.create("objects/ab/cd", source)
    assert (folder / "objects/ab/cd").read_bytes() == b"the bytes"
    assert store.has("objects/ab/cd", 9)
    assert not store.has("objects/ab/cd", 8)
    found = store.read("objects/ab/cd")
    assert found is not None
    assert found.data == b"the bytes"
    assert store.folder == folder


def test_created_twice_is_success_with_the_same_bytes_only(store: FolderStore, source: Path) -> None:
    assert store.create("a", source)
    assert not store.create("a", source)
    source.write_bytes(b"other")
    error = refusal(lambda: store.create("a", source))
    assert isinstance(error, RepositoryError)
    assert (error.code, error.data["path"]) == ("STORE_CONFLICT", "a")
    found = store.read("a")
    assert found is not None
    assert found.data == b"the bytes"


def test_a_copy_is_a_copy(store: FolderStore, folder: Path, source: Path) -> None:
    # Not a link: who writes into the site later must not reach the workspace.
    store.create("a", source)
    assert (folder / "a").stat().st_ino != source.stat().st_ino


def test_of_many_that_create_one_wins(store: FolderStore, tmp_path: Path) -> None:
    outcomes: list[bool | str] = []

    def create(number: int) -> None:
        path = tmp_path / f"source-{number}"
        path.write_text(str(number))
        try:
            outcomes.append(store.create("a", path))
        except RepositoryError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["STORE_CONFLICT"] * 7 + ["True"]


def test_it_is_replaced_only_by_who_saw_it(store: FolderStore) -> None:
    store.replace(TIMESTAMP, b"one", None)
    assert refusal(lambda: store.replace(TIMESTAMP, b"two", None)).code == "CONFLICT"
    first = store.read(TIMESTAMP)
    assert first is not None
    store.replace(TIMESTAMP, b"two", first.tag)
    error = refusal(lambda: store.replace(TIMESTAMP, b"three", first.tag))
    assert isinstance(error, RepositoryError)
    assert error.code == "CONFLICT"
    second = store.read(TIMESTAMP)
    assert second is not None
    assert second.data == b"two"


def test_one_that_vanished_is_a_conflict(store: FolderStore, folder: Path) -> None:
    store.replace(TIMESTAMP, b"one", None)
    first = store.read(TIMESTAMP)
    assert first is not None
    (folder / TIMESTAMP).unlink()
    assert refusal(lambda: store.replace(TIMESTAMP, b"two", first.tag)).code == "CONFLICT"


def test_of_many_that_replace_one_wins_each_round(store: FolderStore) -> None:
    store.replace(TIMESTAMP, b"start", None)
    for number in range(5):
        live = store.read(TIMESTAMP)
        assert live is not None
        outcomes: list[str] = []

        def replace(who: int, tag: str = live.tag, outcomes: list[str] = outcomes, number: int = number) -> None:
            try:
                store.replace(TIMESTAMP, f"{number} {who}".encode(), tag)
                outcomes.append("won")
            except RepositoryError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=replace, args=(who,)) for who in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["CONFLICT"] * 7 + ["won"]


def test_who_comes_while_another_replaces_has_lost(store: FolderStore, folder: Path) -> None:
    store.replace(TIMESTAMP, b"one", None)
    first = store.read(TIMESTAMP)
    assert first is not None
    with exclusive(folder / "metadata" / ".lock", lambda: RepositoryError("BUSY", "…")):
        assert refusal(lambda: store.replace(TIMESTAMP, b"two", first.tag)).code == "CONFLICT"


def test_what_killed_publications_left_is_removed_with_the_next(store: FolderStore, folder: Path, source: Path) -> None:
    for place in ("metadata", "targets/demo/stable", "objects/ab", "mine"):
        (folder / place).mkdir(parents=True)
        (folder / place / ".tmp-left").write_text("half")
    store.replace(TIMESTAMP, b"one", None)
    assert len(list(folder.rglob(".tmp-*"))) == 4  # nobody was killed, as far as it knows
    FolderStore(folder).create("objects/cd/ef", source)  # … and this is where one is
    second = FolderStore(folder)
    second.create("objects/ab/cd", source)
    second.replace(TIMESTAMP, b"two", content_of(b"one").sha256)
    assert not (folder / ".unfinished").exists()
    # What is not of the site is not ours.
    assert [path.relative_to(folder).as_posix() for path in folder.rglob(".tmp-*")] == ["mine/.tmp-left"]


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../b", "", "a\\b", "C:/x", "a\0b"])
def test_nothing_leaves_the_folder(store: FolderStore, source: Path, path: str) -> None:
    for action in (
        lambda: store.read(path),
        lambda: store.has(path, 1),
        lambda: store.create(path, source),
        lambda: store.replace(path, b"", None),
    ):
        assert refusal(action).code == "UNSAFE_NAME"


def test_a_file_that_is_too_large_to_be_ours(store: FolderStore, folder: Path) -> None:
    folder.mkdir()
    with (folder / "huge").open("wb") as file:
        file.truncate(READ_LIMIT + 1)
    error = refusal(lambda: store.read("huge"))
    assert isinstance(error, TransferError)
    assert error.code == "TOO_LARGE"
    with (folder / "huge").open("wb") as file:
        file.truncate(READ_LIMIT)
    assert store.read("huge") is not None


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "NO_SPACE"), (errno.EACCES, "STORE_FAILED")])
def test_what_the_system_refuses(
    store: FolderStore, source: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    store.replace(TIMESTAMP, b"one", None)
    first = store.read(TIMESTAMP)
    assert first is not None

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for name in ("open", "stat"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "replace", refuse)
    for action in (
        lambda: store.read("a"),
        lambda: store.has("a", 1),
        lambda: store.create("a", source),
        lambda: store.replace(TIMESTAMP, b"two", first.tag),
    ):
        error = refusal(action)
        assert isinstance(error, TransferError)
        assert error.code == code
        assert os.strerror(number) in error.what


def test_an_error_without_a_number_is_told_too(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("strange")

    monkeypatch.setattr(Path, "stat", refuse)
    assert "strange" in refusal(lambda: store.has("a", 1)).what


def test_a_file_in_the_place_of_a_folder(store: FolderStore, folder: Path, source: Path) -> None:
    folder.mkdir()
    (folder / "objects").touch()
    assert refusal(lambda: store.create("objects/ab/cd", source)).code == "STORE_FAILED"


def test_a_conflict_names_the_file() -> None:
    assert "metadata/3.snapshot.json" in conflict_at("metadata/3.snapshot.json").what

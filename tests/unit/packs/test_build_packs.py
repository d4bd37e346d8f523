"""A release's packs: whole, the same everywhere, reused, and made of nothing that changed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealcast.errors import ObjectError, RepositoryError
from sealcast.packs import BuiltPack, ObjectStore, PackReader, Side, known_packs, pieces_from_runs
from sealcast.packs.bounds import FRAME_OUTPUT_LIMIT, OBJECT_LIMIT
from sealcast.packs.build_packs import build_packs
from sealcast.values import Content, content_of
from tests.unit.packs.samples import noise, reader, side, words

FILES = {f"app/{number:04}.js": words(200, seed=number) for number in range(60)}


class Kept(dict[str, bytes]):
    """Keeps packs in memory."""

    def keep(self, data: bytes) -> Content:
        content = content_of(data)
        self[content.sha256] = data
        return content


def unpacked(release: Side, packs: tuple[BuiltPack, ...], store: ObjectStore) -> dict[str, bytes]:
    sizes = [content.size for content in release.contents]
    parts: dict[int, bytes] = {}
    for pack in packs:
        with store.open(pack.content) as file:
            reader = PackReader(file, pack.content.size)
            for piece, data in reader.frames(pieces_from_runs(pack.holds, sizes)):
                assert piece.offset == len(parts.get(piece.content, b""))
                parts[piece.content] = parts.get(piece.content, b"") + data
    assert [content_of(parts[number]) for number in range(len(sizes))] == list(release.contents)
    return {release.paths[number]: data for number, data in parts.items()}


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    large = noise(1 << 20) * 16 + b"!" * 17
    release, store, done = side({**FILES, "large": large}), ObjectStore(tmp_path), []
    packs = build_packs(*release[:3], store.put, level=1, workers=2, progress=done.append)
    assert unpacked(release, packs, store) == {**FILES, "large": large}
    assert sum(done) == sum(content.size for content in release.contents)
    assert sorted(pack.content.sha256 for pack in packs) == list(store)
    assert [pack.holds for pack in packs] == [
        ((0, 60),),
        ((60, 0, FRAME_OUTPUT_LIMIT), (60, FRAME_OUTPUT_LIMIT, 17)),
    ]


def test_an_empty_release_has_no_packs() -> None:
    assert build_packs([], [], reader([]), Kept().keep, level=3) == ()


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_makes_the_same_packs(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealcast.packs.grouping.GROUP_LIMIT", 10_000)
    release = side(FILES)
    one, many = Kept(), Kept()
    packs = build_packs(*release[:3], one.keep, level=3)
    assert len(packs) > 5
    assert build_packs(*release[:3], many.keep, level=3, workers=workers) == packs
    assert list(many) == list(one)


def test_packs_of_an_earlier_release_are_reused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealcast.packs.grouping.GROUP_LIMIT", 10_000)
    first, second = side(FILES), side({**FILES, "app/0030.js": words(201, seed=99), "a": b"shifts all numbers"})
    kept = Kept()
    before = build_packs(*first[:3], kept.keep, level=3)
    known = known_packs(first.contents, before)
    asked: set[int] = set()

    def read(number: int, offset: int, length: int) -> bytes:
        asked.add(number)
        return second.read(number, offset, length)

    done: list[int] = []
    after = build_packs(second.contents, second.paths, read, kept.keep, level=19, known=known, progress=done.append)
    fresh = [pack for pack in after if pack.content not in known.values()]
    assert len(fresh) <= 4
    assert len(kept) == len(before) + len(fresh)
    sizes = [content.size for content in second.contents]
    assert asked == {piece.content for pack in fresh for piece in pieces_from_runs(pack.holds, sizes)}
    assert sum(done) == sum(sizes)


def test_known_packs_that_hold_what_is_not_there_are_refused() -> None:
    with pytest.raises(ObjectError) as error:
        known_packs([Content("0" * 64, 5)], [BuiltPack(Content("1" * 64, 9), ((0, 2),))])
    assert error.value.code == "BAD_PACK"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_changes_while_it_is_read_stops_the_build(workers: int) -> None:
    release = side(FILES)

    def read(number: int, offset: int, length: int) -> bytes:
        data = release.read(number, offset, length)
        return data if number != 40 else data[:-1] + b"?"

    with pytest.raises(RepositoryError) as error:
        build_packs(release.contents, release.paths, read, Kept().keep, level=3, workers=workers)
    assert error.value.code == "SOURCE_CHANGED"


def test_an_error_while_storing_comes_through() -> None:
    def full(_: bytes) -> Content:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        build_packs(*side(FILES)[:3], full, level=1, workers=2)


def test_bytes_that_do_not_compress_stay_within_an_object() -> None:
    large = noise(3 * FRAME_OUTPUT_LIMIT)
    (pack,) = build_packs(*side({"large": large})[:3], Kept().keep, level=1)
    assert len(large) < pack.content.size < OBJECT_LIMIT

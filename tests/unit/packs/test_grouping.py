"""Groups hold every content once, and a change stays where it is."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sealcast.packs.grouping import GROUP_LIMIT, SEGMENTS_PER_PACK, Group, group
from sealcast.packs.pieces import check_whole
from tests.unit.packs.samples import MIB


def release(count: int, seed: int = 1) -> dict[str, int]:
    dice = random.Random(seed)
    return {f"app/{dice.randrange(40):02}/{number:05}.js": dice.randint(1, 100_000) for number in range(count)}


def packs(files: dict[str, int]) -> set[frozenset[tuple[str, int]]]:
    """The groups of a release in which every path has a content of its own."""
    paths = sorted(files)
    groups = group([files[path] for path in paths], paths)
    return {frozenset((paths[piece.content], files[paths[piece.content]]) for piece in each.pieces) for each in groups}


@given(st.lists(st.integers(1, 100 * MIB), max_size=40))
def test_every_content_is_held_once_within_the_bounds(sizes: list[int]) -> None:
    groups = group(sizes, [f"{number}" for number in range(len(sizes))])
    pieces = [piece for each in groups for piece in each.pieces]
    check_whole(pieces, sizes)
    assert {piece.content for piece in pieces} == set(range(len(sizes)))
    for each in groups:
        assert 1 <= len(each.frames) <= SEGMENTS_PER_PACK
        assert all(0 < sum(piece.length for piece in frame) <= GROUP_LIMIT for frame in each.frames)


def test_an_empty_release_has_no_groups() -> None:
    assert group([], []) == ()


def test_neighbours_share_a_frame_and_large_contents_have_their_own() -> None:
    groups = group([5, GROUP_LIMIT + 1, 7], ["a", "b", "c"])
    assert groups == (
        Group((((0, 0, 5), (2, 0, 7)),)),
        Group((((1, 0, GROUP_LIMIT),), ((1, GROUP_LIMIT, 1),))),
    )


def test_an_incompressible_large_content_fits_its_packs() -> None:
    groups = group([7 * GROUP_LIMIT], ["a"])
    assert [len(each.frames) for each in groups] == [3, 3, 1]


def test_groups_are_few() -> None:
    files = release(12_000)
    assert len(packs(files)) <= 3 * sum(files.values()) / GROUP_LIMIT


def test_one_changed_file_changes_at_most_two_packs() -> None:
    files = release(2000)
    before = packs(files)
    assert len(before) > 5
    for path in random.Random(2).sample(sorted(files), 100):
        after = packs({**files, path: files[path] + random.Random(path).randint(-files[path] + 1, 50_000)})
        assert len(after - before) <= 2


def test_one_added_file_changes_at_most_two_packs() -> None:
    files = release(2000)
    before = packs(files)
    for number in range(100):
        dice = random.Random(number)
        added = {f"app/{dice.randrange(40):02}/{dice.randrange(2000):05}.new.js": dice.randint(1, 100_000)}
        assert len(packs({**files, **added}) - before) <= 2


def test_one_removed_file_changes_few_packs() -> None:
    files = release(2000)
    before = packs(files)
    changed = [
        len(packs({each: size for each, size in files.items() if each != path}) - before)
        for path in random.Random(3).sample(sorted(files), 100)
    ]
    assert max(changed) <= 4  # a split is gone, and what it kept apart splits anew
    assert sum(changed) / len(changed) < 1.1


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_a_change_leaves_most_packs_alone_in_any_release(seed: int) -> None:
    files = release(1500, seed)
    path = random.Random(seed).choice(sorted(files))
    assert len(packs({**files, path: 1}) - packs(files)) <= 2

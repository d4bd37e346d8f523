from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.benchmarks.trees import Pair, WrongResultError, digests, prove_file, prove_tree


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    for side, files in (
        ("old", {"a.txt": b"same", "sub/b.txt": b"before", "gone.txt": b"gone", "copy.txt": b"same"}),
        ("new", {"a.txt": b"same", "sub/b.txt": b"after", "moved.txt": b"gone", "twice.txt": b"after", "empty": b""}),
    ):
        for path, data in files.items():
            place = tmp_path / side / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    (tmp_path / "made").mkdir()
    return Pair(tmp_path / "old", tmp_path / "new", tmp_path / "made")


def test_a_differ_gets_each_content_that_is_new_once(pair: Pair) -> None:
    assert pair.made == ("sub/b.txt",)
    assert pair.changed.read_bytes() == b"after"
    assert pair.base.read_bytes() == b"samegonebefore"
    assert pair.size == len(b"sameaftergoneafter")


def test_tars_hold_the_files_and_depend_on_nothing_else(pair: Pair) -> None:
    with tarfile.open(pair.new_tar) as tar:
        assert sorted(tar.getnames()) == sorted(pair.after)
        assert {member.mtime for member in tar} == {0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tree: (tree / "a.txt").write_bytes(b"sane"), "a.txt is different"),
        (lambda tree: (tree / "a.txt").unlink(), "a.txt is missing"),
        (lambda tree: (tree / "more").write_bytes(b""), "more is not wanted"),
    ],
)
def test_a_tree_that_differs_is_refused(pair: Pair, change: object, says: str) -> None:
    prove_tree(pair.new, pair.after)
    wanted = digests(pair.new)
    change(pair.new)  # type: ignore[operator]
    with pytest.raises(WrongResultError, match=says):
        prove_tree(pair.new, wanted)


def test_a_file_that_differs_is_refused(pair: Pair) -> None:
    prove_file(pair.new / "sub/b.txt", pair.changed)
    with pytest.raises(WrongResultError, match="other bytes"):
        prove_file(pair.old / "sub/b.txt", pair.changed)

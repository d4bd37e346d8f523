"""What changed between two releases."""

from __future__ import annotations

from sealcast.model import File, Manifest
from sealcast.publisher.differences import differences
from sealcast.values import content_of


def manifest(files: dict[str, str], executable: tuple[str, ...] = ()) -> Manifest:
    listed = tuple(
        File(path=path, size=len(text), sha256=content_of(text.encode()).sha256, executable=path in executable)
        for path, text in sorted(files.items())
    )
    return Manifest(app="demo", version="1.0.0", platform="any", encoder={}, files=listed, packs=())


def test_each_kind_of_change() -> None:
    old = manifest({"same": "same", "edited": "before", "gone": "gone", "old/name": "moved", "mode": "m"})
    new = manifest({"same": "same", "edited": "after", "fresh": "fresh", "new/name": "moved", "mode": "m"}, ("mode",))
    found = differences(old, new)
    assert found.added == ("fresh",)
    assert found.removed == ("gone",)
    assert found.changed == ("edited", "mode")
    assert found.renamed == (("old/name", "new/name"),)
    assert found.unchanged == 1
    assert found.new_bytes == len("after") + len("fresh")


def test_one_content_under_several_names() -> None:
    found = differences(manifest({"a": "x", "b": "x"}), manifest({"c": "x", "d": "x", "e": "x"}))
    assert found.renamed == (("a", "c"), ("b", "d"))
    assert (found.added, found.removed, found.new_bytes) == (("e",), (), 0)


def test_nothing_changed() -> None:
    same = manifest({"a": "x", "empty": ""})
    assert differences(same, same) == differences(same, manifest({"a": "x", "empty": ""}))
    assert differences(same, same).unchanged == 2

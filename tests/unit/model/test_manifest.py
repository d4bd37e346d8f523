"""Manifests: read whole or refused, and carried by deltas as skeletons."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.documents import encode, parse
from sealcast.errors import ObjectError, SealcastError, VerificationError
from sealcast.model import (
    Manifest,
    Pack,
    check_holds,
    complete,
    read_manifest,
    skeleton,
    skeleton_contents,
)
from sealcast.model.manifest import MANIFEST_LIMIT
from sealcast.values import MAX_INTEGER, content_of
from tests.samples import digest, file, manifest


def changed(**changes: Any) -> bytes:
    document = json.loads(encode(manifest(file("a", b"1"))))
    return json.dumps({name: value for name, value in (document | changes).items() if value is not ...}).encode()


def with_file(**changes: Any) -> bytes:
    entry = {"path": "a", "size": 1, "sha256": digest("1")} | changes
    return changed(files=[{name: value for name, value in entry.items() if value is not ...}])


def refused(data: bytes) -> SealcastError:
    with pytest.raises((VerificationError, ObjectError)) as caught:
        read_manifest(data)
    return caught.value


# ---------------------------------------------------------------------------------------------------- reading


def test_a_manifest_is_read_as_it_was_written() -> None:
    pack = Pack(sha256=digest("pack"), size=7, holds=((0, 2), (1, 0, 5)))
    made = manifest(file("a b/ü", b"1"), file("run", b"22", executable=True), file("empty"), packs=(pack,))
    assert read_manifest(encode(made)) == made
    assert [entry.executable for entry in made.files] == [False, False, True]
    assert pack.content == (digest("pack"), 7)
    assert made.files[2].content == content_of(b"22")


def test_contents_are_distinct_and_in_the_order_of_their_first_path() -> None:
    made = manifest(file("d", b"1"), file("b", b"2"), file("a"), file("c", b"1"), file("e", b"3"))
    assert made.contents == (content_of(b"2"), content_of(b"1"), content_of(b"3"))
    assert made.paths == {
        content_of(b"2").sha256: ("b",),
        content_of(b"1").sha256: ("c", "d"),
        content_of(b"3").sha256: ("e",),
    }
    assert made.size == 4
    assert (manifest().contents, manifest().paths, manifest().size) == ((), {}, 0)


def test_unknown_fields_are_ignored() -> None:
    data = changed(later=1, files=[{"path": "a", "size": 0, "sha256": digest(""), "mtime": 3}])
    assert read_manifest(data).files[0].path == "a"


@pytest.mark.parametrize(
    "changes",
    [
        {"app": ...},
        {"version": ...},
        {"platform": None},
        {"encoder": []},
        {"encoder": {"zstd": 1}},
        {"files": ...},
        {"files": {}},
        {"files": [1]},
        {"packs": ...},
        {"packs": [{"sha256": digest(1), "size": 1}]},
        {"packs": [{"sha256": digest(1), "size": -1, "holds": []}]},
        {"packs": [{"sha256": digest(1)[1:], "size": 1, "holds": []}]},
        {"packs": [{"sha256": digest(1), "size": 1, "holds": [[1]]}]},
        {"packs": [{"sha256": digest(1), "size": 1, "holds": [[1, 2, 3, 4]]}]},
        {"packs": [{"sha256": digest(1), "size": 1, "holds": [[-1, 2]]}]},
        {"packs": [{"sha256": digest(1), "size": 1, "holds": [[1, True]]}]},
    ],
)
def test_a_wrong_shape_is_refused(changes: dict[str, Any]) -> None:
    assert refused(changed(**changes)).code == "BAD_METADATA"


@pytest.mark.parametrize(
    "changes",
    [
        {"path": ...},
        {"path": 1},
        {"size": ...},
        {"size": -1},
        {"size": MAX_INTEGER + 1},
        {"size": True},
        {"size": None},
        {"size": "1"},
        {"sha256": ...},
        {"sha256": ""},
        {"sha256": digest(1).upper()},
        {"sha256": digest(1) + "\n"},
        {"sha256": digest(1)[:-1] + "\n"},
        {"sha256": digest(1) + "0"},
        {"sha256": None},
        {"executable": 1},
        {"executable": None},
    ],
)
def test_a_file_with_a_wrong_field_is_refused(changes: dict[str, Any]) -> None:
    assert refused(with_file(**changes)).code == "BAD_METADATA"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "sealcast/manifest/2"}, "UNKNOWN_DOCUMENT"),
        ({"type": ...}, "UNKNOWN_DOCUMENT"),
        ({"must_understand": ["xattrs"]}, "UNKNOWN_DOCUMENT"),
    ],
)
def test_a_manifest_of_the_future_is_told_from_a_broken_one(changes: dict[str, Any], code: str) -> None:
    assert refused(changed(**changes)).code == code


def test_bad_paths_are_refused_with_their_own_code() -> None:
    # The whole corpus is read in ``test_values.py``.
    error = refused(with_file(path="../a"))
    assert (type(error), error.code) == (ObjectError, "UNSAFE_NAME")
    assert refused(encode(manifest(file("A"), file("a")))).code == "UNSAFE_NAME"


def test_files_stand_in_path_order() -> None:
    entries = [json.loads(encode(file(path))) for path in ("a-b", "a/b", "b")]
    assert len(read_manifest(changed(files=entries)).files) == 3
    for wrong in ([entries[1], entries[0], entries[2]], entries[::-1]):
        error = refused(changed(files=wrong))
        assert (error.code, error.what) == (
            "BAD_METADATA",
            "The manifest cannot be read: its files are not in path order.",
        )


def test_one_digest_has_one_size() -> None:
    files = [file("a", b"1"), file("b", b"1", size=2)]
    assert refused(encode(manifest(*files))).what == "The manifest cannot be read: one digest has two sizes."
    files = [file("a"), file("b", sha256=digest(""), size=1)]
    assert refused(encode(manifest(*files))).code == "BAD_METADATA"


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MANIFEST_LIMIT == 64 * 1024 * 1024
    data = encode(manifest(file("a")))
    monkeypatch.setattr("sealcast.model.manifest.MANIFEST_LIMIT", len(data))
    assert read_manifest(data)
    monkeypatch.setattr("sealcast.model.manifest.MANIFEST_LIMIT", len(data) - 1)
    assert refused(data).code == "TOO_LARGE"
    with pytest.raises(VerificationError, match="more than"):
        skeleton_contents(data)
    with pytest.raises(VerificationError, match="more than"):
        complete(data, {})


def test_the_document_is_named_as_the_caller_likes() -> None:
    with pytest.raises(VerificationError, match=r"^The base manifest cannot be read"):
        read_manifest(b"{", what="The base manifest")


# ---------------------------------------------------------------------------------------------------- skeletons

_BYTES = st.binary(max_size=3)
_FILES = st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=4), _BYTES, max_size=8)
_MANIFESTS = _FILES.map(lambda files: manifest(*(file(path, data) for path, data in files.items())))


@given(_MANIFESTS, st.data())
def test_a_skeleton_and_what_was_left_out_make_the_manifest(made: Manifest, data: st.DataObject) -> None:
    numbers = data.draw(st.sets(st.integers(0, len(made.contents) - 1)) if made.contents else st.just(set()))
    bare = skeleton(made, numbers)
    digests = {number: made.contents[number].sha256 for number in numbers}
    assert complete(bare, digests) == encode(made)
    assert skeleton_contents(bare) == tuple(
        (None if number in numbers else content.sha256, content.size) for number, content in enumerate(made.contents)
    )
    assert not any(blank.encode() in bare for blank in digests.values())


def test_a_skeleton_is_canonical() -> None:
    made = manifest(file("a", b"1"), file("b"), file("c", b"22"), file("d", b"1"))
    assert skeleton(made, [0]) == encode(made).replace(f'"{content_of(b"1").sha256}"'.encode(), b"0")
    assert skeleton(made, []) == encode(made)
    with pytest.raises(IndexError):
        skeleton(made, [2])


@pytest.mark.parametrize("digests", [{}, {1: digest(1)}, {"0": digest(1)}])
def test_a_blank_that_nothing_fills_is_refused(digests: dict[Any, str]) -> None:
    bare = skeleton(manifest(file("a", b"1")), [0])
    with pytest.raises(VerificationError, match="does not fit what the delta rebuilds") as caught:
        complete(bare, digests)
    assert caught.value.code == "BAD_METADATA"


def test_true_is_no_number_of_a_content() -> None:
    # Python takes it for 1, and would fill in what another reader does not.
    bare = with_file(sha256=True)
    assert json.loads(complete(bare, {1: digest(1)}))["files"][0]["sha256"] is True
    with pytest.raises(VerificationError, match="by neither a digest nor a number"):
        skeleton_contents(bare)


def _with_files(*files: Any) -> bytes:
    return changed(files=list(files))


_BLANK = {"path": "a", "size": 1, "sha256": 0}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[]", "it is not a manifest"),
        (b"3", "it is not a manifest"),
        (b"{}", "it is not a manifest"),
        (_with_files(1), "it is not a manifest"),
        (_with_files({}), "it is not a manifest"),
        (_with_files({"size": 1}), "it is not a manifest"),
        (_with_files({"sha256": 0}), "it is not a manifest"),
        (_with_files(_BLANK | {"sha256": []}), "it is not a manifest"),
        (_with_files(_BLANK | {"size": {}}), "it is not a manifest"),
        (changed(files=None), "it is not a manifest"),
        (_with_files(_BLANK | {"size": -1}), "a size is not a positive number"),
        (_with_files(_BLANK | {"size": "1"}), "a size is not a positive number"),
        (_with_files(_BLANK | {"size": None}), "a size is not a positive number"),
        (_with_files(_BLANK | {"size": True}), "a size is not a positive number"),
        (_with_files(_BLANK | {"size": ""}), "a size is not a positive number"),
        (_with_files(_BLANK | {"sha256": 1}), "its blanks are out of order"),
        (_with_files(_BLANK | {"sha256": -1}), "its blanks are out of order"),
        (_with_files(_BLANK, _BLANK | {"sha256": 2}), "its blanks are out of order"),
        (_with_files(_BLANK | {"sha256": 1}, _BLANK), "its blanks are out of order"),
        (_with_files(_BLANK | {"sha256": None}), "it lists a content by neither a digest nor a number"),
        (_with_files(_BLANK | {"sha256": ""}), "it lists a content by neither a digest nor a number"),
        (_with_files(_BLANK | {"sha256": "../../etc"}), "it lists a content by neither a digest nor a number"),
        (_with_files(_BLANK | {"sha256": digest(1).upper()}), "it lists a content by neither a digest nor a number"),
    ],
)
def test_a_skeleton_that_was_tampered_with_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(VerificationError) as caught:
        skeleton_contents(data)
    assert (caught.value.code, caught.value.what) == (
        "BAD_METADATA",
        f"The manifest in the delta cannot be read: {why}.",
    )


@pytest.mark.parametrize("data", [b"[]", b"3", b"{}", _with_files(1), _with_files({}), changed(files=3)])
def test_what_is_no_skeleton_is_not_completed(data: bytes) -> None:
    with pytest.raises(VerificationError, match="does not fit what the delta rebuilds"):
        complete(data, {0: digest(1)})


@given(st.data())
def test_a_mutated_skeleton_is_completed_or_refused(data: st.DataObject) -> None:
    made = manifest(file("a", b"1"), file("b"), file("c", b"22"))
    bare = bytearray(skeleton(made, [1]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(bare) - 1))
        bare[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        skeleton_contents(bytes(bare))
        read_manifest(complete(bytes(bare), {1: made.contents[1].sha256}))
    except (VerificationError, ObjectError) as error:
        assert error.code  # noqa: PT017 - either outcome is right, and no other


# ---------------------------------------------------------------------------------------------------- packs hold

_HELD = manifest(file("a", b"x" * 10), file("b"), file("c", b"y" * 5))


@pytest.mark.parametrize(
    "pieces",
    [[(0, 0, 10), (1, 0, 5)], [(1, 0, 5), (0, 4, 6), (0, 0, 4)], [(0, n, 1) for n in range(10)] + [(1, 0, 5)]],
)
def test_packs_that_hold_every_byte_once_are_right(pieces: list[tuple[int, int, int]]) -> None:
    check_holds(_HELD, pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [(0, 0, 10)],
        [(0, 0, 9), (1, 0, 5)],
        [(0, 0, 11), (1, 0, 5)],
        [(0, 0, 10), (0, 0, 10), (1, 0, 5)],
        [(0, 0, 4), (0, 3, 7), (1, 0, 5)],
        [(0, 0, 5), (0, 0, 5), (1, 0, 5)],  # as many bytes as there should be, but not the same ones
        [(0, 0, 6), (0, 5, 4), (1, 0, 5)],
        [(0, 0, 4), (0, 5, 5), (1, 0, 5)],
        [(0, 1, 9), (1, 0, 5)],
        [(0, 0, 10), (0, 10, 0), (1, 0, 5)],
        [(0, 0, 10), (1, 0, 5), (2, 0, 1)],
        [(-1, 0, 5), (0, 0, 10)],
    ],
)
def test_packs_that_do_not_are_refused(pieces: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ObjectError) as caught:
        check_holds(_HELD, pieces)
    assert caught.value.code == "BAD_PACK"


def test_a_release_of_empty_files_needs_no_pack() -> None:
    check_holds(manifest(file("a"), file("b")), [])
    assert parse(encode(manifest()), what="x", limit=1000)["files"] == []

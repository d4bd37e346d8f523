"""A delta brings one release to the next, whatever moved where."""

from __future__ import annotations

import hashlib
import io
from threading import Barrier, Lock
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealcast.errors import ObjectError, RepositoryError
from sealcast.packs import EFFORTS, MEMORY, DeltaReader, Effort, Side, codecs, made, make_delta, pieces_from_runs
from sealcast.packs.bounds import FRAME_INPUT_LIMIT, FRAME_OUTPUT_LIMIT, SKELETON_LIMIT
from sealcast.packs.build_delta import GONE_LIMIT, KEPT_LIMIT, MEMORY_LEAST
from tests.unit.packs.samples import MIB, noise, side, words

MANIFEST, SKELETON = b"the base manifest " * 9, b"the new manifest " * 9


def delta(old: dict[str, bytes], new: dict[str, bytes], level: int = 3) -> bytes:
    data = make_delta(
        side(old), side(new), base_manifest=MANIFEST, skeleton=SKELETON, effort=Effort(level, ("zstd-from",))
    )
    assert data is not None
    return data


def applied(data: bytes, base: Side, new: Side) -> dict[int, str]:
    """What a delta makes of the base: digest by number."""
    reader = DeltaReader(io.BytesIO(data), len(data), [content.size for content in base.contents])
    assert reader.skeleton(MANIFEST) == SKELETON
    digests: dict[int, hashlib._Hash] = {}
    for piece, part in reader.frames(reader.pieces([content.size for content in new.contents]), base.read):
        digests.setdefault(piece.content, hashlib.sha256()).update(part)
    return {number: digest.hexdigest() for number, digest in digests.items()}


def check(old: dict[str, bytes], new: dict[str, bytes], level: int = 3) -> bytes:
    data, base, target = delta(old, new, level), side(old), side(new)
    expected = {number: target.contents[number].sha256 for number in made(base.contents, target.contents)}
    assert applied(data, base, target) == expected
    return data


files = st.dictionaries(
    st.from_regex(r"[ab]/[a-d]\.(js|css)", fullmatch=True), st.binary(min_size=1, max_size=300), max_size=8
)


@given(files, files)
@settings(max_examples=60, deadline=None)
def test_what_is_made_is_applied(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    check(old, new)


OLD = {f"js/chunk.{number:08x}.js": words(2000, seed=number) for number in range(20)}


def test_a_renamed_file_costs_nothing() -> None:
    new = dict(OLD)
    new["renamed.txt"] = new.pop("js/chunk.00000005.js")
    assert made(side(OLD).contents, side(new).contents) == ()
    assert len(check(OLD, new)) < 300


def test_code_that_moved_between_renamed_files_costs_little() -> None:
    new = dict(OLD)
    first, second = new.pop("js/chunk.00000005.js"), new.pop("js/chunk.00000006.js")
    new["js/chunk.aaaa0001.js"] = second[:3000] + first[2000:] + b"!"
    assert len(check(OLD, new)) < 400


def test_a_new_file_modelled_on_one_that_stays_costs_little() -> None:
    new = {**OLD, "js/another.js": OLD["js/chunk.00000003.js"].replace(b"a", b"A", 1)}
    assert len(check(OLD, new)) < 400


def test_the_same_delta_whatever_the_order_of_files() -> None:
    new = {**OLD, "js/x.js": words(500, seed=99)}
    assert delta(OLD, new) == delta(dict(reversed(OLD.items())), dict(reversed(new.items())))


def test_large_files_are_made_in_segments_from_the_same_place() -> None:
    old = noise(4 * FRAME_OUTPUT_LIMIT + 1000)
    new = old[: 3 * FRAME_OUTPUT_LIMIT + 5] + b"inserted" + old[3 * FRAME_OUTPUT_LIMIT + 5 :]
    data = check({"a.bin": old, "b": b"b"}, {"a.bin": new, "b": b"b"}, level=3)
    # Each segment but the inserted bytes stands in the base, one segment away at most: nothing is carried.
    assert len(data) < 100_000


def test_inputs_stay_within_their_bound() -> None:
    old = {f"app.{number}0123456.js": noise(9 * MIB, seed=number) for number in range(8)}
    new = {"app.00123456.js": old["app.00123456.js"] + b"!"}
    data = check(old, new)
    header = DeltaReader(io.BytesIO(data), len(data), [9 * MIB] * 8)._header
    counted = sum(run[1] for run in header.frames[0].inputs) * 9 * MIB
    assert FRAME_INPUT_LIMIT - 9 * MIB < counted <= FRAME_INPUT_LIMIT
    assert header.frames[0].inputs == ((0, 7),)  # the changed file itself comes first, then as many as fit


def inputs_of(old: dict[str, bytes], new: dict[str, bytes]) -> set[str]:
    """Return the paths that the one frame of a delta reads."""
    base = side(old)
    data, sizes = check(old, new), [content.size for content in base.contents]
    (frame,) = DeltaReader(io.BytesIO(data), len(data), sizes)._header.frames
    return {base.paths[piece.content] for piece in pieces_from_runs(frame.inputs, sizes)}


def test_of_what_went_away_and_resembles_nothing_only_a_little_is_read() -> None:
    old = {f"{number}.js": noise(GONE_LIMIT // 2, seed=number) for number in range(6)}
    assert inputs_of(old, {"0.js": old["0.js"] + b"!"}) == {"0.js", "1.js", "2.js"}


def test_more_of_it_is_read_for_what_resembles_nothing_old() -> None:
    old = {f"{number}.js": noise(GONE_LIMIT // 2, seed=number) for number in range(6)}
    merged = {"all.js": old["4.js"] + old["0.js"]}
    assert inputs_of(old, merged) == {"0.js", "1.js", "2.js", "3.js"}


def test_what_stays_is_input_only_where_it_looks_alike_and_is_small() -> None:
    old = {"js/large.js": noise(KEPT_LIMIT + 1), "js/like.js": noise(1000, seed=1), "other.css": noise(1000, seed=2)}
    data = check(old, {**old, "js/new.js": noise(500, seed=3)})
    contents = list(side(old).contents)
    header = DeltaReader(io.BytesIO(data), len(data), [content.size for content in contents])._header
    assert [frame.inputs for frame in header.frames] == [((1, 1),)]


def test_inputs_stand_in_the_order_of_the_base() -> None:
    old = {"a.css": b"a" * 50, "b/x.js": b"b" * 50, "c.js": b"c" * 50, "d.css": b"d" * 50}
    data = check(old, {"c.js": b"c" * 51})
    header = DeltaReader(io.BytesIO(data), len(data), [50] * 4)._header
    assert header.frames[0].inputs == ((0, 4),)


def test_a_delta_that_does_not_fit_into_an_object_is_not_made() -> None:
    new = {f"{number}": noise(15 * MIB, seed=number) for number in range(5)}
    assert make_delta(side({}), side(new), base_manifest=MANIFEST, skeleton=SKELETON, effort=EFFORTS["fast"]) is None


def test_a_delta_whose_manifest_does_not_fit_is_not_made() -> None:
    base = side(OLD)
    large = bytes(SKELETON_LIMIT + 1)
    assert make_delta(base, base, base_manifest=MANIFEST, skeleton=large, effort=EFFORTS["fast"]) is None


def test_any_other_refusal_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise ObjectError("BAD_PACK", "Not to be passed over.")

    monkeypatch.setattr("sealcast.packs.build_delta.write_delta", refuse)
    with pytest.raises(ObjectError) as error:
        delta(OLD, OLD)
    assert error.value.code == "BAD_PACK"


@pytest.mark.parametrize("which", ["base", "new"])
def test_a_file_that_changes_while_it_is_read_stops_it(which: str) -> None:
    sides = {"base": side(OLD), "new": side({**OLD, "js/chunk.00000001.js": words(1999, seed=1)})}
    honest = sides[which]
    sides[which] = honest._replace(read=lambda number, offset, length: bytes(length))
    with pytest.raises(RepositoryError) as error:
        make_delta(sides["base"], sides["new"], base_manifest=MANIFEST, skeleton=SKELETON, effort=EFFORTS["fast"])
    assert error.value.code == "SOURCE_CHANGED"


LARGE_OLD = {f"{number}.bin": noise(6 * MIB, seed=number) for number in range(4)}
LARGE_NEW = {name: data[:MIB] + b"changed" + data[MIB:] for name, data in LARGE_OLD.items()}


def made_with(effort: Effort, **options: int) -> tuple[bytes, list[int]]:
    """Return the delta and the bytes of inputs of each of its frames."""
    base = side(LARGE_OLD)
    data = make_delta(base, side(LARGE_NEW), base_manifest=MANIFEST, skeleton=SKELETON, effort=effort, **options)
    assert data is not None
    sizes = [content.size for content in base.contents]
    header = DeltaReader(io.BytesIO(data), len(data), sizes)._header
    return data, [sum(piece.length for piece in pieces_from_runs(frame.inputs, sizes)) for frame in header.frames]


def test_the_number_of_threads_changes_nothing() -> None:
    assert len({made_with(EFFORTS["fast"], workers=workers, memory=64 * MEMORY)[0] for workers in (1, 2, 5)}) == 1


def test_less_memory_means_fewer_inputs() -> None:
    inputs = [made_with(EFFORTS["fast"], memory=MEMORY_LEAST + 8 * room * MIB)[1] for room in (0, 8, 64)]
    assert inputs == [[0, 0], [6 * MIB, 6 * MIB], [12 * MIB, 12 * MIB]]


def test_no_more_frames_are_in_hand_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, together = Lock(), Barrier(2, timeout=120)
    honest = codecs.encode_smallest

    def one(*arguments: Any, **options: Any) -> tuple[str, bytes]:
        assert alone.acquire(blocking=False)
        try:
            return honest(*arguments, **options)
        finally:
            alone.release()

    def both(*arguments: Any, **options: Any) -> tuple[str, bytes]:
        together.wait()
        return honest(*arguments, **options)

    monkeypatch.setattr(codecs, "encode_smallest", one)
    made_with(EFFORTS["fast"], workers=4, memory=MEMORY_LEAST + 24 * 8 * MIB)
    monkeypatch.setattr(codecs, "encode_smallest", both)
    made_with(EFFORTS["fast"], workers=4, memory=10 * MEMORY)


def test_each_frame_has_the_codec_that_makes_it_smallest() -> None:
    old, new = {"a": words(5000, seed=1)}, {"a": words(5000, seed=1)[::-1] + words(200, seed=1)}
    sizes = {}
    for names in (("diff",), ("zstd-from",), ("zstd-from", "diff")):
        data = make_delta(side(old), side(new), base_manifest=MANIFEST, skeleton=SKELETON, effort=Effort(19, names))
        assert data is not None
        assert applied(data, side(old), side(new)) == {0: side(new).contents[0].sha256}
        sizes[names] = len(data)
    assert sizes["zstd-from", "diff"] == min(sizes.values())

"""Documents are read so that no two parsers can differ about them, and written so that equal ones are equal bytes."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.documents import (
    KIB,
    MAX_DEPTH,
    MIB,
    Document,
    Leaf,
    bad,
    convert,
    decode,
    decode_canonical,
    encode,
    parse,
    plain,
    whole,
)
from sealcast.errors import VerificationError
from sealcast.model.manifest import File, Pack
from sealcast.publisher.hash_cache import Row
from sealcast.publisher.made import MadePack
from sealcast.publisher.proofs import Proof
from sealcast.values import MAX_INTEGER


class Inner(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    number: int = 0
    text: str = ""


class Sample(Document, frozen=True, kw_only=True, omit_defaults=True):
    type: str = "sealcast/sample/1"
    name: Annotated[str, msgspec.Meta(pattern=whole("[a-z]+"))]
    inner: Inner = Inner()
    numbers: tuple[int, ...] = ()
    optional: str | None = None
    named: dict[str, Inner] = {}
    parts: tuple[Inner, ...] = ()


class Typed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a document whose field merely happens to be called so."""

    type: str = "plain"
    numbers: list[int] = msgspec.field(default_factory=lambda: [1])


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is always written out."""

    number: int = 0


def read(data: bytes | str, limit: int = 64 * KIB) -> Any:
    return parse(data if isinstance(data, bytes) else data.encode(), what="The sample", limit=limit)


def refusal(data: bytes | str, limit: int = 64 * KIB) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        read(data, limit)
    assert caught.value.what.startswith("The sample ")
    return caught.value


def unreadable(data: bytes | str) -> str:
    error = refusal(data)
    assert error.code == "BAD_METADATA"
    return error.what


def outcome(act: Callable[[], object]) -> str:
    """The code of the one error that reading may raise, or nothing."""
    try:
        act()
    except VerificationError as error:
        return error.code if error.what.isprintable() else f"{error.code}, with control characters"
    return ""


def there_and_back(data: bytes) -> None:
    document = decode(data, Sample, what="The sample", limit=64 * KIB)
    assert decode(encode(document), Sample, what="The sample", limit=64 * KIB) == document


# ---------------------------------------------------------------------------------------------------- parsing


def test_plain_json_is_read() -> None:
    text = '{"a": [1, -2, "x", null, true, false, {}, []], "b": {"c": "\\u00e9\\n\\ud83d\\ude00"}}'
    assert read(text) == {"a": [1, -2, "x", None, True, False, {}, []], "b": {"c": "é\n😀"}}
    assert [read("1"), read('"a"'), read("[]"), read(" \n{} ")] == [1, "a", [], {}]


def test_size_is_bounded_before_anything_is_parsed() -> None:
    assert read("[]", limit=2) == []
    error = refusal(b"\xff" * 3, limit=2)
    assert error.code == "TOO_LARGE"
    assert error.what == "The sample has 3 bytes, more than the 2 it may have."


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"a": 1, "b": 2, "a": 3}',
        '[{"x": {"y": [{"a": 1, "a": 2}]}}]',
        '{"x": {"a": 1, "a": 2}, "a": 3}',
        '{"a": 1, "\\u0061": 2}',
        '{"a": {}, "a": {}}',
    ],
)
def test_a_key_stands_once_at_every_depth(text: str) -> None:
    assert unreadable(text) == "The sample cannot be read: the key 'a' stands in it twice."


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_what_javascript_writes_but_json_has_not_is_refused(text: str) -> None:
    assert re.search(r"read: -?(NaN|Infinity) is not JSON\.$", unreadable(text))


@pytest.mark.parametrize("number", ["1.0", "0.5", "-0.0", "1e3", "1E400", "1e-400", "9007199254740993.0", "1.0e0"])
def test_there_are_no_floats(number: str) -> None:
    assert unreadable(f'{{"a": {number}}}').endswith(f"the number {number} is not an integer.")


@pytest.mark.parametrize("number", [0, 1, -1, MAX_INTEGER, -MAX_INTEGER])
def test_numbers_go_to_the_last_that_javascript_holds(number: int) -> None:
    assert read(f"[{number}]") == [number]


@pytest.mark.parametrize(
    "number", [2**53, -(2**53), 2**53 + 1, 2**63, 2**64, 10**16, 10**17, -(10**16), 10**400, -(10**400)]
)
@pytest.mark.parametrize("around", ["%d", "[%d]", "[0,%d]", '{"a":%d}'])
def test_numbers_beyond_are_refused(number: int, around: str) -> None:
    what = unreadable(around % number)
    assert what.endswith("is out of range.")
    assert len(what) < 120


@pytest.mark.parametrize("text", ["01", "+1", ".5", "1.", "0x10", "1_000", "--1", "-", "1e"])
def test_other_spellings_of_numbers_are_no_json(text: str) -> None:
    assert "is not JSON" in unreadable(text)


def test_a_number_of_a_million_digits_costs_no_time() -> None:
    # Python's own limit on digits is set aside, as a program that embeds Sealcast may do.
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        started = time.process_time()
        error = refusal(f"[{'9' * 1_000_000}]", limit=2 * MIB)
    finally:
        sys.set_int_max_str_digits(before)
    assert time.process_time() - started < 2  # int() of it takes some ten seconds
    assert error.what.endswith(f"the number {'9' * 40} is out of range.")


def test_depth_is_bounded() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    deeper = f"The sample cannot be read: it nests deeper than {MAX_DEPTH} levels."
    assert unreadable("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == deeper
    assert unreadable('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1)) == deeper
    assert unreadable('[{"a":[1,' * 20 + "1" + "]}]" * 20) == deeper
    # Wide is not deep.
    assert len(read(json.dumps([[{}]] * 10_000), limit=MIB)) == 10_000


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_a_depth_of_a_hundred_thousand_neither_crashes_nor_takes_long(opening: str) -> None:
    started = time.process_time()
    assert "nests" in unreadable_large(opening * 100_000)
    assert time.process_time() - started < 2


def unreadable_large(text: str) -> str:
    error = refusal(text, limit=8 * MIB)
    assert error.code == "BAD_METADATA"
    return error.what


def test_depth_is_refused_with_little_stack_left() -> None:
    found: list[str] = []

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            found.append(unreadable("[" * 500 + "]" * 500))

    thread = threading.Thread(target=descend, args=(sys.getrecursionlimit() - 150,))
    thread.start()
    thread.join()
    assert "nests" in found[0]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b'{"a": "\xc3"}',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b'"\xf4\x90\x80\x80"',
        "{}".encode("utf-16"),
        b"\x80{}",
    ],
)
def test_only_utf_8_is_read(data: bytes) -> None:
    assert unreadable(data) == "The sample cannot be read: it is not UTF-8 text."


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud800"',
        '"\\udfff"',
        '"\\uDBFF x"',
        '"\\udc00\\ud800"',
        '["a", {"b": "x\\ud83d"}]',
        '{"\\ud800": 1}',
        '{"a": "\\ud83d\\u0041"}',
    ],
)
def test_half_a_character_is_refused(text: str) -> None:
    # Python would hold it, and fail when it writes, prints or opens it.
    assert unreadable(text) == "The sample cannot be read: it holds half of a character (a lone surrogate)."


def test_a_backslash_before_a_u_is_no_surrogate() -> None:
    assert read('"\\\\ud800"') == "\\ud800"


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "line 1, column 1"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b"{}\n{}", "line 2, column 1"),
        (b'{"a":\n 1,}', "line 2, column"),
        (b"[1,]", "line 1, column"),
        (b"{'a': 1}", "line 1, column 2"),
        (b'{"a" 1}', "line 1, column 6"),
        (b'"a\nb"', "line 1, column 3"),
        (b'"\\x41"', "line 1, column 2"),
        (b"{} // comment", "line 1, column 4"),
        (b"<html>", "line 1, column 1"),
        (b"\0", "line 1, column 1"),
    ],
)
def test_what_is_not_json_is_named_by_its_place(data: bytes, where: str) -> None:
    what = unreadable(data)
    assert "it is not JSON" in what
    assert where in what


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert outcome(lambda: read(data)) in {"", "BAD_METADATA"}


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=5)
    | st.sampled_from(["sealcast/sample/1", "sealcast/sample/2"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "name", "inner", "numbers", "optional", "named", "must_understand", "number", "x"])
            | st.text(alphabet=st.characters(), max_size=3),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_any_json_is_a_document_or_refused(value: Any, escaped: bool) -> None:
    data = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert outcome(lambda: there_and_back(data)) in {"", "BAD_METADATA", "UNKNOWN_DOCUMENT"}


_NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.integers(-3, 3).map(lambda step: MAX_INTEGER + step) | st.floats()


@given(_JSON | st.recursive(_NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner)))
def test_canonical_bytes_are_read_as_any_other_spelling(value: Any) -> None:
    try:
        data = msgspec.json.encode(value, order="sorted")
    except (OverflowError, UnicodeEncodeError, msgspec.EncodeError):
        return  # nothing that could be written so
    other = json.dumps(json.loads(data), indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert outcome(lambda: read(data)) == outcome(lambda: read(other))
    if not outcome(lambda: read(data)):
        assert repr(read(data)) == repr(read(other))  # true is no 1 here


@given(st.data())
def test_a_mutated_document_is_read_or_refused(data: st.DataObject) -> None:
    good = bytearray(encode(Sample(name="a", inner=Inner(number=7, text="é"), numbers=(1, 2), named={"b": Inner()})))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(good) - 1))
        good[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    assert outcome(lambda: there_and_back(bytes(good))) in {"", "BAD_METADATA", "UNKNOWN_DOCUMENT"}


# ---------------------------------------------------------------------------------------------------- documents


def document(**fields: Any) -> Sample:
    data = json.dumps({"type": "sealcast/sample/1", "name": "a", **fields}).encode()
    return decode(data, Sample, what="The sample", limit=64 * KIB)


def refused_document(**fields: Any) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        document(**fields)
    return caught.value


def test_unknown_fields_are_ignored_at_every_depth() -> None:
    assert document(later=[1, {"a": None}], inner={"number": 1, "later": {}}) == document(inner={"number": 1})


def test_a_document_may_name_the_fields_that_must_be_understood() -> None:
    assert document(must_understand=["inner", "numbers", "type", "must_understand"]).must_understand[:1] == ("inner",)
    error = refused_document(must_understand=["inner", "later"], later=1)
    assert error.code == "UNKNOWN_DOCUMENT"
    assert "'later'" in error.what
    assert error.hint == "Update the client."


@pytest.mark.parametrize("demanded", [[1], [None], [["name"]], [{}], ["Name"], [""], ["number"], [True]])
def test_what_is_demanded_must_be_a_known_field(demanded: list[Any]) -> None:
    assert refused_document(must_understand=demanded).code == "UNKNOWN_DOCUMENT"


@pytest.mark.parametrize("demanded", ["name", {"name": 1}, 1, None, True])
def test_demands_must_be_a_list(demanded: Any) -> None:
    error = refused_document(must_understand=demanded)
    assert error.code == "BAD_METADATA"
    assert error.what == "The sample cannot be read: must_understand is not a list."


@pytest.mark.parametrize(
    "kind", ["sealcast/sample/2", "sealcast/sample/1 ", "sealcast/sample", "", None, 1, True, ["sealcast/sample/1"], {}]
)
def test_another_kind_or_version_is_unknown(kind: Any) -> None:
    error = refused_document(type=kind)
    assert error.code == "UNKNOWN_DOCUMENT"
    assert "where 'sealcast/sample/1' is understood" in error.what
    assert "update" in error.hint


def test_a_document_without_a_type_is_unknown() -> None:
    with pytest.raises(VerificationError, match="is of type 'None'") as caught:
        decode(b'{"name": "a"}', Sample, what="The sample", limit=100)
    assert caught.value.code == "UNKNOWN_DOCUMENT"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": 1}, "Expected `str`, got `int` - at `$.name`"),
        ({"name": None}, "Expected `str`, got `null` - at `$.name`"),
        ({"inner": {"number": True}}, "Expected `int`, got `bool` - at `$.inner.number`"),
        ({"inner": {"number": "1"}}, "Expected `int`, got `str` - at `$.inner.number`"),
        ({"inner": []}, "Expected `object`, got `array` - at `$.inner`"),
        ({"numbers": [1, "2"]}, "Expected `int`, got `str` - at `$.numbers[1]`"),
        ({"numbers": {}}, "Expected `array`, got `object` - at `$.numbers`"),
        ({"named": {"x": 1}}, "Expected `object`, got `int` - at `$.named[...]`"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(fields: dict[str, Any], message: str) -> None:
    error = refused_document(**fields)
    assert (error.code, error.what) == ("BAD_METADATA", f"The sample cannot be read: {message}.")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(VerificationError, match="missing required field `name`") as caught:
        decode(b'{"type": "sealcast/sample/1"}', Sample, what="The sample", limit=100)
    assert caught.value.code == "BAD_METADATA"


@pytest.mark.parametrize("data", [b"[]", b"1", b'"a"', b"null"])
def test_a_document_is_an_object(data: bytes) -> None:
    with pytest.raises(VerificationError, match="The sample cannot be read: it is not an object") as caught:
        decode(data, Sample, what="The sample", limit=100)
    assert caught.value.code == "BAD_METADATA"


def test_a_part_of_a_document_has_no_type() -> None:
    assert convert({"number": 3, "later": 1}, Inner, what="The part") == Inner(number=3)
    with pytest.raises(VerificationError, match="The part cannot be read: it is not an object"):
        convert([], Inner, what="The part")


def test_a_pattern_of_a_whole_text_lets_no_newline_in() -> None:
    # Python's $ would: a name or digest with a newline at its end, which another parser refuses.
    assert document(name="abc").name == "abc"
    for name in ("abc\n", "\nabc", "a\nb", "", "abc\r", "abC"):
        assert refused_document(name=name).code == "BAD_METADATA", ascii(name)
    assert re.search(r"^[a-z]+$", "abc\n") is not None  # the trap itself
    assert re.search(whole("[a-z]+"), "abc\n") is None


def test_errors_name_the_document_and_the_reason() -> None:
    error = bad("The policy", "it is blue")
    assert (error.code, error.what) == ("BAD_METADATA", "The policy cannot be read: it is blue.")


# ---------------------------------------------------------------------------------------------------- writing


def test_the_canonical_bytes_are_pinned() -> None:
    sample = Sample(
        name="zo",
        inner=Inner(text='é"\\\n\u2028😀'),
        numbers=(3, 1),
        named={"b": Inner(), "a": Inner(number=1)},
    )
    assert encode(sample) == (
        b'{"inner":{"text":"\xc3\xa9\\"\\\\\\n\xe2\x80\xa8\xf0\x9f\x98\x80"},"name":"zo",'
        b'"named":{"a":{"number":1},"b":{}},"numbers":[3,1],"type":"sealcast/sample/1"}'
    )


def test_defaults_are_left_out_but_for_the_type() -> None:
    assert plain(Sample(name="a")) == {"name": "a", "type": "sealcast/sample/1"}
    assert plain(Inner()) == {}
    assert encode({"b": 1, "a": [None]}) == b'{"a":[null],"b":1}'


def test_a_default_is_told_by_its_value() -> None:
    # And not by being the same object, as msgspec does: equal documents would be different bytes.
    made_up = Sample(name="a", inner=Inner(text="".join([])), numbers=tuple(iter([])), optional=None, named={})
    assert encode(made_up) == encode(Sample(name="a"))
    assert plain(Inner(number=int("0"))) == {}
    # What is equal but of another type is not the default: it would be read as something else.
    assert plain(Inner(number=False)) == {"number": False}
    assert plain(Typed()) == {}
    assert plain(Typed(type="other", numbers=[])) == {"type": "other", "numbers": []}
    assert plain(Whole()) == {"number": 0}


def test_parts_inside_parts_are_written_alike() -> None:
    nested = Sample(name="a", parts=(Inner(number=1), Inner()), named={"x": Inner(text="y")})
    assert plain(nested) == {
        "type": "sealcast/sample/1",
        "name": "a",
        "parts": [{"number": 1}, {}],
        "named": {"x": {"text": "y"}},
    }
    assert plain([{"a": (Inner(),)}]) == [{"a": [{}]}]


def test_the_order_of_keys_does_not_show() -> None:
    one, two = Inner(number=1), Inner(number=2)
    assert encode(Sample(name="a", named={"x": one, "y": two})) == encode(Sample(name="a", named={"y": two, "x": one}))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_no_reader_takes_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"a": number})


_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
_INNERS = st.builds(Inner, number=st.integers(-MAX_INTEGER, MAX_INTEGER), text=_TEXT)


@given(
    st.builds(
        Sample,
        name=st.text(alphabet="abcxyz", min_size=1),
        inner=_INNERS,
        numbers=st.lists(st.integers(-MAX_INTEGER, MAX_INTEGER)).map(tuple),
        optional=st.none() | _TEXT,
        named=st.dictionaries(_TEXT, _INNERS, max_size=5),
        parts=st.lists(_INNERS, max_size=3).map(tuple),
        must_understand=st.lists(st.sampled_from(["name", "inner", "named"])).map(tuple),
    )
)
def test_what_is_written_is_read_back_and_written_alike(sample: Sample) -> None:
    data = encode(sample)
    again = decode(data, Sample, what="The sample", limit=MIB)
    assert again == sample
    assert encode(again) == data
    assert json.loads(data) == json.loads(json.dumps(plain(sample)))


class Chosen(msgspec.Struct, frozen=True, omit_defaults=True):
    codec: str = "zstd-from"
    share: int = 10_000


def test_a_default_is_told_by_its_value_and_not_by_its_identity() -> None:
    same = Chosen("zstd-from!"[:-1], int("10000"))
    assert same.codec is not Chosen().codec
    assert encode(same) == encode(Chosen()) == b"{}"
    assert encode(Chosen(share=1)) == b'{"share":1}'


def leaves() -> list[type[Leaf]]:
    return [File, Pack, Row, MadePack, Proof]


@pytest.mark.parametrize("kind", leaves())
def test_a_leaf_has_no_default_but_false_and_nothing_inside_that_has(kind: type[Leaf]) -> None:
    assert set(Leaf.__subclasses__()) == set(leaves())
    for field in msgspec.structs.fields(kind):
        assert field.default in {msgspec.NODEFAULT, False}
        assert field.default_factory is msgspec.NODEFAULT
        assert "Struct" not in repr(field.type)
        assert "dict" not in repr(field.type)


@given(_TEXT, st.integers(0, MAX_INTEGER), st.booleans())
def test_a_leaf_is_written_like_everything_else(path: str, size: int, executable: bool) -> None:
    entry = File(path=path, size=size, sha256="0" * 64, executable=executable)
    expected = {"path": path, "size": size, "sha256": "0" * 64} | ({"executable": True} if executable else {})
    written = json.dumps({"files": [expected]}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert encode({"files": (entry,)}) == written


@given(st.binary(max_size=12), st.integers(0), st.integers(0, 6))
def test_what_is_read_in_one_go_would_be_read_the_same_by_the_strict_reader(junk: bytes, at: int, cut: int) -> None:
    data = encode(Sample(name="a", inner=Inner(number=7, text="é"), numbers=(1, 2), named={"b": Inner()}))
    at %= len(data)
    for some in (data, data[:at] + junk + data[at + cut :]):
        quick = decode_canonical(some, Sample)
        assert quick is None or quick == decode(some, Sample, what="The sample", limit=MIB)
    assert decode_canonical(data, Sample) is not None


@pytest.mark.parametrize(
    "data",
    [
        b'{"name":"a","type":"sealcast/sample/1" }',
        b'{"type":"sealcast/sample/1","name":"a"}',
        b'{"name":"a","name":"a","type":"sealcast/sample/1"}',
        b'{"name":"a","type":"sealcast/sample/2"}',
        b'{"must_understand":["name"],"name":"a","type":"sealcast/sample/1"}',
        b'{"name":"a","other":1,"type":"sealcast/sample/1"}',
        b'{"name":"\\u0061","type":"sealcast/sample/1"}',
        b'{"name":"\xff","type":"sealcast/sample/1"}',
        b'{"name":"a","other":' + b"[" * 100_000 + b'],"type":"sealcast/sample/1"}',
        b"",
    ],
)
def test_what_is_not_canonical_is_left_to_the_strict_reader(data: bytes) -> None:
    assert decode_canonical(data, Sample) is None

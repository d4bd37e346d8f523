"""Digests, names, paths and times: checked once, where bytes enter the program."""

from __future__ import annotations

import hashlib
import os
import time
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast import values
from sealcast.documents import encode
from sealcast.errors import ConfigError, ObjectError, VerificationError
from sealcast.files import Tree
from sealcast.model import Manifest, read_manifest
from sealcast.model.manifest import File
from sealcast.values import (
    MAX_INTEGER,
    Content,
    check_name,
    check_paths,
    content_of,
    format_time,
    is_digest,
    no_progress,
    object_path,
    parse_time,
    path_flaw,
    printable,
)
from tests.names import FINE, HOSTILE, Hostile

EMPTY = hashlib.sha256().hexdigest()


def refused(paths: list[str] | tuple[str, ...]) -> ObjectError:
    with pytest.raises(ObjectError) as caught:
        check_paths(paths)
    assert caught.value.code == "UNSAFE_NAME"
    return caught.value


# ---------------------------------------------------------------------------------------------------- digests


def test_content_is_digest_and_size() -> None:
    assert content_of(b"abc") == Content("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3)
    assert content_of(b"") == (EMPTY, 0)


def test_only_64_lower_case_hex_digits_are_a_digest() -> None:
    assert is_digest("0123456789abcdef" * 4)
    for text in (
        "",
        "a" * 63,
        "a" * 65,
        "A" * 64,
        "g" * 64,
        "a" * 63 + "\n",
        "a" * 64 + "\n",
        "\n" + "a" * 64,
        "٣" * 64,
    ):
        assert not is_digest(text), ascii(text)


def test_an_object_lies_under_the_first_two_digits() -> None:
    assert object_path(EMPTY) == f"objects/e3/{EMPTY}"


@pytest.mark.parametrize("text", ["", "..", "../" * 21 + "a", "a" * 64 + "/..", "A" * 64, "e3/" + "a" * 61])
def test_what_is_no_digest_becomes_no_path(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        object_path(text)
    assert caught.value.code == "BAD_METADATA"


def test_the_largest_integer_is_the_last_that_javascript_holds() -> None:
    assert MAX_INTEGER == 9007199254740991
    assert float(MAX_INTEGER) != float(MAX_INTEGER + 1)
    assert float(MAX_INTEGER + 1) == float(MAX_INTEGER + 2)


def test_nobody_watches_by_default() -> None:
    no_progress(1, 2, "packing")


# ---------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["a", "0", "demo", "a-b", "a--b", "linux-x64", "con1", "console", "a" * 64])
def test_a_good_name_is_returned(name: str) -> None:
    assert check_name(name, "app") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "-", "a-", "-a", "A", "a_b", "a.b", "a/b", "..", "a b", "é", "a\n", "\na", "a\0", "a" * 65, "٣", "ª"),
        *("con", "prn", "aux", "nul", "com0", "com1", "lpt9"),
    ],
)
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a channel") as caught:
        check_name(name, "channel")
    assert caught.value.code == "UNSAFE_NAME"
    assert "lower-case" in caught.value.hint


def test_a_name_that_is_refused_is_shown_short_and_escaped() -> None:
    with pytest.raises(ConfigError) as caught:
        check_name("\x1b[31m" * 1000, "app")
    assert "\x1b" not in caught.value.what
    assert len(caught.value.what) < 600


# ---------------------------------------------------------------------------------------------------- paths


def test_the_corpus_is_large_and_every_case_is_another() -> None:
    assert len(HOSTILE) >= 200
    assert len({case.paths for case in HOSTILE}) == len(HOSTILE)
    assert len(set(FINE)) == len(FINE) >= 100
    assert all(case.why for case in HOSTILE)


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_hostile_name_is_refused_for_its_own_reason(case: Hostile) -> None:
    error = refused(case.paths)
    assert error.what.endswith(f" {case.flaw}.")
    if len(case.paths) == 1:
        assert path_flaw(case.paths[0]) == case.flaw
    else:
        # Each is fine by itself: it is their meeting that is refused.
        assert [path_flaw(path) for path in case.paths] == [None] * len(case.paths)
    assert error.what.isprintable()
    assert len(error.what) < 1000
    assert error.hint


def _manifest(paths: Iterable[str]) -> bytes:
    files = tuple(File(path=path, size=0, sha256=EMPTY) for path in sorted(paths))
    return encode(Manifest(app="demo", version="1.0.0", platform="any", encoder={}, files=files, packs=()))


def _is_text(case: Hostile) -> bool:
    """Tell whether the names can be written down: half a character cannot (``test_documents.py`` has its escape)."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for path in case.paths for character in path)


@pytest.mark.parametrize("case", [case for case in HOSTILE if _is_text(case)], ids=str)
def test_a_hostile_name_is_refused_at_install(case: Hostile) -> None:
    with pytest.raises(ObjectError) as caught:
        read_manifest(_manifest(case.paths))
    assert caught.value.code == "UNSAFE_NAME"


@pytest.mark.parametrize("path", FINE, ids=ascii)
def test_a_fine_name_is_accepted(path: str) -> None:
    assert path_flaw(path) is None
    check_paths([path])


def test_fine_names_can_be_installed(tmp_path: Path) -> None:
    installed = 0
    for number, path in enumerate(FINE):
        assert [file.path for file in read_manifest(_manifest([path])).files] == [path]
        folder = tmp_path / str(number)
        folder.mkdir()
        with Tree(folder) as tree:
            os.close(tree.create(path))
        installed += (folder / path).is_file()
    assert installed == len(FINE)


def test_a_very_long_path_is_refused_without_being_read() -> None:
    started = time.process_time()
    error = refused(["a" * 50_000_000])
    assert time.process_time() - started < 2
    assert len(error.what) < 300
    assert len(str(error.data["path"])) == 200


def test_files_may_share_folders_and_stand_in_any_order() -> None:
    check_paths(["b/c/d", "a", "b/c/a", "b/a", "z/b", "a.txt", "b/c.txt"])
    check_paths([])


def test_a_folder_is_refused_whatever_stands_before_it() -> None:
    # The folder was met before, by another file: the check must not be skipped for the second.
    assert "is a file where" in refused(["a/b/c", "a/b/d", "a/b"]).what
    assert "needs a directory where 'x' is a file" in refused(["x", "a/b", "a/c", "x/y/z"]).what
    assert "differs from 'a/B'" in refused(["a/B/x", "a/B/y", "a/b/x"]).what


def test_a_hundred_thousand_paths_are_checked_quickly() -> None:
    paths = [f"assets/deep/module{number // 50}/chunk-{number:06d}.js" for number in range(100_000)]
    spent = []
    for count in (5_000, 100_000):
        started = time.process_time()
        check_paths(paths[:count])
        spent.append(time.process_time() - started)
    # A fraction of a second. Twenty times the paths take twenty times as long; each against each would take 400 times.
    assert spent[1] < 100 * spent[0] + 1


_PLAIN = ["ss", "fi", "con", "CON", "nul.js", "com1", "comma", "..", "x.", "c:", "conin$", *"aBbéÉßiIı*ﬁ."]
_ODD = ["", "x ", " x", "aux ", "lpt9 .txt", "a\nb", "\x7f", "\x00", "\u200d", "z" * 255, "z" * 256]
_PARTS = st.sampled_from(_PLAIN + _ODD)


@given(st.lists(st.lists(_PARTS, min_size=1, max_size=4).map("/".join), max_size=6))
def test_paths_looked_at_all_together_are_judged_as_one_by_one(paths: list[str]) -> None:
    if values._all_sound(paths):
        values._check_one_by_one(paths)


def test_common_releases_are_looked_at_all_together() -> None:
    assert values._all_sound(["index.html", "a/b/comma.js", "a/b/console.js", "a/é.txt", "a b/c d"])
    for doubtful in (["a", "A"], ["a", "a/b"], ["A/x", "a/y"], ["a/com1"], ["a\nb"], ["x./y"], ["é", "É"], ["~\x7f"]):
        assert not values._all_sound(doubtful)
        assert refused(doubtful).code == "UNSAFE_NAME"


def test_letters_that_differ_only_in_case_never_stand_side_by_side() -> None:
    together = 0
    for number in range(0xA0, 0x1F000):
        small = chr(number)
        if path_flaw(small):
            continue
        for other in {small.upper(), small.lower(), small.title(), small.casefold()} - {small}:
            other = unicodedata.normalize("NFC", other)
            if other == small or path_flaw(other) or number == 0x131:  # ı is no I: no file system takes it for one
                continue
            assert "same as" in refused([small, other]).what, ascii((small, other))
            together += 1
    assert together > 1000


@given(st.text(alphabet=st.characters(), max_size=40))
def test_what_is_accepted_is_harmless_on_every_system(path: str) -> None:
    if path_flaw(path) is not None:
        return
    assert path.encode().decode() == path
    assert unicodedata.normalize("NFC", path) == path
    for part in path.split("/"):
        assert part
        assert part not in {".", ".."}
        assert part == part.strip(" ")
        assert not part.endswith(".")
        assert not set(part) & set('\\:*?"<>|\0')
        assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in part)
        assert part.split(".")[0].strip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


# ---------------------------------------------------------------------------------------------------- times


def test_a_time_goes_there_and_back() -> None:
    instant = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
    assert parse_time("2026-01-31T12:00:00Z") == instant
    assert format_time(instant) == "2026-01-31T12:00:00Z"
    assert parse_time("2024-02-29T23:59:59Z").day == 29


@given(st.integers(-30_000_000_000, 250_000_000_000))  # the years 1019 to 9892
def test_every_time_to_the_second_comes_back(seconds: int) -> None:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert parse_time(format_time(instant)) == instant


def test_a_time_is_written_in_utc_and_whole_seconds() -> None:
    zone = timezone(timedelta(hours=-5, minutes=-30))
    assert format_time(datetime(2026, 1, 1, 23, 0, 0, 999_999, tzinfo=zone)) == "2026-01-02T04:30:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31t12:00:00z",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00.5Z",
        "2026-01-31T12:00:00Z\n",
        "2026-1-31T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:59:60Z",
        "2026-01-31T23:59:61Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-01-31T12:00:00Z",
        "x" * 10_000,
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_time(text)
    assert caught.value.code == "BAD_METADATA"
    assert len(caught.value.what) < 150


# ---------------------------------------------------------------------------------------------------- printing


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode 日本 😀", "plain, ünïcode 日本 😀"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\r\tc\0", "a\\nb\\r\\tc\\x00"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("no\u00a0break", "no\\xa0break"),
        ("\U000e0041", "\\U000e0041"),
        ("\x9b1m", "\\x9b1m"),
        ("", ""),
    ],
)
def test_text_is_shown_without_tricks(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(alphabet=st.characters()))
def test_whatever_is_shown_is_printable(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(character) in {"Cf", "Cc", "Cs"} for character in shown)
    assert printable(shown) == shown

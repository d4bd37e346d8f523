from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from sealcast.cli.output import Output, bad, caution, dim, good, name, strong
from sealcast.errors import ConfigError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Thing(msgspec.Struct, frozen=True):
    where: Path
    when: datetime


def output(stream: io.StringIO | None = None, **environment: str) -> tuple[Output, io.StringIO, io.StringIO]:
    stdout, stderr = stream or io.StringIO(), io.StringIO()
    return Output(stdout, stderr, environment), stdout, stderr


def test_lines_go_to_standard_output_and_notes_beside_it() -> None:
    out, stdout, stderr = output()
    out.line("a", strong("b"), "c   ")
    out.note("careful")
    out.text("as\nit is\n")
    assert stdout.getvalue() == "abc\nas\nit is\n"
    assert stderr.getvalue() == "careful\n"


def test_colours_are_for_terminals() -> None:
    out, stdout, _ = output(Terminal())
    out.line(strong("1"), dim("2"), good("3"), bad("4"), caution("5"), name("6"), strong(""))
    assert stdout.getvalue() == (
        "\x1b[1m1\x1b[0m\x1b[2m2\x1b[0m\x1b[32m3\x1b[0m\x1b[31m4\x1b[0m\x1b[33m5\x1b[0m\x1b[36m6\x1b[0m\n"
    )


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_the_environment_may_ask_for_no_colours(environment: dict[str, str], coloured: bool) -> None:
    out, stdout, _ = output(Terminal(), **environment)
    out.line(strong("x"))
    assert ("\x1b" in stdout.getvalue()) is coloured


def test_what_comes_from_outside_is_escaped_styled_or_not() -> None:
    out, stdout, _ = output(Terminal())
    out.line("\x1b[2J", strong("a\nsafe: b\u202e"))
    assert stdout.getvalue() == "\\x1b[2J\x1b[1ma\\nsafe: b\\u202e\x1b[0m\n"


def test_a_table_is_aligned_by_what_a_terminal_shows() -> None:
    out, stdout, _ = output()
    out.table(("name", "size"), [("日本", "5"), (strong("e\u0301"), "12,000")], right=[1])
    assert stdout.getvalue() == "name    size\n日本       5\ne\u0301     12,000\n"


def test_an_empty_table_shows_what_would_stand_there() -> None:
    out, stdout, _ = output()
    out.table(("name", "size"), [])
    assert stdout.getvalue() == "name  size\n"


def test_fields_are_aligned() -> None:
    out, stdout, _ = output()
    out.fields([("app", "demo"), ("channel", strong("stable"))])
    out.fields([])
    assert stdout.getvalue() == "app      demo\nchannel  stable\n"


def test_json_is_one_document_and_nothing_else() -> None:
    out, stdout, stderr = output()
    out.json = True
    out.line("for people")
    out.table(("a",), [("b",)])
    out.fields([("a", "b")])
    out.note("beside it")
    out.document({"thing": Thing(Path("é"), datetime(2026, 1, 31, tzinfo=UTC))})
    assert json.loads(stdout.getvalue()) == {"thing": {"where": "é", "when": "2026-01-31T00:00:00Z"}}
    assert stdout.getvalue().isascii()
    assert stderr.getvalue() == "beside it\n"
    with pytest.raises(AssertionError):
        out.document({})


def test_without_json_a_document_is_not_printed() -> None:
    out, stdout, _ = output()
    out.document({})
    assert stdout.getvalue() == ""
    assert not out.document_written


def test_what_is_no_data_is_refused() -> None:
    out, _, _ = output()
    out.json = True
    with pytest.raises(TypeError):
        out.document({"x": object()})


def test_an_error_says_what_is_safe_and_what_to_do() -> None:
    out, stdout, stderr = output()
    out.error(ConfigError("ODD", "It is odd.", hint="Make it even.", number=3))
    assert stderr.getvalue() == "error[ODD]: It is odd.\n  safe: Nothing was changed.\n  hint: Make it even.\n"
    assert stdout.getvalue() == ""


def test_an_error_is_a_document_for_machines() -> None:
    out, stdout, stderr = output()
    out.json = True
    out.error(ConfigError("ODD", "It is odd.", number=3, place=Path("x")))
    assert json.loads(stdout.getvalue()) == {
        "error": {
            "code": "ODD",
            "exit_status": 2,
            "message": "It is odd.",
            "safe": "Nothing was changed.",
            "hint": "",
            "data": {"number": 3, "place": "x"},
        }
    }
    assert stderr.getvalue() == "error[ODD]: It is odd.\n  safe: Nothing was changed.\n"


def test_an_error_after_the_document_does_not_spoil_it() -> None:
    out, stdout, stderr = output()
    out.json = True
    out.document({"ok": True})
    out.error(ConfigError("LATE", "Too late."))
    assert json.loads(stdout.getvalue()) == {"ok": True}
    assert "LATE" in stderr.getvalue()


def test_flush_brings_everything_out() -> None:
    out, _, _ = output()
    out.progress(1, 2, "x")
    out.flush()

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import chain, repeat

from sealcast.cli.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at(*instants: float) -> Callable[[], float]:
    """A clock that reads so, one after the other, and then stands still."""
    return chain(instants, repeat(instants[-1])).__next__


def test_nothing_is_drawn_where_nobody_looks() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream, monotonic=at(0, 5))
    bar(1, 2, "Packing")
    bar(2, 2, "Packing")
    bar.clear()
    assert stream.getvalue() == ""


def test_nothing_is_drawn_for_what_is_quick() -> None:
    stream = Terminal()
    bar = ProgressBar(stream, monotonic=at(10, 10.5, 10.99))
    for done in range(3):
        bar(done, 3, "Packing")
    bar.clear()
    assert stream.getvalue() == ""


def test_what_takes_long_is_drawn_a_few_times_a_second_and_removed() -> None:
    stream = Terminal()
    bar = ProgressBar(stream, monotonic=at(0, 1, 1.05, 1.2))
    for done in range(4):
        bar(done, 4, "Packing")
    drawn = stream.getvalue().split("\r")[1:]
    assert drawn == ["[######------------------]  25 %  Packing", "[##################------]  75 %  Packing"]
    bar.clear()
    bar.clear()
    assert stream.getvalue().endswith(f"75 %  Packing\r{' ' * 41}\r")


def test_a_total_that_nobody_knows_and_a_count_beyond_it() -> None:
    stream = Terminal()
    bar = ProgressBar(stream, monotonic=at(0, 1, 2))
    bar(0, 0, "-")
    bar(7, 0, "Walking")
    bar(9, 5, "Walking")
    assert "\rWalking …" in stream.getvalue()
    assert "100 %" in stream.getvalue()


def test_a_shorter_text_covers_a_longer_one() -> None:
    stream = Terminal()
    bar = ProgressBar(stream, monotonic=at(0, 1, 2))
    bar(0, 0, "-")
    bar(0, 0, "a long text")
    bar(0, 0, "short")
    assert stream.getvalue().endswith("\rshort …      ")


def test_a_name_from_a_file_cannot_move_the_cursor() -> None:
    stream = Terminal()
    bar = ProgressBar(stream, monotonic=at(0, 1))
    bar(0, 0, "x")
    bar(0, 0, "evil\x1b[2J\r")
    assert "\x1b" not in stream.getvalue()
    assert "evil\\x1b[2J\\r …" in stream.getvalue()

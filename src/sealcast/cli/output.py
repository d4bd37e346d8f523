"""Where commands print: text for people, or exactly one JSON document for machines.

A line is made of pieces, and each piece is escaped before it is styled, so that nothing which comes from a file or a
host can move the cursor, change a colour or hide behind a bidirectional control.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any, NamedTuple, TextIO

from ..errors import SealcastError
from ..values import format_time, printable
from .progress import ProgressBar

_CODES = {"strong": "1", "dim": "2", "bad": "31", "good": "32", "caution": "33", "name": "36"}


class Styled(NamedTuple):
    """A piece of a line that is to stand out. ``style`` is one of the functions below."""

    text: str
    style: str


Piece = str | Styled


def strong(text: object) -> Styled:
    """Mark what a line is about."""
    return Styled(str(text), "strong")


def dim(text: object) -> Styled:
    """Mark what is only for those who look for it."""
    return Styled(str(text), "dim")


def good(text: object) -> Styled:
    """Mark a success."""
    return Styled(str(text), "good")


def bad(text: object) -> Styled:
    """Mark a failure."""
    return Styled(str(text), "bad")


def caution(text: object) -> Styled:
    """Mark what needs attention."""
    return Styled(str(text), "caution")


def name(text: object) -> Styled:
    """Mark what can be typed again: a name, a path, a command."""
    return Styled(str(text), "name")


class Output:
    """The two streams of one run, and how they may be used.

    With ``json`` set (by ``--json``) standard output carries one document and nothing else; lines are dropped, since
    they say the same, and notes go to standard error as always.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, environment: Mapping[str, str]) -> None:
        """Write to the two streams; ``environment`` may ask for no colours."""
        self.json = False
        self.plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
        self._stdout = stdout
        self._stderr = stderr
        self._written = False
        self.progress = ProgressBar(stderr)

    @property
    def document_written(self) -> bool:
        """Whether standard output already has its document."""
        return self._written

    def line(self, *pieces: Piece) -> None:
        """Print a line for people on standard output."""
        if not self.json:
            self._write(self._stdout, pieces)

    def note(self, *pieces: Piece) -> None:
        """Print a line beside the result, on standard error: a warning, a step, a question's answer."""
        self._write(self._stderr, pieces)

    def text(self, text: str) -> None:
        """Print a text of our own as it is, such as a script."""
        self.progress.clear()
        self._stdout.write(text)

    def json_line(self, value: object, *, aside: bool = False) -> None:
        """Print one of many documents on a line of its own: as the result, or ``aside`` on standard error."""
        import json

        stream = self._stderr if aside else self._stdout
        self._written |= not aside
        self.progress.clear()
        stream.write(json.dumps(_plain(value), allow_nan=False, default=_text) + "\n")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Piece]], *, right: Iterable[int] = ()) -> None:
        """Print aligned columns; those whose numbers are in ``right`` are numbers, and align there."""
        if self.json:
            return
        cells: list[Sequence[Piece]] = [[dim(heading) for heading in headings], *rows]
        widths = [max(_columns(row[column]) for row in cells) for column in range(len(headings))]
        numeric = set(right)
        for row in cells:
            pieces: list[Piece] = []
            for column, piece in enumerate(row):
                fill = " " * (widths[column] - _columns(piece))
                last = column == len(row) - 1
                pieces += [fill, piece] if column in numeric else [piece, "" if last else fill]
                pieces.append("" if last else "  ")
            self.line(*pieces)

    def fields(self, pairs: Iterable[tuple[str, Piece]]) -> None:
        """Print names and values, one to a line, values aligned."""
        found = list(pairs)
        width = max((_columns(label) for label, _ in found), default=0)
        for label, value in found:
            self.line(dim(label), " " * (width - _columns(label) + 2), value)

    def next(self, *words: str) -> None:
        """Say which command comes next, fit to be pasted into a shell."""
        import shlex

        self.line()
        self.line("Next: ", name(shlex.join(words)))

    def document(self, value: object) -> None:
        """Print the one document of ``--json``; without it, nothing. In ASCII, so that no encoding can harm it."""
        if not self.json:
            return
        if self._written:
            raise AssertionError("a command prints one document")
        import json  # as msgspec: only a document needs it, and starting is to be quick

        self._written = True
        self.progress.clear()
        self._stdout.write(json.dumps(_plain(value), indent=2, allow_nan=False, default=_text) + "\n")
        self._stdout.flush()

    def error(self, error: SealcastError) -> None:
        """Print what happened, what is safe and what to do next; with ``--json`` as a document, too."""
        self.note(bad(f"error[{error.code}]"), f": {error.what}")
        self.note("  safe: ", error.safe)
        if error.hint:
            self.note("  hint: ", error.hint)
        if not self._written:
            self.document({"error": error.as_dict()})

    def flush(self) -> None:
        """Bring everything out. Raises ``OSError`` where that fails, such as a full disk behind a redirection."""
        self.progress.clear()
        self._stdout.flush()
        self._stderr.flush()

    def _write(self, stream: TextIO, pieces: Sequence[Piece]) -> None:
        self.progress.clear()
        coloured = not self.plain and stream.isatty()
        stream.write("".join(_shown(piece, coloured) for piece in pieces).rstrip() + "\n")


def _shown(piece: Piece, coloured: bool) -> str:
    if isinstance(piece, str):
        return printable(piece)
    text = printable(piece.text)
    return f"\x1b[{_CODES[piece.style]}m{text}\x1b[0m" if coloured and text else text


def _columns(piece: Piece) -> int:
    """Return how many columns of a terminal a piece takes."""
    text = printable(piece if isinstance(piece, str) else piece.text)
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)


def _plain(value: object) -> Any:
    import msgspec

    return msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=_text)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a document")

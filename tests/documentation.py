"""Reads the documentation as a visitor would, and the source for what the documentation must say.

``python -m tests.documentation`` writes again every part that is generated: the command line reference, the worked
example, and what the commands of the tutorial print.
"""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests import cli_reference, worked_example

TOP = Path(__file__).parents[1]
DOCS = TOP / "docs"
SRC = TOP / "src" / "sealcast"
TRANSCRIPT_PAGES = ("docs/tutorial.md", "docs/guides/application-developer.md")
"""Pages whose consoles show what their commands print."""

_FENCE = re.compile(r"^(```+)(.*)$")
_CODE = re.compile(r"(?=.{4})[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_SECONDS = 600


class Block(NamedTuple):
    """A fenced block: what stands behind the fence, its lines, and the number of its first line, from 0."""

    info: str
    lines: list[str]
    start: int


def pages() -> list[Path]:
    """Return every page that is written for readers."""
    top = [TOP / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return [path for path in top if path.exists()] + sorted(DOCS.rglob("*.md"))


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    fence, info, start = "", "", 0
    lines: list[str] = []
    for number, line in enumerate(text.splitlines()):
        found = _FENCE.match(line)
        if not fence and found:
            fence, info, start, lines = found[1], found[2].strip(), number + 1, []
        elif fence and line.strip() == fence:
            yield Block(info, lines, start)
            fence = ""
        elif fence:
            lines.append(line)
    assert not fence, "a fence is never closed"


def prose(text: str) -> str:
    """Return a page without its fenced blocks and inline code."""
    kept, fenced = [], False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            kept.append(line)
    return re.sub(r"`[^`\n]*`", "``", "\n".join(kept))


def links(text: str) -> list[str]:
    """Return where a page's links lead."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(text))


def anchors(text: str) -> set[str]:
    """Return the names that a page's headings have as targets of links, as GitHub makes them."""
    found: set[str] = set()
    fenced = False
    for line in text.splitlines():
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else re.match(r"#{1,6} (.*)", line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            found.add(words if words not in found else f"{words}-1")
    return found


# --------------------------------------------------------------------------------------------------------- errors

LOOSE_BUT_NO_CODES = frozenset(
    {
        "BEGIN",
        "CERTIFICATE",
        "CREATE_NO_WINDOW",
        "DEST",
        "EDQUOT",
        "GET",
        "NFC",
        "NFD",
        "NFKC",
        "NO_COLOR",
        "PATH",
        "POST",
        "PYKCS11LIB",
        "PYTHONUTF8",
        "TERM",
    }
    | {"UNKNOWN_CA"}
)
"""Words in capitals that the source holds and that are no codes of errors."""


@cache
def _modules() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text("utf-8")) for path in sorted(SRC.rglob("*.py")))


def error_classes() -> dict[str, str]:
    """Return, for each class of errors, the public class that a reader knows it by."""
    parents: dict[str, str] = {}
    for module in _modules():
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and node.bases:
                parents[node.name] = ast.unparse(node.bases[0])
    known = {name: name for name, parent in parents.items() if parent in {"Exception", "SealcastError"}}

    def public(name: str) -> str:
        # What stands outside of errors.py is a private kind of a public class.
        return known.get(name) or public(parents[name])

    known["InterruptError"] = "SealcastError"
    return {name: public(name) for name in parents if not parents[name].startswith("click")}


def raised() -> set[tuple[str, str]]:
    """Return (class, code) of every error that is constructed with its code in place."""
    classes = error_classes()
    found = set()
    for module in _modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and node.args and _is_code(node.args[0]):
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in classes:
                    found.add((classes[name], ast.literal_eval(node.args[0])))
    return found


def loose() -> set[str]:
    """Return the words in capitals that may be codes and stand elsewhere: some reach a constructor by a detour."""
    classes = error_classes()
    found = set()
    for module in _modules():
        passed_over = {id(part) for node in ast.walk(module) for part in _elsewhere_explained(node, classes)}
        for node in ast.walk(module):
            if _is_code(node) and id(node) not in passed_over:
                found.add(ast.literal_eval(node))
    return {code for code in found - LOOSE_BUT_NO_CODES if not code.startswith(("SEALCAST_", "O_", "SIG"))}


def _is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_CODE.fullmatch(node.value))


def _elsewhere_explained(node: ast.AST, classes: Mapping[str, str]) -> Iterator[ast.AST]:
    """Yield the strings of ``node`` that need no second look: codes in place, exports, placeholders in a help page."""
    if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in classes:
        yield node.args[0]
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"__all__", "__getattr__"}:
        yield from ast.walk(node.value)
    if isinstance(node, ast.keyword) and node.arg == "metavar":
        yield from ast.walk(node.value)


def documented(page: str) -> list[tuple[str, str]]:
    """Return (class, code) of every row in the tables of docs/reference/errors.md."""
    found, kind = [], ""
    for line in page.splitlines():
        if heading := re.match(r"## (\w+), exit status", line):
            kind = heading[1]
        elif row := re.match(r"\| `([A-Z][A-Z0-9_]+)` \|", line):
            found.append((kind, row[1]))
    return found


# --------------------------------------------------------------------------------------------------------- fields


def field_tables(page: str) -> dict[str, set[str]]:
    """Return, by the structure that a comment names, the fields that the table after it lists."""
    found: dict[str, set[str]] = {}
    structure, listing = "", False
    for line in page.splitlines():
        if marker := re.fullmatch(r"<!-- fields: ([\w.]+) -->", line):
            structure, listing = marker[1], False
            found[structure] = set()
        elif structure and line.startswith("|"):
            listing = True
            cell = line.split("|")[1]
            found[structure] |= set(re.findall(r"`(\w+)`", cell)) if not cell.strip().startswith("field") else set()
        elif listing:
            structure, listing = "", False
    return found


# ------------------------------------------------------------------------------------------------------- commands


class Command(NamedTuple):
    """A command in a console: its text, and what the page says that it prints."""

    text: str
    output: list[str]


def script(lines: list[str]) -> list[str]:
    """Return the commands of a block without prompts; a backslash or an open here-document takes the next line too."""
    found: list[str] = []
    open_until = ""
    for line in lines:
        if found and (found[-1].endswith("\\") or open_until):
            found[-1] += "\n" + line
            open_until = "" if line == open_until else open_until
        elif line.strip() and not line.startswith("#"):
            found.append(line)
            here = re.search(r"<<'(\w+)'", line)
            open_until = here[1] if here else ""
    return found


def console(lines: list[str]) -> list[Command]:
    """Return the commands of a block with prompts (``$``, ``>`` where one goes on), and their output."""
    found: list[Command] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif line.startswith("> ") and not found[-1].output:
            found[-1] = Command(f"{found[-1].text}\n{line[2:]}", [])
        else:
            found[-1].output.append(line)
    return found


class Shell:
    """Runs a page's commands as a reader would, in one folder, one after the other.

    The port 8000 stands for a free one. ``sealcast serve`` with ``&`` runs until the end.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._port = str(_free_port())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEALCAST_", "COV_"))}
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {**kept, "PATH": programs, "COLUMNS": "100", "PYTHONUTF8": "1"}

    def run(self, text: str) -> tuple[int, str]:
        """Run one command, and return its exit status and what it printed, errors included."""
        text = text.replace("8000", self._port)
        if setting := re.fullmatch(r"export (\w+)=(.*)", text):
            self._environment[setting[1]] = setting[2].strip("'\"")
            return 0, ""
        if place := re.fullmatch(r"cd (\S+)", text):
            self._folder /= place[1]
            return 0, ""
        if text.endswith(" &"):
            return 0, self._start(text[:-2])
        done = subprocess.run(
            ["sh", "-c", text],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
        return done.returncode, self._as_written(done.stdout)

    def _start(self, text: str) -> str:
        """Start a server and return what it says until it is ready."""
        process = subprocess.Popen(
            ["sh", "-c", f"exec {text}"],
            cwd=self._folder,
            env={**self._environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        assert process.stdout
        self._stack.enter_context(closing(process.stdout))
        said = ""
        while self._port not in said:
            line = process.stdout.readline()
            assert line, f"{text} ended: {said}"
            said += line
        return self._as_written(said)

    def _as_written(self, text: str) -> str:
        return text.replace(self._port, "8000").replace(str(self._folder), "…")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


_CHANGING = (
    (re.compile(r"\b[0-9a-f]{8,}\b"), "HEX"),
    (re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?Z?)?"), "TIME"),
    (re.compile(r"\d[\d,.]* (B|kB|MB)\b"), "SIZE"),
    (re.compile(r'("(?:bytes|size|total|done|delta|archive|packs)": )\d+'), r"\1SIZE"),
    (re.compile(r"\b(linux|macos|windows|freebsd)-[a-z0-9-]+"), "PLATFORM"),
    (re.compile(r" {2,}"), "  "),
)


def settled(line: str) -> str:
    """Return a line of output with what differs from run to run taken out."""
    for pattern, word in _CHANGING:
        line = pattern.sub(word, line)
    return line.rstrip()


def transcript(page: str, shell: Shell) -> Iterator[tuple[Block, list[tuple[Command, int, list[str]]]]]:
    """Run the consoles of a page; yield each block with its commands, their exit statuses and what they printed."""
    for block in blocks(page):
        if block.info == "console run":
            done = []
            for command in console(block.lines):
                status, output = shell.run(command.text)
                done.append((command, status, output.splitlines()))
            yield block, done
        elif block.info == "sh run":
            for text in script(block.lines):
                status, output = shell.run(text)
                assert status == 0, f"{text}\n{output}"


def rewritten(page: str, shell: Shell) -> str:
    """Return a page with what its commands print now."""
    lines = page.splitlines()
    shift = 0
    for block, done in transcript(page, shell):
        fresh: list[str] = []
        for command, _, output in done:
            first, *rest = command.text.splitlines()
            fresh += [f"$ {first}", *(f"> {line}" for line in rest), *(line.rstrip() for line in output)]
        start = block.start + shift
        lines[start : start + len(block.lines)] = fresh
        shift += len(fresh) - len(block.lines)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write again everything that is generated."""
    cli_reference.main()
    worked_example.main()
    for name in TRANSCRIPT_PAGES:
        path = TOP / name
        before = path.read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            page = rewritten(before, Shell(Path(folder), stack))
        # Other keys and another date alone make no new page: it would be a difference to read, and to merge.
        if list(map(settled, page.splitlines())) != list(map(settled, before.splitlines())):
            path.write_text(page, "utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""The documentation says what is so: its commands run, its links lead somewhere, its tables are whole."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec
import pytest

from sealcast import errors
from sealcast.cli.app import ROOT
from sealcast.client import Client, Event, Kind, Settings
from sealcast.client.fact import WORDS
from sealcast.client.report import OUTCOMES, body_of
from sealcast.client.settings import Reporting
from sealcast.documents import encode
from sealcast.model import skeleton_contents
from sealcast.packs import DeltaReader, PackReader, Piece
from sealcast.packs.zstandard import VERSION
from sealcast.publisher import Repository
from sealcast.values import content_of
from tests import cli_reference, documentation, schemas, worked_example
from tests.documentation import DOCS, SRC, TOP, Shell, blocks
from tests.servers import Server

PAGES = documentation.pages()
ERRORS = (DOCS / "reference" / "errors.md").read_text("utf-8")
FORMATS = (DOCS / "reference" / "formats.md").read_text("utf-8")

unix = pytest.mark.skipif(sys.platform == "win32", reason="the pages are written for a Unix shell")


def name_of(page: Path) -> str:
    return page.relative_to(TOP).as_posix()


# ----------------------------------------------------------------------------------------------- what is shown runs


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with ExitStack() as stack:
        yield Shell(tmp_path, stack)


@unix
def test_the_commands_of_the_readme_run(shell: Shell) -> None:
    said = ""
    for block in blocks((TOP / "README.md").read_text("utf-8")):
        if block.info == "sh run":
            for text in documentation.script(block.lines):
                status, output = shell.run(text)
                assert status == 0, f"{text}\n{output}"
                said += output
    told = ["Hello from release 1.0.0", "by delta", "Hello from release 1.1.0", "something new"]
    places = [said.find(text) for text in told]
    assert places == sorted(places)
    assert -1 not in places, said


@unix
@pytest.mark.parametrize("page", documentation.TRANSCRIPT_PAGES)
def test_commands_print_what_the_page_shows(page: str, shell: Shell) -> None:
    for _, done in documentation.transcript((TOP / page).read_text("utf-8"), shell):
        for command, _, output in done:
            shown = [documentation.settled(line) for line in command.output]
            printed = [documentation.settled(line) for line in output]
            assert printed == shown, f"{page}: {command.text}\nWrite the page again: make docs"


def test_the_python_examples_run(tmp_path: Path, passphrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALCAST_PASSPHRASE", passphrase)
    Repository.create_solo(tmp_path / "ws", app="demo")
    release, site, device = tmp_path / "dist", tmp_path / "site", tmp_path / "device"
    release.mkdir()
    (release / "index.html").write_text("<h1>Hello</h1>")
    said = example("publish.py", tmp_path / "ws", release, "1.4.0", site)
    assert "demo 1.4.0: 1 files, live at" in said
    with Server(site) as server:
        root = tmp_path / "ws" / "metadata" / "1.root.json"
        assert "1.4.0" in example("update.py", server.url, root, "demo", "stable", device)
        assert example("update.py", server.url, root, "demo", "stable", device).strip() == "pending"
    assert [path.read_text() for path in device.rglob("index.html")] == ["<h1>Hello</h1>"]


@unix
def test_the_example_app_keeps_itself_up_to_date(tmp_path: Path) -> None:
    repository = Repository.create_solo(tmp_path / "ws", app="demo", encrypted=False)
    release, site = tmp_path / "dist", tmp_path / "site"
    release.mkdir()
    shutil.copy(DOCS / "examples" / "app.py", release)
    for version in ("1.0.0", "1.1.0"):
        (release / "version").write_text(version)
        repository.add_release(release, version=version)
        repository.plan_publish(site).run()
        if version == "1.0.0":
            root = (tmp_path / "ws" / "metadata" / "1.root.json").read_bytes()
            client = Client(url=str(site), root=root, app="demo", channel="stable", directory=tmp_path / "device")
            client.install(client.check())  # type: ignore[arg-type]
    for said in (
        "This is version 1.0.0.\nVersion 1.1.0 is ready: it starts the next time.\n",
        "This is version 1.1.0.\n",
    ):
        command = ["client", "run", "--dir", str(tmp_path / "device"), "--", sys.executable, "app.py"]
        done = subprocess.run([sys.executable, "-m", "sealcast", *command], capture_output=True, text=True, check=True)
        assert done.stdout == said
    assert client.status().phase == "idle"


def test_an_example_that_fails_says_so_like_the_program(tmp_path: Path) -> None:
    done = run_example("publish.py", tmp_path, tmp_path, "1.0.0", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error[NO_WORKSPACE]: ")


@pytest.mark.parametrize(
    ("module", "script"), [("sealcast.publisher.repository", "publish.py"), ("sealcast.client.client", "update.py")]
)
def test_the_docstring_shows_what_the_example_does(module: str, script: str) -> None:
    """Each call in the docstring's example is one of the script's, arguments aside."""
    calls = re.compile(r"\b(?:repo|plan|client|Repository|Client)(?:\.\w+)?(?=\()")
    shown = calls.findall(str(importlib.import_module(module).__doc__))
    assert len(shown) >= 3, "the docstring has no example"
    assert set(shown) <= set(calls.findall((DOCS / "examples" / script).read_text("utf-8")))


def example(script: str, *arguments: object) -> str:
    done = run_example(script, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_example(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DOCS / "examples" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=600)


# --------------------------------------------------------------------------------------------- what a client tells


def cells_after(marker: str) -> list[list[str]]:
    """Return the rows of the table in the guide that stands after a comment."""
    table = (DOCS / "guides" / "application-developer.md").read_text("utf-8").split(f"<!-- {marker} -->")[1]
    rows = itertools.takewhile(lambda line: line.startswith("|"), table.strip().splitlines())
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows][2:]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_event_is_explained() -> None:
    rows = cells_after("events")
    assert [named(row[0]) for row in rows] == [[str(kind)] for kind in Kind]
    fields = {field.name for field in msgspec.structs.fields(Event)}
    for row in rows:
        assert len(row) == 4
        assert row[1]
        assert row[3]
        told = set(re.findall(r"`([a-z]+)`(?= \(|,|$)", re.sub(r"\([^)]*\)", "", row[2])))
        assert told <= fields, row


def test_every_fact_of_an_explanation_is_explained() -> None:
    rows = {named(row[0])[0]: row for row in cells_after("explain")}
    assert list(rows) == [*list(WORDS)[:-1], "decision", "attempt"]
    for topic, words in WORDS.items():
        assert tuple(named(rows[topic][1])) == words
        assert rows[topic][2]


def test_all_that_is_reported_is_told() -> None:
    settings = Settings(url="/", app="a", channel="b", platform="c", device="d", report=Reporting(secret="0" * 32))
    sent = json.loads(body_of(Event(event=Kind.STAGED, at="2026-01-01T00:00:00Z"), settings, b'{"signed":{}}'))
    rows = cells_after("report")
    assert {name for row in rows for name in named(row[0])} == set(sent)
    guide = (DOCS / "guides" / "application-developer.md").read_text("utf-8")
    assert all(f"`{kind}`" in guide.split("<!-- report -->")[0].rpartition("## Reports")[2] for kind in OUTCOMES)


# ------------------------------------------------------------------------------------------------------------ pages


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in documentation.links(text):
        place, _, anchor = link.partition("#")
        if urllib.parse.urlsplit(place).scheme:
            assert place.startswith("https://"), link
            continue
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{name_of(page)} links to {link}"
        if anchor:
            assert anchor in documentation.anchors(target.read_text("utf-8")), f"{name_of(page)} links to {link}"


def test_the_index_leads_to_every_page() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / link).resolve() for link in documentation.links(index.read_text("utf-8"))}
    missing = [
        name_of(page)
        for page in PAGES
        if page.is_relative_to(DOCS) and page != index and not linked & {page.resolve(), page.parent.resolve()}
    ]
    assert not missing


def test_decisions_are_numbered_in_order_and_dated_or_accepted() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), name_of(page)
        assert re.search(r"^Status: ", text, re.MULTILINE), name_of(page)
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, name_of(page)


# ------------------------------------------------------------------------------------------------- the command line


def test_the_command_line_reference_is_up_to_date() -> None:
    assert cli_reference.PAGE.read_text("utf-8") == cli_reference.page(), "Write it again: make docs"


def test_the_reference_has_the_commands_that_the_program_tells_of() -> None:
    """By what a reader sees, not by what made the page."""
    page = cli_reference.PAGE.read_text("utf-8")
    listed = {
        heading.removeprefix("sealcast").strip() for heading in re.findall(r"^## (sealcast.*)$", page, re.MULTILINE)
    }
    groups = {path.rpartition(" ")[0] for path in listed if path}
    told = {f"{path} {name}".strip() for path in groups for name in commands_in_help(path)}
    assert listed == told | {""}


def commands_in_help(path: str) -> list[str]:
    """Return the commands that a group's help lists: two spaces, a name, two spaces, a summary."""
    done = subprocess.run(
        [sys.executable, "-m", "sealcast", *path.split(), "--help"],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=600,
    )
    return re.findall(r"^  ([a-z]+) {2,}\S", done.stdout, re.MULTILINE)


def command_names() -> set[tuple[str, ...]]:
    return {tuple(path.split()[1:]) for path, _ in cli_reference.commands()}


def test_every_command_that_a_page_or_a_message_names_exists() -> None:
    """A hint that leads nowhere is worse than none."""
    known = command_names()
    sources = [(name_of(page), page.read_text("utf-8")) for page in PAGES]
    sources += [(name_of(path), path.read_text("utf-8")) for path in sorted(SRC.rglob("*.py"))]
    named = re.compile(r"(?:^\$? ?|[`:(] ?|&& )sealcast((?: -C \S+)?(?: [a-z]+){1,2})", re.MULTILINE)
    unknown: dict[tuple[str, ...], str] = {}
    for where, text in sources:
        for words in named.findall(text):
            given = tuple(re.sub(r"^ -C \S+", "", words).split())
            depth = 2 if any(path[:1] == given[:1] and len(path) > 1 for path in known) else 1
            if given[:depth] not in known:
                unknown[given[:depth]] = where
    assert unknown == {}


def test_options_in_shown_commands_exist() -> None:
    """Each option in a shell block is one of its command's."""
    wrong = []
    for page in PAGES:
        for block in blocks(page.read_text("utf-8")):
            if block.info.split(" ")[0] in {"sh", "console", "ini"}:
                for line in block.lines:
                    wrong += [f"{name_of(page)}: {line}" for line in [line] if not options_exist(line)]
    assert not wrong, "\n".join(wrong)


def options_exist(line: str) -> bool:
    found = re.search(r"\bsealcast((?: -C \S+)?) ([a-z]+)(?: ([a-z]+))?(.*)", line)
    if not found or line.startswith((" ", "Next", "note")):
        return True
    command: click.Command | None = ROOT
    for word in (found[2], found[3]):
        if isinstance(command, click.Group) and word:
            command = command.get_command(click.Context(command), word)
    if command is None or isinstance(command, click.Group):
        return False
    rest = re.split(r" -- | #|&&|[|>;&]", found[4])[0]
    return set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= {option for part in command.params for option in part.opts}


# --------------------------------------------------------------------------------------------------------- errors


def test_every_error_is_documented() -> None:
    listed = set(documentation.documented(ERRORS))
    assert documentation.raised() - listed == set()
    assert documentation.loose() - {code for _, code in listed} == set(), "document it, or name it as no code"


def test_every_documented_error_can_occur() -> None:
    raised, loose = documentation.raised(), documentation.loose()
    gone = [row for row in documentation.documented(ERRORS) if row not in raised and row[1] not in loose]
    assert not gone


def test_an_error_has_one_row_in_its_table_and_tables_are_sorted() -> None:
    listed = documentation.documented(ERRORS)
    assert len(listed) == len(set(listed))
    for kind in {kind for kind, _ in listed}:
        codes = [code for known, code in listed if known == kind]
        assert codes == sorted(codes), kind


def test_every_error_has_a_cause_and_says_what_is_safe_and_what_comes_next() -> None:
    rows = re.findall(r"^\| `[A-Z][A-Z0-9_]+` \|.*$", ERRORS, re.MULTILINE)
    assert len(rows) == len(documentation.documented(ERRORS))
    for row in rows:
        _, cause, safe, following = (cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|")))
        assert len(cause) >= 15, row
        assert safe, row
        assert len(following) >= 12, f"{row}: what is to be done, in words that help"


def test_error_classes_stand_with_their_exit_status_and_what_is_safe() -> None:
    for kind, statuses in re.findall(r"^## (\w+), exit status (\d+)", ERRORS, re.MULTILINE):
        known = getattr(errors, kind)
        assert str(known.exit_status) == statuses
        if kind != "SealcastError":
            section = " ".join(ERRORS.split(f"## {kind}, exit status")[1].split("\n## ")[0].split())
            assert known.default_safe.rstrip(".").lower() in section.lower(), kind
            assert f"| {statuses} | `{kind}` |" in ERRORS


# --------------------------------------------------------------------------------------------------------- formats


@pytest.mark.parametrize("structure", sorted(documentation.field_tables(FORMATS)))
def test_the_tables_list_every_field(structure: str) -> None:
    module, _, name = structure.rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    fields = {field.encode_name for field in msgspec.structs.fields(kind)}
    inherited = set() if name == "Document" else {"must_understand"}
    assert documentation.field_tables(FORMATS)[structure] == fields - inherited


def test_every_row_says_what_an_attacker_could_do() -> None:
    empty = [line for line in FORMATS.splitlines() if re.fullmatch(r"\|.*\|\s*\|", line)]
    assert not empty, "\n".join(empty)


def test_every_published_structure_has_a_table() -> None:
    """Every public document, and every structure that is found in one."""
    published = {name for one in schemas.PUBLIC.values() for name in msgspec.json.schema(one.kind)["$defs"]}
    listed = {structure.rpartition(".")[2] for structure in documentation.field_tables(FORMATS)}
    assert published - listed == set()


def test_the_worked_example_is_what_the_code_makes() -> None:
    """With another libzstd its bytes may differ, so then only the next test holds."""
    shown = worked_example.shown(FORMATS)
    if f"libzstd {VERSION} " in shown:
        assert shown == worked_example.section(), "Write it again: make docs"
    assert re.search(r"libzstd \d+\.\d+\.\d+ at level", shown)


def test_the_bytes_of_the_worked_example_are_those_files() -> None:
    """Read from the page, as somebody would who writes another client."""
    dumps = [block.lines for block in blocks(worked_example.shown(FORMATS)) if block.info == "text"]
    pack, delta = (bytes.fromhex("".join(line[10:59] for line in lines)) for lines in dumps)
    old, new = b"Hello, world!\n", b"Hello, world! It is later now.\n"
    whole = Piece(0, 0, len(old))
    assert list(PackReader(io.BytesIO(pack), len(pack)).frames([whole])) == [(whole, old)]

    documents = [block.lines for block in blocks(worked_example.shown(FORMATS)) if block.info == "json"]
    base = encode(json.loads("\n".join(documents[0])))
    assert f"`{content_of(base).sha256}`" in FORMATS
    reader = DeltaReader(io.BytesIO(delta), len(delta), [len(old)])
    bare = reader.skeleton(base)
    assert skeleton_contents(bare) == ((None, len(new)),)
    made = list(reader.frames(reader.pieces([len(new)]), lambda _, start, length: old[start : start + length]))
    assert made == [(Piece(0, 0, len(new)), new)]
    assert [bare.decode()] == documents[-1]

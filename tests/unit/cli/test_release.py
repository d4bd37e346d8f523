from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run


def test_add_says_what_it_made_and_what_comes_next(run: Run, place: Path) -> None:
    (place / "new" / "more.txt").write_text("more")
    said = run("-C", "ws", "release", "add", "new", "--version", "1.2.0", "--channel", "stable")
    assert said.status == 0
    assert said.out.startswith("Added demo 1.2.0 to the channel stable, as its stable release.\n")
    lines = {line.split()[0]: line for line in said.out.splitlines() if line}
    assert "5, " in lines["files"]
    assert "from 1." in lines["delta"]
    assert "archive" in lines
    assert said.out.endswith("Next: sealcast -C ws publish DEST\n")


def test_add_for_machines(run: Run, place: Path) -> None:
    said = run(
        "-C", "ws", "release", "add", "new", "--version", "2.0.0", "--channel", "stable", "--candidate", "--json"
    )
    assert said.status == 0
    document = said.document
    assert (document["app"], document["channel"], document["files"]) == ("demo", "stable", 4)
    assert document["release"]["version"] == "2.0.0"
    assert run("-C", "ws", "channel", "show", "stable", "--json").document["candidate"] == 3


def test_the_next_step_knows_the_configured_destination(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = place / "ws" / "sealcast.toml"
    config.write_text(
        config.read_text().replace('destination = ""', 'destination = "../www"').replace('"tar.zst"', '"none"')
    )
    monkeypatch.chdir(place / "ws")
    said = run("release", "add", "../new", "--version", "1.2.0", "--channel", "stable")
    assert said.out.endswith("Next: sealcast publish\n")
    assert "archive" not in said.out


def test_notes_come_from_a_file(run: Run, place: Path) -> None:
    (place / "notes.md").write_text("What is new:\n\x1b[2Jnothing", encoding="utf-8")
    said = run("-C", "ws", "release", "add", "new", "--version", "1.2.0", "--channel", "stable", "--notes", "notes.md")
    assert said.status == 0
    shown = run("-C", "ws", "release", "show", "1.2.0").out
    assert "  What is new:\n  \\x1b[2Jnothing\n" in shown


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"x" * 20_000])
def test_notes_that_cannot_be_notes(run: Run, place: Path, data: bytes) -> None:
    (place / "notes.md").write_bytes(data)
    said = run("-C", "ws", "release", "add", "new", "--version", "1.2.0", "--channel", "stable", "--notes", "notes.md")
    assert (said.status, said.code) == (2, "BAD_NOTES")


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["nothing", "--version", "1.2.0", "--channel", "stable"], 3, "NO_INPUT"),
        (["new", "--version", "1.2", "--channel", "stable"], 2, "BAD_VERSION"),
        (["new", "--version", "0.9.0", "--channel", "stable"], 3, "VERSION_LOWER"),
        (["new", "--version", "1.0.0", "--channel", "stable", "--allow-lower"], 3, "VERSION_EXISTS"),
        (["new", "--version", "1.2.0", "--channel", "nightly"], 2, "UNKNOWN_CHANNEL"),
        (["new", "--version", "1.2.0"], 2, "UNKNOWN_CHANNEL"),
        (["new", "--version", "1.2.0", "--channel", "stable", "--app", "other"], 2, "UNKNOWN_APP"),
        (["new", "--channel", "stable"], 2, "USAGE"),
    ],
)
def test_what_is_no_release(run: Run, place: Path, words: list[str], status: int, code: str) -> None:
    said = run("-C", "ws", "release", "add", *words)
    assert (said.status, said.code) == (status, code)


def test_list(run: Run, place: Path) -> None:
    said = run("-C", "ws", "release", "list")
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[0] == ["version", "platforms", "installed", "channels"]
    assert rows[1][:2] == ["1.1.0", "any"]
    assert rows[1][-2:] == ["stable", "(stable)"]
    assert rows[2][-2:] == ["stable", "(kept)"]
    releases = run("-C", "ws", "release", "list", "--json").document["releases"]
    assert [(one["version"], one["channels"]) for one in releases] == [
        ("1.1.0", {"stable": "stable"}),
        ("1.0.0", {"stable": "kept"}),
    ]


def test_show(run: Run, place: Path) -> None:
    said = run("-C", "ws", "release", "show", "1.0.0")
    assert said.status == 0
    assert "channels  stable (kept)" in said.out
    assert "  First.\n  All of it.\n" in said.out
    assert run("-C", "ws", "release", "show", "1.1.0").out.count("\n\n") == 1  # no notes, nothing after the table
    document = run("-C", "ws", "release", "show", "1.0.0", "--json").document
    assert document["platforms"]["any"]["installed"] == sum(
        path.stat().st_size for path in (place / "old").rglob("*.*")
    )
    assert run("-C", "ws", "release", "show", "9.9.9").code == "UNKNOWN_RELEASE"


def test_a_release_that_no_channel_lists(run: Run, place: Path) -> None:
    assert run("-C", "ws", "channel", "promote", "stable", "beta").status == 0
    listed = run("-C", "ws", "release", "list", "--json").document["releases"]
    assert listed[0]["channels"] == {"stable": "stable", "beta": "stable"}
    record = place / "ws" / "releases" / "demo"
    (record / "0.1.0.json").write_text(
        (record / "1.0.0.json").read_text().replace('"version":"1.0.0"', '"version":"0.1.0"')
    )
    assert "none" in run("-C", "ws", "release", "list").out.splitlines()[-1]
    assert "channels  none" in run("-C", "ws", "release", "show", "0.1.0").out


def test_diff(run: Run, place: Path) -> None:
    said = run("-C", "ws", "release", "diff", "1.0.0", "1.1.0")
    assert said.out.splitlines() == [
        "+ new.txt",
        "- gone.txt",
        "~ index.html",
        "> a/moved.txt is now b/moved.txt",
        "1 added, 1 removed, 1 changed, 1 renamed, 1 unchanged; 12 B are new.",
    ]
    document = run("-C", "ws", "release", "diff", "1.0.0", "1.1.0", "--json").document
    assert document["differences"]["renamed"] == [["a/moved.txt", "b/moved.txt"]]
    assert run("-C", "ws", "release", "diff", "1.0.0", "1.1.0", "--platform", "mac").code == "UNKNOWN_RELEASE"


def test_remove_asks_first(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("-C", "ws", "release", "remove", "1.0.0")
    assert (said.status, said.code) == (2, "NO_TERMINAL")
    questions: list[str] = []
    monkeypatch.setattr("sealcast.cli.release.confirm", lambda _, question, **__: questions.append(question))
    said = run("-C", "ws", "release", "remove", "1.0.0")
    assert said.status == 0
    assert questions == ["Forget demo 1.0.0 and take it out of stable?"]
    assert "Forgot demo 1.0.0.\nNo longer kept in: stable.\n" in said.out
    assert "Next: sealcast -C ws publish DEST" in said.out
    assert run("-C", "ws", "release", "show", "1.0.0").code == "UNKNOWN_RELEASE"


def test_remove_for_machines(run: Run, place: Path) -> None:
    said = run("-C", "ws", "release", "remove", "1.0.0", "--yes", "--json")
    assert said.document == {"app": "demo", "version": "1.0.0", "channels": ["stable"]}
    assert run("-C", "ws", "release", "remove", "1.1.0", "--yes").code == "RELEASE_LIVE"


def test_removing_what_no_channel_lists_needs_no_publication(run: Run, place: Path) -> None:
    record = place / "ws" / "releases" / "demo"
    (record / "0.1.0.json").write_text(
        (record / "1.0.0.json").read_text().replace('"version":"1.0.0"', '"version":"0.1.0"')
    )
    said = run("-C", "ws", "release", "remove", "0.1.0", "--yes")
    assert said.out == "Forgot demo 0.1.0.\n"


def test_a_baseline_is_said_wherever_releases_are(run: Run, place: Path) -> None:
    said = run("-C", "ws", "release", "baseline", "1.0.0")
    assert (said.status, said.out) == (0, "Release 1.0.0 is a baseline for any.\n")
    rows = run("-C", "ws", "release", "list").out.splitlines()
    assert rows[2].endswith("stable (kept), baseline (any)")
    assert "baseline  any" in run("-C", "ws", "release", "show", "1.0.0").out
    assert "baseline" not in run("-C", "ws", "release", "show", "1.1.0").out
    releases = run("-C", "ws", "release", "list", "--json").document["releases"]
    assert [one["baseline"] for one in releases] == [[], ["any"]]
    added = run("-C", "ws", "release", "add", "new", "--version", "1.2.0", "--channel", "beta", "--effort", "fast")
    assert "from 1.0.0" in added.out
    assert run("-C", "ws", "release", "remove", "1.0.0", "--yes").code == "RELEASE_IS_BASELINE"
    assert run("-C", "ws", "release", "baseline", "1.0.0", "--off", "--json").document["baseline"] == []
    assert run("-C", "ws", "release", "baseline", "1.1.0", "--off").out == "Release 1.1.0 is no baseline.\n"
    assert run("-C", "ws", "release", "baseline", "1.0.0", "--platform", "mac").code == "UNKNOWN_RELEASE"


def test_how_hard_and_with_how_much_memory(run: Run, place: Path) -> None:
    made = {}
    for effort, memory in (("fast", "512MiB"), ("best", "2 GiB"), ("best", "1KiB")):
        words = ["--version", "1.2.0", "--channel", "stable", "--dry-run", "--json"]
        said = run("-C", "ws", "release", "add", "new", *words, "--effort", effort, "--memory", memory)
        assert said.status == 0, said.err
        made[effort, memory] = said.document["release"]["platforms"]["any"]["manifest"]["sha256"]
    assert made["fast", "512MiB"] != made["best", "2 GiB"] == made["best", "1KiB"]


@pytest.mark.parametrize("size", ["", "1", "1MB", "-1MiB", "1.5GiB", "9999999999GiB", "GiB", "²MiB"])
def test_what_is_no_size(run: Run, place: Path, size: str) -> None:
    said = run("-C", "ws", "release", "add", "new", "--version", "1.2.0", "--channel", "stable", "--memory", size)
    assert (said.status, said.code) == (2, "USAGE")

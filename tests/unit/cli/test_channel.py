from __future__ import annotations

from pathlib import Path

import msgspec

from sealcast.cli.channel import standing
from sealcast.publisher import Repository

from .conftest import Run


def test_list(run: Run, place: Path) -> None:
    said = run("-C", "ws", "channel", "list")
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[1] == ["demo/stable", "3", "1.1.0", "1.0.0"]
    assert rows[2] == ["demo/beta", "1"]
    documents = run("-C", "ws", "channel", "list", "--json").document["channels"]
    assert [document["type"] for document in documents] == ["sealcast/channel/1"] * 2


def test_show(run: Run, place: Path) -> None:
    said = run("-C", "ws", "channel", "show", "stable")
    rows = [line.split() for line in said.out.splitlines()]
    assert ["revision", "3"] in rows
    newest = next(row for row in rows if row[:1] == ["1.1.0"])
    assert newest[1:4] == ["2", "stable", "any"]
    oldest = next(row for row in rows if row[:1] == ["1.0.0"])
    assert (oldest[2], oldest[-1]) == ("kept", "none")
    assert run("-C", "ws", "channel", "show", "stable", "--json").document["stable"] == 2
    assert run("-C", "ws", "channel", "show", "nightly").code == "UNKNOWN_CHANNEL"


def test_a_delta_from_a_release_that_is_listed_no_more(run: Run, place: Path) -> None:
    (place / "new" / "big.txt").write_text("\n".join(f"line {number} of a big file" for number in range(4000)))
    for version in ("1.2.0", "1.3.0"):
        (place / "new" / "index.html").write_text(version)
        assert run("-C", "ws", "release", "add", "new", "--version", version, "--channel", "stable").status == 0
    assert "from 1.2.0" in run("-C", "ws", "channel", "show", "stable").out
    assert run("-C", "ws", "release", "remove", "1.2.0", "--yes").status == 0
    shown = run("-C", "ws", "channel", "show", "stable").out
    assert "from 1.2.0" not in shown


def test_what_a_release_is_in_its_channel(place: Path) -> None:
    document = Repository.open(place / "ws").channel("stable")
    old, new = document.releases
    assert (standing(document, old), standing(document, new)) == ("kept", "stable")
    assert standing(msgspec.structs.replace(document, candidate=old.sequence), old) == "candidate"
    assert standing(msgspec.structs.replace(document, recall=(old.sequence,)), old) == "recalled"


def test_promote(run: Run, place: Path) -> None:
    said = run("-C", "ws", "channel", "promote", "stable", "beta")
    assert said.status == 0
    assert said.out.startswith("Promoted 1.1.0 from stable to demo/beta.\n")
    assert "Next: sealcast -C ws publish DEST" in said.out
    said = run("-C", "ws", "channel", "promote", "stable", "beta", "--version", "1.0.0", "--json")
    assert said.document["channel"] == "beta"
    assert run("-C", "ws", "channel", "promote", "stable", "nightly").code == "UNKNOWN_CHANNEL"


def test_a_candidate_is_shown(run: Run, place: Path) -> None:
    words = ("--version", "2.0.0", "--channel", "stable", "--candidate")
    assert run("-C", "ws", "release", "add", "new", *words).status == 0
    rows = [line.split() for line in run("-C", "ws", "channel", "list").out.splitlines()]
    assert rows[1] == ["demo/stable", "4", "1.1.0", "2.0.0", "1.0.0"]

"""``sealcast key card``: what a holder hands out, on the terminal and on paper, and nothing private."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from sealcast.proquint import proquints
from sealcast.signing import KEY_TYPES, generate, read_record, save_key
from tests.unit.cli.conftest import Run

segno = pytest.importorskip("segno")

EXAMPLES = Path(__file__).parents[3] / "keys.example"


@pytest.fixture(autouse=True)
def alice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    made = generate("alice", KEY_TYPES["ed25519"], None, random=os.urandom, uri="file:/home/alice/hidden.pem")
    save_key(Path("keys"), made)
    return made.record.keyid


def drawn(code: object) -> list[str]:
    rows = [bytes(row) for row in code.matrix_iter(border=2)]  # type: ignore[attr-defined]
    rows.append(bytes(len(rows[0])))
    return [
        "".join("█▀▄ "[2 * a + b] for a, b in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]


def test_the_card_tells_the_key_by_hex_words_and_code(run: Run, alice: str) -> None:
    done = run("key", "card", "alice")
    assert done.status == 0, done.err
    assert alice in done.out.replace(" ", "")
    words = proquints(bytes.fromhex(alice)).split("-")
    assert all(word in done.out for word in words)
    assert "ed25519" in done.out
    picture = [line for line in done.out.splitlines() if line.startswith("██")]
    document = run("key", "card", "alice", "--json").document
    assert picture == drawn(segno.make_qr(document["qr"], error="l", boost_error=False))


def test_the_code_holds_the_record_and_nothing_private(run: Run, alice: str) -> None:
    for where in ("alice", "keys/alice.pub.json", "keys/alice.pem"):
        document = run("key", "card", where, "--json").document
        assert document["words"] == proquints(bytes.fromhex(alice))
        Path("copy.pub.json").write_text(document["qr"])
        record = read_record(Path("copy.pub.json"))
        assert (record.keyid, record.name, record.uri) == (alice, "alice", None)
        assert "hidden" not in json.dumps(document)


def test_a_page_to_print(run: Run, alice: str) -> None:
    done = run("key", "card", "alice", "--out", "alice.html")
    assert done.status == 0, done.err
    page = Path("alice.html").read_text()
    assert proquints(bytes.fromhex(alice)) in page
    assert "<svg" in page
    assert not re.search(r"hidden|PRIVATE|<script|src=|href=", page)


def test_the_code_alone(run: Run) -> None:
    assert run("key", "card", "alice", "--out", "alice.svg").status == 0
    assert Path("alice.svg").read_text().startswith("<svg")
    refused = run("key", "card", "alice", "--out", "alice.png")
    assert refused.status == 2
    assert not Path("alice.png").exists()


def test_a_key_that_is_too_long_for_a_code(run: Run) -> None:
    save_key(Path("keys"), generate("mel", KEY_TYPES["ml-dsa-65"], None, random=os.urandom))
    document = run("key", "card", "mel", "--json").document
    assert document["qr"] == document["keyid"]
    assert "too long" in run("key", "card", "mel").out


def test_an_example_key_is_told_as_one(run: Run) -> None:
    assert "Everybody can sign with it" in run("key", "card", str(EXAMPLES / "root.pub.json")).err


def test_what_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("key", "card", "bob").code == "KEY_NOT_FOUND"
    monkeypatch.setitem(sys.modules, "segno", None)
    refused = run("key", "card", "alice")
    assert refused.code == "MISSING_PACKAGE"
    assert "sealcast[publisher]" in refused.err

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sealcast.demo import Outcome, Pair

from .conftest import Run


@pytest.fixture
def toured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Pair, Path, str]]:
    """What the tour, which a workflow test runs whole, was called with."""
    calls: list[tuple[Pair, Path, str]] = []

    def tour(pair: Pair, folder: Path, passphrase: str, story: Any) -> Outcome:
        calls.append((pair, folder, passphrase))
        story.step("A step")
        words: Sequence[str] = ["sealcast", "-C", "a b", "status"]
        story.command(words)
        story.result("first\n  second")
        return Outcome(10_000, 250, 1, "delta", {"a tampered object": "HASH_MISMATCH"})

    monkeypatch.setattr("sealcast.demo.tour", tour)
    monkeypatch.setattr(
        "sealcast.demo.two_releases",
        lambda folder, template: Pair(f"{template.name}", folder, "1.0.0", folder, "1.1.0"),
    )
    return calls


def test_the_tour_of_ones_own_releases(run: Run, place: Path, toured: list[tuple[Pair, Path, str]]) -> None:
    said = run("demo", "old", "new")
    assert said.status == 0
    assert "1. A step\n   $ sealcast -C 'a b' status\n     first\n       second\n" in said.out
    assert "update              250 B (2.5%) in 1 request, by delta" in said.out
    assert "a tampered object: HASH_MISMATCH" in said.out
    ((pair, folder, passphrase),) = toured
    assert (pair.old, pair.new) == (Path("old"), Path("new"))
    assert not folder.exists()
    assert len(passphrase) >= 12
    assert passphrase not in said.out + said.err


def test_the_tour_keeps_its_folder_where_it_is_told_to(
    run: Run, tmp_path: Path, toured: list[tuple[Pair, Path, str]]
) -> None:
    said = run("demo", "--folder", tmp_path / "tour", "--json")
    assert said.status == 0
    assert said.document["refused"] == {"a tampered object": "HASH_MISMATCH"}
    assert "1. A step" in said.err
    assert toured[0][1] == tmp_path / "tour"
    assert (tmp_path / "tour").is_dir()
    assert f"Everything is in {tmp_path / 'tour'}." in run("demo", "--folder", tmp_path / "tour").out


def test_a_tour_needs_room_and_both_releases(run: Run, place: Path, toured: list[tuple[Pair, Path, str]]) -> None:
    assert run("demo", "--folder", "old").code == "FOLDER_NOT_EMPTY"
    assert run("demo", "old").code == "USAGE"
    assert toured == []

"""From figures to what people read: targets, tables, plots and the page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.page import page, write_pages
from tests.benchmarks.plot import bars
from tests.benchmarks.results import read_results, write_results
from tests.benchmarks.table import absent, comparison
from tests.benchmarks.targets import Target, smallest, targets_of
from tests.benchmarks.words import in_bytes, in_seconds, markdown_table, plain_table, times

from .entries import entry, outcome, usage, visit


def lost(measured: dict[str, Any]) -> list[str]:
    return [target.name for target in targets_of(measured) if not target.held]


def test_what_is_within_every_aim_is_held() -> None:
    assert lost(entry()) == []
    assert len(targets_of(entry())) == 14


def changed(path: str, value: object) -> dict[str, Any]:
    """An entry with one figure changed."""
    measured = entry()
    at: Any = measured
    *parents, last = path.split("/")
    for parent in parents:
        at = at[parent]
    at[last] = value
    return measured


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("ours/deltas/normal/size", 22_001, "delta, normal: 1.05 × the smallest peer + 1 kB"),
        ("ours/deltas/best/size", 22_001, "delta, best: 1.05 × the smallest peer + 1 kB"),
        ("ours/update", visit(21_000 + 8_561, 6), "metadata and documents on top"),
        ("ours/first", visit(1_150_001, 6, "packs"), "first install, by packs: a solid zstd -19"),
        ("ours/update", visit(24_000, 8), "requests of the update"),
        ("ours/unchanged", visit(500, 3, "none"), "requests when nothing is new"),
        ("ours/unchanged", visit(2001, 2, "none"), "bytes when nothing is new"),
        ("ours/deltas/normal/make", usage(1.81), "time of a delta, normal: tufup’s bsdiff4"),
        ("ours/deltas/normal/make", usage(1.0, 76 * 2**20), "memory of a delta, normal: tufup’s bsdiff4"),
        ("peers/bsdiff4", outcome(20_999, seconds=9.0, peak=150 * 2**20), "delta, normal: fewer bytes than tufup"),
        ("ours/deltas/fast/make", usage(0.46), "time of a delta, fast: zstd-3"),
        ("floor", usage(0.86), "client, download to durable: decompress, hash, write, fsync"),
        ("peers/ostree", outcome(40_000, seconds=1.3), "client, the whole update: ostree pull"),
        ("memory_bound", 49 * 2**20, "client memory: 64 MiB + inputs + 2 × outputs"),
    ],
)
def test_each_target_can_be_missed_alone(path: str, value: object, name: str) -> None:
    assert lost(changed(path, value)) == [name]


def test_without_an_archive_packs_may_be_larger() -> None:
    measured = changed("ours/first", visit(1_399_999, 6, "packs"))
    measured["ours"]["add"]["archive"] = None
    assert lost(measured) == []


def test_a_peer_beyond_our_memory_is_shown_and_not_the_one_to_beat() -> None:
    measured = entry()
    measured["peers"]["hungry"] = outcome(1_000, peak=161 * 2**20)
    best = smallest(measured)
    assert best is not None
    assert best[0] == "hdiffpatch"
    _, rows = comparison(measured)
    assert rows[0][0] == "hungry (beyond our memory)"


def test_without_peers_nothing_is_claimed_against_them() -> None:
    measured = entry(peers={"zsync": {"missing": "not here"}}, floor=None)
    assert smallest(measured) is None
    assert not any("peer" in target.name or "zstd-3" in target.name for target in targets_of(measured))
    assert len(comparison(measured)[1]) == 3


def test_without_a_delta_no_delta_is_judged() -> None:
    measured = entry()
    for delta in measured["ours"]["deltas"].values():
        delta["size"] = None
    measured["ours"]["update"]["route"] = "packs"
    names = [target.name for target in targets_of(measured)]
    assert not any(name.startswith(("delta,", "metadata")) for name in names)
    assert not any(row[0].startswith("sealcast") for row in comparison(measured)[1])


def test_the_table_sets_everyone_against_the_best_peer() -> None:
    header, rows = comparison(entry())
    found = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert rows[0][0] == "hdiffpatch"
    assert found["hdiffpatch"]["update"] == "20,000"
    assert found["sealcast normal"]["patch"] == "21,000"
    assert found["sealcast normal"]["update"] == "24,000"
    assert rows[[row[0] for row in rows].index("sealcast normal")][3] == "1.20×"
    assert absent(entry()) == ["zsync: not here: no zsync here: apt-get install zsync"]


def test_numbers_are_readable() -> None:
    assert in_bytes(9_999_999) == "9,999,999 B"
    assert in_bytes(20 * 2**20) == "20 MiB"
    assert in_bytes(None) == "–"
    assert (in_seconds(0.126), in_seconds(12.6)) == ("0.13 s", "13 s")
    assert (times(3, 2), times(3, 0)) == ("1.50×", "–")


def test_tables_are_whole() -> None:
    assert plain_table(("", "b"), [("name", "1"), ("n", "22")]) == "       b\n----  --\nname   1\nn     22"
    assert markdown_table(("a", "b"), [("x|y", "1")]) == "| a | b |\n| --- | ---: |\n| x/y | 1 |"


def test_a_plot_is_svg_with_a_bar_for_each_figure() -> None:
    groups = {"one & <two>": {"ours": 10.0, "theirs": 100.0}, "three": {"theirs": 0.0}}
    chart = bars("A <title>", groups, lambda value: f"{value:g} B", ["ours", "theirs"])
    root = ElementTree.fromstring(chart)
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{space}rect")]
    assert len(widths) == 3
    assert widths[1] > widths[0] > widths[2]
    texts = [text.text for text in root.iter(f"{space}text")]
    assert {"A <title>", "one & <two>", "10 B", "100 B", "ours"} <= set(texts)
    assert ElementTree.fromstring(bars("nothing", {}, str, [])) is not None


def test_the_page_says_first_where_we_lose(tmp_path: Path) -> None:
    measured = changed("ours/update", visit(24_000, 9))
    target = Target("a question: time", "2 s", "1 s", 2.0, 1.2, 3.5)
    scenario = {
        "about": "Something.",
        "date": "2030-01-02",
        "machine": entry()["machine"],
        "taken_by_others": 0.2,
        "targets": [target.as_json()],
    }
    results = {"corpora": {"one": measured}, "scenarios": {"history": scenario}}
    text = page(results)
    losses = text[: text.index("## Corpora")]
    assert "13 of 15 targets are held." in losses
    assert "| one | requests of the update | 9 | 7 | 1.29 |  | 1.00 |" in losses
    assert "| history | a question: time | 2 s | 1 s | 2.00 | 3.50 | 1.20 |" in losses
    assert "Measured 2030-01-02 on P, 2 cores, 4 GiB, S, Python 3.12.1, files on ext4; others had 20% of" in text
    assert "Without figures: zsync: not here" in text
    write_pages(tmp_path, results)
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md", "bytes.svg", "make.svg", "apply.svg", "memory.svg"
    }  # fmt: skip
    write_results(tmp_path / "results.json", results)
    assert read_results(tmp_path / "results.json") == json.loads(json.dumps(results))
    assert page(read_results(tmp_path / "results.json")) == text


def test_without_results_there_is_a_page_all_the_same(tmp_path: Path) -> None:
    results = read_results(tmp_path / "none.json")
    assert "0 of 0 targets are held." in page(results)

"""What is run for which arguments, without running it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import __main__ as program
from tests.benchmarks import bench
from tests.benchmarks.corpora import CORPORA, Corpus
from tests.benchmarks.measure import BenchmarkError, Usage
from tests.benchmarks.ours import bound_roles, configure
from tests.benchmarks.peers import Missing, Outcome, Peer
from tests.benchmarks.scenarios import SCENARIOS, grow, scenario_targets
from tests.benchmarks.targets import Target
from tests.benchmarks.trees import digests

from .entries import entry

QUICK = [corpus.name for corpus in CORPORA if corpus.quick]


class Runs:
    """Stands in for the measurements, and notes what was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.corpora: list[str] = []
        self.peers: list[str] = []
        self.quick: list[bool] = []
        self.scenarios: list[tuple[str, bool]] = []
        self.broken = ""
        monkeypatch.setattr(program, "fetch", lambda corpus: (Path("old"), Path("new")))
        monkeypatch.setattr(program, "measure_corpus", self.corpus)
        monkeypatch.setattr(program, "measure_scenario", self.scenario)

    def corpus(self, corpus: Corpus, trees: object, peers: list[Peer], *, quick: bool, told: object) -> dict[str, Any]:
        if corpus.name == self.broken:
            raise BenchmarkError("npm is needed")
        self.corpora.append(corpus.name)
        self.peers, self.quick = [peer.name for peer in peers], [quick]
        return entry()

    def scenario(self, name: str, *, full: bool, told: object) -> dict[str, Any]:
        self.scenarios.append((name, full))
        return {"about": name, "date": "2030-01-02", "machine": entry()["machine"], "targets": []}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


def test_by_default_the_quick_set_and_every_scenario_are_run(runs: Runs, tmp_path: Path) -> None:
    assert program.main(["--out", str(tmp_path)]) == 0
    assert runs.corpora == QUICK
    assert runs.quick == [True]
    assert runs.scenarios == [(name, False) for name in SCENARIOS]
    assert set(json.loads((tmp_path / "results.json").read_bytes())["corpora"]) == set(QUICK)
    assert "## Where we lose" in (tmp_path / "README.md").read_text("utf-8")


def test_all_is_run_when_asked(runs: Runs, tmp_path: Path) -> None:
    program.main(["--full", "--out", str(tmp_path)])
    assert len(runs.corpora) == len(CORPORA)
    assert runs.quick == [False]
    assert runs.scenarios == [(name, True) for name in SCENARIOS]


def test_one_corpus_is_run_with_every_peer_and_the_others_figures_stay(runs: Runs, tmp_path: Path) -> None:
    program.main(["--corpus", "ionic", "--out", str(tmp_path)])
    program.main(["--corpus", "numpy", "--out", str(tmp_path)])
    assert runs.corpora == ["ionic", "numpy"]
    assert runs.quick == [False]
    assert runs.scenarios == []
    assert set(json.loads((tmp_path / "results.json").read_bytes())["corpora"]) == {"ionic", "numpy"}


def test_with_some_peers_only_nothing_is_written(runs: Runs, tmp_path: Path) -> None:
    program.main(["--corpus", "ionic", "--peer", "zstd-3", "--out", str(tmp_path)])
    assert runs.peers == ["zstd-3"]
    assert list(tmp_path.iterdir()) == []


def test_a_corpus_that_cannot_be_had_is_said_and_the_next_one_is_run(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.broken = QUICK[0]
    program.main(["--out", str(tmp_path)])
    assert runs.corpora == QUICK[1:]
    assert f"{QUICK[0]} is left out: npm is needed" in capsys.readouterr().err


def test_a_system_without_fork_is_told_so(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(program.os, "fork")
    assert program.main([]) == 1
    assert runs.corpora == []


def test_json_is_one_document(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program.main(["--scenario", "no-change", "--json", "--out", str(tmp_path)])
    assert list(json.loads(capsys.readouterr().out)["scenarios"]) == ["no-change"]
    assert runs.corpora == []


def test_a_quick_run_leaves_slow_peers_out_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
    (tmp_path / "new" / "file").write_bytes(b"new")
    seen: dict[str, Outcome | Missing] = {}

    def keep(about: str, pair: object, ours: object, peers: dict[str, Outcome | Missing], *_: object) -> dict[str, Any]:
        seen.update(peers)
        return {}

    spent = Usage(1, 1, 1, 1)
    for name, stand_in in (
        ("measure_ours", lambda pair: None),
        ("corpus_entry", keep),
        ("_floor", lambda pair: spent),
        ("_solid", lambda pair: 1),
    ):
        monkeypatch.setattr(bench, name, stand_in)
    peers = [
        Peer(name, "", lambda pair: Outcome(1, 1, spent, spent), slow=name == "slow") for name in ("slow", "quick")
    ]
    trees = (tmp_path / "old", tmp_path / "new")
    for quick in (True, False):
        bench.measure_corpus(CORPORA[0], trees, peers, quick=quick, told=lambda what: None)
        assert isinstance(seen["slow"], Missing) is quick
        assert isinstance(seen["quick"], Outcome)


def test_settings_are_changed_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sealcast.toml"
    file.write_text('deltas = 3\n# deltas = 5\neffort = "normal"\n')
    configure(tmp_path, deltas=0, effort="fast")
    assert file.read_text() == 'deltas = 0\n# deltas = 5\neffort = "fast"\n'
    with pytest.raises(BenchmarkError, match="no setting depth"):
        configure(tmp_path, depth=1)


def test_what_is_made_up_is_the_same_every_time(tmp_path: Path) -> None:
    grow(tmp_path / "one", 30)
    grow(tmp_path / "two", 30)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len({digest for digest, _ in digests(tmp_path / "one").values()}) == 30
    assert len(bound_roles(100)) + 1 == 100  # the halt role is one of them


def test_a_scenario_is_judged_again_from_its_entry() -> None:
    targets = [Target("time", "2 s", "1 s", 2.0, 1.2), Target("bytes", "1 B", "2 B", 0.5, 1.0, 0.25)]
    kept = json.loads(json.dumps({"targets": [target.as_json() for target in targets]}))
    assert scenario_targets(kept) == targets
    assert [target.held for target in scenario_targets(kept)] == [False, True]

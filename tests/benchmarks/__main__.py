"""Run the benchmarks and say how we do: ``make bench``, or ``python -m tests.benchmarks --help``."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.bench import measure_corpus
from tests.benchmarks.corpora import CORPORA, Corpus, fetch
from tests.benchmarks.environment import TOP
from tests.benchmarks.measure import BenchmarkError
from tests.benchmarks.page import write_pages
from tests.benchmarks.peers import PEERS, Peer
from tests.benchmarks.results import Results, read_results, write_results
from tests.benchmarks.scenarios import SCENARIOS, measure_scenario, scenario_targets
from tests.benchmarks.table import absent, comparison, floor, reading, verdicts
from tests.benchmarks.targets import targets_of
from tests.benchmarks.words import plain_table

DOCS = TOP / "docs" / "benchmarks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for. The exit status is 0 also where a target is not held: machines differ. It is 1 where
    nothing can be measured.
    """
    asked = _parser().parse_args(arguments)
    if not hasattr(os, "fork"):
        sys.stderr.write("The benchmarks need a system with fork, such as Linux or macOS.\n")
        return 1
    compileall.compile_dir(TOP / "src", quiet=2)  # as pip does on installing: the peers' modules are compiled too
    peers = [peer for peer in PEERS if not asked.peer or peer.name in asked.peer]
    results = read_results(asked.out / "results.json")
    for corpus in _corpora(asked):
        entry = _corpus(corpus, peers, asked)
        if entry is not None:
            results["corpora"][corpus.name] = entry
            if not asked.json:
                show_corpus(corpus.name, entry)
            if not asked.peer:
                _keep(asked.out, results)  # what is done is kept, whatever becomes of the rest
    for name in _scenarios(asked):
        entry = measure_scenario(name, full=asked.full, told=_told)
        results["scenarios"][name] = entry
        if not asked.json:
            _say(f"\n{name}: {entry['about']}\n\n" + plain_table(*verdicts(scenario_targets(entry))))
        _keep(asked.out, results)
    if asked.json:
        _say(json.dumps(results, indent=1, ensure_ascii=False))
    return 0


def show_corpus(name: str, entry: Results) -> None:
    """Print the tables of one corpus."""
    _say(f"\n{name}: {reading(entry)}\n\n{plain_table(*comparison(entry))}\n")
    for line in (floor(entry), *absent(entry)):
        _say(line)
    _say("\n" + plain_table(*verdicts(targets_of(entry))))


def _corpora(asked: argparse.Namespace) -> list[Corpus]:
    if asked.corpus or asked.scenario:
        return [corpus for corpus in CORPORA if corpus.name in asked.corpus]
    return [corpus for corpus in CORPORA if corpus.quick or asked.full]


def _scenarios(asked: argparse.Namespace) -> list[str]:
    if asked.corpus or asked.scenario or asked.peer:
        return [name for name in SCENARIOS if name in asked.scenario]
    return list(SCENARIOS)


def _corpus(corpus: Corpus, peers: Sequence[Peer], asked: argparse.Namespace) -> Results | None:
    """Measure one corpus; where that cannot be done, say why and go on with the next."""
    quick = not (asked.full or asked.corpus or asked.peer)
    try:
        trees = (asked.unpacked / corpus.name / "0", asked.unpacked / corpus.name / "1") if asked.unpacked else None
        return measure_corpus(corpus, trees or fetch(corpus), peers, quick=quick, told=_told)
    except BenchmarkError as error:
        sys.stderr.write(f"{corpus.name} is left out: {error}\n")
        return None


def _keep(folder: Path, results: Results) -> None:
    write_results(folder / "results.json", results)
    write_pages(folder, results)


def _told(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {what}\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=…", description="Measure Sealcast beside its peers, on real releases.", allow_abbrev=False
    )
    parser.add_argument("--corpus", action="append", default=[], choices=[corpus.name for corpus in CORPORA])
    parser.add_argument("--scenario", action="append", default=[], choices=list(SCENARIOS))
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        choices=[peer.name for peer in PEERS],
        help="only these peers; the documentation is not written then",
    )
    parser.add_argument("--full", action="store_true", help="every corpus, and the long history at its full length")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    parser.add_argument("--out", type=Path, default=DOCS, help="where results.json, plots and page go")
    parser.add_argument("--unpacked", type=Path, help="a folder with releases that are unpacked: NAME/0 and NAME/1")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

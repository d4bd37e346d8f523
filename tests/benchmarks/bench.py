"""One corpus, whole: us and every peer on the same files, one after the other."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.corpora import Corpus
from tests.benchmarks.environment import TOP, cache_folder, machine, others_time, version_of
from tests.benchmarks.measure import BenchmarkError, Usage, best_of, run
from tests.benchmarks.ours import DEVICES, measure_ours
from tests.benchmarks.peers import Missing, Outcome, Peer, run_peer
from tests.benchmarks.results import Results, corpus_entry
from tests.benchmarks.trees import Pair

Told = Callable[[str], None]


def measure_corpus(
    corpus: Corpus, trees: tuple[Path, Path], peers: Sequence[Peer], *, quick: bool, told: Told
) -> Results:
    """Measure us and ``peers`` on a corpus whose releases lie in ``trees``; a ``quick`` run leaves slow peers out."""
    with tempfile.TemporaryDirectory(prefix="sealcast-bench-") as folder:
        pair, taken = Pair(*trees, Path(folder)), others_time()
        told(f"{corpus.name}: sealcast")
        ours = measure_ours(pair)
        outcomes: dict[str, Outcome | Missing] = {}
        for peer in peers:
            told(f"{corpus.name}: {peer.name}")
            if quick and peer.slow:
                outcomes[peer.name] = Missing("left out of the quick set: --full runs it, or --corpus")
            else:
                outcomes[peer.name] = run_peer(peer, pair)
        told(f"{corpus.name}: the floor of a client, and a solid archive")
        entry = corpus_entry(corpus.about, pair, ours, outcomes, _floor(pair), _solid(pair), machine())
        return entry | {"taken_by_others": round(taken(), 3)}


def _floor(pair: Pair) -> Usage:
    """Return what a client cannot do without, measured."""
    step = [sys.executable, "-m", "tests.benchmarks.floor"]
    run([*step, "make", pair.old, pair.new, pair.folder], cwd=TOP)
    runs: list[Usage] = []
    for _ in range(DEVICES):
        shutil.rmtree(pair.folder / "floor", ignore_errors=True)
        runs.append(run([*step, "apply", pair.old, pair.new, pair.folder], cwd=TOP).usage)
    return best_of(runs)


def _solid(pair: Pair) -> int:
    """Return the bytes of the new release as a tar under ``zstd -19 --long=27``; found once for each tree."""
    if shutil.which("zstd") is None:
        raise BenchmarkError("no zstd here: apt-get install zstd")
    known = cache_folder() / "solid.json"
    sizes: dict[str, int] = json.loads(known.read_bytes()) if known.exists() else {}
    with pair.new_tar.open("rb") as file:
        key = f"{version_of('zstd')} {hashlib.file_digest(file, 'sha256').hexdigest()}"
    if key not in sizes:
        out = pair.folder / "solid.zst"
        run(["zstd", "-q", "-19", "--long=27", pair.new_tar, "-o", out])
        sizes[key] = out.stat().st_size
        out.unlink()
        known.write_text(json.dumps(sizes, indent=1), "utf-8")
    return sizes[key]

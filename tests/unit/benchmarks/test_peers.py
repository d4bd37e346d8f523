from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.measure import BenchmarkError, Usage, run
from tests.benchmarks.peers import PEERS, Missing, Outcome, Peer, run_peer
from tests.benchmarks.peers.differs import _differ, repeated
from tests.benchmarks.peers.peer import scratch
from tests.benchmarks.trees import Pair, prove_tree

COPY = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
SPOIL = "import sys; open(sys.argv[2], 'wb').write(open(sys.argv[1], 'rb').read()[:-1])"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the launcher forks, as the benchmarks' systems do")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "file").write_text(f"the {side} one")
    return Pair(tmp_path / "old", tmp_path / "new", tmp_path)


def python(script: str, *words: str) -> list[str | Path]:
    return [sys.executable, "-I", "-S", "-c", script, *words]


def test_a_peer_that_rebuilds_the_release_has_figures(pair: Pair) -> None:
    honest = Peer(
        "it", "", lambda pair: _differ(pair, python(COPY, "CHANGED", "PATCH"), python(COPY, "PATCH", "RESULT"))
    )
    found = run_peer(honest, pair)
    assert isinstance(found, Outcome)
    assert (found.wire, found.requests) == (len("the new one"), 1)
    assert not scratch(pair).exists()


def test_a_peer_whose_result_differs_is_refused(pair: Pair) -> None:
    wrong = Peer(
        "it", "", lambda pair: _differ(pair, python(COPY, "CHANGED", "PATCH"), python(SPOIL, "PATCH", "RESULT"))
    )
    assert run_peer(wrong, pair) == Missing("failed: the result is not the new release: result has other bytes")


def test_a_peer_that_makes_another_tree_is_refused(pair: Pair) -> None:
    def make(pair: Pair) -> Outcome:
        prove_tree(pair.old, pair.after)
        raise AssertionError("it was accepted")

    assert run_peer(Peer("it", "", make), pair) == Missing(
        "failed: the result is not the new release: file is different"
    )


def test_a_peer_that_is_not_here_says_how_to_get_it(pair: Pair) -> None:
    def make(pair: Pair) -> Outcome:
        raise AssertionError("it was run")

    absent = Peer("it", "", make, programs=("no-such-program",), debian="the-package")
    assert run_peer(absent, pair) == Missing("not here: no no-such-program here: apt-get install the-package")


def test_a_peer_that_breaks_is_listed_with_what_it_said(pair: Pair) -> None:
    def make(pair: Pair) -> Outcome:
        run(python("import sys; sys.exit('out of luck')"))
        raise AssertionError("it went on")

    found = run_peer(Peer("it", "", make), pair)
    assert isinstance(found, Missing)
    assert "out of luck" in found.why


def test_short_steps_are_run_three_times_from_the_start(tmp_path: Path) -> None:
    result = tmp_path / "result"
    script = "import sys; open(sys.argv[1], 'xb'); open(sys.argv[2], 'ab').write(b'.')"
    assert isinstance(repeated(python(script, str(result), str(tmp_path / "count")), result), Usage)
    assert (tmp_path / "count").read_bytes() == b"..."
    with pytest.raises(BenchmarkError):
        repeated(python(script, str(result), str(tmp_path / "count")))  # nothing removes what is there


def test_every_peer_can_be_installed_and_has_its_own_name() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    for peer in PEERS:
        assert bool(peer.programs) == bool(peer.debian) != bool(peer.package), peer.name

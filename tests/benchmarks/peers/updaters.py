"""tufup, whole: what it does for a release and on a device, with its archives, its patches and its metadata."""

from __future__ import annotations

import shutil

from tests.benchmarks.environment import peer_python
from tests.benchmarks.measure import Ran, run
from tests.benchmarks.peers.differs import FOREIGN
from tests.benchmarks.peers.peer import Outcome, Peer, scratch
from tests.benchmarks.trees import Pair, prove_tree
from tests.benchmarks.web import Web


def _tufup(pair: Pair) -> Outcome:
    """Both releases added; the device has the first one's archive, as after a first update by tufup."""
    place, device = scratch(pair), scratch(pair) / "device"
    site = place / "site"
    for folder in (device / "app", device / "metadata", device / "targets", device / "extracted"):
        folder.mkdir(parents=True)
    _step("tufup-first", place, pair.old)
    shutil.copy(site / "metadata" / "1.root.json", device / "metadata" / "root.json")
    for archive in (site / "targets").glob("*.tar.gz"):
        shutil.copy(archive, device / "targets")
    made = _step("tufup-make", place, pair.new).usage
    with Web(site) as web:
        applied = _step("tufup-apply", device, web.url, "1.0").usage
        traffic = web.taken()
    prove_tree(device / "extracted", pair.after)
    sizes = {path.suffix: path.stat().st_size for path in (site / "targets").glob("*-2.0*")}
    return Outcome(traffic.wire, traffic.requests, made, applied, sizes[".gz"], sizes[".patch"])


def _step(*words: object) -> Ran:
    return run([peer_python(), FOREIGN, *map(str, words)])


PEERS = (Peer("tufup", "tufup: add_bundle, and its client", _tufup, package="tufup", whole=True, slow=True),)

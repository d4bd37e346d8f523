"""What somebody could use instead of ours. Each peer makes an update, applies it, and proves what it made."""

from __future__ import annotations

from tests.benchmarks.peers import differs, stores, updaters
from tests.benchmarks.peers.peer import Missing, Outcome, Peer, run_peer

PEERS = (*differs.PEERS, *updaters.PEERS, *stores.PEERS)

__all__ = ["PEERS", "Missing", "Outcome", "Peer", "run_peer"]

"""What we aim for, as ratios within one run, and whether it holds: read from results, so that it can be done again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmarks.words import in_bytes, in_seconds

CLIENT_MEMORY = 160 * 2**20
"""What our client may take for the largest frame there can be: 64 MiB, 64 MiB of inputs, twice 16 MiB of output."""
PUBLISHER_MEMORY = 2**30
"""What our publisher may take by default."""

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of ours against what it is measured by. ``ratio`` is to that, and ``aim`` is the highest it may be.

    ``cpu`` is the same ratio of CPU seconds, where times are compared: what it would be were the machine all ours and
    nothing done in parallel. It decides nothing. ``limit`` says, where that is known, what the ratio would be of the
    one part that cannot be left out.
    """

    name: str
    ours: str
    other: str
    ratio: float
    aim: float
    cpu: float | None = None
    limit: str = ""

    @property
    def held(self) -> bool:
        """Whether the figure is within its aim."""
        return self.ratio <= self.aim

    def as_json(self) -> dict[str, Any]:
        """The fields by name, and whether it is held."""
        return asdict(self) | {"ratio": round(self.ratio, 3), "held": self.held}


def bounded(outcome: Entry) -> bool:
    """Tell whether a peer stayed within the memory that both our sides may take."""
    within = outcome["apply"]["peak"] <= CLIENT_MEMORY and outcome["make"]["peak"] <= PUBLISHER_MEMORY
    return bool(within)


def ran(entry: Entry) -> dict[str, Entry]:
    """Return the peers of a corpus that have figures."""
    return {name: outcome for name, outcome in entry["peers"].items() if "missing" not in outcome}


def smallest(entry: Entry) -> tuple[str, Entry] | None:
    """Return the peer of fewest bytes among those within our memory."""
    peers = [(name, outcome) for name, outcome in ran(entry).items() if bounded(outcome)]
    return min(peers, key=lambda peer: peer[1]["wire"], default=None)


def targets_of(entry: Entry) -> list[Target]:
    """Return every target that can be judged by what was measured on a corpus."""
    return [*_bytes(entry), *_requests(entry), *_publisher(entry), *_client(entry)]


def _cpu(mine: Entry, other: Entry) -> float:
    return float(mine["cpu"] / max(other["cpu"], 0.001))


def _bytes(entry: Entry) -> Iterator[Target]:
    ours, best = entry["ours"], smallest(entry)
    if best is not None:
        limit = 1.05 * best[1]["wire"] + 1000
        for effort in ("normal", "best"):
            size = ours["deltas"].get(effort, {}).get("size")
            if size is not None:
                name = f"delta, {effort}: 1.05 × the smallest peer + 1 kB"
                yield Target(name, in_bytes(size), f"{best[0]} {in_bytes(best[1]['wire'])}", size / limit, 1.0)
    update, size = ours["update"], ours["deltas"].get("normal", {}).get("size")
    if size is not None and update["route"] == "delta":
        extra, limit = update["wire"] - size, 8000 + 140 * ours["roles"]
        yield Target("metadata and documents on top", in_bytes(extra), in_bytes(limit), extra / limit, 1.0)
    first, solid = ours["first"], entry["solid"]
    aim = 1.15 if ours["add"]["archive"] else 1.4
    yield Target(
        f"first install, by {first['route']}: a solid zstd -19",
        in_bytes(first["wire"]),
        in_bytes(solid),
        first["wire"] / solid,
        aim,
    )


def _requests(entry: Entry) -> Iterator[Target]:
    update, unchanged = entry["ours"]["update"], entry["ours"]["unchanged"]
    yield Target("requests of the update", str(update["requests"]), "7", update["requests"] / 7, 1.0)
    yield Target("requests when nothing is new", str(unchanged["requests"]), "2", unchanged["requests"] / 2, 1.0)
    yield Target(
        "bytes when nothing is new", in_bytes(unchanged["wire"]), in_bytes(2000), unchanged["wire"] / 2000, 1.0
    )


def _publisher(entry: Entry) -> Iterator[Target]:
    deltas, peers = entry["ours"]["deltas"], ran(entry)
    for effort, peer, figure, aim in (
        ("normal", "bsdiff4", "seconds", 0.2),
        ("normal", "bsdiff4", "peak", 0.5),
        ("fast", "zstd-3", "seconds", 1.5),
    ):
        if effort in deltas and peer in peers:
            mine, other = deltas[effort]["make"][figure], peers[peer]["make"][figure]
            show = in_seconds if figure == "seconds" else in_bytes
            what = "time" if figure == "seconds" else "memory"
            name = f"{what} of a delta, {effort}: {'tufup’s bsdiff4' if peer == 'bsdiff4' else peer}"
            cpu = _cpu(deltas[effort]["make"], peers[peer]["make"]) if figure == "seconds" else None
            limit = "both releases are read from packs, not from plain files"
            if effort == "normal":
                search = peers.get("hdiffpatch")
                limit = f"hdiffpatch alone: {search['make'][figure] / max(other, 0.001):.2f}" if search else ""
            yield Target(name, show(mine), show(other), mine / max(other, 0.001), aim, cpu, limit)
    size = deltas.get("normal", {}).get("size")
    if "bsdiff4" in peers and size is not None:
        other = peers["bsdiff4"]["wire"]
        yield Target("delta, normal: fewer bytes than tufup", in_bytes(size), in_bytes(other), size / other, 1.0)


def _client(entry: Entry) -> Iterator[Target]:
    update, first, peers = entry["ours"]["update"], entry["ours"]["first"], ran(entry)
    mine = update["usage"]["seconds"]
    if entry.get("floor"):
        alone, other = update["install"], entry["floor"]["seconds"]
        name = "client, download to durable: decompress, hash, write, fsync"
        cpu = _cpu(alone, entry["floor"])
        by_diff = "diff" in entry["ours"]["deltas"].get("normal", {}).get("codecs", ())
        limit = "changed bytes are added in Python (decision 0010)" if by_diff else ""
        yield Target(name, in_seconds(alone["seconds"]), in_seconds(other), alone["seconds"] / other, 1.5, cpu, limit)
    if "ostree" in peers:
        other = peers["ostree"]["apply"]["seconds"]
        cpu = _cpu(update["usage"], peers["ostree"]["apply"])
        name = "client, the whole update: ostree pull"
        least = entry["floor"]["seconds"] / max(other, 0.001) if entry.get("floor") else None
        limit = f"the floor alone: {least:.2f}; ostree writes changed files only" if least else ""
        yield Target(name, in_seconds(mine), in_seconds(other), mine / other, 1.0, cpu, limit)
    peak = max(update["usage"]["peak"], first["usage"]["peak"])
    bound = entry["memory_bound"]
    yield Target("client memory: 64 MiB + inputs + 2 × outputs", in_bytes(peak), in_bytes(bound), peak / bound, 1.0)

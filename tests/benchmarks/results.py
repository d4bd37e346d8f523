"""What was measured, as `results.json` keeps it: one entry for each corpus and scenario, each with its own date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sealcast.packs import FRAME_INPUT_LIMIT, FRAME_OUTPUT_LIMIT
from tests.benchmarks.measure import Usage
from tests.benchmarks.ours import Ours, Visit
from tests.benchmarks.peers import Missing, Outcome
from tests.benchmarks.trees import Pair

Results = dict[str, Any]


def corpus_entry(
    about: str,
    pair: Pair,
    ours: Ours,
    peers: Mapping[str, Outcome | Missing],
    floor: Usage | None,
    solid: int,
    machine: Mapping[str, Any],
) -> Results:
    """Return the entry of one corpus."""
    base = sum(size for _, size in pair.before.values())
    made = pair.changed.stat().st_size
    return {
        "about": about,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": dict(machine),
        "files": len(pair.after),
        "size": pair.size,
        "changed_files": len(pair.made),
        "changed_size": made,
        "solid": solid,
        # The largest frame that this corpus can have, for an update and for a first install.
        "memory_bound": 2**26
        + max(
            min(FRAME_INPUT_LIMIT, base) + 2 * min(FRAME_OUTPUT_LIMIT, made),
            2 * min(FRAME_OUTPUT_LIMIT, pair.size),
        ),
        "floor": floor and floor.as_json(),
        "ours": _ours(ours),
        "peers": {name: outcome_entry(outcome) for name, outcome in peers.items()},
    }


def outcome_entry(outcome: Outcome | Missing) -> Results:
    """Return a peer's figures, or why there are none."""
    if isinstance(outcome, Missing):
        return {"missing": outcome.why}
    return {
        "wire": outcome.wire,
        "requests": outcome.requests,
        "make": outcome.make.as_json(),
        "apply": outcome.apply.as_json(),
        "first": outcome.first,
        "patch": outcome.patch,
    }


def read_results(path: Path) -> Results:
    """Return earlier results, or empty ones."""
    if not path.exists():
        return {"corpora": {}, "scenarios": {}}
    results: Results = json.loads(path.read_bytes())
    return results


def write_results(path: Path, results: Results) -> None:
    """Write the results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _ours(ours: Ours) -> Results:
    kept = ("archive", "manifest", "manifest_pack", "packs", "pack_count")
    return {
        "add": {name: ours.add.facts[name] for name in kept} | {"usage": ours.add.usage.as_json()},
        "deltas": {
            effort: {"size": delta.size, "codecs": list(delta.codecs), "make": delta.make.as_json()}
            for effort, delta in ours.deltas.items()
        },
        "first": _visit(ours.first),
        "update": _visit(ours.update),
        "unchanged": _visit(ours.unchanged),
        "roles": ours.roles,
    }


def _visit(visit: Visit | None) -> Results:
    if visit is None:
        raise AssertionError("every corpus is followed to the end")
    return asdict(visit) | {"usage": visit.usage.as_json()}

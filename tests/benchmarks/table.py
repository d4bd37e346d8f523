"""The tables of one corpus: us beside every peer, and what each target came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.targets import Target, bounded, ran
from tests.benchmarks.words import in_mib, in_seconds, times

Entry = Mapping[str, Any]
Row = tuple[str, ...]

HEADER = ("", "patch", "update", "to best", "requests", "make", "to best", "MiB", "apply", "to best", "MiB")


def our_rows(entry: Entry) -> list[tuple[str, Entry]]:
    """Return our efforts in the shape of peers. The client's side was run once, on the delta of ``normal``."""
    ours = entry["ours"]
    rows: list[tuple[str, Entry]] = []
    update = ours["update"]
    normal = ours["deltas"].get("normal", {}).get("size") or 0
    extra = update["wire"] - normal if update["route"] == "delta" else 0
    for effort, delta in ours["deltas"].items():
        if delta["size"] is None:
            continue
        rows.append(
            (
                f"sealcast {effort}",
                {
                    "patch": delta["size"],
                    "wire": delta["size"] + extra,
                    "requests": update["requests"],
                    "make": delta["make"],
                    "apply": update["usage"],
                },
            )
        )
    return rows


def comparison(entry: Entry) -> tuple[Row, list[Row]]:
    """Return header and rows of the comparison, fewest bytes first. Ratios are to the best peer of the column.

    A peer that takes more memory than our bounds allow is marked, and is no best.
    """
    peers = ran(entry)
    fair = [outcome for outcome in peers.values() if bounded(outcome)] or list(peers.values())
    best = {
        "wire": min((outcome["wire"] for outcome in fair), default=0),
        "make": min((outcome["make"]["seconds"] for outcome in fair), default=0),
        "apply": min((outcome["apply"]["seconds"] for outcome in fair), default=0),
    }
    rows = [*our_rows(entry), *peers.items()]
    rows.sort(key=lambda row: row[1]["wire"])
    return HEADER, [
        (
            name + ("" if bounded(outcome) else " (beyond our memory)"),
            f"{outcome['patch']:,}" if outcome.get("patch") else "",
            f"{outcome['wire']:,}",
            times(outcome["wire"], best["wire"]),
            f"{outcome['requests']:,}",
            in_seconds(outcome["make"]["seconds"]),
            times(outcome["make"]["seconds"], best["make"]),
            in_mib(outcome["make"]["peak"]),
            in_seconds(outcome["apply"]["seconds"]),
            times(outcome["apply"]["seconds"], best["apply"]),
            in_mib(outcome["apply"]["peak"]),
        )
        for name, outcome in rows
    ]


def absent(entry: Entry) -> list[str]:
    """Return a line for each peer without figures."""
    return [f"{name}: {outcome['missing']}" for name, outcome in entry["peers"].items() if "missing" in outcome]


def floor(entry: Entry) -> str:
    """Return in a line what no client can do without, and us beside it."""
    update, least = entry["ours"]["update"], entry["floor"]["seconds"]
    mine, whole = update["install"]["seconds"], update["usage"]["seconds"]
    return (
        f"The floor of every client that is done when the release lies durably on the disk (decompress, hash, write, "
        f"fsync, no network): {in_seconds(least)}; ours, with the download: {in_seconds(mine)}, and with the check of "
        f"all metadata before it: {in_seconds(whole)}."
    )


def verdicts(targets: Sequence[Target]) -> tuple[Row, list[Row]]:
    """Return header and rows of targets, held or not."""
    header = ("target", "ours", "against", "ratio", "by CPU", "at most", "")
    return header, [
        (
            target.name,
            target.ours,
            target.other,
            f"{target.ratio:.2f}",
            "" if target.cpu is None else f"{target.cpu:.2f}",
            f"{target.aim:.2f}",
            "held" if target.held else "not held",
        )
        for target in targets
    ]


def reading(entry: Entry) -> str:
    """Return in a line what a corpus is."""
    return (
        f"{entry['about']}: {entry['files']:,} files, {entry['size'] / 1e6:.1f} MB; "
        f"{entry['changed_files']:,} contents changed, {entry['changed_size'] / 1e6:.1f} MB"
    )

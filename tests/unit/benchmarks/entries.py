"""A corpus entry as `results.json` has it, small enough to reckon with by hand."""

from __future__ import annotations

from typing import Any


def usage(seconds: float = 1.0, peak: int = 50 * 2**20) -> dict[str, float]:
    return {"seconds": seconds, "process": seconds, "cpu": seconds, "peak": peak}


def outcome(wire: int, *, seconds: float = 1.0, peak: int = 50 * 2**20, requests: int = 1) -> dict[str, Any]:
    return {
        "wire": wire,
        "requests": requests,
        "make": usage(seconds, peak),
        "apply": usage(seconds, peak),
        "first": None,
        "patch": None,
    }


def visit(wire: int, requests: int, route: str = "delta") -> dict[str, Any]:
    return {
        "wire": wire,
        "requests": requests,
        "route": route,
        "usage": usage(1.4),
        "install": {"seconds": 1.3, "cpu": 1.2},
    }


def entry(**changes: Any) -> dict[str, Any]:
    """An entry in which every target is held."""
    return {
        "about": "one 1.0.0 → 1.0.1",
        "date": "2030-01-02",
        "machine": {
            "system": "S",
            "processor": "P",
            "cores": 2,
            "memory": "4 GiB",
            "python": "3.12.1",
            "scratch": "ext4",
        },
        "files": 3,
        "size": 3_000_000,
        "changed_files": 1,
        "changed_size": 1_000_000,
        "solid": 1_000_000,
        "memory_bound": 100 * 2**20,
        "floor": usage(1.0),
        "ours": {
            "add": {"archive": 5, "manifest": 2, "manifest_pack": 1, "packs": 4, "pack_count": 1, "usage": usage()},
            "deltas": {
                "fast": {"size": 22_000, "codecs": ["zstd-from"], "make": usage(0.4)},
                "normal": {"size": 21_000, "codecs": ["zstd-from"], "make": usage(1.0)},
                "best": {"size": 20_000, "codecs": ["zstd-from"], "make": usage(5.0)},
            },
            "first": visit(1_100_000, 6, "packs"),
            "update": visit(24_000, 6),
            "unchanged": visit(500, 2, "none"),
            "roles": 4,
        },
        "peers": {
            "zstd-3": outcome(30_000, seconds=0.3),
            "bsdiff4": outcome(23_000, seconds=9.0, peak=150 * 2**20),
            "hdiffpatch": outcome(20_000, seconds=2.0),
            "ostree": outcome(40_000, seconds=2.0, requests=30),
            "zsync": {"missing": "not here: no zsync here: apt-get install zsync"},
        },
    } | changes

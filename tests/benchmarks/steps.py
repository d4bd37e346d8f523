"""Our own steps, each run in a process of its own: ``python -m tests.benchmarks.steps STEP ARGUMENT…``.

Prints one JSON object: ``seconds`` of the work, without the interpreter's start and the imports, and what was found.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Facts = dict[str, Any]


@contextlib.contextmanager
def timed(facts: Facts) -> Iterator[None]:
    """Add to ``facts`` what the block takes: seconds, and CPU seconds of all its threads and children."""
    start, cpu = time.perf_counter(), _cpu()
    yield
    facts["seconds"], facts["cpu"] = time.perf_counter() - start, _cpu() - cpu


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def add(workspace: str, folder: str, version: str, channel: str) -> Facts:
    """Add a release to a channel."""
    from sealcast.publisher import Repository

    facts: Facts = {}
    with timed(facts):
        added = Repository.open(workspace).add_release(folder, version=version, channel=channel)
    build = added.release.platforms["any"]
    return facts | {
        "archive": added.archive,
        "files": added.files,
        "manifest": build.manifest.size,
        "manifest_pack": build.manifest.pack.size,
        "packs": build.packs.size,
        "pack_count": build.packs.count,
        "deltas": [delta.size for delta in build.deltas],
    }


def promote(workspace: str, source: str, destination: str) -> Facts:
    """Promote a channel's release: all that has to be made is its delta from what the other channel had."""
    from sealcast.publisher import Repository

    facts: Facts = {}
    with timed(facts):
        document = Repository.open(workspace).promote(source, destination)
    release = next(release for release in document.releases if release.sequence == document.stable)
    deltas = release.platforms["any"].deltas
    return facts | {
        "deltas": [delta.size for delta in deltas],
        "codecs": sorted({codec for delta in deltas for codec in delta.codecs}),
    }


def build(workspace: str, site: str) -> Facts:
    """Write the site and verify it."""
    from sealcast.publisher import Repository

    facts: Facts = {}
    with timed(facts):
        Repository.open(workspace).build(site)
    return facts


def update(device: str) -> Facts:
    """Check and install what is new; what installing alone takes stands beside the whole."""
    from sealcast.client import Client

    facts: Facts = {"version": None}
    with timed(facts):
        client = Client.open(device)
        found = client.check()
        if found is not None:
            alone: Facts = {}
            with timed(alone):
                client.install(found)
    if found is not None:
        plan = found.outlook.plan
        facts["install"] = alone
        facts |= {"version": found.version, "route": str(plan.route) if plan else None, "planned": found.size}
    return facts


def history(workspace: str, count: str, scratch: str) -> Facts:
    """Add many tiny releases, one after the other."""
    from sealcast.publisher import Repository

    facts: Facts = {}
    tree = Path(scratch)
    tree.mkdir(exist_ok=True)
    repository = Repository.open(workspace)
    with timed(facts):
        for number in range(int(count)):
            (tree / "file.txt").write_text(f"release {number}", "utf-8")
            repository.add_release(tree, version=f"1.0.{number}")
    return facts


STEPS: dict[str, Callable[..., Facts]] = {
    "add": add,
    "promote": promote,
    "build": build,
    "update": update,
    "history": history,
}


def main() -> int:
    """Run one step."""
    name, *arguments = sys.argv[1:]
    sys.stdout.write(json.dumps(STEPS[name](*arguments)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

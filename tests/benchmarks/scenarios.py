"""Questions that need no real release: what one changed file costs, what a long history costs, what a check costs."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sealcast.model import Manifest, read_manifest
from sealcast.packs import pieces_from_runs, read_single
from sealcast.publisher import Repository
from sealcast.values import object_path
from tests.benchmarks import startup
from tests.benchmarks.environment import TOP, machine, others_time
from tests.benchmarks.measure import Ran, Usage, best_of, run
from tests.benchmarks.ours import bound_roles, configure, open_device, serving, start, step, visit, workspace
from tests.benchmarks.targets import Target
from tests.benchmarks.words import in_bytes, in_seconds

Entry = dict[str, Any]
Told = Callable[[str], None]

FILES = 12_000
HISTORY = 1_000
FULL_HISTORY = 10_000
ROUNDS = 5


def measure_scenario(name: str, *, full: bool, told: Told) -> Entry:
    """Run one scenario and return its entry: what was done, and the targets."""
    with tempfile.TemporaryDirectory(prefix="sealcast-bench-") as folder:
        told(name)
        taken = others_time()
        about, targets = SCENARIOS[name](Path(folder), full)
    return {
        "about": about,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "taken_by_others": round(taken(), 3),
        "targets": [target.as_json() for target in targets],
    }


def scenario_targets(entry: Entry) -> list[Target]:
    """Return the targets of a scenario's entry."""
    return [Target(**{name: value for name, value in target.items() if name != "held"}) for target in entry["targets"]]


def one_change(folder: Path, full: bool) -> tuple[str, list[Target]]:
    """One file of many changed: what adding that release costs, beside the least that has to be done."""
    tree = folder / "tree"
    grow(tree, FILES)
    ws = workspace(folder / "ws", ("stable",), archive="none")
    step("add", ws, tree, "1.0.0", "stable")
    changed = sorted(tree.rglob("*.txt"))[FILES // 2]
    old = changed.read_bytes()
    changed.write_bytes(old.replace(b"a", b"b", 20))
    (folder / "old").write_bytes(old)
    runs: list[Ran] = []
    for _ in range(3):
        trial = shutil.copytree(ws, folder / "trial")
        runs.append(step("add", trial, tree, "2.0.0", "stable"))
        if len(runs) < 3:
            shutil.rmtree(trial)
    ours = min(runs, key=lambda ran: ran.usage.seconds)
    manifest = _manifest(folder / "trial", "2.0.0")
    names = _sharing(manifest, changed.relative_to(tree).as_posix())
    (folder / "paths.json").write_text(json.dumps(names), "utf-8")
    level = manifest.encoder.get("level", "9")
    words = [tree, folder / "paths.json", folder / "old", changed, level]
    least = best_of([_reference("one-change", *map(str, words)) for _ in range(3)])
    about = (
        f"{FILES:,} files of 1 to 6 kB, one of them changed, archive off: a release added, with one delta, signed and "
        f"committed; against a look at every file, compressing the {len(names):,} contents of the changed pack again "
        f"and one delta, nothing written."
    )
    mine, other = ours.usage.seconds, least.seconds
    name = f"one of {FILES:,} files changed: the least that must be done"
    return about, [Target(name, in_seconds(mine), in_seconds(other), mine / other, 2.0)]


def long_history(folder: Path, full: bool) -> tuple[str, list[Target]]:
    """The same change as the second release, and at the end of a long history."""
    count = FULL_HISTORY if full else HISTORY
    before, after = folder / "before", folder / "after"
    grow(before, 50)
    shutil.copytree(before, after)
    (after / "folder-0" / "file-7.txt").write_bytes(b"changed")
    figures = []
    for length in (0, count):
        ws = workspace(folder / f"ws-{length}", ("stable",), archive="none", deltas=0)
        step("history", ws, str(length), folder / "tiny")
        configure(ws, deltas=1)  # the same one in both: the tiny releases are no base that anybody would have
        figures.append(_same_change(ws, folder / f"at-{length}", before, after))
    (time_one, sent_one, asked_one), (time_last, sent_last, asked_last) = figures
    about = (
        f"The same change of one of 50 files, as release 2 and after {count:,} other releases "
        f"(which were tiny, without deltas and archives); each time with one delta, from the release before."
    )
    late = f"release {count + 2:,} against release 2"
    return about, [
        Target(f"{late}: time", in_seconds(time_last), in_seconds(time_one), time_last / time_one, 1.2),
        Target(f"{late}: uploaded", in_bytes(sent_last), in_bytes(sent_one), sent_last / sent_one, 1.05),
        Target(f"{late}: a check", in_bytes(asked_last), in_bytes(asked_one), asked_last / asked_one, 1.05),
    ]


def no_change(folder: Path, full: bool) -> tuple[str, list[Target]]:
    """A check that finds nothing new, with one role and with a hundred."""
    targets = []
    for roles in (2, 100):
        place = folder / str(roles)
        place.mkdir()
        channels = bound_roles(roles)
        ws = workspace(place / "ws", channels, archive="none")
        tree, site, device = place / "tree", place / "site", place / "device"
        grow(tree, 20)
        step("add", ws, tree, "1.0.0", channels[0])
        step("build", ws, site)
        with serving(site) as server:
            open_device(device, server.url, ws, channels[0])
            visit(server, device)
            start(device)
            signed = (str(ws / "metadata" / "1.root.json"), str(site / "metadata" / "timestamp.json"))
            # In turn, so that both see the same machine.
            seen = [(visit(server, device), _reference("timestamp", *signed)) for _ in range(ROUNDS)]
        mine, least = min(one.usage.process for one, _ in seen), min(other.process for _, other in seen)
        name = f"nothing new, {roles} roles"
        wire, requests = seen[-1][0].wire, seen[-1][0].requests
        targets += [
            Target(f"{name}: requests", str(requests), "2", requests / 2, 1.0),
            Target(f"{name}: bytes", in_bytes(wire), in_bytes(2000), wire / 2000, 1.0),
            Target(f"{name}: CPU, python-tuf", in_seconds(mine), in_seconds(least), mine / least, 1.3),
        ]
    about = (
        "A check that finds nothing new, in a process of its own, with an app of one channel and with a hundred roles; "
        "against a process that imports python-tuf's client and verifies one timestamp, without any network."
    )
    return about, targets


def start_up(folder: Path, full: bool) -> tuple[str, list[Target]]:
    """How long it takes until something happens."""
    targets = [
        Target(
            figure.name,
            f"{figure.ours:.0f} ms",
            f"{figure.peer:.0f} ms + {figure.aim:.0f} ms",
            figure.ours / (figure.peer + figure.aim),
            1.0,
        )
        for figure in startup.figures()
    ]
    return "A command until it is done, in the median, beside the least that could be started instead.", targets


SCENARIOS: dict[str, Callable[[Path, bool], tuple[str, list[Target]]]] = {
    "start-up": start_up,
    "one-change": one_change,
    "no-change": no_change,
    "long-history": long_history,
}


def grow(tree: Path, count: int) -> None:
    """Write ``count`` files of words, the same every time."""
    chance = random.Random(count)
    words = ["".join(chance.choices("abcdefghij klmnop", k=chance.randint(3, 9))) for _ in range(2_000)]
    for number in range(count):
        path = tree / f"folder-{number // 200}" / f"file-{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(chance.choices(words, k=chance.randint(150, 850))), "utf-8")


def _same_change(ws: Path, place: Path, before: Path, after: Path) -> tuple[float, int, int]:
    """Return the time of adding ``after``, the bytes that a publication then uploads, and those of a check before."""
    site, device = place / "site", place / "device"
    place.mkdir()
    step("add", ws, before, "2.0.0", "stable")
    step("build", ws, site)
    with serving(site) as server:
        open_device(device, server.url, ws)
        visit(server, device)
        start(device)
        asked = visit(server, device).wire
    runs = []
    for number in range(ROUNDS):
        trial = shutil.copytree(ws, place / f"trial-{number}")
        runs.append(step("add", trial, after, "2.0.1", "stable").usage)
    old = _digests(site)
    step("build", trial, site)
    sent = sum(size for path, (digest, size) in _digests(site).items() if old.get(path) != (digest, size))
    return best_of(runs).seconds, sent, asked


def _digests(folder: Path) -> dict[str, tuple[str, int]]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found[path.relative_to(folder).as_posix()] = (hashlib.sha256(data).hexdigest(), len(data))
    return found


def _manifest(ws: Path, version: str) -> Manifest:
    """Return the manifest of a release in a workspace, read as a client reads it."""
    entry = Repository.open(ws).release(version).builds["any"].manifest
    return read_manifest(read_single((ws / object_path(entry.pack.sha256)).read_bytes(), entry.size))


def _sharing(manifest: Manifest, path: str) -> list[str]:
    """Return the files whose contents share a pack with the file at ``path``."""
    contents = manifest.contents
    wanted = next(file.sha256 for file in manifest.files if file.path == path)
    sizes = [content.size for content in contents]
    for pack in manifest.packs:
        held = {contents[piece.content].sha256 for piece in pieces_from_runs(pack.holds, sizes)}
        if wanted in held:
            return [manifest.paths[digest][0] for digest in sorted(held)]
    raise AssertionError("every content is in a pack")


def _reference(*words: str) -> Usage:
    return run([sys.executable, "-m", "tests.benchmarks.reference", *words], cwd=TOP).usage

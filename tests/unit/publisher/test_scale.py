"""What one more release costs does not depend on how many there are: counted, not timed."""

from __future__ import annotations

import builtins
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealcast.documents import MIB, encode
from sealcast.model import Manifest, check_holds, read_manifest
from sealcast.model.manifest import File, Pack
from sealcast.publisher import Repository
from sealcast.publisher.catalogue import ReleaseRecord
from sealcast.values import content_of
from tests.unit.publisher.workshop import V1, Files, Time

Tree = Callable[[str, Files], Path]


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often files are opened, looked at and removed, and folders listed."""
    calls: Counter[str] = Counter()

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("open", "stat", "lstat", "listdir", "scandir", "unlink", "replace"):
            patch.setattr(os, name, counting(name, getattr(os, name)))
        patch.setattr(builtins, "open", counting("file", open))
        yield calls


def add(reopen: Callable[[], Repository], tree: Tree, number: int) -> None:
    folder = tree("input", {**V1, "changing.txt": f"{number:03}" * 50})
    reopen().add_release(folder, version=f"1.{number}.0", channel="stable")


def grow(ws: Path, reopen: Callable[[], Repository], clock: Time, count: int) -> None:
    """Give the workspace a history: states that were signed one after the other, records, and objects."""
    repository = reopen()
    (record,) = repository.releases()[:1]
    for number in range(count):
        clock.forward(seconds=1)
        with repository.workspace.changing(lambda state: None) as state:
            targets = list(state.roles["demo-stable"].signed.targets.values())
            repository.workspace.commit(state, {"demo-stable": targets}, repository._signatory, clock())
        old = ReleaseRecord(app="demo", version=f"0.0.{number}", added=record.added, builds=record.builds)
        (ws / "releases/demo" / f"0.0.{number}.json").write_bytes(encode(old))
        repository.workspace.objects.put(b"old %d" % number)


def cost(
    ws: Path, reopen: Callable[[], Repository], tree: Tree, clock: Time, monkeypatch: pytest.MonkeyPatch, count: int
) -> tuple[Counter[str], Counter[str], int]:
    """What adding and publishing cost before and after ``count`` states more, and the bytes of the second upload."""
    site = ws.parent / "site"
    for number in range(6):  # until the channel is full
        add(reopen, tree, number)
        reopen().plan_publish(site).run()
    found = []
    for number in (6, 7):
        if number == 7:
            grow(ws, reopen, clock, count)
            reopen().plan_publish(site).run()
        with counted(monkeypatch) as calls:
            add(reopen, tree, number)
            plan = reopen().plan_publish(site)
            plan.run()
        found.append(calls)
    return found[0], found[1], plan.plan.size


def test_release_n_costs_what_the_first_ones_do(
    ws: Path, reopen: Callable[[], Repository], tree: Tree, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealcast.publisher.site_files.OLDER_SNAPSHOTS", 4)
    early, late, _ = cost(ws, reopen, tree, clock, monkeypatch, 30)
    for name, number in late.items():
        assert number <= 1.2 * early[name] + 3, name


@pytest.mark.long
def test_release_1001_costs_what_the_first_ones_do(
    ws: Path, reopen: Callable[[], Repository], tree: Tree, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late, _ = cost(ws, reopen, tree, clock, monkeypatch, 1000)
    for name, number in late.items():
        assert number <= 1.2 * early[name] + 40, name


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_release_of_many_files_is_written_and_read(count: int) -> None:
    files = tuple(
        File(path=f"assets/{number // 100}/{number:06}.js", size=number + 1, sha256=content_of(b"%d" % number).sha256)
        for number in range(count)
    )
    packs = tuple(
        Pack(sha256=content_of(b"pack %d" % first).sha256, size=1, holds=((first, 100),))
        for first in range(0, count, 100)
    )
    manifest = Manifest(app="demo", version="1.0.0", platform="any", encoder={"zstd": "1"}, files=files, packs=packs)
    data = encode(manifest)
    assert len(data) < 150 * count
    again = read_manifest(data)
    assert again == manifest
    check_holds(again, [(number, 0, content.size) for number, content in enumerate(again.contents)])
    assert again.first_paths == tuple(file.path for file in files)


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="a sparse file and its peak memory are told otherwise there")
def test_four_gibibytes_take_little_memory(reopen: Callable[[], Repository], tmp_path: Path) -> None:
    import resource

    folder = tmp_path / "big"
    folder.mkdir()
    with (folder / "disk.img").open("wb") as file:
        file.truncate(4096 * MIB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    added = reopen().add_release(folder, version="1.0.0", channel="stable", effort="fast", memory=512 * MIB)
    assert added.size == 4096 * MIB
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 512 * MIB

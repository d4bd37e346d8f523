"""Several at work in one place: one wins, the others say so and leave no trace."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from sealcast.audit import audit
from sealcast.errors import InstallError, SealcastError
from sealcast.fetch import FolderSource
from sealcast.publisher import Repository
from tests.attacks.scene import Scene, app_files, picture, wait_until, write_files
from tests.attacks.victims import Victims
from tests.servers import Exchange

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@forking
def test_fifty_updaters_started_together(scene: Scene) -> None:
    device = scene.device(1)
    (device.folder / "events.jsonl").unlink()
    gate = threading.Event()

    def slowly(exchange: Exchange) -> None:
        gate.wait(20)  # the winner is held until all the others have lost
        scene.server.from_folder(exchange)

    scene.server.script("/metadata/timestamp.json", slowly)
    with Victims(scene.folder) as victims, ThreadPoolExecutor(1) as pool:
        running = pool.submit(victims.order, "update", folder=device.folder, url=device.url, together=50)
        wait_until(lambda: bool(scene.server.asked("/metadata/timestamp.json")))
        before = picture(device.folder, without=("repository",))
        # A fifty-first, of this process, finds the place taken as well.
        with pytest.raises(InstallError) as caught:
            device.check()
        assert caught.value.code == "BUSY"
        assert picture(device.folder, without=("repository",)) == before
        threading.Timer(0.3, gate.set).start()
        answers = running.result()
    codes = sorted(answer["code"] for answer in answers)
    assert codes == [""] + ["BUSY"] * 49
    assert len(scene.server.asked("/metadata/timestamp.json")) == 1
    events = (device.folder / "events.jsonl").read_text()
    assert "BUSY" not in events
    assert events.count('"staged"') == 1
    assert device.take().version == "2.0.0"
    assert device.leftovers() == []


@forking
def test_fifty_updaters_left_to_themselves(scene: Scene) -> None:
    """Whoever comes late, after the winner is done, finds nothing to do: no outcome but these two."""
    device = scene.device(1)
    with Victims(scene.folder) as victims:
        answers = victims.order("update", folder=device.folder, url=device.url, together=50)
    assert {answer["code"] for answer in answers} <= {"", "BUSY"}
    assert "" in {answer["code"] for answer in answers}
    assert device.take().version == "2.0.0"
    assert device.leftovers() == []


def test_an_update_while_the_app_starts_and_reports(scene: Scene) -> None:
    """Launcher, reporting app and updater change one record, and lose nothing of each other's."""
    device = scene.device(1)
    stop = threading.Event()
    failed: list[BaseException] = []

    def start_over_and_over() -> None:
        while not stop.is_set():
            try:
                launch = device.start()
                if launch.nonce:
                    device.launcher().ready(launch.nonce)
            except SealcastError as error:
                failed.append(error)

    threads = [threading.Thread(target=start_over_and_over) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            device.update()
        wait_until(lambda: device.record.last_good is not None and device.record.last_good.version == "2.0.0")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # Two starters take each other's trial: the nonce of the earlier start is refused, and that is all.
    assert {getattr(error, "code", "") for error in failed} <= {"WRONG_NONCE"}
    assert device.running() == "2.0.0"


@forking
def test_two_releases_added_at_once(scene: Scene) -> None:
    """One of them is in, or both one after the other; the workspace is whole, and the loser can try again."""
    repository = scene.workspace()
    workspace = scene.folder / "ws"
    source = write_files(scene.folder / "in", app_files("3.0.0"))
    before = repository.channel("stable")
    with Victims(scene.folder) as victims:
        answers = victims.order("release", folder=workspace, input=source, version="3.0.0", together=8)
    codes = [answer["code"] for answer in answers]
    assert set(codes) <= {"", "BUSY"}
    assert codes.count("") >= 1
    after = Repository.open(workspace).channel("stable")
    assert [release.version for release in after.releases][-2:] == ["2.0.0", "3.0.0"]
    assert after.last == before.last + 1
    other = write_files(scene.folder / "other", app_files("3.1.0"))
    Repository.open(workspace).add_release(other, version="3.1.0")
    assert_whole(scene)


@forking
def test_two_different_releases_at_once(scene: Scene) -> None:
    repository = scene.workspace()
    workspace = scene.folder / "ws"
    sources = {version: write_files(scene.folder / version, app_files(version)) for version in ("3.0.0", "3.1.0")}
    with Victims(scene.folder) as one, Victims(scene.folder) as two, ThreadPoolExecutor(2) as pool:
        orders = [
            pool.submit(victims.order, "release", folder=workspace, input=source, version=version)
            for victims, (version, source) in zip((one, two), sources.items(), strict=True)
        ]
        codes = {version: order.result()["code"] for version, order in zip(sources, orders, strict=True)}
    assert set(codes.values()) <= {"", "BUSY", "VERSION_LOWER"}
    added = [version for version, code in codes.items() if not code]
    assert added
    versions = [release.version for release in Repository.open(workspace).channel("stable").releases]
    assert set(added) <= set(versions)
    sequences = [release.sequence for release in repository.channel("stable").releases]
    assert all(low < high for low, high in pairwise(sequences))
    assert_whole(scene)


def assert_whole(scene: Scene) -> None:
    """Publish the workspace, and hold that the whole site is in order."""
    Repository.open(scene.folder / "ws").plan_publish(scene.site).run()
    folder = scene.folder / "audit"
    report = audit(FolderSource(scene.site), root=scene.root, folder=folder, now=scene.clock(), deep=True)
    assert report.findings == ()


@forking
def test_two_publications_at_once(scene: Scene) -> None:
    repository = scene.workspace()
    source = write_files(scene.folder / "in", app_files("3.0.0"))
    repository.add_release(source, version="3.0.0")
    with Victims(scene.folder) as victims:
        answers = victims.order("publish", folder=scene.folder / "ws", site=scene.site, together=4)
    codes = [answer["code"] for answer in answers]
    assert set(codes) <= {"", "CONFLICT"}
    assert "" in codes
    assert_whole(scene)
    device = scene.device(1)
    assert device.take().version == "3.0.0"

"""The client against real sites: what it fetches, what it refuses, what it leaves behind."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from sealcast.client import Client, Launcher, Outlook, Plan, Route, Update, install, look
from sealcast.client import client as module
from sealcast.client.events import Event
from sealcast.client.floor import FloorStore
from sealcast.client.plan import Step
from sealcast.client.record import Records
from sealcast.client.transitions import withdraw
from sealcast.errors import (
    ConfigError,
    InstallError,
    ObjectError,
    SealcastError,
    SealingError,
    TransferError,
    VerificationError,
)
from sealcast.files import exclusive
from sealcast.model import Action, Build, Policy
from sealcast.model.policy import ChannelPolicy
from sealcast.values import Content
from sealcast.verify import View
from tests.unit.client.sites import CountingSource, HandClock, Site, app_files


def install_it(site: Site, **more: object) -> Client:
    """Install what is offered, start it, and report it ready."""
    client = site.client(**more)
    update = client.check()
    assert update is not None
    client.install(update)
    start(site)
    return client


def start(site: Site, name: str = "device") -> Path:
    launcher = Launcher(site.folder / name, clock=site.clock)
    launch = launcher.start()
    launcher.ready(launch.nonce)
    return launch.files


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def objects(source: CountingSource) -> list[str]:
    return [path for path in source.asked if path.startswith("objects/")]


# ---------------------------------------------------------------------------------------------------- the main job


def test_the_example_on_top_of_the_module_runs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.__doc__
    example = module.__doc__.partition("\n\n")[2]
    example = example.replace("https://updates.example.org", site.url).replace("/opt/demo", str(site.folder / "opt"))
    exec(example, {"ROOT_BYTES": site.root})
    record = Records(site.folder / "opt").read()
    assert record.pending is not None
    assert record.pending.version == "1.0.0"


def test_a_release_is_installed_and_runs(site: Site) -> None:
    client = site.client()
    assert client.status().phase == "empty"
    update = client.check()
    assert update is not None
    assert (update.version, update.mandatory, update.notes) == ("1.0.0", False, "")
    assert update.size > 0
    client.install(update)
    assert client.status().phase == "pending"
    files = start(site)
    assert tree(files) == app_files("1.0.0")
    assert os.access(files / "run.sh", os.X_OK)
    assert client.status().phase == "idle"
    assert client.check() is None


def test_where_nothing_is_new_a_check_costs_two_requests(site: Site) -> None:
    install_it(site)
    source = site.source()
    assert site.client(source=source).check() is None
    assert source.asked == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_an_update_from_a_known_base_is_one_object(site: Site) -> None:
    install_it(site)
    new = app_files("2.0.0", added=b"a new file", empty2=b"")
    site.release("2.0.0", new, notes="Better.")
    source = site.source()
    client = site.client(source=source)
    update = client.check()
    assert update is not None
    assert update.outlook.plan is not None
    assert (update.outlook.plan.route, update.outlook.plan.requests, update.notes) == ("delta", 1, "Better.")
    client.install(update)
    assert len(objects(source)) == 1
    assert tree(start(site)) == new


def test_from_an_unknown_base_only_what_is_lacking_comes(site: Site) -> None:
    install_it(site)
    new = app_files("2.0.0")
    site.release("2.0.0", new)
    client = site.client()
    update = client.check()
    assert update is not None
    plan = Plan(Route.PACKS)
    source = site.source()
    client = site.client(source=source)
    client.install(Update(replace(update.outlook, plan=plan), update.checked))
    assert tree(start(site)) == new


def test_deltas_are_chained(site: Site) -> None:
    install_it(site)
    site.release("2.0.0", app_files("2.0.0"))
    site.release("3.0.0", app_files("3.0.0"))
    client = site.client()
    update = client.check()
    assert update is not None
    document = View(site.source(), root=site.root, folder=site.folder / "device" / "repository").channel(
        "demo", "stable"
    )
    by_version = {one.version: one.platforms["any"] for one in document.releases}
    steps = tuple(
        step_from(by_version[version], by_version[base].manifest.sha256)
        for base, version in (("1.0.0", "2.0.0"), ("2.0.0", "3.0.0"))
    )
    plan = Plan(Route.DELTA, base=by_version["1.0.0"].manifest.sha256, steps=steps)
    client.install(Update(replace(update.outlook, plan=plan), update.checked))
    assert tree(start(site)) == app_files("3.0.0")


def step_from(build: Build, base: str) -> Step:
    return Step(next(delta for delta in build.deltas if delta.base == base), build.manifest)


def test_what_was_installed_before_and_is_held_costs_nothing(site: Site) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    client.install(update)
    Records(site.folder / "device").change(withdraw)
    source = site.source()
    client = site.client(source=source)
    again = client.check()
    assert again is not None
    assert again.outlook.plan is not None
    assert (again.outlook.plan.route, again.size) == ("held", 0)
    client.install(again)
    assert objects(source) == []
    assert tree(start(site)) == app_files("1.0.0")


def test_a_staged_release_is_not_fetched_twice(site: Site) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    client.install(update)
    found = client.outlook()
    assert (found.action, found.why, found.version) == ("none", "staged", "1.0.0")
    assert client.check() is None


def test_a_newer_release_takes_the_staged_ones_place(site: Site) -> None:
    install_it(site)
    site.release("2.0.0", app_files("2.0.0"))
    client = site.client()
    client.install(client.check())  # type: ignore[arg-type]
    site.release("3.0.0", app_files("3.0.0"))
    client.install(client.check())  # type: ignore[arg-type]
    assert tree(start(site)) == app_files("3.0.0")
    assert len(list((site.folder / "device" / "slots").iterdir())) == 2, "the one that never ran is swept away"


def test_the_slots_that_may_be_needed_stay_and_no_others(site: Site) -> None:
    for number in (1, 2, 3, 4):
        if number > 1:
            site.release(f"{number}.0.0", app_files(f"{number}.0.0"))
        install_it(site)
    site.client().check()
    record = Records(site.folder / "device").read()
    assert [one.version for one in record.held] == ["4.0.0", "3.0.0"]
    names = {path.name for path in (site.folder / "device" / "slots").iterdir()}
    assert names == {one.manifest[:32] for one in record.held}
    for folder in ("staging", "downloads", "trash"):
        assert not list((site.folder / "device" / folder).iterdir())


def test_a_slot_carries_what_the_channel_said_so_that_it_can_be_embedded(site: Site) -> None:
    install_it(site)
    record = Records(site.folder / "device").read()
    assert record.active is not None
    slot = site.folder / "device" / "slots" / record.active.manifest[:32]
    shutil.copytree(slot, site.folder / "embedded")
    other = site.client("other", embedded=site.folder / "embedded")
    assert other.check() is None, "the embedded release is the current one"
    assert tree(start(site, "other")) == app_files("1.0.0")
    site.release("2.0.0", app_files("2.0.0"))
    update = other.check()
    assert update is not None
    assert update.outlook.plan is not None
    assert update.outlook.plan.route == "delta", "and a base for deltas"
    other.install(update)
    assert tree(start(site, "other")) == app_files("2.0.0")


def test_what_the_app_embeds_becomes_a_slot_without_a_download(site: Site) -> None:
    install_it(site)
    slot = next((site.folder / "device" / "slots").iterdir())
    shutil.copytree(slot, site.folder / "embedded")
    release = json.loads((site.folder / "embedded" / "release.json").read_bytes())
    (site.folder / "embedded" / "release.json").write_text(json.dumps(release | {"sequence": 0}))
    source = site.source()
    other = site.client("other", embedded=site.folder / "embedded", source=source)
    update = other.check()
    assert update is not None
    assert (update.size, update.outlook.as_dict()["route"]) == (0, "held")
    other.install(update)
    assert objects(source) == []
    assert tree(start(site, "other")) == app_files("1.0.0")
    assert len(list((site.folder / "other" / "slots").iterdir())) == 1


def test_an_embedded_folder_that_is_gone_is_no_base(site: Site) -> None:
    client = site.client("other", embedded=site.folder / "nowhere")
    client.install(client.check())  # type: ignore[arg-type]
    assert tree(start(site, "other")) == app_files("1.0.0")


# --------------------------------------------------------------------------------------------------------- repair


def test_a_delta_that_was_altered_costs_only_the_packs(site: Site) -> None:
    install_it(site)
    site.release("2.0.0", app_files("2.0.0"))
    heard: list[Event] = []
    client = site.client(listener=heard.append)
    update = client.check()
    assert update is not None
    assert update.outlook.plan is not None
    path = site.folder / "site" / "objects" / update.outlook.plan.steps[0].delta.sha256[:2]
    path = path / update.outlook.plan.steps[0].delta.sha256
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    client.install(update)
    failed = [(event.why, event.version, event.recovered) for event in heard if event.event == "download_failed"]
    assert failed == [("HASH_MISMATCH", "2.0.0", True)]
    assert tree(start(site)) == app_files("2.0.0")


def harm_base(site: Site, harm: str) -> None:
    slot = next((site.folder / "device" / "slots").iterdir())
    changing = slot / "files" / "lib" / "changing.bin"
    if harm == "altered":
        changing.write_bytes(changing.read_bytes()[::-1])
    elif harm == "gone":
        changing.unlink()
    else:
        (slot / "manifest.json").unlink()


@pytest.mark.parametrize("harm", ["altered", "gone", "manifest"])
def test_a_base_that_was_damaged_is_none(site: Site, harm: str) -> None:
    client = install_it(site)
    site.release("2.0.0", app_files("2.0.0"))
    update = client.check()
    assert update is not None
    harm_base(site, harm)
    again = client.check()
    assert again is not None
    assert again.outlook.plan is not None
    assert again.outlook.plan.route == "packs"
    client.install(update)
    assert tree(start(site)) == app_files("2.0.0")


@pytest.mark.parametrize(
    ("harm", "code"),
    [("altered", "DELTA_MISMATCH"), ("gone", "OBJECT_DAMAGED"), ("manifest", "SLOT_CHANGED")],
)
def test_a_base_that_is_damaged_meanwhile_costs_only_the_packs(
    site: Site, monkeypatch: pytest.MonkeyPatch, harm: str, code: str
) -> None:
    heard: list[Event] = []
    client = install_it(site, listener=heard.append)
    site.release("2.0.0", app_files("2.0.0"))
    update = client.check()
    assert update is not None
    real = install.Downloads.arriving

    def arriving(*arguments: object) -> Iterator[Content]:
        yield from real(*arguments)  # type: ignore[arg-type]
        if code not in [event.why for event in heard]:
            harm_base(site, harm)

    monkeypatch.setattr(install.Downloads, "arriving", arriving)
    client.install(update)
    assert ("download_failed", code) in [(event.event, event.why) for event in heard]
    monkeypatch.undo()
    assert tree(start(site)) == app_files("2.0.0")


def test_what_is_damaged_in_a_slot_is_fetched_again(site: Site) -> None:
    client = install_it(site)
    slot = next((site.folder / "device" / "slots").iterdir())
    (slot / "files" / "run.sh").write_bytes(b"rot")
    with pytest.raises(InstallError) as caught:
        Launcher(site.folder / "device", clock=site.clock).start()
    assert caught.value.code == "NOTHING_INSTALLED"
    source = site.source()
    client = site.client(source=source)
    client.install(client.check())  # type: ignore[arg-type]
    assert tree(start(site)) == app_files("1.0.0")


def test_a_stopped_download_goes_on(site: Site) -> None:
    class Stopping(CountingSource):
        def stream(self, path: str, *, limit: int, start: int = 0) -> object:  # type: ignore[override]
            found = super().stream(path, limit=limit, start=start)
            if path.startswith("objects/"):
                return cut(found)
            return found

    def cut(pieces: object) -> object:
        yield next(iter(pieces))[:10]  # type: ignore[call-overload]
        raise TransferError("NETWORK", "Gone.")

    client = site.client(source=Stopping(site.folder / "site"))
    update = client.check()
    assert update is not None
    with pytest.raises(TransferError):
        client.install(update)
    assert list((site.folder / "device" / "downloads").glob("*.part"))
    assert client.status().phase == "empty"
    site.client().install(update)
    assert tree(start(site)) == app_files("1.0.0")


def test_what_a_kill_left_in_the_staging_folder_is_swept_away(site: Site) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    assert update.outlook.build is not None
    left = site.folder / "device" / "staging" / update.outlook.build.manifest.sha256[:32]
    (left / "files").mkdir(parents=True)
    (left / "files" / "run.sh").write_bytes(b"half")
    client.install(update)
    assert tree(start(site)) == app_files("1.0.0")


def test_what_killed_runs_left_goes_when_there_is_nothing_to_install(site: Site) -> None:
    client = install_it(site)
    place = site.folder / "device"
    left = [
        place / "downloads" / "a.part",
        place / "staging" / "x",
        place / "trash" / "x",
        place / "slots" / ("a" * 32),
        place / "repository" / "metadata" / "tmpabc",
        place / "repository" / "metadata" / "root_history" / "tmpabc",
        place / "repository" / "documents" / ".tmp-1",
        next((place / "slots").iterdir()) / ".tmp-1",
        place / ".tmp-1",
    ]
    for path in left:
        path.write_bytes(b"half")
    client.check()
    assert not [path for path in left if path.exists()]
    assert tree(start(site)) == app_files("1.0.0")


# ------------------------------------------------------------------------------------------------------- refusals


def test_an_object_that_is_gone_is_looked_for_once_more(site: Site) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    assert update.outlook.build is not None
    sha256 = update.outlook.build.manifest.pack.sha256
    path = site.folder / "site" / "objects" / sha256[:2] / sha256
    path.unlink()
    with pytest.raises(ObjectError) as caught:
        client.install(update)
    assert caught.value.code == "INCOMPLETE_REPO"
    assert client.status().phase == "empty"


def test_a_publication_under_way_is_waited_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    real = install.Installer.install
    calls: list[int] = []

    def once(self: object, *arguments: object) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ObjectError("INCOMPLETE_REPO", "Not yet.")
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(install.Installer, "install", once)
    client.install(update)
    assert tree(start(site)) == app_files("1.0.0")


def test_an_update_of_yesterday_is_looked_at_again(site: Site) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    site.clock.forward(hours=1)
    source = site.source()
    site.client(source=source).install(update)
    assert "metadata/timestamp.json" in source.asked


def test_an_update_that_another_updater_was_faster_with_does_not_lead_back(site: Site) -> None:
    """A device leaves a release only for one with a higher sequence, however long somebody sat on an update."""
    slow = site.client()
    update = slow.check()
    assert update is not None
    site.release("2.0.0", app_files("2.0.0"))
    fast = site.client()
    newer = fast.check()
    assert newer is not None
    fast.install(newer)
    for started in (False, True):
        if started:
            launcher = Launcher(site.folder / "device", clock=site.clock)
            assert launcher.ready(launcher.start().nonce)
        with pytest.raises(InstallError) as caught:
            slow.install(update)
        assert caught.value.code == "NO_LONGER_OFFERED"
        found = slow.status().as_dict()
        assert (found["active"], found["pending"]) == (("2.0.0", None) if started else (None, "2.0.0"))


def test_an_update_that_is_not_offered_any_more(site: Site) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    site.clock.forward(hours=1)
    site.release("2.0.0", app_files("2.0.0"))
    with pytest.raises(InstallError) as caught:
        client.install(update)
    assert caught.value.code == "NO_LONGER_OFFERED"


def test_without_room_nothing_is_fetched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    source = site.source()
    client = site.client(source=source)
    update = client.check()
    assert update is not None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(InstallError) as caught:
        client.install(update)
    assert caught.value.code == "NO_SPACE"
    assert objects(source) == []


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "NO_SPACE"), (errno.EIO, "DISK_FAILED")])
def test_a_disk_that_fails_half_way(site: Site, monkeypatch: pytest.MonkeyPatch, number: int, code: str) -> None:
    heard: list[Event] = []
    client = site.client(listener=heard.append)
    update = client.check()
    assert update is not None

    def fail(_: int) -> None:
        raise OSError(number, "words")

    with monkeypatch.context() as patch:
        patch.setattr("sealcast.client.flush.sync_file", fail)
        with pytest.raises(InstallError) as caught:
            client.install(update)
    assert caught.value.code == code
    assert heard[-1].why == code
    assert client.status().phase == "empty"
    client.install(update)
    assert tree(start(site)) == app_files("1.0.0")


def test_of_two_updaters_one_works_and_the_other_leaves_no_trace(site: Site) -> None:
    client = site.client()
    before = sorted(path.name for path in (site.folder / "device").rglob("*"))
    with (
        exclusive(site.folder / "device" / "updater.lock", AssertionError),
        pytest.raises(InstallError) as caught,
    ):
        client.check()
    assert caught.value.code == "BUSY"
    assert sorted(path.name for path in (site.folder / "device").rglob("*")) == before


def test_many_updaters_at_once(site: Site) -> None:
    site.client()
    results: list[str] = []

    def work() -> None:
        client = site.client()
        try:
            update = client.check()
            if update:
                client.install(update)
            results.append("done")
        except InstallError as error:
            results.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) <= {"done", "BUSY"}
    assert "done" in results
    assert tree(start(site)) == app_files("1.0.0")


def test_a_directory_follows_one_channel(site: Site) -> None:
    site.client()
    with pytest.raises(ConfigError) as caught:
        site.client(channel="beta")
    assert caught.value.code == "OTHER_CLIENT"


def test_a_client_is_opened_again_without_its_arguments(site: Site) -> None:
    site.client()
    assert Client.open(site.folder / "device", clock=site.clock).check() is not None
    with pytest.raises(InstallError) as caught:
        Client.open(site.folder / "nowhere", clock=site.clock)
    assert caught.value.code == "NOT_INITIALISED"
    assert not (site.folder / "nowhere").exists()


def policy_of(**channels: ChannelPolicy) -> object:
    return lambda *_: Policy(app="demo", channels=dict(channels))


def test_a_sealed_channel_needs_an_identity(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(View, "policy", policy_of(stable=ChannelPolicy(sealed=True)))
    with pytest.raises(SealingError) as caught:
        site.client().check()
    assert caught.value.code == "NO_IDENTITY"


def test_a_channel_that_the_policy_does_not_name_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(View, "policy", policy_of(beta=ChannelPolicy()))
    with pytest.raises(VerificationError) as caught:
        site.client().check()
    assert caught.value.code == "UNKNOWN_CHANNEL"


def test_row_18_an_expired_repository_installs_nothing_and_stops_no_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = install_it(site)
    before = (Records(site.folder / "device").read(), FloorStore(site.folder / "device").read())
    site.release("2.0.0", app_files("2.0.0"))

    def expired(*_: object, **__: object) -> None:
        raise VerificationError("EXPIRED", "It is over.")

    monkeypatch.setattr(look, "View", expired)
    with pytest.raises(VerificationError):
        client.check()
    assert (Records(site.folder / "device").read(), FloorStore(site.folder / "device").read()) == before
    assert tree(start(site)) == app_files("1.0.0")


def test_row_18_stale_metadata_is_told(site: Site) -> None:
    heard: list[Event] = []
    site.client()
    site.clock.forward(days=6)
    found = site.client(listener=heard.append).outlook()
    assert found.freshness is not None
    assert found.freshness.state == "stale"
    assert ("stale", "timestamp") in [(event.event, event.why) for event in heard]
    site.clock.forward(days=2)
    assert site.client().status().as_dict()["freshness"] == "expired"


def test_a_manifest_pack_with_another_manifest_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = site.client()
    update = client.check()
    assert update is not None
    monkeypatch.setattr(install, "read_single", lambda *_: b"{}")
    with pytest.raises(ObjectError) as caught:
        client.install(update)
    assert caught.value.code == "HASH_MISMATCH"


def test_a_folder_that_cannot_be_staged_into_is_no_reason_to_take_another_route(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = install_it(site)
    site.release("2.0.0", app_files("2.0.0"))
    update = client.check()
    assert update is not None

    def unsafe(*_: object) -> None:
        raise InstallError("UNSAFE_PATH", "A link.")

    monkeypatch.setattr(install.Assembly, "put", unsafe)
    with pytest.raises(InstallError) as caught:
        client.install(update)
    assert caught.value.code == "UNSAFE_PATH"


# ----------------------------------------------------------------------------------------------------- what is told


def test_events_tell_the_whole_story(site: Site) -> None:
    heard: list[Event] = []
    client = site.client(listener=heard.append)
    client.install(client.check())  # type: ignore[arg-type]
    kinds = [event.event for event in heard]
    assert kinds[:2] == ["check", "update_available"]
    assert kinds[-2:] == ["downloaded", "staged"]
    progress = [event for event in heard if event.event == "progress"]
    assert progress[-1].done == progress[-1].total


def test_an_outlook_is_one_json_object(site: Site) -> None:
    found = site.client().outlook().as_dict()
    assert json.loads(json.dumps(found)) == found
    assert (found["action"], found["why"], found["version"], found["route"]) == ("update", "newer", "1.0.0", "packs")
    assert found["bytes"] > 0
    assert found["requests"] >= 2
    empty = Outlook(Action.NONE, "current", "x").as_dict()
    assert (empty["version"], empty["route"], empty["bytes"]) == (None, None, 0)


def test_the_status_is_one_json_object(site: Site) -> None:
    client = install_it(site)
    found = client.status().as_dict()
    assert json.loads(json.dumps(found)) == found
    assert (found["active"], found["last_good"], found["phase"], found["freshness"]) == (
        "1.0.0", "1.0.0", "idle", "fresh",
    )  # fmt: skip


def test_the_phases_of_a_device(site: Site) -> None:
    client = site.client()
    assert client.status().phase == "empty"
    client.install(client.check())  # type: ignore[arg-type]
    assert client.status().phase == "pending"
    launcher = Launcher(site.folder / "device", clock=site.clock)
    launcher.start()
    assert client.status().phase == "trial"
    assert client.status().as_dict()["boots"] == 1
    launcher.fail("broken")
    assert client.status().phase == "safe-mode"
    assert client.status().as_dict()["quarantine"][0]["reason"] == "broken"
    assert client.status().as_dict()["active"] is None
    assert site.client("other", embedded=site.folder).status().phase == "idle"


def test_a_blocked_release_is_told(site: Site, clock: HandClock) -> None:
    heard: list[Event] = []
    site.client(listener=heard.append)
    site.release("2.0.0", app_files("2.0.0"), native=">=9")
    found = site.client(listener=heard.append, native="1.0").outlook()
    assert (found.action, found.why) == ("blocked", "native")
    assert ("blocked", "native") in [(event.event, event.why) for event in heard]
    assert site.client(native="9.1").check() is not None


def test_a_notice_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    monkeypatch.setattr(look, "_notice", lambda _: {"text": {"en": "Hello."}, "url": ""})
    assert site.client(listener=heard.append).outlook().notice is not None
    assert [event.text for event in heard if event.event == "notice"] == [{"en": "Hello."}]


# ---------------------------------------------------------------------------------------------------------- weight


def test_a_start_loads_neither_network_nor_cryptography(site: Site) -> None:
    install_it(site)
    code = (
        "import sys\n"
        "from sealcast.cli.app import run\n"
        f"status = run(['client', 'run', '--dir', {str(site.folder / 'device')!r}, '--', './run.sh'])\n"
        f"run(['client', 'ready', '--dir', {str(site.folder / 'device')!r}])\n"
        f"run(['client', 'status', '--dir', {str(site.folder / 'device')!r}])\n"
        "heavy = {'tuf', 'securesystemslib', 'cryptography', 'urllib3', 'ssl', 'semver', 'backports.zstd',\n"
        "         'sealcast.fetch', 'sealcast.verify', 'sealcast.packs', 'sealcast.publisher', 'sealcast.signing'}\n"
        "print('loaded', sorted(heavy & set(sys.modules)))\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "loaded []" in done.stdout
    assert "1.0.0" in done.stdout


def test_importing_the_client_loads_no_publisher() -> None:
    code = (
        "import sys, sealcast.client\n"
        "assert not [name for name in sys.modules if name.startswith('sealcast.client.')]\n"
        "sealcast.client.Client\n"
        "foreign = ('publisher', 'signing', 'hosting', 'ceremony', 'site', 'cli')\n"
        "assert not [name for name in sys.modules if name.startswith('sealcast.') and name.split('.')[1] in foreign]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_face_is_there_and_nothing_else() -> None:
    import sealcast.client as package

    for name in package.__all__:
        assert getattr(package, name)
    with pytest.raises(AttributeError):
        package.no_such_name  # noqa: B018


def test_every_failure_of_a_check_is_typed(site: Site) -> None:
    (site.folder / "site" / "metadata" / "timestamp.json").write_bytes(b"<html>")
    with pytest.raises(SealcastError):
        site.client().check()


def test_a_repair_of_nothing_is_no_failed_update(site: Site) -> None:
    client = site.client()
    for refused in (client.repair, lambda: client.recover_floor(site.root)):
        with pytest.raises(InstallError) as caught:
            refused()
        assert caught.value.code in {"NOTHING_INSTALLED", "FLOOR_WHOLE"}
    assert not (site.folder / "device" / "events.jsonl").exists()

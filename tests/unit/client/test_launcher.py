"""The launcher with real applications: small scripts in real slots."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest
from msgspec.structs import replace

from sealcast.client import Launcher, init_directory, transitions
from sealcast.client.events import Event, Events, Kind
from sealcast.client.floor import FloorStore, Mark
from sealcast.client.record import Installed, Record, Records
from sealcast.client.shape import write_release
from sealcast.errors import InstallError
from sealcast.files import exclusive
from tests.unit.client.sites import HandClock, Site, release
from tests.unit.client.test_slots import Kit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the applications are shell scripts")

SEALCAST = [sys.executable, "-m", "sealcast"]
READY = f"{sys.executable} -m sealcast client ready"


class Device:
    """A client's directory with slots made by hand: each release is one script."""

    def __init__(self, site: Site, **settings: object) -> None:
        self.path = site.folder / "d"
        init_directory(
            self.path,
            url=site.url,
            root=site.root,
            app="demo",
            channel="stable",
            **settings,  # type: ignore[arg-type]
        )
        self.heard: list[Event] = []
        self.records = Records(self.path)
        (site.folder / "kit").mkdir(exist_ok=True)
        self.kit = Kit(site.folder / "kit")
        self.log = site.folder / "log"

    def launcher(self, **more: object) -> Launcher:
        return Launcher(self.path, clock=HandClock(), listener=self.heard.append, **more)  # type: ignore[arg-type]

    def put(self, number: int, script: str, **more: object) -> Installed:
        """Make the slot of a release whose app is ``script``."""
        digest = self.kit.install({"app.sh": f"#!/bin/sh\necho {number} >> '{self.log}'\n{script}\n".encode()})
        self.kit.slots.folder(digest).rename(self.path / "slots" / digest[:32])
        return release(number, manifest=digest, **more)

    def stage(self, one: Installed) -> None:
        self.records.change(lambda record: transitions.stage(record, one))

    def good(self, *releases: Installed) -> None:
        last, *before = releases
        self.records.change(
            lambda record: replace(record, active=last, last_good=last, previous_good=before[0] if before else None)
        )

    def run(self, command: Sequence[str] = ("./app.sh",), **more: object) -> int:
        return self.launcher(**more).run(command, os.environ)

    @property
    def runs(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    def kinds(self) -> list[tuple[str, str]]:
        return [(event.event, event.why) for event in self.heard]


@pytest.fixture
def device(site: Site) -> Device:
    return Device(site, ready_seconds=20)


def test_with_nothing_installed_nothing_starts(device: Device) -> None:
    with pytest.raises(InstallError) as caught:
        device.run()
    assert caught.value.code == "NOTHING_INSTALLED"


def test_a_good_release_runs_and_nothing_is_written(device: Device) -> None:
    device.good(device.put(1, "exit 5"))
    before = (device.path / "state.json").stat()
    assert device.run() == 5
    assert device.run() == 5, "a good release may fail: that is the app's affair"
    assert (device.path / "state.json").stat() == before
    assert device.runs == [1, 1]


def test_the_app_is_told_where_it_is(device: Device) -> None:
    one = device.put(1, 'env | grep ^SEALCAST_ | sort > "$OUT"; pwd >> "$OUT"')
    device.good(one)
    out = device.path.parent / "out"
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SEALCAST_")}
    device.launcher().run(["sh", "{slot}/app.sh"], {**outside, "OUT": str(out), "SEALCAST_NONCE": "stale"})
    slot = device.path / "slots" / one.manifest[:32] / "files"
    assert out.read_text().splitlines() == [
        f"SEALCAST_DIR={device.path}",
        "SEALCAST_NONCE=",
        f"SEALCAST_SLOT={slot}",
        "SEALCAST_VERSION=1.0.0",
        str(slot),
    ]


def test_a_release_that_reports_ready_is_good(device: Device) -> None:
    device.good(device.put(1, ""))
    two = device.put(2, f"{READY} || exit 9; exit 3")
    device.stage(two)
    assert device.run() == 3, "after ready, the exit status is the app's own"
    record = device.records.read()
    assert (record.active, record.last_good, record.trial) == (two, two, False)
    assert record.previous_good is not None
    assert record.previous_good.sequence == 1
    assert device.runs == [2]
    assert ("applied", "") in device.kinds()


def test_ready_is_noticed_while_the_app_runs_on(device: Device) -> None:
    device.good(device.put(1, ""))
    device.stage(device.put(2, f"{READY} || exit 9; sleep 1; exit 0"))
    device.path.joinpath("client.json").write_text(
        json.dumps(json.loads((device.path / "client.json").read_text()) | {"ready_seconds": 20})
    )
    assert device.run() == 0
    assert not device.records.read().trial


def test_a_crash_loop_ends_with_the_release_before(device: Device) -> None:
    one = device.put(1, "exit 0")
    device.good(one)
    two = device.put(2, "exit 1")
    device.stage(two)
    assert device.run() == 0
    assert device.runs == [2, 2, 2, 1], "three counted starts, then the last good release"
    record = device.records.read()
    assert (record.active, record.trial) == (one, False)
    assert record.quarantine[two.manifest].reason == "not-ready"
    assert ("rolled_back", "not-ready") in device.kinds()


def test_a_crash_loop_without_anything_before_is_safe_mode(device: Device) -> None:
    device.stage(device.put(2, "exit 1"))
    for _ in range(2):
        with pytest.raises(InstallError) as caught:
            device.run()
        assert caught.value.code == "SAFE_MODE"
        assert "2.0.0" in caught.value.what
    assert device.runs == [2, 2, 2]


def test_a_hang_before_ready_is_ended_and_counted(site: Site) -> None:
    device = Device(site, ready_seconds=1, boot_limit=2)
    device.good(device.put(1, "exit 0"))
    device.stage(device.put(2, "exec sleep 60"))
    started = time.monotonic()
    assert device.run() == 0
    assert device.runs == [2, 2, 1]
    assert time.monotonic() - started < 50
    assert ("ended", "not-ready") in device.kinds()


FAIL = f"{sys.executable} -m sealcast client fail --reason 'no database'"


def test_row_14_a_failure_that_a_running_app_reports_ends_it_at_once(site: Site) -> None:
    device = Device(site, ready_seconds=0)
    one = device.put(1, "exit 4")
    device.good(one)
    two = device.put(2, f"{FAIL}; exec sleep 60")
    device.stage(two)
    assert device.run() == 4, "the last good release was started, and its status is handed on"
    assert device.runs == [2, 1], "neither a further try nor a wait"
    assert device.records.read().quarantine[two.manifest].reason == "no database"
    assert ("ended", "failed") in device.kinds()
    told = [event for event in Events(device.path, HandClock()).read() if event.event == "rolled_back"]
    assert [(event.version, event.why, event.detail) for event in told] == [("2.0.0", "no database", "1.0.0")]


def test_a_reason_may_be_long_and_is_kept_short(device: Device) -> None:
    device.stage(device.put(2, ""))
    device.launcher().start()
    device.launcher().fail("x" * 100_000)
    assert max(len(event.why) for event in device.heard) == 256
    assert [failure.reason for failure in device.records.read().quarantine.values()] == ["x" * 256]


def test_row_14_a_failure_with_nothing_to_go_back_to_ends_in_safe_mode(site: Site) -> None:
    device = Device(site, ready_seconds=0)
    device.stage(device.put(2, f"{FAIL}; exec sleep 60"))
    with pytest.raises(InstallError) as caught:
        device.run()
    assert (caught.value.code, device.runs) == ("SAFE_MODE", [2])


def test_a_release_whose_trial_another_start_replaced_runs_on(site: Site) -> None:
    """It did not fail: a newer one is on trial, started by somebody else."""
    device = Device(site, ready_seconds=0)
    go_on = site.folder / "go-on"
    device.stage(device.put(2, f"while ! [ -e '{go_on}' ]; do sleep 0.1; done; exit 0"))
    ended: list[int] = []
    attending = Thread(target=lambda: ended.append(device.run()))
    attending.start()
    while not device.runs:
        time.sleep(0.01)
    three = device.put(3, "")
    device.stage(three)
    device.launcher().start()
    assert device.records.read().active == three
    attending.join(0.5)  # it looks after its release several times
    assert attending.is_alive()
    go_on.touch()
    attending.join()
    assert ("ended", "failed") not in device.kinds()


def test_whoever_was_asked_to_end_may_take_its_time(site: Site) -> None:
    """Not ready in time does not count any more: nothing is started again after a signal."""
    device = Device(site, ready_seconds=1)
    device.stage(device.put(2, "trap 'sleep 1.5; exit 7' TERM; echo up; while :; do sleep 0.1; done"))
    command = [*SEALCAST, "client", "run", "--dir", str(device.path), "--", "./app.sh"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 7
    assert device.runs == [2]


def test_without_a_limit_of_time_a_slow_start_is_waited_for(site: Site) -> None:
    device = Device(site, ready_seconds=0)
    device.stage(device.put(2, f"sleep 1; {READY}"))
    assert device.run() == 0
    assert device.runs == [2]


def test_an_end_without_error_before_ready_is_no_failure(device: Device) -> None:
    device.good(device.put(1, ""))
    device.stage(device.put(2, "exit 0"))
    assert device.run() == 0
    assert device.runs == [2]
    record = device.records.read()
    assert (record.trial, record.boots) == (True, 1), "and the trial goes on at the next start"


def test_starts_are_counted_before_they_happen(device: Device) -> None:
    device.good(device.put(1, ""))
    device.stage(device.put(2, f"cp '{device.path}/state.json' '{device.path.parent}/seen'; exit 0"))
    device.run()
    seen = json.loads((device.path.parent / "seen").read_bytes().split(b"\n", 1)[1])
    assert (seen["boots"], seen["trial"], seen["active"]["sequence"]) == (1, True, 2)


def test_a_killed_launcher_has_counted_its_start(device: Device) -> None:
    device.good(device.put(1, "exit 0"))
    device.stage(device.put(2, "echo up; exec sleep 60"))
    command = [*SEALCAST, "client", "run", "--dir", str(device.path), "--", "./app.sh"]
    for boots in (1, 2, 3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert device.records.read().boots == boots
    assert device.run() == 0
    assert device.runs == [2, 2, 2, 1]


def test_an_app_that_outlives_its_launcher_can_still_report(device: Device) -> None:
    two = device.put(2, "")
    device.stage(two)
    launch = device.launcher().start()
    assert device.launcher().ready(launch.nonce)
    assert device.records.read().last_good == two


def test_a_report_of_an_earlier_start_is_refused(device: Device) -> None:
    device.stage(device.put(2, ""))
    first = device.launcher().start()
    second = device.launcher().start()
    assert first.nonce != second.nonce
    with pytest.raises(InstallError) as caught:
        device.launcher().ready(first.nonce)
    assert caught.value.code == "WRONG_NONCE"
    assert device.records.read().trial
    assert ("refused", "WRONG_NONCE") in device.kinds()
    assert device.launcher().ready(second.nonce)
    assert not device.launcher().ready(second.nonce), "a second report changes nothing"


def test_the_app_reports_its_own_failure(device: Device) -> None:
    device.good(device.put(1, "exit 0"))
    two = device.put(2, f"{sys.executable} -m sealcast client fail --reason 'no database'; exit 0")
    device.stage(two)
    assert device.run() == 0
    assert device.runs == [2, 1], "it is left at once, whatever its exit status"
    assert device.records.read().quarantine[two.manifest].reason == "no database"


def test_a_failure_reported_by_an_app_that_runs_on_ends_it_in_time(site: Site) -> None:
    device = Device(site, ready_seconds=5)
    device.good(device.put(1, "exit 0"))
    device.stage(device.put(2, "exec sleep 60"))

    def report() -> None:
        while not device.runs:
            time.sleep(0.01)
        device.launcher().fail("x")

    reporter = Thread(target=report)
    reporter.start()
    assert device.run() == 0
    reporter.join()
    assert device.runs == [2, 1]


def test_reports_outside_a_trial(device: Device) -> None:
    device.good(device.put(1, ""))
    assert not device.launcher().ready("anything")
    with pytest.raises(InstallError) as caught:
        device.launcher().fail("x")
    assert caught.value.code == "NOT_ON_TRIAL"


def test_a_stop_by_signal_is_passed_on_and_is_no_failure(device: Device) -> None:
    device.good(device.put(1, "exit 0"))
    device.stage(device.put(2, "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done"))
    command = [*SEALCAST, "client", "run", "--dir", str(device.path), "--", "./app.sh"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 7
    process.stdout.close()
    assert device.runs == [2], "it is not started again"


def test_a_damaged_good_release_gives_way_to_the_one_before(device: Device) -> None:
    one, two = device.put(1, ""), device.put(2, "")
    device.good(two, one)
    (device.path / "slots" / two.manifest[:32] / "files" / "app.sh").write_bytes(b"evil")
    assert device.run() == 0
    assert device.runs == [1]
    assert not device.records.read().quarantine, "it may be installed again"


def test_a_damaged_release_on_trial_is_given_up(device: Device) -> None:
    one, two = device.put(1, ""), device.put(2, "exit 0")
    device.good(one)
    device.stage(two)
    device.run()
    (device.path / "slots" / two.manifest[:32] / "files" / "app.sh").unlink()
    device.run()
    assert device.runs == [2, 1]
    assert device.records.read().quarantine[two.manifest].reason == "damaged"


def test_a_missing_slot_is_row_15(device: Device) -> None:
    one, two = device.put(1, ""), device.put(2, "")
    device.good(two, one)
    (device.path / "slots" / two.manifest[:32]).rename(device.path / "gone")
    device.run()
    assert device.runs == [1]
    assert ("rolled_back", "lost") in device.kinds()


def test_a_program_that_a_new_release_lacks_counts_as_a_failed_start(device: Device) -> None:
    device.good(device.put(1, "exit 0"))
    two = device.put(2, "")
    device.stage(two)
    (device.path / "slots" / two.manifest[:32] / "files" / "app.sh").chmod(0o755)
    one_only = ["sh", "-c", 'test "$SEALCAST_VERSION" = 1.0.0']
    assert device.run(one_only) == 0
    assert device.records.read().quarantine[two.manifest].reason == "not-ready"


def test_a_command_that_no_release_has(device: Device) -> None:
    device.good(device.put(1, ""))
    device.stage(device.put(2, ""))
    with pytest.raises(InstallError) as caught:
        device.run(["./no-such-app"])
    assert caught.value.code == "CANNOT_START"
    assert [kind for kind in device.kinds() if kind[0] == "ended"] == [("ended", "CANNOT_START")] * 3


def test_a_person_goes_back(device: Device) -> None:
    one, two = device.put(1, ""), device.put(2, "")
    device.good(two, one)
    device.launcher().rollback()
    device.run()
    assert device.runs == [1]
    with pytest.raises(InstallError) as caught:
        device.launcher().rollback()
    assert caught.value.code == "NOTHING_TO_GO_BACK_TO"


def test_nothing_below_the_signed_floor_is_gone_back_to(device: Device) -> None:
    one, two = device.put(1, ""), device.put(2, "")
    device.good(two, one)
    store = FloorStore(device.path)
    store.store(replace(store.read(), lowest=Mark(number=2, metadata="")))
    with pytest.raises(InstallError) as caught:
        device.launcher().rollback()
    assert caught.value.code == "NOTHING_TO_GO_BACK_TO"


def test_a_recalled_release_is_left_at_the_next_start(device: Device) -> None:
    one, two = device.put(1, ""), device.put(2, "")
    device.good(two, one)
    device.records.change(lambda record: transitions.recall(record, [two.manifest]))
    device.run()
    assert device.runs == [1]
    assert ("rolled_back", "recalled") in device.kinds()


# --------------------------------------------------------------------------------------------- disks that refuse


def refuse_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Record:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Records, "change", refuse)


def test_on_a_full_disk_a_good_release_starts_and_no_trial_does(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.good(device.put(1, ""))
    device.stage(device.put(2, ""))
    refuse_commits(monkeypatch)
    assert device.run() == 0
    assert device.runs == [1]
    assert ("update_failed", "NO_SPACE") in device.kinds()


def test_on_a_full_disk_a_trial_gives_way_for_this_start(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.good(device.put(1, ""))
    device.stage(device.put(2, "exit 0"))
    device.run()
    with monkeypatch.context() as patch:
        refuse_commits(patch)
        device.run()
    assert device.runs == [2, 1]
    assert device.records.read().trial, "nothing was decided: the trial goes on when there is room"


def test_on_a_full_disk_a_damaged_release_does_not_start(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = device.put(1, ""), device.put(2, "")
    device.good(two, one)
    (device.path / "slots" / two.manifest[:32] / "stamp").unlink()
    (device.path / "slots" / two.manifest[:32] / "files" / "app.sh").write_bytes(b"bad")
    refuse_commits(monkeypatch)
    device.run()
    assert device.runs == [1]


def test_on_a_full_disk_with_nothing_good_the_disk_is_named(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.stage(device.put(2, ""))
    device.launcher().start()
    refuse_commits(monkeypatch)
    with pytest.raises(InstallError) as caught:
        device.run()
    assert caught.value.code == "NO_SPACE"


def test_on_a_full_disk_a_recalled_release_does_not_start(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = device.put(1, ""), device.put(2, "")
    device.good(two, one)
    device.records.change(lambda record: transitions.recall(record, [two.manifest]))
    refuse_commits(monkeypatch)
    device.run()
    assert device.runs == [1]


def test_on_a_full_disk_a_new_native_build_starts_what_fits_it(
    shipped: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped.good(shipped.put(5, "", native="<2.0.0"))
    refuse_commits(monkeypatch)
    launch = shipped.launcher(native="2.0.0").start()
    assert launch.manifest == "", "the embedded release"


def test_a_start_does_not_wait_for_an_updater(device: Device) -> None:
    device.good(device.put(1, ""))
    with exclusive(device.path / "updater.lock", AssertionError):
        assert device.run() == 0


# ------------------------------------------------------------------------------------ embedded release, native app


def embed(site: Site, number: int) -> Path:
    (site.folder / "kit0").mkdir()
    kit = Kit(site.folder / "kit0")
    log = site.folder / "log"
    digest = kit.install({"app.sh": f"#!/bin/sh\necho {number} >> '{log}'\n".encode()})
    folder = site.folder / "embedded"
    kit.slots.folder(digest).rename(folder)
    write_release(folder, release(number, manifest=digest))
    return folder


@pytest.fixture
def shipped(site: Site) -> Device:
    """A device of an app that ships release 3, for the native build 1.0.0."""
    return Device(site, embedded=embed(site, 3), native="1.0.0", ready_seconds=20)


def test_the_embedded_release_runs_where_nothing_is_installed(shipped: Device) -> None:
    assert shipped.run() == 0
    assert shipped.runs == [3]


def test_the_embedded_release_is_what_a_first_failed_trial_goes_back_to(shipped: Device) -> None:
    shipped.stage(shipped.put(4, "exit 1"))
    assert shipped.run() == 0
    assert shipped.runs == [4, 4, 4, 3]


def test_a_person_goes_back_to_the_embedded_release(shipped: Device) -> None:
    shipped.good(shipped.put(4, ""))
    shipped.launcher().rollback()
    shipped.run()
    assert shipped.runs == [3]


def test_row_16_a_new_native_build_starts_what_it_embeds(shipped: Device) -> None:
    shipped.good(shipped.put(2, "", native=">=1.0"), shipped.put(1, ""))
    shipped.run(native="1.0.0")
    shipped.run(native="2.0.0")
    shipped.run(native="2.0.0")
    assert ("rolled_back", "native") in shipped.kinds()
    assert shipped.runs == [2, 3, 3], "an older release does not shadow a newer native app"
    assert shipped.records.read().native_seen == "2.0.0"


def test_row_16_a_newer_release_that_admits_the_new_build_stays(shipped: Device) -> None:
    shipped.good(shipped.put(5, "", native=">=1.0"))
    shipped.run(native="2.0.0")
    assert shipped.runs == [5]
    assert "rolled_back" not in [kind for kind, _ in shipped.kinds()]


@pytest.mark.parametrize("native", ["<2.0", "nonsense"])
def test_row_16_a_newer_release_that_does_not_admit_it_goes(shipped: Device, native: str) -> None:
    shipped.good(shipped.put(5, "", native=native))
    shipped.run(native="2.0.0")
    assert shipped.runs == [3]


def test_row_16_a_release_without_a_constraint_fits_every_build(device: Device) -> None:
    device.good(device.put(1, ""))
    device.run(native="7")
    assert device.runs == [1]


def test_an_embedded_release_that_is_gone_is_named_when_it_is_needed(shipped: Device) -> None:
    shipped.good(shipped.put(5, ""))
    (Path(shipped.launcher().settings.embedded) / "release.json").unlink()
    shipped.run(native="9.0.0")
    assert shipped.runs == [5], "it is not needed yet"
    with pytest.raises(InstallError) as caught:
        shipped.launcher().rollback()
    assert caught.value.code == "NOTHING_TO_GO_BACK_TO"
    shipped.records.change(lambda record: replace(record, active=None, last_good=None))
    with pytest.raises(InstallError) as caught:
        shipped.run()
    assert caught.value.code == "BAD_EMBEDDED"


def test_what_runs_is_not_left_for_an_embedded_release_that_is_gone(shipped: Device) -> None:
    """Better a release that was taken back than none: the device can still bring a newer one."""
    good = shipped.put(5, "")
    shipped.good(good)
    shutil.rmtree(shipped.launcher().settings.embedded)
    shipped.records.change(lambda record: transitions.recall(record, [good.manifest]))
    shipped.run()
    assert shipped.runs == [5]


def test_events_are_kept_for_later(device: Device) -> None:
    device.good(device.put(1, ""))
    device.run()
    assert device.heard[-1].event is Kind.STARTED
    assert "started" in (device.path / "events.jsonl").read_text()


def test_a_report_that_the_disk_does_not_take_is_a_typed_error(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.stage(device.put(1, ""))
    nonce = device.launcher().start().nonce

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sealcast.client.record.write_checked", full)
    with pytest.raises(InstallError) as caught:
        device.launcher().ready(nonce)
    assert caught.value.code == "NO_SPACE"
    assert device.records.read().trial

"""Signing again: what is due, who can, and that nothing keeps the timestamp from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sealcast.errors import SealcastError
from sealcast.publisher import Repository
from sealcast.publisher.refresh import Refreshed, RoleStatus
from tests.unit.publisher.workshop import V1, Files, Time, digests, first_root, read_site

Tree = Callable[[str, Files], Path]
Setting = Callable[[str, str], None]
Reopen = Callable[[], Repository]


def statuses(repository: Repository) -> dict[str, RoleStatus]:
    return {status.role: status for status in repository.status()}


def refusal(action: Callable[[], object]) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    return caught.value


def signed(*roles: str) -> Refreshed:
    return Refreshed(roles, ())


def test_every_role_has_its_status(pristine: Path, clock: Time) -> None:
    repository = Repository.open(pristine, clock=clock)
    found = statuses(repository)
    assert list(found) == ["root", "targets", "snapshot", "timestamp", "demo-stable", "demo-beta", "demo-halt"]
    made = found["timestamp"].expires - timedelta(days=7)
    for role, days in {
        "root": 365, "targets": 180, "snapshot": 21, "timestamp": 7,
        "demo-stable": 90, "demo-beta": 90, "demo-halt": 365,
    }.items():  # fmt: skip
        status = found[role]
        assert status.expires - made == timedelta(days=days)
        assert status.due == (made + timedelta(days=1) if role == "timestamp" else made + timedelta(days=days) * 2 / 3)
        assert (status.version, status.threshold) == (1, 1)
        assert not status.is_due(made)
        assert status.is_due(status.due)
        assert not status.is_expired(status.due)
        assert status.is_expired(status.expires)
    assert found["root"].holders == found["targets"].holders == ("root",)
    assert found["demo-stable"].holders == ("channel",)
    assert found["timestamp"].holders == ("online",)


def test_nothing_is_due_and_nothing_is_done(repo: Repository) -> None:
    before = digests(repo.workspace.folder, but=".sealcast")
    assert repo.refresh() == Refreshed((), ())
    assert digests(repo.workspace.folder, but=".sealcast") == before


@pytest.mark.parametrize(
    ("days", "roles"),
    [
        (1, ("timestamp",)),
        (14, ("snapshot", "timestamp")),
        (60, ("demo-stable", "demo-beta", "snapshot", "timestamp")),
        (120, ("targets", "demo-stable", "demo-beta", "snapshot", "timestamp")),
        (244, ("root", "targets", "demo-stable", "demo-beta", "demo-halt", "snapshot", "timestamp")),
    ],
)
def test_what_is_due_is_signed_and_then_nothing_is(
    repo: Repository, clock: Time, days: int, roles: tuple[str, ...]
) -> None:
    clock.forward(days=days)
    before = statuses(repo)
    dry = repo.refresh(dry_run=True)
    assert dry == signed(*roles)
    assert statuses(repo) == before
    assert repo.refresh() == dry
    after = statuses(repo)
    for role, status in after.items():
        assert status.version == before[role].version + (role in roles)
        assert not status.is_due(clock()) or role not in roles
    assert repo.refresh() == Refreshed((), ())


def test_root_alone_is_due(reopen: Reopen, clock: Time, setting: Setting) -> None:
    setting("root = 365", "root = 3")
    clock.forward(days=364)
    assert "root" in reopen().refresh().signed
    clock.forward(hours=30)
    assert reopen().refresh() == signed("timestamp")
    clock.forward(hours=18)
    before = reopen().workspace.load()
    assert reopen().refresh() == signed("root")
    after = reopen().workspace.load()
    assert after.root.signed.version == before.root.signed.version + 1
    assert after.timestamp_bytes == before.timestamp_bytes


def test_years_of_refreshing_leave_a_site_that_a_first_client_reads(
    repo: Repository, tree: Tree, clock: Time, tmp_path: Path
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    for _ in range(10):
        clock.forward(days=100)
        repo.refresh()
    assert repo.workspace.load().root.signed.version > 3
    repo.build(tmp_path / "site")
    assert read_site(tmp_path / "site", first_root(repo), clock).findings == ()


def test_what_is_listed_stays_as_it_is(repo: Repository, tree: Tree, clock: Time) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    before, document = repo.workspace.load().listed, repo.channel("stable")
    clock.forward(days=250)
    repo.refresh()
    assert repo.workspace.load().listed == before
    assert repo.channel("stable") == document


@pytest.mark.parametrize(("days", "due"), [(3, 2), (45, 30)])
def test_due_goes_by_the_life_that_is_configured(
    reopen: Reopen, clock: Time, setting: Setting, days: int, due: int
) -> None:
    # By the default life of 21 days, one of 3 would be due at once and for ever.
    setting("snapshot = 21", f"snapshot = {days}")
    clock.forward(days=20)
    assert "snapshot" in reopen().refresh().signed
    clock.forward(days=due, seconds=-1)
    assert "snapshot" not in reopen().refresh().signed
    clock.forward(seconds=1)
    assert "snapshot" in reopen().refresh().signed


def test_a_short_timestamp_is_due_before_it_ends(reopen: Reopen, clock: Time, setting: Setting) -> None:
    setting("timestamp = 7", "timestamp = 1")
    clock.forward(days=1)
    reopen().refresh()
    clock.forward(hours=16)
    assert reopen().refresh() == signed("timestamp")


# ----------------------------------------------------------------------------------------- keys on other machines


def test_a_machine_with_the_online_keys_alone_signs_what_it_can(repo: Repository, ws: Path, clock: Time) -> None:
    # The configuration is shared: it names the files of keys that are not here.
    for name in ("root", "channel", "halt"):
        (ws / "keys" / f"{name}.pem").unlink()
    clock.forward(days=250)
    elsewhere = ("root", "targets", "demo-stable", "demo-beta", "demo-halt")
    assert repo.refresh() == Refreshed(("snapshot", "timestamp"), elsewhere)
    assert not statuses(repo)["timestamp"].is_due(clock())


def test_a_machine_without_the_online_keys_signs_root_alone(repo: Repository, ws: Path, clock: Time) -> None:
    (ws / "keys" / "online.pem").unlink()
    clock.forward(days=250)
    done = repo.refresh()
    assert done.signed == ("root",)
    assert set(done.elsewhere) == {"targets", "snapshot", "timestamp", "demo-beta", "demo-halt", "demo-stable"}


def test_a_timestamp_alone_is_due_and_its_key_is_elsewhere(repo: Repository, ws: Path, clock: Time) -> None:
    (ws / "keys" / "online.pem").unlink()
    clock.forward(days=2)
    assert repo.refresh() == Refreshed((), ("timestamp",))


def test_a_key_that_refuses_does_not_keep_the_others_from_signing(repo: Repository, ws: Path, clock: Time) -> None:
    (ws / "keys" / "channel.pem").chmod(0o644)
    (ws / "keys" / "root.pem").chmod(0o644)
    clock.forward(days=250)
    done = repo.refresh()
    assert done.signed == ("demo-halt", "snapshot", "timestamp")
    assert done.elsewhere == ("root", "targets", "demo-stable", "demo-beta")
    assert {(error.code, error.data["role"]) for error in done.refused} == {
        ("KEY_PERMISSIONS", role) for role in done.elsewhere
    }


def test_an_online_key_that_refuses_is_an_error(repo: Repository, ws: Path, clock: Time) -> None:
    (ws / "keys" / "online.pem").chmod(0o644)
    clock.forward(days=2)
    before = digests(repo.workspace.metadata)
    assert refusal(repo.refresh).code == "KEY_PERMISSIONS"
    assert digests(repo.workspace.metadata) == before


# ------------------------------------------------------------------------------------------------------- the clock


def test_signed_time_never_runs_back(repo: Repository, tree: Tree, clock: Time) -> None:
    clock.forward(days=2)
    repo.refresh()
    issued = repo.workspace.load().issued
    clock.forward(minutes=-9)  # another machine's clock
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    assert repo.workspace.load().issued == issued
    clock.forward(minutes=10)
    repo.add_release(tree("two", {"a": "b"}), version="1.1.0", channel="stable")
    assert repo.workspace.load().issued == issued + timedelta(minutes=1)


def test_a_clock_that_is_far_behind_is_refused(repo: Repository, tree: Tree, clock: Time) -> None:
    clock.forward(days=300)
    repo.refresh()
    before = digests(repo.workspace.metadata)
    clock.forward(days=-290)
    error = refusal(lambda: repo.add_release(tree("one", V1), version="1.0.0", channel="stable"))
    assert error.code == "CLOCK_BACK"
    assert error.hint
    assert digests(repo.workspace.metadata) == before

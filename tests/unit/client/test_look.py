"""What verified documents mean for a device: every action, without any site."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest
from msgspec.structs import replace

from sealcast.client.freshness import Freshness, State
from sealcast.client.holdings import Holdings
from sealcast.client.look import Here, Outlook, Seen, installed, outlook, settled
from sealcast.client.record import Carrier, Failure, Installed, Record
from sealcast.client.settings import Settings
from sealcast.model import (
    Build,
    ChannelDocument,
    ChannelHalt,
    ManifestEntry,
    Notice,
    Object,
    PackTotal,
    Release,
    Rollout,
    Step,
)
from tests.unit.client.sites import given, release

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = Settings(url="/site", app="demo", channel="stable", platform="any", device="kiosk")
ONE, TWO, THREE = release(1), release(2), release(3)
GOOD = Record(active=TWO, last_good=TWO, previous_good=ONE)


def listed(number: int, **more: object) -> Release:
    build = Build(
        manifest=ManifestEntry(sha256=f"{number:064x}", size=10, pack=Object(sha256="f" * 64, size=10)),
        packs=PackTotal(count=1, size=100),
        installed=500,
    )
    return Release(version=f"{number}.0.0", sequence=number, platforms={"any": build}, **more)  # type: ignore[arg-type]


def seen(*numbers: int, halt: ChannelHalt | None = None, lowest: int = 0, **more: object) -> Seen:
    fields = {"stable": max(numbers, default=None), "releases": tuple(listed(number) for number in numbers)} | more
    document = ChannelDocument(app="demo", channel="stable", revision=1, last=9, **fields)  # type: ignore[arg-type]
    return Seen(document, halt or ChannelHalt(), NOW, lowest, Freshness(State.FRESH))


def here(record: Record, *held: Installed, embedded: int = -1, **more: object) -> Here:
    holdings = cast(Holdings, [one.manifest for one in held or record.held])
    return Here(SETTINGS, record, holdings, given(embedded=embedded >= 0, **more), record.native_seen, embedded)


def short(found: Outlook) -> tuple[str, str, str | None, str | None]:
    return (found.action, found.why, found.version, found.plan.route if found.plan else None)


def test_a_newer_release_is_offered() -> None:
    assert short(outlook(seen(1, 2, 3), here(GOOD))) == ("update", "newer", "3.0.0", "packs")


def test_the_newest_is_installed() -> None:
    assert short(outlook(seen(1, 2), here(GOOD))) == ("none", "current", None, None)


def test_nothing_is_released_yet() -> None:
    assert short(outlook(seen(), here(Record()))) == ("none", "nothing-released", None, None)


def test_a_release_of_another_channel_is_left_for_any() -> None:
    record = Record(active=release(9, channel="beta"))
    assert short(outlook(seen(1), here(record)))[2] == "1.0.0"


def test_the_embedded_release_counts_as_installed() -> None:
    assert short(outlook(seen(1, 2), here(Record(), embedded=2))) == ("none", "current", None, None)
    assert short(outlook(seen(1, 2), here(Record(), embedded=1)))[2] == "2.0.0"


def test_a_failed_release_is_blocked_until_a_signed_retry() -> None:
    record = replace(GOOD, quarantine={THREE.manifest: Failure(version="3", reason="x", at="")})
    assert short(outlook(seen(2, 3), here(record))) == ("blocked", "quarantined", "3.0.0", None)
    retried = seen(releases=(listed(3, retry=1),), stable=3)
    found = outlook(retried, here(record))
    assert short(found)[:3] == ("update", "newer", "3.0.0")
    carrier = Carrier(sha256="f" * 64, size=10, manifest=10)
    assert installed(found, SETTINGS) == release(3, retry=1, carrier=carrier)


def test_row_8_what_is_not_wanted_any_more_is_withdrawn() -> None:
    record = replace(GOOD, pending=THREE)
    assert settled(record, outlook(seen(1, 2, 3), here(record))).pending == THREE
    assert settled(record, outlook(seen(1, 2, 3, 4), here(record))).pending is None, "a newer one"
    assert settled(record, outlook(seen(1, 2), here(record))).pending is None, "not offered"
    assert settled(record, outlook(seen(1, 2, 3, recall=(3,)), here(record))).pending is None, "recalled"
    assert settled(record, outlook(seen(1, 2, 3, lowest=4), here(record))).pending is None, "below the floor"


def test_row_8_a_halted_rollout_withdraws_the_waiting_candidate() -> None:
    rollout = Rollout(salt="0" * 32, steps=(Step(at="2026-01-01T00:00:00Z", permyriad=10_000),))
    record = replace(GOOD, pending=THREE)
    offered = {"stable": 2, "candidate": 3, "rollout": rollout}
    assert settled(record, outlook(seen(2, 3, **offered), here(record))).pending == THREE
    halted = outlook(seen(2, 3, halt=ChannelHalt(paused=True), **offered), here(record))
    assert settled(record, halted).pending is None


def test_row_19_back_to_the_signed_stable_release_which_is_here() -> None:
    found = outlook(seen(1, recall=(2,)), here(GOOD))
    assert short(found) == ("rollback", "recalled", "1.0.0", None)
    assert settled(GOOD, found).recalled == (TWO.manifest,)


def test_row_19_the_halt_role_can_recall_too() -> None:
    found = outlook(seen(1, halt=ChannelHalt(recall=(2,))), here(GOOD))
    assert short(found) == ("rollback", "recalled", "1.0.0", None)


def test_row_19_a_stable_release_that_is_held_but_never_ran_is_staged_without_a_download() -> None:
    found = outlook(seen(1, recall=(2,)), here(replace(GOOD, previous_good=None), ONE, TWO))
    assert short(found) == ("rollback", "recalled", "1.0.0", "held")


def test_row_19_it_is_staged_once() -> None:
    record = Record(active=TWO, last_good=TWO, pending=ONE)
    found = outlook(seen(1, recall=(2,)), here(record))
    assert short(found) == ("none", "staged", "1.0.0", None)
    assert settled(record, found).pending == ONE
    assert settled(record, found).recalled == (TWO.manifest,)


def test_row_19_else_back_to_what_was_good_before() -> None:
    record = Record(active=THREE, last_good=THREE, previous_good=TWO)
    found = outlook(seen(1, recall=(3,)), here(record))
    assert short(found) == ("rollback", "recalled", "1.0.0", None), "nothing is downloaded"


def test_row_19_else_to_the_embedded_release() -> None:
    record = Record(active=THREE, last_good=THREE)
    assert short(outlook(seen(1, recall=(3,)), here(record, embedded=0)))[3] is None


@pytest.mark.parametrize("previous", [None, ONE])
def test_row_19_else_a_download(previous: Installed | None) -> None:
    record = Record(active=THREE, last_good=THREE, previous_good=previous)
    found = outlook(seen(1, 2, 3, stable=2, recall=(1, 3)), here(record))
    assert short(found) == ("rollback", "recalled", "2.0.0", "packs")


def test_row_19_and_where_there_is_nothing_it_says_so() -> None:
    record = Record(active=THREE, last_good=THREE)
    found = outlook(seen(3, recall=(3,)), here(record))
    assert short(found) == ("blocked", "nothing-to-go-back-to", None, None)
    assert settled(record, found).recalled == (THREE.manifest,)


def test_a_recalled_release_gives_way_to_a_newer_one() -> None:
    found = outlook(seen(2, 3, recall=(2,)), here(GOOD))
    assert short(found) == ("update", "recalled", "3.0.0", "packs")
    assert found.recalled == (TWO.manifest,)


def test_a_notice_is_shown_until_its_signed_end() -> None:
    notice = Notice(text={"en": "Hello."}, url="https://example.org")
    assert outlook(seen(2, notice=notice), here(GOOD)).notice == {
        "text": {"en": "Hello."},
        "url": "https://example.org",
    }
    for until, shown in (("2026-03-01T00:00:01Z", True), ("2026-03-01T00:00:00Z", False)):
        ended = seen(2, notice=replace(notice, until=until))
        assert (outlook(ended, here(GOOD)).notice is not None) is shown
    assert outlook(seen(2), here(GOOD)).notice is None


def test_only_an_outlook_with_a_release_is_installed() -> None:
    with pytest.raises(AssertionError):
        installed(outlook(seen(1, 2), here(GOOD)), SETTINGS)

"""The floor against repositories that were properly signed, in their day."""

from __future__ import annotations

import base64
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from sealcast.client.floor import Floor, FloorStore, Mark
from sealcast.errors import SealcastError, VerificationError
from tests.unit.client.sites import Site, app_files


def refused(site: Site, name: str = "device") -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        site.client(name).check()
    return caught.value


def keep_site(site: Site) -> Path:
    old = site.folder / "old-site"
    shutil.copytree(site.folder / "site", old)
    return old


def test_the_floor_rises_with_what_is_seen(site: Site) -> None:
    site.client().check()
    first = FloorStore(site.folder / "device").read()
    site.clock.forward(hours=1)
    site.release("2.0.0", app_files("2.0.0"))
    site.client().check()
    second = FloorStore(site.folder / "device").read()
    for field in ("timestamp", "issued", "snapshot", "revision"):
        assert getattr(second, field).number > getattr(first, field).number, field
    assert second.root == 1
    assert second.issued is not None
    assert second.issued.number == int(site.clock.now.timestamp())


def test_a_replay_is_refused_whatever_is_lost_of_the_cache(site: Site) -> None:
    old = keep_site(site)
    site.release("2.0.0", app_files("2.0.0"))
    site.client().check()
    floor = FloorStore(site.folder / "device").read()
    shutil.rmtree(site.folder / "site")
    shutil.copytree(old, site.folder / "site")
    cache = site.folder / "device" / "repository"
    for lost in ([], ["timestamp.json"], ["timestamp.json", "snapshot.json"], None):
        if lost is None:
            shutil.rmtree(cache)
            cache.mkdir(mode=0o700)
        else:
            for name in lost:
                (cache / "metadata" / name).write_bytes(b"")
        error = refused(site)
        assert error.code == "ROLLBACK", lost
        assert FloorStore(site.folder / "device").read() == floor
    assert error.data["seen"] > error.data["served"]  # type: ignore[operator]


def test_an_older_channel_document_is_refused(site: Site) -> None:
    site.client().check()
    store = FloorStore(site.folder / "device")
    floor = store.read()
    assert floor.revision is not None
    store.store(replace(floor, revision=replace(floor.revision, number=99)))
    error = refused(site)
    assert (error.code, error.data["role"], error.data["seen"]) == ("ROLLBACK", "demo-stable", 99)


def test_an_older_snapshot_is_refused(site: Site) -> None:
    site.client().check()
    store = FloorStore(site.folder / "device")
    floor = store.read()
    assert floor.snapshot is not None
    store.store(replace(floor, snapshot=replace(floor.snapshot, number=99)))
    assert refused(site).data["role"] == "snapshot"


def test_an_older_root_is_refused_since_it_would_unsay_the_rest(site: Site) -> None:
    site.client().check()
    store = FloorStore(site.folder / "device")
    store.store(replace(store.read(), root=2))
    error = refused(site)
    assert (error.code, error.data["role"]) == ("ROLLBACK", "root")


@pytest.mark.parametrize("field", ["timestamp", "issued", "snapshot", "revision", "lowest"])
@pytest.mark.parametrize("metadata", ["", "e30=", "unsigned", "another's"])
def test_a_mark_lapses_when_nobody_trusted_signed_it(site: Site, field: str, metadata: str) -> None:
    site.client().check()
    store = FloorStore(site.folder / "device")
    floor = store.read()
    if metadata == "unsigned":
        raw = (site.folder / "site" / "metadata" / "timestamp.json").read_bytes()
        metadata = base64.b64encode(raw.replace(b'"sig"', b'"gis"')).decode()
    elif metadata == "another's":
        metadata = base64.b64encode(site.root).decode()
    store.store(replace(floor, **{field: Mark(number=2**40, metadata=metadata)}))
    site.client().check()
    mark = getattr(store.read(), field)
    assert mark is None or mark.number < 2**40


def test_a_mark_that_a_trusted_key_signed_stands(site: Site) -> None:
    site.client().check()
    store = FloorStore(site.folder / "device")
    floor = store.read()
    assert floor.timestamp is not None
    store.store(replace(floor, timestamp=replace(floor.timestamp, number=2**40)))
    assert refused(site).data["seen"] == 2**40


def test_a_timestamp_of_the_future_is_refused_and_never_stored(site: Site) -> None:
    site.clock.forward(hours=-25)
    error = refused(site)
    assert error.code == "CLOCK_AHEAD"
    assert FloorStore(site.folder / "device").read() == Floor()
    site.clock.forward(hours=2)
    assert site.client().check() is not None


def test_a_clock_that_went_back_is_refused(site: Site) -> None:
    site.client().check()
    site.clock.forward(days=-2)
    store = FloorStore(site.folder / "device")
    before = store.read()
    site.clock.forward(days=-3650)
    assert refused(site).code == "CLOCK_BACK"
    assert store.read() == before
    assert before.issued is not None
    # An older timestamp with a believable time, under a floor that has seen a later one: only the floor can tell.
    site.clock.now = site.clock.now + timedelta(days=3652, hours=1)
    later = int((site.clock.now + timedelta(days=3)).timestamp())
    store.store(replace(before, issued=replace(before.issued, number=later)))
    assert refused(site).code == "CLOCK_BACK"


def test_a_signed_time_that_no_calendar_has_is_far_away(site: Site) -> None:
    site.client().check()
    store = FloorStore(site.folder / "device")
    floor = store.read()
    assert floor.issued is not None
    store.store(replace(floor, issued=replace(floor.issued, number=2**53 - 1)))
    assert refused(site).code == "CLOCK_BACK"


def test_a_damaged_floor_stops_the_check_before_any_request(site: Site) -> None:
    client = site.client()
    for name in ("floor.json", "floor.copy.json"):
        (site.folder / "device" / name).write_bytes(b"")
    source = site.source()
    with pytest.raises(VerificationError) as caught:
        site.client(source=source).check()
    assert caught.value.code == "STATE_DAMAGED"
    assert source.asked == []
    assert client.status().phase == "empty"

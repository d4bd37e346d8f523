"""Who is offered the candidate: the same answer in every implementation, on every device, at every time."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.model import ChannelHalt, bucket, device_digest, is_offered, offer, permyriad
from tests.samples import NOW, SALT, digest, rollout

OTHER_SALT = "f" * 32

# Computed with `sha256sum`, outside Python. An implementation in another language must give the same.
VECTORS = [
    (SALT, "", 1359, "7da304fd993b34f7a7dee053efe695aaa487fecf853928884743095143ae56be"),
    (OTHER_SALT, "", 5232, "61b41395552b9e8868c668e5f22bf7b85e217d24384f4bd4c5ed75b19c3a8a20"),
    (SALT, "a", 8147, "8046e3e8f0891a5292f956d88fe8aa702056bcfc4bff083b9ff7a98470f0394e"),
    (OTHER_SALT, "a", 9224, "2de7179f0ad7c99a9d28da2624f609b585d8b3c10f04e495145f128fc309d961"),
    (SALT, "device-1", 1078, "7aac544002bdb039c2fe853bab6e1cf55766dd43d11b034c1ac250fa90edd41c"),
    (OTHER_SALT, "device-1", 6090, "4c6e4c53ebb10d72e80b2238d38673db1ea2592338b7da999a65b6b859223346"),
    (
        SALT,
        "3f1c9a52-7d7e-4a4b-9a43-1c2d3e4f5a6b",
        1611,
        "c86f712156ab485f89bcf04b786d218e7dff3b146876e92a9b0ed0aa75751715",
    ),
    (SALT, "gerät-ü-日本", 6050, "65e71920b2eb4266021a7d0253b22829162e7cedb473b26105be8ab1ccb52652"),
    (OTHER_SALT, "gerät-ü-日本", 9285, "c06f40048898fec1a5130a5fbd8d08f5837075a9857e9d4c11dfc13e2239f61f"),
]
DEVICES = [f"device-{number}" for number in range(20_000)]
EVERYBODY = ChannelHalt()


@pytest.mark.parametrize(("salt", "device", "number", "hashed"), VECTORS)
def test_buckets_and_device_digests_are_pinned(salt: str, device: str, number: int, hashed: str) -> None:
    assert bucket(salt, device) == number
    assert device_digest(salt, device) == hashed


@given(st.binary(min_size=16, max_size=16), st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_bucket_is_what_the_formula_says(salt: bytes, device: str) -> None:
    hashed = hashlib.sha256(b"sealcast/rollout/1" + salt + device.encode("utf-8")).hexdigest()
    assert bucket(salt.hex(), device) == int(hashed[:16], 16) % 10_000


def test_the_two_hashes_of_a_device_have_nothing_in_common() -> None:
    # Otherwise the published digest of a named device would tell in which bucket it is.
    assert (
        device_digest(SALT, "a")[:16]
        != hashlib.sha256(b"sealcast/rollout/1" + bytes.fromhex(SALT) + b"a").hexdigest()[:16]
    )


@pytest.mark.parametrize("share", [1, 100, 1_000, 2_500, 5_000, 9_000])
@pytest.mark.parametrize("salt", [SALT, OTHER_SALT])
def test_the_share_is_kept_within_chance(share: int, salt: str) -> None:
    expected = len(DEVICES) * share / 10_000
    spread = math.sqrt(expected * (1 - share / 10_000))
    found = sum(bucket(salt, device) < share for device in DEVICES)
    assert abs(found - expected) < 5 * spread + 1  # once in two million, were it not fixed


def test_every_bucket_is_used() -> None:
    used = [bucket(SALT, device) for device in DEVICES]
    assert min(used) < 10
    assert 9_990 <= max(used) < 10_000


def test_another_release_takes_other_devices_first() -> None:
    first = {device for device in DEVICES if bucket(SALT, device) < 1_000}
    second = {device for device in DEVICES if bucket(OTHER_SALT, device) < 1_000}
    assert abs(len(first & second) - 200) < 75  # a tenth of a tenth, by chance


def test_a_growing_share_only_adds_devices() -> None:
    growing = rollout((0, 10), (1, 300), (2, 2_500), (3, 10_000))
    before: set[str] = set()
    for hours in range(4):
        instant = NOW + timedelta(hours=hours)
        now = {device for device in DEVICES[:2_000] if is_offered(growing, EVERYBODY, instant, device)}
        assert before < now or (hours == 0 and now)
        before = now
    assert len(before) == 2_000


def test_steps_count_from_their_instant_on() -> None:
    steps = rollout((0, 100), (24, 5_000), (48, 10_000))
    shares = [
        permyriad(steps, NOW + timedelta(hours=hours, seconds=seconds))
        for hours, seconds in ((-1, 0), (0, -1), (0, 0), (0, 1), (24, -1), (24, 0), (48, -1), (48, 0), (10_000, 0))
    ]
    assert shares == [0, 0, 100, 100, 100, 5_000, 5_000, 10_000, 10_000]


def test_a_share_may_shrink_and_the_last_of_equal_times_counts() -> None:
    assert permyriad(rollout((0, 5_000), (1, 0)), NOW + timedelta(hours=2)) == 0
    assert permyriad(rollout((0, 1), (0, 2)), NOW) == 2
    assert permyriad(rollout(), NOW) == 0


def test_nobody_is_offered_it_at_nothing_and_everybody_at_all() -> None:
    assert not any(is_offered(rollout((0, 0)), EVERYBODY, NOW, device) for device in DEVICES[:500])
    assert all(is_offered(rollout((0, 10_000)), EVERYBODY, NOW, device) for device in DEVICES[:500])
    assert not any(
        is_offered(rollout((0, 10_000)), EVERYBODY, NOW - timedelta(seconds=1), device) for device in DEVICES[:9]
    )


def test_the_boundary_is_the_bucket_itself() -> None:
    number = bucket(SALT, "a")
    assert number == 8147
    assert not is_offered(rollout((0, 8147)), EVERYBODY, NOW, "a")
    assert is_offered(rollout((0, 8148)), EVERYBODY, NOW, "a")


def test_a_halt_can_only_take_away() -> None:
    everyone = rollout((0, 10_000))
    assert not is_offered(everyone, ChannelHalt(paused=True), NOW, "a")
    assert not is_offered(everyone, ChannelHalt(cap=8147), NOW, "a")
    assert is_offered(everyone, ChannelHalt(cap=8148), NOW, "a")
    assert not is_offered(rollout((0, 8147)), ChannelHalt(cap=10_000), NOW, "a")
    assert not is_offered(rollout((0, 10_000), paused=True), EVERYBODY, NOW, "a")


def test_named_devices_come_first_and_stop_when_it_is_paused() -> None:
    named = (device_digest(SALT, "phone"), digest("nobody"))
    early = rollout((0, 0), devices=named)
    assert is_offered(early, EVERYBODY, NOW, "phone")
    assert is_offered(early, EVERYBODY, NOW - timedelta(days=1), "phone")
    assert not is_offered(early, EVERYBODY, NOW, "a")
    assert not is_offered(early, ChannelHalt(paused=True), NOW, "phone")
    assert not is_offered(rollout((0, 0), devices=named, paused=True), EVERYBODY, NOW, "phone")
    # Named under another release's salt: not this device.
    assert not is_offered(rollout((0, 0), devices=(device_digest(OTHER_SALT, "phone"),)), EVERYBODY, NOW, "phone")


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.booleans(), st.booleans(), st.sampled_from(DEVICES[:50]))
def test_with_a_halt_nobody_is_offered_more(share: int, cap: int, paused: bool, halted: bool, device: str) -> None:
    made = rollout((0, share), paused=paused)
    halt = ChannelHalt(paused=halted, cap=cap)
    if is_offered(made, halt, NOW, device):
        assert is_offered(made, EVERYBODY, NOW, device)
        assert bucket(SALT, device) < min(share, cap)


def test_an_offer_says_why_and_is_what_decides() -> None:
    shares = [(plan, halt) for plan in (0, 2_000, 10_000) for halt in (0, 2_000, 10_000)]
    words = set()
    for device in DEVICES[:200]:
        for share, cap in shares:
            plan, halt = rollout((0, share)), ChannelHalt(cap=cap)
            found = offer(plan, halt, NOW, device)
            words.add(found.why)
            assert found.given is is_offered(plan, halt, NOW, device)
            assert found.share == min(share, cap)
            assert found.bucket == bucket(plan.salt, device)
            assert found.given is (found.bucket < found.share)
            assert (found.why == "capped") is (cap <= found.bucket < share)
    assert words == {"inside", "outside", "capped"}

"""The app's policy, which only the targets role signs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sealcast.documents import encode
from sealcast.errors import VerificationError
from sealcast.model import ChannelPolicy, Policy, pins_in_force, read_policy
from sealcast.model.policy import POLICY_LIMIT

POLICY = Policy(
    app="demo",
    channels={"stable": ChannelPolicy(sealed=True), "beta": ChannelPolicy()},
    mirrors=("https://mirror.example.org",),
    pins={"updates.example.org": {"a" * 64: "2027-01-01T00:00:00Z", "b" * 64: "2028-01-01T00:00:00Z"}},
)

DAY = "2027-01-01T00:00:00Z"
PAIR = {"a" * 64: DAY, "b" * 64: DAY}


def test_a_policy_is_read_as_it_was_written() -> None:
    assert read_policy(encode(POLICY), app="demo") == POLICY
    assert encode(POLICY) == (
        b'{"app":"demo","channels":{"beta":{},"stable":{"sealed":true}},'
        b'"mirrors":["https://mirror.example.org"],"pins":{"updates.example.org":{"' + b"a" * 64 + b'":'
        b'"2027-01-01T00:00:00Z","' + b"b" * 64 + b'":"2028-01-01T00:00:00Z"}},"type":"sealcast/policy/1"}'
    )


def test_a_field_that_a_newer_publisher_adds_is_ignored_unless_it_must_be_understood() -> None:
    newer = json.loads(encode(POLICY)) | {"moods": ["…"]}
    assert read_policy(json.dumps(newer).encode(), app="demo") == POLICY
    with pytest.raises(VerificationError) as caught:
        read_policy(json.dumps(newer | {"must_understand": ["moods"]}).encode(), app="demo")
    assert caught.value.code == "UNKNOWN_DOCUMENT"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"app": "other"}, "BAD_METADATA"),
        ({"app": "demo\n"}, "BAD_METADATA"),
        ({"channels": None}, "BAD_METADATA"),
        ({"channels": ["stable"]}, "BAD_METADATA"),
        ({"channels": {"Stable": {}}}, "BAD_METADATA"),
        ({"channels": {"../x": {}}}, "BAD_METADATA"),
        ({"channels": {"stable\n": {}}}, "BAD_METADATA"),
        ({"channels": {"stable": {"sealed": 1}}}, "BAD_METADATA"),
        ({"channels": {"stable": {"sealed": None}}}, "BAD_METADATA"),
        ({"mirrors": "https://a"}, "BAD_METADATA"),
        ({"mirrors": ["https://a b"]}, "BAD_METADATA"),
        ({"mirrors": ["https://a"] * 9}, "BAD_METADATA"),
        ({"pins": []}, "BAD_METADATA"),
        ({"pins": {"h": {"a" * 64: DAY}}}, "BAD_METADATA"),
        ({"pins": {"h": {"a" * 64: DAY, "B" * 64: DAY}}}, "BAD_METADATA"),
        ({"pins": {"h": {"a" * 64: DAY, "b" * 63: DAY}}}, "BAD_METADATA"),
        ({"pins": {"h": {"a" * 64: DAY, "b" * 64: "2027-01-01"}}}, "BAD_METADATA"),
        ({"pins": {"H": PAIR}}, "BAD_METADATA"),
        ({"pins": {"https://h": PAIR}}, "BAD_METADATA"),
        ({"pins": {f"h{number}": PAIR for number in range(10)}}, "BAD_METADATA"),
        ({"pins": {"h": {f"{number:064}": DAY for number in range(17)}}}, "BAD_METADATA"),
        ({"type": "sealcast/policy/2"}, "UNKNOWN_DOCUMENT"),
        ({"type": "sealcast/halt/1"}, "UNKNOWN_DOCUMENT"),
    ],
)
def test_a_bad_policy_is_refused(changes: dict[str, Any], code: str) -> None:
    data = json.dumps(json.loads(encode(POLICY)) | changes).encode()
    with pytest.raises(VerificationError, match=r"^The policy of demo") as caught:
        read_policy(data, app="demo")
    assert caught.value.code == code


def test_a_policy_names_its_channels() -> None:
    with pytest.raises(VerificationError, match="missing required field `channels`"):
        read_policy(b'{"type": "sealcast/policy/1", "app": "demo"}', app="demo")


def test_size_is_bounded() -> None:
    assert POLICY_LIMIT == 256 * 1024
    data = encode(POLICY)
    assert read_policy(data + b" " * (POLICY_LIMIT - len(data)), app="demo") == POLICY
    with pytest.raises(VerificationError) as caught:
        read_policy(data + b" " * (POLICY_LIMIT - len(data) + 1), app="demo")
    assert caught.value.code == "TOO_LARGE"


def test_a_day_that_does_not_exist_ends_no_pin() -> None:
    pins = {"h": {"a" * 64: DAY, "b" * 64: "2027-02-30T00:00:00Z"}}
    with pytest.raises(VerificationError, match="is not a time") as caught:
        read_policy(json.dumps(json.loads(encode(POLICY)) | {"pins": pins}).encode(), app="demo")
    assert caught.value.code == "BAD_METADATA"


def test_a_pin_counts_until_its_end() -> None:
    pins = POLICY.pins["updates.example.org"]
    for now, left in (((2026, 12, 31, 23, 59, 59), "ab"), ((2027, 1, 1), "b"), ((2028, 1, 1), "")):
        assert pins_in_force(pins, datetime(*now, tzinfo=UTC)) == {letter * 64 for letter in left}

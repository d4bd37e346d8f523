"""The halt document: what the on-call key may say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sealcast.documents import encode
from sealcast.errors import VerificationError
from sealcast.model import ChannelHalt, HaltDocument, read_halt
from sealcast.model.halt import HALT_LIMIT, NO_HALT

HALT = HaltDocument(app="demo", revision=7, channels={"stable": ChannelHalt(paused=True, cap=500, recall=(3, 4))})


def test_a_halt_document_is_read_as_it_was_written() -> None:
    assert read_halt(encode(HALT), app="demo") == HALT
    assert encode(HALT) == (
        b'{"app":"demo","channels":{"stable":{"cap":500,"paused":true,"recall":[3,4]}},'
        b'"revision":7,"type":"sealcast/halt/1"}'
    )


def test_a_channel_that_is_not_named_is_not_halted() -> None:
    assert HALT.of("stable").recall == (3, 4)
    assert HALT.of("beta") == NO_HALT == ChannelHalt(paused=False, cap=10_000, recall=())
    assert read_halt(encode(HaltDocument(app="demo", revision=1)), app="demo").of("stable") == NO_HALT


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"app": "other"}, "BAD_METADATA"),
        ({"revision": 0}, "BAD_METADATA"),
        ({"revision": None}, "BAD_METADATA"),
        ({"channels": []}, "BAD_METADATA"),
        ({"channels": {"stable\n": {}}}, "BAD_METADATA"),
        ({"channels": {"stable": {"cap": 10_001}}}, "BAD_METADATA"),
        ({"channels": {"stable": {"cap": -1}}}, "BAD_METADATA"),
        ({"channels": {"stable": {"paused": 0}}}, "BAD_METADATA"),
        ({"channels": {"stable": {"recall": ["2.0.0"]}}}, "BAD_METADATA"),  # it names sequences, not versions
        ({"channels": {"stable": {"recall": [0]}}}, "BAD_METADATA"),
        ({"type": "sealcast/channel/1"}, "UNKNOWN_DOCUMENT"),
        ({"must_understand": ["promote"]}, "UNKNOWN_DOCUMENT"),
    ],
)
def test_a_bad_halt_document_is_refused(changes: dict[str, Any], code: str) -> None:
    data = json.dumps(json.loads(encode(HALT)) | changes).encode()
    with pytest.raises(VerificationError, match=r"^The halt document of demo") as caught:
        read_halt(data, app="demo")
    assert caught.value.code == code


def test_whatever_else_it_says_is_ignored() -> None:
    # It can only subtract: what would add has no field to stand in.
    more = {"stable": 9, "candidate": 9, "releases": [{"version": "9.0.0"}], "channels": {"stable": {"stable": 9}}}
    data = json.dumps(json.loads(encode(HALT)) | more).encode()
    assert read_halt(data, app="demo") == HaltDocument(app="demo", revision=7, channels={"stable": NO_HALT})


def test_size_is_bounded() -> None:
    assert HALT_LIMIT == 256 * 1024
    data = encode(HALT)
    assert read_halt(data + b" " * (HALT_LIMIT - len(data)), app="demo") == HALT
    with pytest.raises(VerificationError) as caught:
        read_halt(data + b" " * (HALT_LIMIT - len(data) + 1), app="demo")
    assert caught.value.code == "TOO_LARGE"

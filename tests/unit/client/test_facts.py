"""What a record and documents mean, in facts: each word, without any site."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sealcast.client.explanation import Explanation
from sealcast.client.fact import WORDS, Fact
from sealcast.client.facts_here import facts_here
from sealcast.client.facts_signed import facts_of_offers, facts_of_quarantine
from sealcast.client.look import Here, Seen
from sealcast.client.record import Failure, Installed, Record
from sealcast.errors import VerificationError
from sealcast.model import ChannelHalt, Rollout, Step, device_digest
from tests.unit.client.sites import release
from tests.unit.client.test_look import GOOD, ONE, SETTINGS, THREE, TWO, here, listed, seen

FAILED = Failure(version="3.0.0", reason="no database", at="2026-02-01T00:00:00Z")


def found(record: Record, starting: Record | None = None, **how: Any) -> dict[str, Fact]:
    facts = {fact.topic: fact for fact in facts_here(record, starting or record, here(record, **how))}
    assert all(fact.word in WORDS[topic] for topic, fact in facts.items())
    return facts


def broken(*releases: Installed) -> Any:
    return lambda one: one not in releases


@pytest.mark.parametrize(
    ("record", "how", "active", "fallback"),
    [
        (GOOD, {}, "good", "previous-good"),
        (Record(active=THREE, last_good=TWO, trial=True, boots=2, nonce="n"), {}, "trial", "last-good"),
        (Record(active=ONE, last_good=ONE), {}, "good", "none"),
        (Record(active=ONE, last_good=ONE), {"embedded": 0}, "good", "embedded"),
        (Record(), {"embedded": 0}, "embedded", "embedded"),
        (Record(), {}, "none", "none"),
        (Record(quarantine={THREE.manifest: FAILED}), {}, "safe-mode", "none"),
        (replace(GOOD, recalled=(ONE.manifest,)), {}, "good", "none"),
        (GOOD, {"floor": 2}, "good", "none"),
        (GOOD, {"intact": broken(ONE)}, "good", "none"),
    ],
)
def test_what_is_active_and_what_would_take_over(
    record: Record, how: dict[str, Any], active: str, fallback: str
) -> None:
    facts = found(record, **how)
    assert (facts["active"].word, facts["fallback"].word) == (active, fallback)


def test_a_trial_is_told_with_its_starts() -> None:
    told = found(Record(active=THREE, last_good=TWO, trial=True, boots=2, nonce="n"))["active"]
    assert told.text == "Release 3.0.0 is on trial: start 2 of 3, and not yet reported ready."
    assert told.data == {"version": "3.0.0", "sequence": 3, "boots": 2, "boot_limit": 3}


@pytest.mark.parametrize(
    ("change", "how", "word"),
    [
        ({}, {}, "taken"),
        ({"quarantine": {THREE.manifest: FAILED}}, {}, "quarantined"),
        ({"recalled": (THREE.manifest,)}, {}, "recalled"),
        ({}, {"intact": broken(THREE)}, "damaged"),
    ],
)
def test_whether_what_waits_will_be_taken(change: dict[str, Any], how: dict[str, Any], word: str) -> None:
    facts = found(replace(GOOD, pending=THREE, **change), **how)
    assert facts["pending"].word == word
    assert facts["next-start"].word == ("trial" if word == "taken" else "start")
    assert facts["next-start"].data["version"] == ("3.0.0" if word == "taken" else "2.0.0")


@pytest.mark.parametrize(
    ("record", "how", "word", "steps", "version"),
    [
        (GOOD, {}, "start", ["start"], "2.0.0"),
        (replace(GOOD, recalled=(TWO.manifest,)), {}, "start", ["recalled", "start"], "1.0.0"),
        (GOOD, {"intact": broken(TWO)}, "start", ["lost", "start"], "1.0.0"),
        (
            Record(active=THREE, last_good=TWO, trial=True, boots=3, nonce="n"),
            {},
            "start",
            ["not-ready", "start"],
            "2.0.0",
        ),
        (
            Record(active=THREE, last_good=TWO, trial=True, boots=1, nonce="n"),
            {"intact": broken(THREE)},
            "start",
            ["damaged", "start"],
            "2.0.0",
        ),
        (Record(active=THREE, trial=True, boots=3, nonce="n"), {}, "nothing", ["not-ready", "start"], None),
        (Record(active=THREE, trial=True, boots=2, nonce="n"), {}, "again", ["again"], "3.0.0"),
        (Record(), {"embedded": 0}, "start", ["start"], None),
    ],
)
def test_what_the_next_start_does(
    record: Record, how: dict[str, Any], word: str, steps: list[str], version: str | None
) -> None:
    told = found(record, **how)["next-start"]
    assert (told.word, told.data["steps"], told.data["version"]) == (word, steps, version)
    assert told.text.endswith(".")


def test_a_new_native_build_comes_first() -> None:
    record = replace(GOOD, native_seen="1.0")
    one: Here = replace(here(record), native="2.0")
    told = {fact.topic: fact for fact in facts_here(record, Record(native_seen="2.0"), one)}["next-start"]
    assert (told.word, "The native build is 2.0 now, no longer 1.0." in told.text) == ("nothing", True)


def offers(documents: Seen, record: Record = GOOD) -> list[Fact]:
    facts = list(facts_of_offers(documents, here(record)))
    assert all(fact.word in WORDS[fact.topic] for fact in facts)
    return facts


def rollout(**more: Any) -> Rollout:
    steps = (Step(at="2026-01-01T00:00:00Z", permyriad=100), Step(at="2026-03-02T00:00:00Z", permyriad=10_000))
    return Rollout(salt="0" * 32, steps=steps, **more)


def candidate(**more: Any) -> Seen:
    return seen(2, 3, stable=2, candidate=3, **{"rollout": rollout(), **more})


def test_a_rollout_is_told_in_numbers() -> None:
    (told,) = offers(candidate())
    assert told.word == "outside"
    assert told.text == (
        "Release 3.0.0 is offered to 1 % of devices at the signed time 2026-03-01T00:00:00Z; "
        f"this one is number {told.data['bucket']} of 10,000: this device is not among them yet."
    )
    assert told.data["next"] == {"at": "2026-03-02T00:00:00Z", "share": 10_000}
    assert (told.data["share"], told.data["issued"]) == (100, "2026-03-01T00:00:00Z")


@pytest.mark.parametrize(
    ("documents", "word"),
    [
        (candidate(rollout=rollout(paused=True)), "paused"),
        (candidate(halt=ChannelHalt(paused=True)), "halted"),
        (candidate(rollout=rollout(devices=(device_digest("0" * 32, SETTINGS.device),))), "named"),
        (candidate(rollout=Rollout(salt="0" * 32, steps=())), "outside"),
        (candidate(rollout=Rollout(salt="0" * 32, steps=rollout().steps[1:])), "outside"),
        (seen(2, 3, stable=2), "none"),
        (seen(2), "none"),
    ],
)
def test_each_word_of_a_rollout(documents: Seen, word: str) -> None:
    assert offers(documents)[0].word == word


def test_who_has_the_candidate_is_told_so() -> None:
    assert offers(candidate(), Record(active=THREE, last_good=THREE))[0].word == "installed"


def test_recalls_and_the_floor() -> None:
    told = offers(seen(2, 3, halt=ChannelHalt(recall=(2,)), recall=(1, 3), lowest=7))
    assert [(fact.topic, fact.word) for fact in told[1:]] == [
        ("recall", "halt"),
        ("recall", "channel"),
        ("floor", "set"),
    ]
    assert "2.0.0" in told[1].text
    assert told[3].data == {"lowest": 7}


def test_how_a_quarantine_is_lifted() -> None:
    record = replace(GOOD, quarantine={THREE.manifest: FAILED, release(4).manifest: replace(FAILED, version="4.0.0")})
    words = {}
    for name, documents in {
        "stands": seen(2, 3, 4),
        "lifted": seen(releases=(listed(3, retry=1), listed(4)), stable=4),
        "unlisted": seen(4),
        "unknown": VerificationError("NOT_KEPT", "Gone."),
    }.items():
        told = next(fact for fact in facts_of_quarantine(documents, record) if fact.data["version"] == "3.0.0")
        words[name] = told.word
        assert told.text.startswith("Release 3.0.0 failed here at 2026-02-01T00:00:00Z (no database). ")
    assert words == {"stands": "stands", "lifted": "lifted", "unlisted": "unlisted", "unknown": "stands"}


def test_a_refusal_is_explained_with_its_code() -> None:
    refused = Explanation((), VerificationError("EXPIRED", "It is over."))
    assert refused.as_dict() == {
        "facts": [],
        "check": {"action": "refused", "why": "EXPIRED", "reason": "It is over."},
    }

"""What a device does next: every row of the table, and what holds whatever the documents say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.model import (
    Action,
    ChannelDocument,
    ChannelHalt,
    Decision,
    Device,
    Release,
    bucket,
    decide,
    device_digest,
    is_offered,
)
from tests.samples import NOW, SALT, build, channel, digest, release, rollout

NO_HALT = ChannelHalt()
ALL = rollout((0, 10_000))


def device(**fields: Any) -> Device:
    return Device(**{"id": "device-1", "platform": "linux-x64"} | fields)


def outcome(document: ChannelDocument, halt: ChannelHalt = NO_HALT, **fields: Any) -> tuple[Action, str, int | None]:
    """What a device does: action, reason, and the sequence of the release."""
    decision = decide(document, halt, NOW, device(**fields))
    assert decision.why.endswith(".")
    assert decision.release is None or decision.action is not Action.NONE
    return decision.action, decision.reason, decision.release.sequence if decision.release else None


# ---------------------------------------------------------------------------------------------------- updates


def test_nothing_is_offered_by_an_empty_channel() -> None:
    assert outcome(channel()) == (Action.NONE, "nothing-released", None)
    assert outcome(channel(), sequence=3) == (Action.NONE, "current", None)
    assert outcome(channel(release(3), stable=None)) == (Action.NONE, "nothing-released", None)


def test_a_device_takes_what_is_newer_than_its_own() -> None:
    document = channel(release(3), release(5))
    assert outcome(document) == (Action.UPDATE, "newer", 5)
    assert outcome(document, sequence=3) == (Action.UPDATE, "newer", 5)
    assert outcome(document, sequence=4) == (Action.UPDATE, "newer", 5)
    assert outcome(document, sequence=5) == (Action.NONE, "current", None)


def test_a_stable_release_that_went_back_moves_nobody() -> None:
    # A rollback is a recall: without one, a lower stable release is for new devices only.
    document = channel(release(3), release(5), stable=3)
    assert outcome(document, sequence=5) == (Action.NONE, "current", None)
    assert outcome(document, sequence=4) == (Action.NONE, "current", None)
    assert outcome(document) == (Action.UPDATE, "newer", 3)


def test_a_kept_release_is_not_offered() -> None:
    document = channel(release(3), release(9), stable=3)
    assert outcome(document, sequence=2) == (Action.UPDATE, "newer", 3)


def test_the_decision_names_release_and_build() -> None:
    exact = build("exact")
    document = channel(release(3, platforms={"any": build(3), "linux-x64": exact}))
    decision = decide(document, NO_HALT, NOW, device())
    assert decision == Decision(
        Action.UPDATE, "newer", "Release 3.0.0 is offered to this device.", document.releases[0], exact
    )


# ---------------------------------------------------------------------------------------------------- candidates


def test_the_candidate_is_for_those_in_the_rollout() -> None:
    share = bucket(SALT, "device-1")
    for steps, expected in (
        (rollout((0, share)), 3),
        (rollout((0, share + 1)), 5),
        (rollout((1, 10_000)), 3),
        (rollout((0, 10_000), paused=True), 3),
        (rollout((0, 0), devices=(device_digest(SALT, "device-1"),)), 5),
    ):
        document = channel(release(3), release(5), stable=3, candidate=5, rollout=steps)
        assert outcome(document, sequence=1) == (Action.UPDATE, "newer", expected)


def test_the_signed_time_decides_and_not_the_devices() -> None:
    document = channel(release(3), release(5), stable=3, candidate=5, rollout=rollout((24, 10_000)))
    early = decide(document, NO_HALT, NOW, device(sequence=3))
    late = decide(document, NO_HALT, NOW + timedelta(hours=24), device(sequence=3))
    assert (early.action, late.action) == (Action.NONE, Action.UPDATE)


def test_a_device_that_has_the_candidate_keeps_it() -> None:
    for halt, steps in ((ChannelHalt(paused=True), ALL), (ChannelHalt(cap=0), ALL), (NO_HALT, rollout((0, 0)))):
        document = channel(release(3), release(5), stable=3, candidate=5, rollout=steps)
        assert outcome(document, halt, sequence=5) == (Action.NONE, "current", None)
        assert outcome(document, halt, sequence=3) == (Action.NONE, "current", None)
        assert outcome(document, halt) == (Action.UPDATE, "newer", 3)


def test_a_candidate_without_a_stable_release_is_for_its_share_only() -> None:
    share = bucket(SALT, "device-1")
    assert outcome(channel(release(5), stable=None, candidate=5, rollout=rollout((0, share)))) == (
        Action.NONE,
        "nothing-released",
        None,
    )
    assert outcome(channel(release(5), stable=None, candidate=5, rollout=ALL)) == (Action.UPDATE, "newer", 5)


def test_a_candidate_without_a_rollout_is_for_nobody() -> None:
    # Such a document is refused when it is read; should one come another way, nobody is offered anything.
    assert outcome(channel(release(3), release(5), stable=3, candidate=5), sequence=1) == (Action.UPDATE, "newer", 3)


def test_the_newer_of_stable_and_candidate_comes_first() -> None:
    document = channel(release(3), release(5), stable=5, candidate=3, rollout=ALL)
    assert outcome(document) == (Action.UPDATE, "newer", 5)
    assert outcome(channel(release(3), stable=3, candidate=3, rollout=ALL), sequence=1) == (Action.UPDATE, "newer", 3)


# ---------------------------------------------------------------------------------------------------- obstacles


@pytest.mark.parametrize(
    ("fields", "changes", "reason"),
    [
        ({"platform": "windows-x64"}, {"platforms": {"linux-x64": build(5)}}, "platform"),
        ({"floor": 6}, {}, "below-floor"),
        ({"quarantine": {digest(5): 0}}, {}, "quarantined"),
        ({"quarantine": {digest(5): 3}}, {"retry": 3}, "quarantined"),
        ({"quarantine": {digest(5): 4}}, {"retry": 3}, "quarantined"),
        ({"native": "1.0.0"}, {"platforms": {"any": build(5, native=">=2.0.0")}}, "native"),
        ({"native": ""}, {"platforms": {"any": build(5, native=">=2.0.0")}}, "native"),
        ({"native": "2.0.0"}, {"platforms": {"any": build(5, native="in a later language")}}, "native"),
    ],
)
def test_what_stands_in_the_way_is_told(fields: dict[str, Any], changes: dict[str, Any], reason: str) -> None:
    document = channel(release(5, **changes))
    assert outcome(document, **fields) == (Action.BLOCKED, reason, 5)
    assert outcome(document, sequence=3, **fields) == (Action.BLOCKED, reason, 5)
    assert outcome(document, sequence=5, **fields) == (Action.NONE, "current", None)


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"platform": "windows-x64"}, {}),
        ({"floor": 5}, {}),
        ({"quarantine": {digest(4): 9}}, {}),
        ({"quarantine": {digest(5): 2}}, {"retry": 3}),
        ({"native": "2.1.0"}, {"platforms": {"any": build(5, native=">=2.0.0,<3.0.0")}}),
        ({"native": ""}, {"platforms": {"any": build(5)}}),
    ],
)
def test_what_does_not_stand_in_the_way(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert outcome(channel(release(5, **changes)), **fields) == (Action.UPDATE, "newer", 5)


def test_a_native_build_that_does_not_fit_is_named() -> None:
    document = channel(release(5, platforms={"any": build(5, native=">=2.0.0")}))
    for native, named in (("1.0.0", "this one is 1.0.0."), ("", "this one is unknown.")):
        why = decide(document, NO_HALT, NOW, device(native=native)).why
        assert why == f"Release 5.0.0 needs the native build >=2.0.0; {named}"


def test_the_channels_floor_counts_as_the_devices_own() -> None:
    assert outcome(channel(release(5), floor=5)) == (Action.UPDATE, "newer", 5)
    assert outcome(channel(release(5), floor=6)) == (Action.BLOCKED, "below-floor", 5)
    assert outcome(channel(release(5), floor=4), floor=6) == (Action.BLOCKED, "below-floor", 5)


def test_a_device_takes_stable_where_the_candidate_is_blocked() -> None:
    document = channel(release(3), release(5), stable=3, candidate=5, rollout=ALL)
    assert outcome(document, sequence=1, quarantine={digest(5): 0}) == (Action.UPDATE, "newer", 3)
    # Where both are, the more wanted one is named.
    assert outcome(document, sequence=1, quarantine={digest(5): 0, digest(3): 0}) == (Action.BLOCKED, "quarantined", 5)
    assert outcome(document, sequence=3, quarantine={digest(5): 0}) == (Action.BLOCKED, "quarantined", 5)


# ---------------------------------------------------------------------------------------------------- recalls


@pytest.mark.parametrize("by_halt", [True, False])
def test_a_recalled_release_is_left_for_the_stable_one(by_halt: bool) -> None:
    recall = {"recall": () if by_halt else (5,)}
    halt = ChannelHalt(recall=(5,)) if by_halt else NO_HALT
    document = channel(release(3), release(5), stable=3, **recall)
    assert outcome(document, halt, sequence=5) == (Action.ROLLBACK, "recalled", 3)
    assert outcome(document, halt, sequence=3) == (Action.NONE, "current", None)
    assert outcome(document, halt, sequence=4) == (Action.NONE, "current", None)
    assert outcome(document, halt) == (Action.UPDATE, "newer", 3)


def test_a_newer_release_ends_a_recall() -> None:
    document = channel(release(3), release(6), stable=6, recall=(5,))
    assert outcome(document, sequence=5) == (Action.UPDATE, "recalled", 6)


def test_a_recalled_release_is_never_offered() -> None:
    assert outcome(channel(release(5)), ChannelHalt(recall=(5,))) == (Action.NONE, "nothing-released", None)
    assert outcome(channel(release(5)), ChannelHalt(recall=(5,)), sequence=3) == (Action.NONE, "current", None)
    both = channel(release(3), release(5), stable=3, candidate=5, rollout=ALL, recall=(5,))
    assert outcome(both, sequence=1) == (Action.UPDATE, "newer", 3)


def test_where_stable_itself_is_recalled_the_previous_good_release_takes_its_place() -> None:
    assert outcome(channel(release(5)), ChannelHalt(recall=(5,)), sequence=5) == (Action.ROLLBACK, "recalled", None)
    assert outcome(channel(recall=(5,)), sequence=5) == (Action.ROLLBACK, "recalled", None)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"quarantine": {digest(3): 0}}, "failed on this device"),
        ({"floor": 4}, "below the floor"),
        ({"native": "9.0.0"}, "needs the native build"),
    ],
)
def test_a_recalled_release_is_left_also_where_stable_is_blocked(fields: dict[str, Any], told: str) -> None:
    document = channel(
        release(3, platforms={"any": build(3, native="<9.0.0" if "native" in fields else "")}), recall=(5,)
    )
    decision = decide(document, NO_HALT, NOW, device(sequence=5, **fields))
    assert (decision.action, decision.reason, decision.release) == (Action.ROLLBACK, "recalled", None)
    assert "previous good one" in decision.why
    assert told in decision.why


def test_a_recall_never_leads_back_to_a_candidate() -> None:
    older = channel(release(2), release(4), stable=2, candidate=4, rollout=ALL, recall=(5,))
    assert outcome(older, sequence=5) == (Action.ROLLBACK, "recalled", 2)
    alone = channel(release(4), stable=None, candidate=4, rollout=ALL, recall=(5,))
    assert outcome(alone, sequence=5) == (Action.ROLLBACK, "recalled", None)
    # A newer one is an update like any other.
    newer = channel(release(2), release(6), stable=2, candidate=6, rollout=ALL, recall=(5,))
    assert outcome(newer, sequence=5) == (Action.UPDATE, "recalled", 6)


def test_a_recall_of_what_is_not_installed_changes_nothing() -> None:
    document = channel(release(3), release(5), stable=5, recall=(3, 4, 99))
    assert outcome(document, sequence=3) == (Action.UPDATE, "recalled", 5)
    assert outcome(document, sequence=2) == (Action.UPDATE, "newer", 5)
    assert outcome(document, sequence=5) == (Action.NONE, "current", None)


# ---------------------------------------------------------------------------------------------------- properties

_NUMBERS = st.integers(1, 6)
_RELEASES = st.builds(
    lambda sequence, retry, native, platforms: release(
        sequence, retry=retry, platforms={name: build(f"{sequence}{name}", native=native) for name in platforms}
    ),
    _NUMBERS,
    st.integers(0, 2),
    st.sampled_from(["", ">=2.0.0", "<2.0.0", "?"]),
    st.sets(st.sampled_from(["any", "linux-x64", "windows-x64"]), max_size=2),
)


@st.composite
def _channels(draw: st.DrawFn) -> ChannelDocument:
    releases = draw(st.lists(_RELEASES, max_size=4, unique_by=lambda item: item.sequence))
    listed = st.none() | (st.sampled_from([item.sequence for item in releases]) if releases else st.none())
    steps = draw(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 10_000)), max_size=3))
    return channel(
        *releases,
        last=6,
        stable=draw(listed),
        candidate=draw(listed),
        rollout=rollout(*sorted(steps), paused=draw(st.booleans())),
        recall=tuple(draw(st.lists(_NUMBERS, max_size=3))),
        floor=draw(st.integers(0, 4)),
    )


_HALTS = st.builds(
    ChannelHalt, paused=st.booleans(), cap=st.integers(0, 10_000), recall=st.lists(_NUMBERS, max_size=3).map(tuple)
)
_DEVICES = st.builds(
    Device,
    id=st.sampled_from(["a", "b", "c"]),
    platform=st.sampled_from(["linux-x64", "windows-x64", "mac"]),
    native=st.sampled_from(["", "1.0.0", "2.0.0", "unknown"]),
    sequence=st.none() | _NUMBERS,
    floor=st.integers(0, 4),
    quarantine=st.dictionaries(st.builds(lambda n: digest(f"{n}any"), _NUMBERS), st.integers(0, 2), max_size=2),
)
_CASES = st.tuples(_channels(), _HALTS, _DEVICES)


def _offered(document: ChannelDocument, halt: ChannelHalt, this: Device) -> list[Release]:
    """What the channel offers, by the words of DESIGN section 4."""
    found = [document.release(document.stable)]
    if document.rollout is not None and is_offered(document.rollout, halt, NOW, this.id):
        found.append(document.release(document.candidate))
    return [item for item in found if item is not None]


@given(_CASES)
def test_a_release_is_left_only_for_a_higher_one_or_because_it_is_recalled(
    case: tuple[ChannelDocument, ChannelHalt, Device],
) -> None:
    document, halt, this = case
    decision = decide(document, halt, NOW, this)
    recalled = this.sequence in {*document.recall, *halt.recall}
    if decision.action is Action.ROLLBACK:
        assert recalled
        assert decision.release is None or decision.release.sequence == document.stable
        assert decision.release is None or decision.release.sequence < (this.sequence or 0)
    elif decision.action is Action.UPDATE:
        assert decision.release is not None
        assert this.sequence is None or decision.release.sequence > this.sequence
    else:
        assert not recalled  # a recalled release is never kept


@given(_CASES)
def test_nothing_leads_to_what_the_channel_did_not_offer(case: tuple[ChannelDocument, ChannelHalt, Device]) -> None:
    document, halt, this = case
    decision = decide(document, halt, NOW, this)
    if decision.action in {Action.UPDATE, Action.ROLLBACK} and decision.release is not None:
        assert decision.release in _offered(document, halt, this)
        assert decision.release.sequence not in {*document.recall, *halt.recall}
        assert decision.release.sequence >= max(document.floor, this.floor)
        assert decision.build is not None
        assert decision.build is decision.release.build_for(this.platform)
        assert this.quarantine.get(decision.build.manifest.sha256, -1) < decision.release.retry
        assert decision.build.native in {"", ">=2.0.0" if this.native == "2.0.0" else "<2.0.0"}
        assert decision.build.native == "" or this.native in {"1.0.0", "2.0.0"}


@given(_CASES)
def test_a_halt_only_subtracts(case: tuple[ChannelDocument, ChannelHalt, Device]) -> None:
    document, halt, this = case
    with_halt, without = decide(document, halt, NOW, this), decide(document, NO_HALT, NOW, this)
    # Whatever the on-call key says, a device ends on a release that the channel offers to it anyway, or goes back to
    # one that it had.
    if with_halt.release is not None:
        assert with_halt.release in _offered(document, NO_HALT, this)
    if with_halt.action is Action.ROLLBACK and without.action is not Action.ROLLBACK:
        assert this.sequence in halt.recall
    if with_halt.action is Action.UPDATE and without.action is Action.UPDATE:
        assert with_halt.release is not None
        assert without.release is not None
        assert with_halt.release.sequence <= without.release.sequence


@given(_CASES)
def test_every_outcome_says_why(case: tuple[ChannelDocument, ChannelHalt, Device]) -> None:
    decision = decide(case[0], case[1], NOW, case[2])
    assert decision.reason in {
        *("newer", "recalled", "current", "nothing-released"),
        *("platform", "below-floor", "quarantined", "native"),
    }
    assert decision.why.endswith(".")
    assert decision.action is not Action.NONE or decision.release is None
    assert decide(case[0], case[1], NOW, case[2]) == decision


def test_the_words_for_machines_are_fixed() -> None:
    assert [str(action) for action in Action] == ["update", "rollback", "none", "blocked"]

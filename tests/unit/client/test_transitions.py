"""Every row of the table of DESIGN section 6, and a machine that walks the table at random."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from sealcast.client import transitions
from sealcast.client.record import Failure, Installed, Record
from sealcast.client.transitions import STARTING, Conditions, Row, next_step
from sealcast.errors import InstallError
from tests.unit.client.sites import given, release

ONE, TWO, THREE = release(1), release(2), release(3)
GOOD = Record(active=TWO, last_good=TWO, previous_good=ONE)
TRIAL = Record(active=THREE, last_good=TWO, previous_good=ONE, trial=True, boots=1, nonce="n0")


def broken(*manifests: Installed) -> Conditions:
    return given(intact=lambda one: one not in manifests)


def test_an_idle_start_changes_nothing() -> None:
    assert next_step(GOOD, given()) == (Row.START, GOOD)


def test_with_nothing_installed_a_start_changes_nothing() -> None:
    assert next_step(Record(), given()) == (Row.START, Record())


def test_row_7_and_9_a_staged_release_is_tried_and_its_first_start_counted() -> None:
    staged = transitions.stage(GOOD, THREE)
    assert staged.pending == THREE
    assert staged.active == TWO
    row, record = next_step(staged, given("new"))
    assert row is Row.TRIAL
    assert record == Record(active=THREE, last_good=TWO, previous_good=ONE, trial=True, boots=1, nonce="new")


def test_row_8_a_withdrawn_release_is_not_tried() -> None:
    assert transitions.withdraw(transitions.stage(GOOD, THREE)) == GOOD


@pytest.mark.parametrize(
    "staged",
    [
        replace(GOOD, pending=THREE, recalled=(THREE.manifest,)),
        replace(GOOD, pending=THREE, quarantine={THREE.manifest: Failure(version="3", reason="x", at="")}),
    ],
    ids=["recalled", "quarantined"],
)
def test_row_8_a_start_withdraws_what_may_not_be_tried(staged: Record) -> None:
    row, record = next_step(staged, given())
    assert row is Row.WITHDRAWN
    assert record.pending is None
    assert record.active == TWO


def test_row_8_a_start_withdraws_a_damaged_release_without_blaming_it() -> None:
    row, record = next_step(replace(GOOD, pending=THREE), broken(THREE))
    assert (row, record) == (Row.WITHDRAWN, GOOD)


def test_a_pending_release_ends_the_trial_of_another() -> None:
    row, record = next_step(replace(TRIAL, pending=release(4)), given("new"))
    assert row is Row.TRIAL
    assert (record.active, record.boots, record.nonce) == (release(4), 1, "new")
    assert record.last_good == TWO


def test_row_10_each_further_start_of_a_trial_is_counted_under_a_new_nonce() -> None:
    row, record = next_step(TRIAL, given("second"))
    assert row is Row.AGAIN
    assert (record.boots, record.nonce, record.trial) == (2, "second", True)


def test_row_11_ready_makes_the_release_the_last_good_one() -> None:
    record = transitions.ready(TRIAL, "n0")
    assert record == Record(active=THREE, last_good=THREE, previous_good=TWO, nonce="n0")


def test_row_11_the_first_release_has_nothing_before_it() -> None:
    record = transitions.ready(Record(active=ONE, trial=True, boots=1, nonce="n"), "n")
    assert (record.last_good, record.previous_good) == (ONE, None)


def test_row_11_a_retried_release_keeps_the_previous_one() -> None:
    again = release(2, retry=1)
    record = transitions.ready(replace(GOOD, active=again, trial=True, boots=1, nonce="n"), "n")
    assert (record.last_good, record.previous_good) == (again, ONE)


def test_row_11_ready_lifts_the_quarantine_of_the_release_alone() -> None:
    failures = {
        THREE.manifest: Failure(version="3", reason="x", at=""),
        "f" * 64: Failure(version="0", reason="x", at=""),
    }
    assert list(transitions.ready(replace(TRIAL, quarantine=failures), "n0").quarantine) == ["f" * 64]


@pytest.mark.parametrize("nonce", ["", "n1", "N0"])
def test_row_12_a_wrong_nonce_ends_no_trial(nonce: str) -> None:
    with pytest.raises(InstallError) as caught:
        transitions.ready(TRIAL, nonce)
    assert caught.value.code == "WRONG_NONCE"


def test_outside_a_trial_ready_changes_nothing() -> None:
    assert transitions.ready(GOOD, "whatever") == GOOD


def test_row_14_at_the_limit_the_last_good_release_comes_back() -> None:
    row, record = next_step(replace(TRIAL, boots=3), given())
    assert row is Row.NOT_READY
    assert (record.active, record.last_good, record.previous_good) == (TWO, TWO, ONE)
    assert not record.trial
    assert record.quarantine[THREE.manifest] == Failure(
        version="3.0.0", reason="not-ready", at="2026-03-01T12:00:00Z", retry=0
    )


def test_row_14_the_limit_is_the_configured_one() -> None:
    assert next_step(TRIAL, given(boot_limit=1))[0] is Row.NOT_READY
    assert next_step(replace(TRIAL, boots=3), given(boot_limit=4))[0] is Row.AGAIN


def test_row_14_a_damaged_release_on_trial_is_left() -> None:
    row, record = next_step(TRIAL, broken(THREE))
    assert row is Row.DAMAGED
    assert record.active == TWO
    assert record.quarantine[THREE.manifest].reason == "damaged"


def test_row_14_without_the_last_good_slot_the_previous_one_comes_back() -> None:
    _, record = next_step(replace(TRIAL, boots=3), broken(TWO))
    assert (record.active, record.last_good, record.previous_good) == (ONE, ONE, None)


@pytest.mark.parametrize(
    "given_",
    [broken(ONE, TWO), given(floor=9)],
    ids=["damaged", "below the floor"],
)
def test_row_14_without_any_good_release_nothing_is_active(given_: Conditions) -> None:
    _, record = next_step(replace(TRIAL, boots=3), given_)
    assert (record.active, record.last_good, record.previous_good) == (None, None, None)
    assert transitions.in_safe_mode(record, embedded=False)
    assert not transitions.in_safe_mode(record, embedded=True)


def test_row_14_a_release_that_was_left_before_is_not_gone_back_to() -> None:
    left = {TWO.manifest: Failure(version="2", reason="recalled", at="")}
    _, record = next_step(replace(TRIAL, boots=3, quarantine=left), given())
    assert record.active == ONE


def test_the_floor_lets_pass_what_is_on_it() -> None:
    _, record = next_step(replace(TRIAL, boots=3), given(floor=2))
    assert record.active == TWO


def test_nothing_installed_yet_is_no_safe_mode() -> None:
    assert not transitions.in_safe_mode(Record(), embedded=False)


def test_row_14_the_app_reports_its_failure() -> None:
    record = transitions.fail(TRIAL, "no database", "n0", given())
    assert record.active == TWO
    assert record.quarantine[THREE.manifest].reason == "no database"


def test_row_14_a_person_reports_without_a_nonce() -> None:
    assert transitions.fail(TRIAL, "broken", None, given()).active == TWO


def test_row_14_the_failure_of_an_earlier_start_is_not_counted() -> None:
    with pytest.raises(InstallError) as caught:
        transitions.fail(TRIAL, "x", "old", given())
    assert caught.value.code == "WRONG_NONCE"


def test_only_a_release_on_trial_can_fail() -> None:
    with pytest.raises(InstallError) as caught:
        transitions.fail(GOOD, "x", None, given())
    assert caught.value.code == "NOT_ON_TRIAL"


def test_row_15_a_missing_active_release_gives_way_to_the_one_before() -> None:
    row, record = next_step(GOOD, broken(TWO))
    assert row is Row.LOST
    assert (record.active, record.last_good, record.previous_good) == (ONE, ONE, None)
    assert not record.quarantine, "damage is not the release's fault: it may be installed again"


def test_row_16_a_release_that_fits_the_new_native_build_stays() -> None:
    record = transitions.change_native(GOOD, "2.0", lambda _: True, given(embedded=True))
    assert record == replace(GOOD, native_seen="2.0")


def test_row_16_otherwise_the_embedded_release_runs_and_the_others_are_forgotten() -> None:
    record = transitions.change_native(
        replace(TRIAL, pending=release(4)), "2.0", lambda one: one == TWO, given(embedded=True)
    )
    assert (record.active, record.last_good, record.previous_good) == (None, None, None)
    assert (record.pending, record.trial, record.native_seen) == (None, False, "2.0")


def test_row_16_without_an_embedded_release_a_good_one_that_fits_runs() -> None:
    record = transitions.change_native(TRIAL, "2.0", lambda one: one == ONE, given())
    assert (record.active, record.last_good, record.previous_good) == (ONE, ONE, None)


def test_row_16_with_nothing_installed_only_the_build_is_noted() -> None:
    assert transitions.change_native(Record(), "2.0", lambda _: False, given()) == Record(native_seen="2.0")


def test_row_19_a_recalled_release_is_left_at_the_next_start() -> None:
    noted = transitions.recall(GOOD, [TWO.manifest, "e" * 64])
    assert noted.recalled == (TWO.manifest,), "only what is installed is noted"
    row, record = next_step(noted, given())
    assert row is Row.RECALLED
    assert (record.active, record.last_good) == (ONE, ONE)
    assert record.quarantine[TWO.manifest].reason == "recalled"


def test_row_19_lifted_before_the_start_it_changes_nothing() -> None:
    noted = transitions.recall(GOOD, [TWO.manifest])
    assert transitions.recall(noted, []) == GOOD


def test_row_19_nothing_recalled_is_gone_back_to() -> None:
    noted = transitions.recall(GOOD, [ONE.manifest, TWO.manifest])
    assert next_step(noted, given()) == (Row.START, noted), "there is nothing better: it goes on"
    row, record = next_step(noted, given(embedded=True))
    assert (row, record.active) == (Row.RECALLED, None)


def test_row_19_nothing_below_the_floor_is_gone_back_to() -> None:
    noted = transitions.recall(GOOD, [TWO.manifest])
    assert next_step(noted, given(floor=2)) == (Row.START, noted)


def test_row_19_a_recalled_release_on_trial_gives_way_to_the_last_good_one() -> None:
    row, record = next_step(transitions.recall(TRIAL, [THREE.manifest]), given())
    assert (row, record.active, record.previous_good) == (Row.RECALLED, TWO, ONE)


def test_row_19_a_pending_release_takes_the_recalled_ones_place() -> None:
    staged = transitions.stage(transitions.recall(GOOD, [TWO.manifest]), THREE)
    row, record = next_step(staged, given())
    assert (row, record.active) == (Row.TRIAL, THREE)
    assert TWO.manifest in record.quarantine
    _, after = next_step(replace(record, boots=3), given())
    assert after.active == ONE, "the recalled release is not what a failed trial goes back to"


def test_a_person_goes_back() -> None:
    record = transitions.go_back(replace(GOOD, pending=THREE), given())
    assert (record.active, record.last_good, record.pending) == (ONE, ONE, None)
    assert record.quarantine[TWO.manifest].reason == "rollback"


@pytest.mark.parametrize(
    ("record", "given_"),
    [
        (Record(), given(embedded=True)),
        (Record(active=ONE, last_good=ONE), given()),
        (GOOD, given(floor=2)),
        (GOOD, broken(ONE)),
    ],
)
def test_a_person_cannot_go_back_to_nothing(record: Record, given_: Conditions) -> None:
    with pytest.raises(InstallError) as caught:
        transitions.go_back(record, given_)
    assert caught.value.code == "NOTHING_TO_GO_BACK_TO"


def test_a_person_goes_back_to_the_embedded_release() -> None:
    assert transitions.go_back(Record(active=ONE, last_good=ONE), given(embedded=True)).active is None


def test_a_quarantine_lifts_on_a_higher_retry_epoch() -> None:
    record = Record(quarantine={ONE.manifest: Failure(version="1", reason="x", at="", retry=1)})
    assert transitions.is_quarantined(record, ONE)
    assert transitions.is_quarantined(record, release(1, retry=1))
    assert not transitions.is_quarantined(record, release(1, retry=2))
    assert not transitions.is_quarantined(record, TWO)


def test_the_quarantine_forgets_the_oldest_beyond_its_bound() -> None:
    record = GOOD
    for number in range(1, 105):
        active = replace(record, active=release(1000 + number))
        record = transitions.leave(active, "x", given(now=f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"))
    assert len(record.quarantine) == 100
    assert release(1004).manifest not in record.quarantine
    assert release(1104).manifest in record.quarantine


def test_leaving_nothing_blames_nothing() -> None:
    assert transitions.leave(Record(), "x", given()) == Record()


def test_a_long_reason_is_cut() -> None:
    assert len(transitions.fail(TRIAL, "x" * 5000, None, given()).quarantine[THREE.manifest].reason) == 256


class Machine(RuleBasedStateMachine):
    """Anything that can happen to a device, in any order, with slots that break and are swept away."""

    def __init__(self) -> None:
        super().__init__()
        self.record = Record()
        self.embedded = False
        self.broken: set[str] = set()
        self.ready_ever: set[str] = set()
        self.started = False
        self.next = 1
        self.nonces = 0
        self.sequence_floor = 0

    def conditions(self) -> Conditions:
        self.nonces += 1
        return given(
            f"n{self.nonces}",
            intact=lambda one: one.manifest not in self.broken,
            embedded=self.embedded,
            floor=self.sequence_floor,
        )

    @rule(embedded=st.booleans())
    @precondition(lambda self: not self.started)
    def ship(self, embedded: bool) -> None:
        self.embedded = embedded

    @rule()
    def stage(self) -> None:
        self.record = transitions.stage(self.record, release(self.next))
        self.next += 1

    @rule()
    @precondition(lambda self: self.record.quarantine)
    def stage_a_retry(self) -> None:
        manifest, failure = next(iter(self.record.quarantine.items()))
        number = int(manifest, 16)
        self.broken.discard(manifest)
        self.record = transitions.stage(self.record, release(number, retry=failure.retry + 1))

    @rule()
    def withdraw(self) -> None:
        self.record = transitions.withdraw(self.record)

    @rule()
    def start(self) -> None:
        self.started = True
        given_ = self.conditions()
        before = self.record
        for _ in range(10):
            row, after = next_step(self.record, given_)
            if row in STARTING:
                break
            assert after != self.record, "a step that starts nothing must lead on"
            self.record = after
        else:
            raise AssertionError("a start does not come to an end")
        if after.trial:
            assert (after.boots, after.nonce) == (
                (1, given_.nonce) if row is Row.TRIAL else (self.record.boots + 1, given_.nonce)
            ), "a trial starts uncounted"
        self.record = after
        usable = [
            one
            for one in (before.last_good, before.previous_good)
            if one
            and one.manifest not in self.broken
            and one.manifest not in before.recalled
            and one.sequence >= self.sequence_floor
            and not transitions.is_quarantined(before, one)
        ]
        assert after.active or self.embedded or not usable, "there was a good release, and nothing starts"
        if after.active:
            assert after.active.manifest not in self.broken, "a damaged release starts"

    @rule(right=st.booleans())
    @precondition(lambda self: self.record.trial)
    def report(self, right: bool) -> None:
        before = self.record
        if not right:
            with pytest.raises(InstallError, match="earlier start"):
                transitions.ready(before, "old")
            return
        self.record = transitions.ready(before, before.nonce)
        assert before.active is not None
        assert self.record.last_good == before.active
        self.ready_ever.add(before.active.manifest)

    @rule()
    @precondition(lambda self: self.record.trial)
    def fail(self) -> None:
        self.record = transitions.fail(self.record, "x", None, self.conditions())

    @rule()
    def go_back(self) -> None:
        given_ = self.conditions()
        if self.record.active is None or not (self.embedded or transitions.good_again(self.record, given_)):
            with pytest.raises(InstallError, match="no earlier good release"):
                transitions.go_back(self.record, given_)
            return
        self.record = transitions.go_back(self.record, given_)

    @rule(data=st.data())
    @precondition(lambda self: self.record.held)
    def break_slot(self, data: st.DataObject) -> None:
        self.broken.add(data.draw(st.sampled_from(self.record.held)).manifest)

    @rule(data=st.data())
    @precondition(lambda self: self.record.held)
    def recall(self, data: st.DataObject) -> None:
        taken = data.draw(st.sets(st.sampled_from([one.manifest for one in self.record.held])))
        self.record = transitions.recall(self.record, taken)

    @rule(data=st.data())
    def native(self, data: st.DataObject) -> None:
        fitting = data.draw(st.sets(st.integers(1, 12)))
        self.record = transitions.change_native(
            self.record, "2", lambda one: one.sequence in fitting, self.conditions()
        )

    @rule(floor=st.integers(0, 6))
    def raise_floor(self, floor: int) -> None:
        self.sequence_floor = max(self.sequence_floor, floor)

    @invariant()
    def only_what_was_ready_is_good(self) -> None:
        for one in (self.record.last_good, self.record.previous_good):
            assert one is None or one.manifest in self.ready_ever

    @invariant()
    def a_trial_is_of_something_and_counted(self) -> None:
        if self.record.trial:
            assert self.record.active
            assert self.record.boots >= 1
            assert self.record.nonce

    @invariant()
    def out_of_trial_the_active_release_was_ready(self) -> None:
        if not self.record.trial and self.record.active:
            assert self.record.active.manifest in self.ready_ever


TestMachine = Machine.TestCase

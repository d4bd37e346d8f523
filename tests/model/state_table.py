"""The state table of DESIGN section 6 as a model: what a device remembers, what can happen to it, what must come of it.

Written from the table, not from the code, in plain values: a release is its number (which is also its sequence) and its
retry epoch. Each event returns the states that are on the disk one after the other, a commit apart, with the row of the
table that led there; so a power cut after any of them is simply to stop there. `broken_promise` says, from what really
happened to the device, what no state may ever show, whatever the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

LIMIT = 2
"""How often a release on trial is started."""
OLD_BUILD_ONLY = 1
"""The release that does not admit the second native build; the others admit both."""
NEWEST = 3
RAISED = 2
"""Where the floor of sequences is raised to, once."""


class Release(NamedTuple):
    number: int
    retry: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """The record; then what is on the disk beside it; then what happened, which only the model knows."""

    active: Release | None = None
    last_good: Release | None = None
    previous_good: Release | None = None
    pending: Release | None = None
    trial: bool = False
    boots: int = 0
    nonce: int = 0
    quarantine: frozenset[Release] = frozenset()
    recalled: frozenset[int] = frozenset()
    build_seen: int = 1

    embedded: bool = False
    there: frozenset[int] = frozenset()
    damaged: frozenset[int] = frozenset()
    floor: int = 0
    build: int = 1

    holds: int = 0
    """The nonce of the process that was started last."""
    starts: int = 0
    """How often the release on trial really ran."""
    proved: frozenset[int] = frozenset()
    failed: frozenset[Release] = frozenset()
    losses: int = 0

    @property
    def held(self) -> frozenset[int]:
        kept = (self.active, self.last_good, self.previous_good, self.pending)
        return frozenset(release.number for release in kept if release)

    def whole(self, release: Release) -> bool:
        return release.number in self.there - self.damaged

    def is_recalled(self, release: Release | None) -> bool:
        return release is not None and release.number in self.recalled

    def is_quarantined(self, release: Release) -> bool:
        return any(failed.number == release.number and failed.retry >= release.retry for failed in self.quarantine)

    def may_go_back_to(self, release: Release) -> bool:
        return (
            (self.active is None or release.number != self.active.number)
            and not self.is_quarantined(release)
            and not self.is_recalled(release)
            and release.number >= self.floor
            and self.whole(release)
        )

    @property
    def good_again(self) -> Release | None:
        kept = (self.last_good, self.previous_good)
        return next((release for release in kept if release and self.may_go_back_to(release)), None)

    @property
    def offered(self) -> Iterator[Release]:
        """What a check may find: newer than what is installed, or anything else where that is recalled."""
        for number in range(1, NEWEST + 1):
            for release in (Release(number), Release(number, 1)):
                newer = self.active is None or number > self.active.number or self.is_recalled(self.active)
                lifts = not release.retry or Release(number) in self.quarantine
                open_ = number >= self.floor and not self.is_quarantined(release) and number not in self.recalled
                if newer and open_ and lifts and release not in {self.active, self.pending} and self._fits(release):
                    yield release

    def _fits(self, release: Release) -> bool:
        return self.build == 1 or release.number != OLD_BUILD_ONLY


class Step(NamedTuple):
    """A state that is on the disk, and the row of the table that put it there."""

    row: int
    state: State


class Outcome(NamedTuple):
    """What an event led to: the commits; what was refused; what ran: a number, 0 for the embedded one, else None."""

    steps: tuple[Step, ...] = ()
    refused: str = ""
    runs: int | None = None


Event = tuple[str, *tuple[int, ...]]


def events(state: State) -> Iterator[Event]:
    """Yield all that can happen to a device in this state."""
    yield from (("start",), ("start-uncounted",), ("ready",), ("ready-old",), ("fail",), ("fail-old",))
    yield from (("fail-person",), ("rollback",), ("clean-up",), ("recall",))
    for release in state.offered:
        yield ("fetch", *release)
        yield ("update", *release)
    for number in sorted(state.held):
        yield ("recall", number)
    for number in sorted(state.there - state.damaged):
        yield ("damage", number)
    if state.pending:
        yield ("withdraw",)
    if state.floor < RAISED and min(state.held, default=RAISED) < RAISED:
        yield ("floor", RAISED)
    if state.build == 1:
        yield ("native", 2)


def happen(state: State, event: Event) -> Outcome:
    """Return what must come of an event."""
    return _EVENTS[event[0]](state, *event[1:])


# --------------------------------------------------------------------------------------------------------- updater


def _fetch(state: State, number: int, _retry: int) -> Outcome:
    return _one(6, replace(state, there=state.there | {number}, damaged=state.damaged - {number}))


def _update(state: State, number: int, retry: int) -> Outcome:
    fetched = _fetch(state, number, retry).steps[0]
    return Outcome((fetched, Step(7, replace(fetched.state, pending=Release(number, retry)))))


def _withdraw(state: State) -> Outcome:
    return _one(8, replace(state, pending=None))


def _recall(state: State, *numbers: int) -> Outcome:
    return _one(19, replace(state, recalled=frozenset(numbers) & state.held))


def _floor(state: State, number: int) -> Outcome:
    return _one(3, replace(state, floor=number))


def _clean_up(state: State) -> Outcome:
    return _one(17, replace(state, there=state.there & state.held, damaged=state.damaged & state.held))


# --------------------------------------------------------------------------------------------------------- launcher


def _start(state: State) -> Outcome:
    steps = [Step(16, step) for step in _notice_native(state)]
    now = steps[-1].state if steps else state
    while True:
        found = _next(now)
        if found is None:
            break
        steps.append(found)
        now = found.state
        if found.row in {9, 10}:
            break
    if now.active is None and not now.embedded:
        return Outcome(tuple(steps), "SAFE_MODE" if now.quarantine else "NOTHING_INSTALLED")
    runs = now.active.number if now.active else 0
    ran = replace(now, holds=now.nonce if now.trial else -1, starts=now.starts + now.trial)
    return Outcome((*steps, Step(-1, ran)), runs=runs)


def _next(state: State) -> Step | None:
    """Return what one commit of a start makes of the state, or None where the active release just starts."""
    if state.pending:
        usable = state.whole(state.pending) and not state.is_recalled(state.pending)
        if not usable or state.is_quarantined(state.pending):
            return Step(8, replace(state, pending=None))
        left = _quarantine(state) if state.is_recalled(state.active) else state
        nonce = max(state.nonce, state.holds) + 1
        tried = replace(left, active=state.pending, pending=None, trial=True, boots=1, nonce=nonce, starts=0)
        return Step(9, tried)
    if state.is_recalled(state.active) and (state.embedded or state.good_again):
        return Step(19, _leave(state))
    if state.trial and (state.boots >= LIMIT or not _active_whole(state)):
        return Step(14, _leave(state))
    if state.trial:
        return Step(10, replace(state, boots=state.boots + 1, nonce=max(state.nonce, state.holds) + 1))
    return None if _active_whole(state) else Step(15, _back(state))


def _active_whole(state: State) -> bool:
    return state.active is None or state.whole(state.active)


def _notice_native(state: State) -> Iterator[State]:
    if state.build == state.build_seen:
        return

    def kept(release: Release | None) -> Release | None:
        return None if release and release.number == OLD_BUILD_ONLY else release

    state = replace(
        state,
        build_seen=state.build,
        last_good=kept(state.last_good),
        previous_good=kept(state.previous_good),
        pending=kept(state.pending),
    )
    if state.active is None or kept(state.active):
        yield state
    else:
        forgotten = replace(state, last_good=None, previous_good=None) if state.embedded else state
        yield _back(forgotten)


def _start_uncounted(state: State) -> Outcome:
    """The disk takes no commit: nothing on trial runs, and nothing is changed."""
    noticed = list(_notice_native(state))
    if not noticed and _next(state) is None:
        return _start(state)
    now = noticed[-1] if noticed else state
    release = now.active
    if now.trial or not _active_whole(now) or (now.is_recalled(release) and _may_leave(now)):
        release = now.good_again
    if release is None and not now.embedded:
        return Outcome(refused="NO_SPACE")
    return Outcome((Step(-1, replace(state, holds=-1)),), runs=release.number if release else 0)


def _may_leave(state: State) -> bool:
    return state.embedded or state.good_again is not None


def _ready(state: State) -> Outcome:
    return _ready_with(state, state.holds)


def _ready_old(state: State) -> Outcome:
    return _ready_with(state, -1)


def _ready_with(state: State, nonce: int) -> Outcome:
    works = state.active
    if not state.trial or works is None:
        return Outcome()
    if nonce != state.nonce:
        return Outcome(refused="WRONG_NONCE")
    same = state.last_good is not None and state.last_good.number == works.number
    return _one(
        11,
        replace(
            state,
            last_good=works,
            previous_good=state.previous_good if same else state.last_good,
            trial=False,
            boots=0,
            quarantine=frozenset(failed for failed in state.quarantine if failed.number != works.number),
            proved=state.proved | {works.number},
            failed=frozenset(failed for failed in state.failed if failed.number != works.number),
        ),
    )


def _fail_with(state: State, nonce: int) -> Outcome:
    if not state.trial:
        return Outcome(refused="NOT_ON_TRIAL")
    if nonce != state.nonce:
        return Outcome(refused="WRONG_NONCE")
    return _one(14, _leave(state))


def _rollback(state: State) -> Outcome:
    if state.active is None or not _may_leave(state):
        return Outcome(refused="NOTHING_TO_GO_BACK_TO")
    return _one(14, replace(_leave(state), pending=None))


def _leave(state: State) -> State:
    return _back(_quarantine(state))


def _quarantine(state: State) -> State:
    if state.active is None:
        return state
    others = frozenset(failed for failed in state.quarantine if failed.number != state.active.number)
    return replace(state, quarantine=others | {state.active}, failed=state.failed | {state.active})


def _back(state: State) -> State:
    good = state.good_again
    previous = state.previous_good if good is not None and good == state.last_good else None
    return replace(state, active=good, last_good=good, previous_good=previous, trial=False, boots=0)


def _one(row: int, state: State) -> Outcome:
    return Outcome((Step(row, state),))


_EVENTS: dict[str, Callable[..., Outcome]] = {
    "fetch": _fetch,
    "update": _update,
    "withdraw": _withdraw,
    "recall": _recall,
    "floor": _floor,
    "clean-up": _clean_up,
    "damage": lambda state, number: _one(-1, replace(state, damaged=state.damaged | {number})),
    "native": lambda state, build: _one(-1, replace(state, build=build)),
    "start": _start,
    "start-uncounted": _start_uncounted,
    "ready": _ready,
    "ready-old": _ready_old,
    "fail": lambda state: _fail_with(state, state.holds),
    "fail-old": lambda state: _fail_with(state, -1),
    "fail-person": lambda state: _fail_with(state, state.nonce),
    "rollback": _rollback,
}


def lose(before: State, after: State) -> State:
    """Row 0: the newest record cannot be read; the one of ``before`` counts, with everything else as it is after."""
    return replace(
        after,
        **{name: getattr(before, name) for name in RECORD},
        failed=before.failed,
        losses=after.losses + 1,
    )


NOTHING = frozenset({"SAFE_MODE", "NOTHING_INSTALLED", "NO_SPACE"})
"""The refusals of a start that found nothing to run."""
RECORD = (
    "active",
    "last_good",
    "previous_good",
    "pending",
    "trial",
    "boots",
    "nonce",
    "quarantine",
    "recalled",
    "build_seen",
)
"""The fields of a state that are in the record."""


def seen(state: State) -> State:
    """Return the state with its nonces named anew, so that states that differ in nothing else are one."""
    if not state.trial:
        return replace(state, nonce=0, holds=-1, starts=0)
    return replace(state, nonce=1, holds=1 if state.holds == state.nonce else -1)


def broken_promise(before: State, outcome: Outcome, after: State) -> str:
    """Return what must never be, and is: empty where all is well."""
    kept = {release.number for release in (after.last_good, after.previous_good) if release}
    if not kept <= after.proved:
        return "a release counts as good that never reported ready"
    if after.trial and after.starts > after.boots + after.losses:
        return "a release on trial ran without being counted"
    if after.starts > LIMIT + after.losses:
        return "a release on trial ran more often than the limit"
    if outcome.runs and outcome.runs not in before.there - before.damaged:
        return "a damaged or missing release was started"
    if outcome.runs and after.trial and after.active in after.failed:
        return "a release that failed was started again"
    if outcome.refused in NOTHING and before.build == before.build_seen and (before.embedded or before.good_again):
        return "there was a good release, and nothing was started"
    return ""

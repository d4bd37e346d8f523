"""The model and the real client side by side: through every state that a device can be in, and on long walks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.model.real import Memory, Real
from tests.model.state_table import RECORD, Event, Outcome, Release, State, broken_promise, events, happen, lose, seen


class DeviationError(AssertionError):
    """The client did something else than the table says, or broke a promise."""


_Ways = dict[State, tuple[State, str] | None]

TWO_GOOD = State(
    active=Release(2),
    last_good=Release(2),
    previous_good=Release(1),
    there=frozenset({1, 2}),
    proved=frozenset({1, 2}),
    holds=-1,
)


@dataclass
class Explored:
    """What was tried."""

    states: int = 0
    edges: int = 0
    rows: set[int] = field(default_factory=set)


def explore(real: Real, memory: Memory, *, embedded: bool, depth: int) -> Explored:
    """Try every event in every state that ``depth`` events lead to, cut off after each of its commits as well.

    It starts from a device that has nothing yet, and from one that has had two releases. The newest record is also lost
    afterwards, once on each way (row 0). Raises `DeviationError`, with the way there.
    """
    layer = [State(embedded=embedded, holds=-1), replace(TWO_GOOD, embedded=embedded)]
    ways: _Ways = dict.fromkeys(layer)
    found = Explored()
    for _ in range(depth):
        reached: list[State] = []
        for state in layer:
            for event in events(state):
                for said, after in _edges(real, memory, state, event, found.rows, ways):
                    found.edges += 1
                    if after not in ways:
                        ways[after] = (state, said)
                        reached.append(after)
        layer = reached
    found.states = len(ways)
    return found


def _edges(
    real: Real, memory: Memory, state: State, event: Event, rows: set[int], ways: _Ways
) -> Iterator[tuple[str, State]]:
    """Yield where an event leads, whole, cut off, and with its last commit lost: there the client must be too."""
    outcome = happen(state, event)
    rows.update(step.row for step in outcome.steps)
    stops = _stops(state, outcome)
    for commits, stop in enumerate(stops):
        _load(real, memory, state)
        real.happen(event, cut=commits)
        yield _checked(f"{event}, cut after {commits}", real, state, stop, Outcome(), "", ways)
    _load(real, memory, state)
    said = real.happen(event)
    after = outcome.steps[-1].state if outcome.steps else state
    wrong = "" if said == outcome[1:] else f"it said {said}, not {outcome[1:]}"
    yield _checked(str(event), real, state, after, outcome, wrong, ways)
    if len(stops) > 1 and not state.losses:
        memory.act("lose")
        rows.add(0)
        yield _checked(f"{event}, and the record lost", real, state, lose(stops[-2], after), Outcome(), "", ways)


def _stops(state: State, outcome: Outcome) -> list[State]:
    """Return the states in which a power cut leaves the device: before each commit, and after the last one.

    That one is there only where something would still have been run.
    """
    stops, now = [], state
    for step in outcome.steps:
        if any(getattr(step.state, name) != getattr(now, name) for name in RECORD):
            stops.append(now)
        now = step.state if step.row >= 0 else now
    return [*stops, now] if stops else stops


def _load(real: Real, memory: Memory, state: State) -> None:
    memory.load(state)
    real.build = state.build
    real.nonce = f"n{state.holds}" if state.holds >= 0 else "old"


def _checked(
    said: str, real: Real, before: State, after: State, outcome: Outcome, wrong: str, ways: _Ways
) -> tuple[str, State]:
    wrong = wrong or real.difference(after) or broken_promise(before, outcome, after)
    if wrong:
        raise DeviationError("\n".join([*_way(before, ways), f"then {said}: {wrong}"]))
    return said, seen(after)


def _way(state: State, ways: _Ways) -> list[str]:
    steps: list[str] = []
    while (came := ways[state]) is not None:
        state, said = came
        steps.append(f"then {said}")
    return [str(state), *steps[::-1]]


_USUAL: tuple[Event, ...] = (("start",),) * 4 + (("ready",),) * 3
"""What happens often, so that walks get far."""


def walk(real: Real, *, embedded: bool, seed: int, length: int) -> set[int]:
    """Let ``length`` events happen to a device one after the other, as they come; return the rows that were gone.

    Now and then the power is cut between two commits, or the newest record lost. Raises `DeviationError`.
    """
    chosen = random.Random(seed)
    state = State(embedded=embedded, holds=-1)
    previous: State | None = None  # the generation that is kept
    lost = False
    rows: set[int] = set()
    steps: list[str] = []
    for _ in range(length):
        if previous is not None and not lost and chosen.random() < 0.04:
            real.store.act("lose")
            state, lost, outcome, said = lose(previous, state), True, Outcome(), "the record is lost"
            rows.add(0)
            before, wrong = state, ""
        else:
            event = chosen.choice([*events(state), *_USUAL])
            outcome, before = happen(state, event), state
            stops = _stops(state, outcome)
            cut = chosen.randrange(len(stops)) if stops and chosen.random() < 0.2 else None
            answer = real.happen(event, cut=cut)
            rows.update(step.row for step in outcome.steps)
            wrong = "" if cut is not None or answer == outcome[1:] else f"it said {answer}, not {outcome[1:]}"
            if cut is None:
                state = outcome.steps[-1].state if outcome.steps else state
            else:
                state, outcome = stops[cut], Outcome()
            done = stops[: len(stops) if cut is None else cut + 1]
            said = f"{event}, cut after {cut}" if cut is not None else str(event)
            previous, lost = _kept(previous, lost, done)
        steps.append(f"then {said}")
        wrong = wrong or real.difference(state) or broken_promise(before, outcome, state)
        if wrong:
            raise DeviationError(
                "\n".join([f"seed {seed}, after {len(steps)} events, of which the last:", *steps[-30:], wrong])
            )
    return rows


def _kept(previous: State | None, lost: bool, stops: list[State]) -> tuple[State | None, bool]:
    """Return which generation is kept after commits at these states: the one before the last, but never a lost one."""
    commits = len(stops) - 1
    if commits < 1:
        return previous, lost
    if lost and commits == 1:
        return previous, False
    return stops[commits - 1], False

"""The real client does what the state table of DESIGN section 6 says, in every state; one that does not is found.

Rows 1, 2, 4, 5, 13 and 18 change nothing that is remembered: what they are about has tests of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from sealcast.client import Launcher, transitions
from sealcast.client.record import Installed, Record, Records
from sealcast.client.transitions import Conditions
from sealcast.publisher import Repository
from tests.clocks import START, HandClock
from tests.model.explore import DeviationError, explore, walk
from tests.model.real import Disk, Real, make_launcher, make_memory

ROWS = {0, 3, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 19}
"""The rows that change what is remembered, or what lies on the disk (12 is a refusal)."""


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("model") / "ws"
    Repository.create_solo(folder, app="demo", encrypted=False, clock=HandClock(START))
    return (folder / "metadata" / "1.root.json").read_bytes()


@pytest.mark.parametrize("embedded", [False, True])
def test_every_state_within_a_few_events(root: bytes, tmp_path: Path, embedded: bool) -> None:
    real, memory = make_memory(tmp_path, root, embedded=embedded)
    found = explore(real, memory, embedded=embedded, depth=3)
    assert found.states > 500
    assert found.rows >= ROWS


@pytest.mark.long
@pytest.mark.parametrize("embedded", [False, True])
def test_every_state_within_many_events(
    root: bytes, tmp_path: Path, embedded: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    real, memory = make_memory(tmp_path, root, embedded=embedded)
    found = explore(real, memory, embedded=embedded, depth=5)
    assert found.rows >= ROWS
    with capsys.disabled():
        print(f"\nstate table, embedded {embedded}: {found.states} states, {found.edges} edges, 0 deviations")


def on_disk(place: Path, root: bytes, seed: int, length: int) -> set[int]:
    embedded = bool(seed % 2)
    launcher = make_launcher(place, root, embedded=embedded)
    with Disk(place / "device") as disk:
        return walk(Real(launcher, disk), embedded=embedded, seed=seed, length=length)


def walks(place: Path, root: bytes, *, seeds: int, length: int) -> set[int]:
    """Go so many walks of so many events; return the rows that were gone."""
    return set().union(*(on_disk(place / str(seed), root, seed, length) for seed in range(seeds)))


def test_long_walks_on_a_disk(root: bytes, tmp_path: Path) -> None:
    assert walks(tmp_path, root, seeds=4, length=80) >= {0, 6, 7, 9, 10, 11, 14, 17}


@pytest.mark.long
def test_many_long_walks_on_a_disk(root: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert walks(tmp_path, root, seeds=200, length=250) >= ROWS
    with capsys.disabled():
        print("\nstate table: 200 walks of 250 events on a disk, 0 deviations")


# ---------------------------------------------------------------------------------------------------- seeded bugs

Break = Callable[[pytest.MonkeyPatch], None]


def count_after_exec(patch: pytest.MonkeyPatch) -> None:
    """The app runs first, and the start is counted when somebody next looks."""
    real = Launcher.start

    def start(self: Launcher) -> object:
        records, kept = self._records, self._records.read()
        launch = real(self)
        records.change(lambda _: kept)  # not on the disk yet when the app runs
        return launch

    patch.setattr(Launcher, "start", start)


def last_good_at_arm(patch: pytest.MonkeyPatch) -> None:
    """A release counts as good as soon as it is tried."""
    real = transitions.try_pending

    def try_pending(record: Record, given: Conditions) -> Record:
        tried = real(record, given)
        return replace(tried, last_good=tried.active, previous_good=record.last_good)

    patch.setattr(transitions, "try_pending", try_pending)


def ready_without_nonce(patch: pytest.MonkeyPatch) -> None:
    """Whoever reports ready is believed."""
    real = transitions.ready
    patch.setattr(transitions, "ready", lambda record, _: real(record, record.nonce))


def clean_up_without(role: str) -> Break:
    """A release is swept away that was good before."""

    def held(record: Record) -> tuple[Installed, ...]:
        kept = {name: getattr(record, name) for name in ("active", "last_good", "previous_good", "pending")}
        return tuple(dict.fromkeys(release for name, release in kept.items() if release and name != role))

    return lambda patch: patch.setattr(Record, "held", property(held))


def no_quarantine(patch: pytest.MonkeyPatch) -> None:
    """What failed is forgotten, and offered again at once."""
    patch.setattr(transitions, "_quarantine", lambda record, reason, now: record)


def no_count(patch: pytest.MonkeyPatch) -> None:
    """Only the first start of a trial is counted."""
    real = transitions.next_step

    def next_step(record: Record, given: Conditions) -> object:
        row, after = real(record, given)
        return row, replace(after, boots=min(after.boots, 1))

    patch.setattr(transitions, "next_step", next_step)


def previous_good_lost(patch: pytest.MonkeyPatch) -> None:
    """The release before the one that reports ready is forgotten."""
    real = transitions.ready
    patch.setattr(
        transitions, "ready", lambda record, nonce: replace(real(record, nonce), previous_good=record.previous_good)
    )


def below_the_floor(patch: pytest.MonkeyPatch) -> None:
    """A release is gone back to that the publisher forbade."""
    real = transitions.good_again
    patch.setattr(
        transitions, "good_again", lambda record, given: real(record, Conditions(**{**_fields(given), "floor": 0}))
    )


def _fields(given: Conditions) -> dict[str, object]:
    return {name: getattr(given, name) for name in Conditions.__slots__}


def damaged_is_started(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether the active slot is as it was verified."""
    patch.setattr(transitions, "_intact", lambda release, given: True)


BUGS: dict[str, Break] = {
    "count after exec": count_after_exec,
    "last_good overwritten at arm": last_good_at_arm,
    "ready without nonce": ready_without_nonce,
    "clean-up ignores last_good": clean_up_without("last_good"),
    "clean-up ignores previous_good": clean_up_without("previous_good"),
    "missing quarantine": no_quarantine,
    "further starts not counted": no_count,
    "previous_good lost at ready": previous_good_lost,
    "below the floor": below_the_floor,
    "a damaged slot is started": damaged_is_started,
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found_in_memory(
    root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    real, memory = make_memory(tmp_path, root, embedded=False)
    BUGS[bug](monkeypatch)
    with pytest.raises(DeviationError, match="then"):
        explore(real, memory, embedded=False, depth=3)


QUICK = {"count after exec", "last_good overwritten at arm", "ready without nonce", "missing quarantine"}
RARE = {"below the floor"}
"""What walks come across too seldom; in memory it is found."""


@pytest.mark.parametrize(
    "bug", [pytest.param(bug, marks=() if bug in QUICK else pytest.mark.long) for bug in BUGS if bug not in RARE]
)
def test_a_seeded_bug_is_found_on_a_disk(
    root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    BUGS[bug](monkeypatch)
    with pytest.raises(DeviationError, match="seed"):
        walks(tmp_path, root, seeds=40, length=150)


def test_row_0_ignored_is_found_on_a_disk(root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that cannot be read is taken for an empty one, whatever generation was kept."""
    monkeypatch.setattr(Records, "read", lambda self: self._read(self._current) or Record())
    with pytest.raises(DeviationError, match="the record is lost"):
        walks(tmp_path, root, seeds=40, length=150)

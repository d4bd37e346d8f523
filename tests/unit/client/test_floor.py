from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from sealcast.client.floor import Floor, FloorStore, Mark
from sealcast.errors import VerificationError
from sealcast.verify import LIMITS

COPIES = ("floor.json", "floor.copy.json")
HIGH = Floor(timestamp=Mark(number=7, metadata="bQ=="), lowest=Mark(number=3, metadata="bQ=="))


@pytest.fixture
def store(tmp_path: Path) -> FloorStore:
    store = FloorStore(tmp_path)
    store.create()
    return store


def test_a_new_device_has_seen_nothing(store: FloorStore) -> None:
    assert store.read() == Floor()
    assert store.lowest() == 0


def test_what_is_stored_is_read(store: FloorStore) -> None:
    store.store(HIGH)
    assert store.read().timestamp == HIGH.timestamp
    assert store.lowest() == 3


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("damage", [None, b"", bytes(300), b"garbage"], ids=["deleted", "empty", "zeros", "garbage"])
def test_either_copy_is_enough(store: FloorStore, tmp_path: Path, name: str, damage: bytes | None) -> None:
    store.store(HIGH)
    path = tmp_path / name
    whole = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert store.read().timestamp == HIGH.timestamp
    store.store(store.read())
    assert path.read_bytes() == whole, "the damaged copy is made again"


@pytest.mark.parametrize(("first", "second"), list(itertools.product([None, b"", b"{}"], repeat=2)))
def test_with_both_damaged_nothing_is_believed(
    store: FloorStore, tmp_path: Path, first: bytes | None, second: bytes | None
) -> None:
    for name, damage in zip(COPIES, (first, second), strict=True):
        (tmp_path / name).unlink()
        if damage is not None:
            (tmp_path / name).write_bytes(damage)
    with pytest.raises(VerificationError) as caught:
        store.read()
    assert caught.value.code == "STATE_DAMAGED"
    with pytest.raises(VerificationError):
        store.store(HIGH)
    assert store.lowest() == 0, "a start is never refused for it"


def test_a_document_of_another_kind_is_damage(store: FloorStore, tmp_path: Path) -> None:
    from sealcast.client.checked import write_checked

    for name in COPIES:
        write_checked(tmp_path / name, b'{"type":"sealcast/floor/9"}')
    with pytest.raises(VerificationError):
        store.read()


def test_a_power_cut_between_the_copies_keeps_the_newer(store: FloorStore, tmp_path: Path) -> None:
    old = (tmp_path / COPIES[1]).read_bytes()
    store.store(HIGH)
    (tmp_path / COPIES[1]).write_bytes(old)
    assert store.read().timestamp == HIGH.timestamp
    store.store(store.read())
    assert (tmp_path / COPIES[1]).read_bytes() == (tmp_path / COPIES[0]).read_bytes()


def test_what_says_nothing_new_is_not_written(store: FloorStore, tmp_path: Path) -> None:
    store.store(HIGH)
    before = [(tmp_path / name).stat() for name in COPIES]
    store.store(HIGH)
    assert [(tmp_path / name).stat() for name in COPIES] == before


def test_the_largest_metadata_that_is_accepted_fits_into_the_floor(store: FloorStore) -> None:
    """Else whoever signs it, with a stolen key say, stops the device until somebody comes to it."""

    def mark(number: int, *roles: str) -> Mark:
        return Mark(number=number, metadata="A" * (sum(LIMITS[role] for role in roles) * 4 // 3 + 4))

    timestamp, role = mark(1, "timestamp"), mark(2, "targets")
    store.store(Floor(timestamp=timestamp, issued=timestamp, snapshot=mark(3, "snapshot"), revision=role, lowest=role))
    assert store.lowest() == 2

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from sealcast.client.exchange import exchange
from tests.unit.client.test_slots import Kit


def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(b"")
    return tmp_path / "one", tmp_path / "two"


def test_two_folders_take_each_others_name_or_nothing_happens(tmp_path: Path) -> None:
    one, two = folders(tmp_path)
    done = exchange(one, two)
    assert (one / "two").exists() is done
    assert (two / "one").exists() is done


def test_where_one_is_missing_nothing_happens(tmp_path: Path) -> None:
    one, _ = folders(tmp_path)
    assert not exchange(one, tmp_path / "nothing")
    assert (one / "one").exists()


@pytest.mark.parametrize("error", [TypeError, AttributeError, OSError])
def test_a_system_without_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def none(*_: object, **__: object) -> object:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", none)
    one, two = folders(tmp_path)
    assert not exchange(one, two)
    assert (one / "one").exists()


def test_a_slot_is_replaced_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In two steps, the slot gone for the instant between them: a start then takes the release before it."""
    monkeypatch.setattr("sealcast.client.exchange.exchange", lambda *_: False)
    kit = Kit(tmp_path)
    digest = kit.install()
    (kit.slots.files(digest) / "sub/data").write_bytes(b"bad")
    assert kit.install() == digest
    assert kit.slots.is_intact(digest)
    kit.slots.clean_up({digest[:32]})
    assert not list((tmp_path / "trash").iterdir())

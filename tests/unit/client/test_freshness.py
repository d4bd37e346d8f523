from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealcast.client.freshness import State, freshness
from sealcast.values import format_time

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LIVES = {"root": 365, "targets": 180, "snapshot": 21, "timestamp": 7, "demo-stable": 90, "demo-halt": 365}


def write(folder: Path, **days: float) -> None:
    (folder / "metadata").mkdir(exist_ok=True)
    for role, life in LIVES.items():
        left = days.get(role.replace("-", "_"), life * 0.9)
        text = format_time(NOW + timedelta(days=left))
        (folder / "metadata" / f"{role}.json").write_text(json.dumps({"signed": {"expires": text}}))


def test_new_signatures_are_fresh(tmp_path: Path) -> None:
    write(tmp_path)
    found = freshness(tmp_path, "demo", "stable", NOW)
    assert (found.state, found.role) == (State.FRESH, "timestamp"), "the first to end"


@pytest.mark.parametrize("role", LIVES)
def test_under_a_quarter_of_its_life_a_role_is_stale_then_expired(tmp_path: Path, role: str) -> None:
    name = role.replace("-", "_")
    for share, state in ((0.26, State.FRESH), (0.24, State.STALE), (0.0, State.EXPIRED), (-1.0, State.EXPIRED)):
        write(tmp_path, **{name: LIVES[role] * share})
        found = freshness(tmp_path, "demo", "stable", NOW)
        assert found.state is state
        assert state is State.FRESH or found.role == role


def test_the_worst_role_counts(tmp_path: Path) -> None:
    write(tmp_path, timestamp=1, snapshot=-1, root=-3)
    found = freshness(tmp_path, "demo", "stable", NOW)
    assert (found.state, found.role) == (State.EXPIRED, "root")
    assert found.expires == NOW - timedelta(days=3)


@pytest.mark.parametrize(
    "data", [None, "", "[]", '{"signed":{}}', '{"signed":{"expires":5}}', '{"signed":{"expires":"x"}}']
)
def test_what_cannot_be_read_is_unknown(tmp_path: Path, data: str | None) -> None:
    write(tmp_path)
    path = tmp_path / "metadata" / "snapshot.json"
    path.unlink() if data is None else path.write_text(data)
    assert freshness(tmp_path, "demo", "stable", NOW).state is State.UNKNOWN


def test_a_timestamp_says_itself_how_long_it_lasts(tmp_path: Path) -> None:
    write(tmp_path)
    for hours, state in ((6.1, State.FRESH), (5.9, State.STALE)):
        signed = {
            "expires": format_time(NOW + timedelta(hours=hours)),
            "x-sealcast": {"issued": format_time(NOW + timedelta(hours=hours - 24))},
        }
        (tmp_path / "metadata" / "timestamp.json").write_text(json.dumps({"signed": signed}))
        assert freshness(tmp_path, "demo", "stable", NOW).state is state

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sealcast.cli import edge, opened

from .conftest import Run


def at(monkeypatch: pytest.MonkeyPatch, **later: int) -> None:
    """Let the command line's clock be ahead."""
    ahead = timedelta(**later)
    monkeypatch.setattr(edge, "now", lambda: datetime.now(UTC) + ahead)


def test_a_lone_maintainer_gets_a_workspace(
    run: Run, tmp_path: Path, passphrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEALCAST_PASSPHRASE", passphrase)
    said = run("init", "updates", "--app", "demo", "--solo")
    assert said.status == 0
    assert said.out.startswith("Made the workspace updates for the app demo.")
    assert "Next: sealcast -C updates release add PATH --version 1.0.0" in said.out
    assert "whoever takes it over can sign anything" in said.err
    assert (tmp_path / "updates" / "metadata" / "1.root.json").is_file()
    assert b"ENCRYPTED" in (tmp_path / "updates" / "keys" / "root.pem").read_bytes()


def test_a_workspace_for_machines(run: Run, tmp_path: Path) -> None:
    channels = ("--channel", "stable", "--channel", "beta")
    said = run("init", tmp_path / "ws", "--app", "demo", *channels, "--solo", "--no-passphrase", "--json")
    assert said.status == 0
    assert said.document == {
        "workspace": str(tmp_path / "ws"),
        "app": "demo",
        "channels": ["stable", "beta"],
        "root": str(tmp_path / "ws" / "metadata" / "1.root.json"),
    }


def test_one_passphrase_is_asked_for_once_and_a_keys_own_variable_counts(
    run: Run, tmp_path: Path, passphrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(_session: object, question: str, **_: object) -> str:
        asked.append(question)
        return passphrase

    monkeypatch.setattr("sealcast.cli.secrets.secret", answer)
    monkeypatch.setattr("sealcast.cli.secrets.can_ask", lambda _: True)
    monkeypatch.setenv("SEALCAST_PASSPHRASE_ROOT", f"{passphrase}-root")
    assert run("init", tmp_path / "ws", "--app", "demo", "--solo").status == 0
    assert asked == ["New passphrase of all keys"]
    monkeypatch.setenv("SEALCAST_PASSPHRASE", passphrase)
    assert run("key", "passwd", tmp_path / "ws/keys/halt.pem", "--dry-run").status == 0
    monkeypatch.delenv("SEALCAST_PASSPHRASE_ROOT")
    assert run("key", "passwd", tmp_path / "ws/keys/root.pem", "--dry-run").code == "WRONG_PASSPHRASE"


@pytest.mark.parametrize(
    ("options", "code", "status"),
    [
        (["--app", "demo"], "NO_HOLDERS", 2),
        (["--app", "Demo!", "--solo", "--no-passphrase"], "UNSAFE_NAME", 2),
        (["--app", "demo", "--channel", "halt", "--solo", "--no-passphrase"], "NAME_TAKEN", 2),
        (["--app", "demo", "--solo"], "NO_PASSPHRASE", 5),
        (["--solo"], "USAGE", 2),
    ],
)
def test_what_no_workspace_is_made_of(run: Run, tmp_path: Path, options: list[str], code: str, status: int) -> None:
    said = run("init", tmp_path / "ws", *options)
    assert (said.status, said.code) == (status, code)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(run: Run, place: Path) -> None:
    said = run("init", "old", "--app", "demo", "--solo", "--no-passphrase")
    assert (said.status, said.code) == (3, "FOLDER_NOT_EMPTY")


def test_status_shows_channels_and_roles(run: Run, place: Path) -> None:
    said = run("-C", "ws", "status")
    assert said.status == 0
    assert f"Workspace {place / 'ws'}" in said.out
    rows = [line.split() for line in said.out.splitlines()]
    assert ["demo/stable", "1.1.0"] in rows
    assert ["demo/beta"] in rows
    assert next(row for row in rows if row[:1] == ["root"])[-2:] == ["good", "root"]
    assert "Next:" not in said.out


def test_status_says_what_is_due_and_what_expired(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, days=15)
    said = run("-C", "ws", "status")
    states = {
        row[0]: row
        for row in map(str.split, said.out.splitlines())
        if row and row[0] in {"timestamp", "snapshot", "root"}
    }
    assert "expired" in states["timestamp"]
    assert "due" in states["snapshot"]
    assert "good" in states["root"]
    assert said.out.endswith("Next: sealcast -C ws refresh\n")
    document = run("-C", "ws", "status", "--json").document
    assert document["due"] == ["snapshot", "timestamp"]
    assert {"app": "demo", "channel": "stable", "stable": "1.1.0", "candidate": ""} in document["channels"]
    timestamp = next(role for role in document["roles"] if role["role"] == "timestamp")
    assert (timestamp["due_now"], timestamp["expired"], timestamp["holders"]) == (True, True, ["online"])
    assert [len(keyid) for keyid in timestamp["keys"]] == [64]


def test_a_threshold_is_told_where_there_is_a_choice() -> None:
    from sealcast.cli.workspace import _signers
    from sealcast.publisher import RoleStatus

    now = datetime.now(UTC)
    assert _signers(RoleStatus("root", 1, now, now, 2, ("alice", "bob", "carol"))) == "2 of alice, bob, carol"


def test_without_a_workspace(run: Run, tmp_path: Path) -> None:
    said = run("-C", tmp_path, "status")
    assert (said.status, said.code) == (2, "NO_WORKSPACE")


def test_refresh_signs_what_is_due(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("-C", "ws", "refresh").out == "Nothing is due.\n"
    at(monkeypatch, days=2)
    said = run("-C", "ws", "refresh", "--dry-run")
    assert said.out == "Would sign again: timestamp.\n"
    said = run("-C", "ws", "refresh")
    assert said.out.startswith("Signed again: timestamp.\n")
    assert "Next: sealcast -C ws publish DEST" in said.out
    assert run("-C", "ws", "refresh", "--json").document == {
        "signed": [],
        "elsewhere": [],
        "policies": [],
        "dry_run": False,
    }


def test_refresh_says_what_others_must_sign(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = place / "ws" / "sealcast.toml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(line for line in lines if "keys/root.pem" not in line))
    at(monkeypatch, days=360)
    said = run("-C", "ws", "refresh", "--dry-run")
    assert said.status == 0
    assert "note: root is due, and its signers are not on this machine." in said.err
    assert "root" not in said.out


def test_a_signer_is_found_from_the_current_folder(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = place / "ws" / "sealcast.toml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(line for line in lines if "keys/online.pem" not in line))
    at(monkeypatch, days=2)
    assert run("-C", "ws", "refresh", "--json").document["elsewhere"] == ["timestamp"]
    said = run("-C", "ws", "refresh", "--signer", "file:ws/keys/online.pem", "--json")
    assert said.document["signed"] == ["timestamp"]


@pytest.mark.parametrize("limit", [7, 8])
def test_too_many_roles_are_advised_against(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opened, "ROLES_ADVISED", limit)
    channels = [word for name in ("a", "b", "c") for word in ("--channel", name)]
    said = [
        run("init", "ws", "--app", "demo", "--solo", "--no-passphrase", *channels),  # four, the halt role, and these
        run("-C", "ws", "status"),
        run("-C", "ws", "build", "site"),
    ]
    assert [one.status for one in said] == [0, 0, 0]
    assert ["this repository has 8 roles" in one.err for one in said] == [limit == 7] * 3

"""One change at a time, numbers that are never used twice, and metadata as the specification wants it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sealcast.errors import ConfigError, RepositoryError, SealcastError
from sealcast.model.keys import key_id
from sealcast.publisher import Repository, Workspace
from sealcast.publisher.workspace import MAX_STEP
from sealcast.values import content_of
from sealcast.verify import check_metadata
from tests.unit.publisher.workshop import V1, V2, Files, Time, digests, temporaries

Tree = Callable[[str, Files], Path]
Reopen = Callable[[], Repository]


def refusal(action: Callable[[], object]) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    return caught.value


def signed(path: Path) -> Any:
    return json.loads(path.read_bytes())["signed"]


# ------------------------------------------------------------------------------------------------------- one at a time

HOLDER = """
import sys
from pathlib import Path
from sealcast.publisher import Workspace
with Workspace(Path(sys.argv[1])).changing():
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other_command(ws: Path) -> Any:
    """A second process that holds the workspace until it is told to end, or killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(ws)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_two_commands_at_once(repo: Repository, tree: Tree, other_command: subprocess.Popen[str]) -> None:
    before = digests(repo.workspace.folder)
    for action in (
        lambda: repo.add_release(tree("one", V1), version="1.0.0", channel="stable"),
        lambda: repo.promote("beta", "stable"),
        lambda: repo.remove_release("1.0.0"),
        repo.refresh,
    ):
        error = refusal(action)
        assert isinstance(error, RepositoryError)
        assert (error.code, error.hint != "") == ("BUSY", True)
    assert digests(repo.workspace.folder) == before
    repo.status()  # looking is always possible
    repo.channels()
    repo.build(repo.workspace.folder.parent / "site")


@pytest.mark.parametrize("end", ["kill", "finish"])
def test_the_workspace_is_free_as_soon_as_the_other_ends(
    repo: Repository, tree: Tree, other_command: subprocess.Popen[str], end: str
) -> None:
    if end == "kill":
        other_command.kill()
    else:
        assert other_command.stdin
        other_command.stdin.write("\n")
        other_command.stdin.close()
    other_command.wait()
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")


def test_many_at_once_end_in_one_history(ws: Path, tree: Tree, clock: Time) -> None:
    one = tree("one", V1)
    outcomes: list[str] = []

    def add() -> None:
        try:
            Repository.open(ws, clock=clock).add_release(one, version="1.0.0", channel="stable")
            outcomes.append("added")
        except RepositoryError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"added", "BUSY"}
    assert "added" in outcomes
    assert Repository.open(ws, clock=clock).workspace.load().timestamp.signed.version == 2


# ------------------------------------------------------------------------------------------------------- numbers


def leave(repo: Repository, name: str, like: str) -> Path:
    """Leave what a killed command would leave."""
    path = repo.workspace.metadata / name
    path.write_bytes((repo.workspace.metadata / like).read_bytes())
    return path


def test_a_number_is_never_used_twice(repo: Repository, tree: Tree) -> None:
    left = {leave(repo, "2.demo-stable.json", "1.demo-stable.json"), leave(repo, "7.snapshot.json", "1.snapshot.json")}
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    state = repo.workspace.load()
    assert (state.version("demo-stable"), state.version("snapshot")) == (3, 8)
    assert not any(path.exists() for path in left)
    abandoned = repo.workspace.cache / "abandoned"
    assert {path.name for path in abandoned.iterdir()} == {path.name for path in left}
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    assert repo.workspace.load().version("snapshot") == 9


def test_what_was_never_committed_is_not_published(repo: Repository, tree: Tree, tmp_path: Path) -> None:
    # Signed, and given up, perhaps for a reason.
    leave(repo, "2.demo-stable.json", "1.demo-stable.json")
    leave(repo, "2.snapshot.json", "1.snapshot.json")
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(tmp_path / "site")
    assert sorted(path.name for path in (tmp_path / "site" / "metadata").glob("*.snapshot.json")) == [
        "1.snapshot.json",
        "3.snapshot.json",
    ]
    assert not (tmp_path / "site" / "metadata" / "2.demo-stable.json").exists()


@pytest.mark.parametrize("name", [f"{2**40}.snapshot.json", f"{MAX_STEP + 2}.demo-stable.json"])
def test_a_number_far_off_is_refused(repo: Repository, tree: Tree, name: str) -> None:
    # Devices that saw version 2^40 would refuse all below it for ever.
    leave(repo, name, "1.snapshot.json")
    for _ in range(2):
        error = refusal(lambda: repo.add_release(tree("one", V1), version="1.0.0", channel="stable"))
        assert error.code == "VERSION_JUMP"
        assert name in error.hint
    assert repo.workspace.load().timestamp.signed.version == 1
    (repo.workspace.cache / "abandoned" / name).unlink()
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    repo: Repository, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealcast.publisher.workspace.create_durably", lambda *_: False)
    with repo.workspace.changing() as state:
        error = refusal(lambda: repo.workspace.commit(state, {}, repo._signatory, clock()))
        assert error.code == "WORKSPACE_DAMAGED"
        error = refusal(lambda: repo.workspace.renew_root(state, repo._signatory, clock()))
        assert error.code == "WORKSPACE_DAMAGED"


def test_unfinished_files_are_cleared_away(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    folder = repo.workspace.folder
    for path in folder.rglob("*"):
        if path.is_dir() and path.name != "keys":
            (path / ".tmp-left").write_text("half")
    (folder / ".sealcast" / ".tmp-folder").mkdir()
    (folder / ".sealcast" / ".tmp-folder" / "archive").write_text("half")
    (folder / ".tmp-init-ready").mkdir()
    assert len(temporaries(folder)) > 8
    repo.refresh()  # the command before ended well: nobody looks
    assert len(temporaries(folder)) > 8
    (folder / ".sealcast" / "settled").unlink()
    repo.refresh()
    assert temporaries(folder) == []


def test_the_mark_of_a_good_end_is_of_one_state_and_of_commands_that_can_mend(repo: Repository, tree: Tree) -> None:
    mark = repo.workspace.folder / ".sealcast" / "settled"
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    assert mark.read_text() == content_of((repo.workspace.metadata / "timestamp.json").read_bytes()).sha256
    repo.refresh()
    assert mark.exists()
    with pytest.raises(RepositoryError):
        repo.remove_release("9.9.9")
    assert not mark.exists()
    repo.refresh()
    assert not mark.exists()  # it knows nothing of the catalogue
    repo.promote("stable", "beta", dry_run=True)
    assert mark.exists()
    mark.write_text("0" * 64)  # brought along from another workspace
    seen: list[object] = []
    with repo.workspace.changing(seen.append):
        assert len(seen) == 1
    with repo.workspace.changing(seen.append):
        assert len(seen) == 1


# ------------------------------------------------------------------------------------------------------- targets


def test_a_damaged_target_is_named_and_replaced_when_it_is_made_again(repo: Repository) -> None:
    entry = repo.workspace.add_target("demo/stable/x.json", b"right")
    (path,) = (repo.workspace.folder / "targets/demo/stable").glob("*.x.json")
    assert repo.workspace.read_target(entry) == b"right"
    path.write_bytes(b"wrong")
    assert refusal(lambda: repo.workspace.read_target(entry)).code == "WORKSPACE_DAMAGED"
    path.unlink()
    assert refusal(lambda: repo.workspace.read_target(entry)).code == "WORKSPACE_DAMAGED"
    path.write_bytes(b"torn")
    assert repo.workspace.add_target("demo/stable/x.json", b"right") == entry
    assert path.read_bytes() == b"right"


@pytest.mark.parametrize("name", ["policy.json", "channel.json"])
def test_a_damaged_document_stops_every_change(repo: Repository, tree: Tree, name: str) -> None:
    path = next(iter((repo.workspace.folder / "targets").rglob(f"*.{name}")))
    path.write_bytes(b"{}")
    for action in (
        repo.channels,
        lambda: repo.add_release(tree("one", V1), version="1.0.0", channel="stable"),
        lambda: repo.build(repo.workspace.folder.parent / "site"),
    ):
        error = refusal(action)
        assert error.code == "WORKSPACE_DAMAGED"
        assert name in error.what


def test_a_channel_that_no_role_signs_is_named(repo: Repository, clock: Time) -> None:
    with repo.workspace.changing() as state:
        repo.workspace.commit(state, {"demo-stable": []}, repo._signatory, clock())
    error = refusal(repo.channels)
    assert (error.code, "stable" in error.what) == ("WORKSPACE_DAMAGED", True)


@pytest.mark.parametrize("text", ["", "[apps", "apps = 3", "[apps.demo]\nchanels = []", "\xff"])
def test_a_broken_configuration(ws: Path, text: str) -> None:
    (ws / "sealcast.toml").write_text(text, encoding="latin-1")
    error = refusal(lambda: Workspace(ws))
    assert isinstance(error, ConfigError)
    assert error.code == "BAD_CONFIG"


# ----------------------------------------------------------------------------------------- as the specification wants


@pytest.fixture
def lived(repo: Repository, tree: Tree, clock: Time) -> Repository:
    repo.add_release(tree("one", V1), version="1.0.0-rc.1+build.5", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="beta")
    repo.promote("beta", "stable")
    clock.forward(days=250)
    repo.refresh()
    return repo


def test_keys_have_the_ids_of_the_specification_and_no_field_of_ours(lived: Repository) -> None:
    found = 0
    for name in ("1.root.json", "2.root.json", "2.targets.json"):
        holder = signed(lived.workspace.metadata / name)
        for keyid, key in holder.get("delegations", holder)["keys"].items():
            assert set(key) == {"keytype", "scheme", "keyval"}
            assert set(key["keyval"]) == {"public"}
            assert key_id(key) == keyid
            found += 1
    assert found == 6


def test_no_public_key_stands_twice(lived: Repository) -> None:
    for name in ("2.root.json", "2.targets.json"):
        holder = signed(lived.workspace.metadata / name)
        public = [key["keyval"]["public"] for key in holder.get("delegations", holder)["keys"].values()]
        assert len(set(public)) == len(public)


def test_every_file_passes_the_rules_of_clients(lived: Repository) -> None:
    for path in lived.workspace.metadata.glob("*.json"):
        check_metadata(path.read_bytes(), path.name.removesuffix(".json").rpartition(".")[2])


def test_every_listed_file_has_a_length_and_one_digest(lived: Repository) -> None:
    for path in lived.workspace.metadata.glob("*.json"):
        for entry in signed(path).get("meta", {}).values():
            assert set(entry) == {"version", "length", "hashes"}
            assert set(entry["hashes"]) == {"sha256"}
    for entry in lived.workspace.load().listed.values():
        assert set(entry.hashes) == {"sha256"}


def test_names_never_leave_the_snapshot(lived: Repository) -> None:
    numbers = sorted(int(path.name.split(".")[0]) for path in lived.workspace.metadata.glob("*.snapshot.json"))
    names = [set(signed(lived.workspace.metadata / f"{number}.snapshot.json")["meta"]) for number in numbers]
    assert len(names) == 5
    assert all(before <= after for before, after in pairwise(names))


def test_versions_rise_by_one_and_nothing_else_changes_them(lived: Repository) -> None:
    state = lived.workspace.load()
    assert (state.version("snapshot"), state.timestamp.signed.version) == (5, 5)
    assert (state.version("demo-stable"), state.version("demo-beta"), state.version("demo-halt")) == (4, 3, 2)


def test_target_paths_mean_the_same_in_every_client(lived: Repository) -> None:
    paths = list(lived.workspace.load().listed)
    assert len(paths) == 7
    for path in paths:
        assert not set(path) & set("#?%+ \\:"), path
        assert path.isascii()


def test_each_role_owns_its_folder_and_nothing_else(lived: Repository) -> None:
    targets = signed(lived.workspace.metadata / "2.targets.json")
    assert {role["name"]: role["paths"] for role in targets["delegations"]["roles"]} == {
        "demo-stable": ["demo/stable/*"],
        "demo-beta": ["demo/beta/*"],
        "demo-halt": ["demo/halt/*"],
    }
    assert all(role["terminating"] for role in targets["delegations"]["roles"])
    for name, role in lived.workspace.load().roles.items():
        prefix = name.replace("-", "/") + "/" if name != "targets" else "demo/policy.json"
        assert all(path.startswith(prefix) for path in role.signed.targets)


def test_the_timestamp_says_when_it_was_signed(lived: Repository, clock: Time) -> None:
    timestamp = signed(lived.workspace.metadata / "timestamp.json")
    assert timestamp["x-sealcast"] == {"issued": f"{clock():%Y-%m-%dT%H:%M:%SZ}"}


def test_the_first_root_says_who_holds_what(lived: Repository) -> None:
    ours = signed(lived.workspace.metadata / "1.root.json")["x-sealcast"]
    assert set(ours) == {"repository", "holders"}
    assert len(bytes.fromhex(ours["repository"])) == 16
    assert sorted(ours["holders"].values()) == ["channel", "halt", "online", "root"]
    assert signed(lived.workspace.metadata / "2.root.json")["x-sealcast"] == ours
    assert signed(lived.workspace.metadata / "1.root.json")["consistent_snapshot"] is True


def test_lives_are_those_of_the_configuration(
    ws: Path, reopen: Reopen, clock: Time, tree: Tree, setting: Callable[[str, str], None]
) -> None:
    setting("channel = 90", "channel = 30")
    setting("timestamp = 7", "timestamp = 2")
    reopen().add_release(tree("one", V1), version="1.0.0", channel="stable")
    state = reopen().workspace.load()
    assert state.roles["demo-stable"].signed.expires - clock() == timedelta(days=30)
    assert state.timestamp.signed.expires - clock() == timedelta(days=2)
    assert state.snapshot.signed.expires - clock() == timedelta(days=21)


def test_what_clients_would_refuse_is_not_written(
    repo: Repository, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"root": 10**6, "timestamp": 10**6, "snapshot": 1500, "targets": 10**6}
    monkeypatch.setattr("sealcast.verify.metadata.LIMITS", limits)
    before = digests(repo.workspace.metadata)
    with repo.workspace.changing() as state:
        entry = state.snapshot.signed.meta["targets.json"]
        state.snapshot.signed.meta.update({f"role-{number}.json": entry for number in range(20)})
        error = refusal(lambda: repo.workspace.commit(state, {}, repo._signatory, clock()))
    assert error.code == "TOO_LARGE"
    assert digests(repo.workspace.metadata) == before


def test_a_lock_file_left_behind_locks_nobody_out(ws: Path, repo: Repository) -> None:
    (ws / ".sealcast").mkdir(exist_ok=True)
    (ws / ".sealcast" / "lock").write_text("left by a killed command")
    repo.refresh()

"""The workspace's signed state: every byte of it is proved before anything is built on it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealcast.errors import RepositoryError
from sealcast.model.roles import listed, next_snapshot, next_timestamp, role_targets
from sealcast.publisher import Repository
from sealcast.publisher.state import State, load_state, stored_numbers
from tests.unit.publisher.workshop import V1, Files, Time

Tree = Callable[[str, Files], Path]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, pristine: Path) -> Path:
    """The metadata of a workspace with a release and two roots."""
    from tests.unit.publisher.workshop import this_second, write

    folder = tmp_path_factory.mktemp("lived")
    clock = this_second()
    repository = Repository.open(shutil.copytree(pristine, folder / "ws"), clock=clock)
    repository.add_release(write(folder / "one", V1), version="1.0.0", channel="stable")
    clock.forward(days=250)
    repository.refresh()
    return repository.workspace.metadata


@pytest.fixture
def metadata(tmp_path: Path, lived: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "metadata"))


CURRENT = ("timestamp.json", "1.root.json", "2.root.json", "3.snapshot.json", "2.targets.json", "3.demo-stable.json")


def refusal(folder: Path) -> RepositoryError:
    with pytest.raises(RepositoryError) as caught:
        load_state(folder)
    assert caught.value.code == "WORKSPACE_DAMAGED"
    assert caught.value.hint
    return caught.value


def test_what_is_loaded(metadata: Path, clock: Time) -> None:
    state = load_state(metadata)
    assert {role: state.version(role) for role in ("root", "snapshot", "targets", "demo-stable", "demo-nightly")} == {
        "root": 2, "snapshot": 3, "targets": 2, "demo-stable": 3, "demo-nightly": 0,
    }  # fmt: skip
    assert state.timestamp_bytes == (metadata / "timestamp.json").read_bytes()
    assert set(state.roles) == {"targets", "demo-stable", "demo-beta", "demo-halt"}
    assert "demo/policy.json" in state.listed
    assert "demo/stable/demo-1.0.0-any.tar.zst" in state.listed
    assert state.issued > clock()


# The newest root is not listed anywhere: without it, the workspace is an older one, which publishing finds out.
@pytest.mark.parametrize("name", [name for name in CURRENT if name != "2.root.json"])
def test_a_file_that_is_missing_is_named(metadata: Path, name: str) -> None:
    (metadata / name).unlink()
    assert name in refusal(metadata).what


@pytest.mark.parametrize("name", CURRENT)
def test_any_flipped_bit_is_found(metadata: Path, name: str) -> None:
    path, dice = metadata / name, random.Random(name)
    whole = path.read_bytes()
    value = json.loads(whole)
    for _ in range(40):
        data = bytearray(whole)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        try:
            changed = json.loads(data) != value
        except ValueError:
            changed = True
        # A letter of a signature in the other case is the same signature: only that may pass in a file nobody lists.
        if changed and data.lower() != whole.lower():
            refusal(metadata)


@pytest.mark.parametrize("name", CURRENT)
@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"not json", b'{"signed": {}}', b"\xff\xfe"])
def test_anything_else_in_its_place_is_found(metadata: Path, name: str, data: bytes) -> None:
    (metadata / name).write_bytes(data)
    refusal(metadata)


@pytest.mark.parametrize("name", CURRENT)
def test_a_file_cut_anywhere_is_found(metadata: Path, name: str) -> None:
    whole = (metadata / name).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 9)):
        (metadata / name).write_bytes(whole[:length])
        refusal(metadata)


@pytest.mark.parametrize("name", CURRENT)
def test_a_directory_in_its_place_is_found(metadata: Path, name: str) -> None:
    (metadata / name).unlink()
    (metadata / name).mkdir()
    refusal(metadata)


def test_files_that_changed_places_are_found(metadata: Path) -> None:
    one, two = metadata / "3.demo-stable.json", metadata / "2.targets.json"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    refusal(metadata)
    two.write_bytes(second)
    one.write_bytes((metadata / "2.demo-stable.json").read_bytes())  # an older one, rightly signed
    refusal(metadata)
    one.write_bytes(first)
    (metadata / "timestamp.json").write_bytes((metadata / "3.snapshot.json").read_bytes())
    refusal(metadata)


def test_a_hole_in_the_chain_of_roots_is_found(metadata: Path) -> None:
    shutil.copyfile(metadata / "2.root.json", metadata / "4.root.json")
    refusal(metadata)
    (metadata / "4.root.json").unlink()
    shutil.copyfile(metadata / "2.root.json", metadata / "3.root.json")  # its version is 2
    refusal(metadata)


# ----------------------------------------------------------------------------- rightly signed, and still not whole


class Forger:
    """Signs with the workspace's own keys what its own code would not."""

    def __init__(self, repository: Repository) -> None:
        self.repository, self.workspace = repository, repository.workspace
        self.state = self.workspace.load()

    def sign(self, role: str, signed: Any) -> bytes:
        return self.repository._signatory.sign(role, signed, self.state.root.signed, self.state.targets)

    def write(self, name: str, data: bytes) -> None:
        (self.workspace.metadata / name).write_bytes(data)

    def publish(self, meta: dict[str, Any], clock: Time) -> None:
        snapshot = self.sign("snapshot", next_snapshot(9, meta, self.state.snapshot.signed.expires))
        self.write("9.snapshot.json", snapshot)
        self.timestamp(next_timestamp(9, listed(9, snapshot), clock(), self.state.timestamp.signed.expires))

    def timestamp(self, signed: Any) -> None:
        self.write("timestamp.json", self.sign("timestamp", signed))


@pytest.fixture
def forger(repo: Repository) -> Forger:
    return Forger(repo)


@pytest.mark.parametrize("role", ["targets", "demo-stable"])
def test_a_snapshot_that_leaves_a_role_out(forger: Forger, clock: Time, role: str) -> None:
    meta = {name: entry for name, entry in forger.state.snapshot.signed.meta.items() if name != f"{role}.json"}
    forger.publish(meta, clock)
    assert "does not list" in refusal(forger.workspace.metadata).what


def test_a_role_signed_by_another_s_key(forger: Forger, clock: Time) -> None:
    wrong = forger.sign("snapshot", role_targets(7, [], forger.state.targets.expires))
    forger.write("7.demo-stable.json", wrong)
    forger.publish({**forger.state.snapshot.signed.meta, "demo-stable.json": listed(7, wrong)}, clock)
    assert "demo-stable metadata is not signed" in refusal(forger.workspace.metadata).what


def test_another_version_under_the_number(forger: Forger, clock: Time) -> None:
    other = forger.sign("demo-stable", role_targets(8, [], forger.state.targets.expires))
    forger.write("7.demo-stable.json", other)
    forger.publish({**forger.state.snapshot.signed.meta, "demo-stable.json": listed(7, other)}, clock)
    assert "not the file that was signed" in refusal(forger.workspace.metadata).what


def test_a_key_under_two_ids_is_found_by_the_rules_of_clients(forger: Forger, clock: Time) -> None:
    targets = forger.state.targets
    assert targets.delegations
    targets.delegations.keys["f" * 64] = next(iter(targets.delegations.keys.values()))
    targets.version = 7
    twice = forger.sign("targets", targets)
    forger.write("7.targets.json", twice)
    forger.publish({**forger.state.snapshot.signed.meta, "targets.json": listed(7, twice)}, clock)
    assert "7.targets.json" in refusal(forger.workspace.metadata).what


def test_a_name_that_left_the_delegations_stays_in_the_snapshot(forger: Forger, clock: Time, repo: Repository) -> None:
    # The specification demands it: a client that saw the name refuses a snapshot without it.
    targets = forger.state.targets
    assert targets.delegations
    assert targets.delegations.roles
    del targets.delegations.roles["demo-beta"]
    targets.version = 7
    fewer = forger.sign("targets", targets)
    forger.write("7.targets.json", fewer)
    forger.publish({**forger.state.snapshot.signed.meta, "targets.json": listed(7, fewer)}, clock)
    state = load_state(forger.workspace.metadata)
    assert "demo-beta" not in state.roles
    assert "demo-beta.json" in state.snapshot.signed.meta
    clock.forward(days=15)
    with forger.workspace.changing() as held:
        after = forger.workspace.commit(held, {}, repo._signatory, clock())
    assert "demo-beta.json" in after.snapshot.signed.meta


@pytest.mark.parametrize("ours", [None, "now", {}, {"issued": 3}, {"issued": "yesterday"}])
def test_a_timestamp_that_does_not_say_when_it_was_signed(forger: Forger, ours: Any) -> None:
    timestamp = forger.state.timestamp.signed
    timestamp.unrecognized_fields = {} if ours is None else {"x-sealcast": ours}
    forger.timestamp(timestamp)
    assert "does not say when" in refusal(forger.workspace.metadata).what


def test_numbers_are_read_from_names_alone(tmp_path: Path) -> None:
    for name in (
        "1.root.json", "10.root.json", "2.root.json", "3.demo-stable.json", "timestamp.json", "x.root.json",
        "01.root.json", "0.root.json", "1.2.root.json", "-1.root.json", "1.Root.json", "9999999999999999.root.json",
        ".tmp-1.root.json", "1.root.json.bak",
    ):  # fmt: skip
        (tmp_path / name).touch()
    assert stored_numbers(tmp_path) == {"root": [1, 2, 10], "demo-stable": [3]}
    assert stored_numbers(tmp_path / "nowhere") == {}


def test_a_state_names_its_parts(forger: Forger) -> None:
    assert isinstance(forger.state, State)
    assert forger.state.targets is forger.state.roles["targets"].signed

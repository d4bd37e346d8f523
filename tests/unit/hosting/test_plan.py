"""The plan of a publication: what goes up, in which order, and the one step that makes it live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sealcast.errors import RepositoryError, TransferError, VerificationError
from sealcast.hosting import FolderStore, Plan, plan_upload
from sealcast.hosting.stores import IMMUTABLE_CACHE, MUTABLE_CACHE, TIMESTAMP

FILES = (
    "metadata/1.root.json",
    "metadata/10.root.json",
    "metadata/2.root.json",
    "metadata/1.snapshot.json",
    "metadata/1.targets.json",
    "objects/ab/cd",
    "targets/demo/stable/x.channel.json",
)


class Recorder(FolderStore):
    """A folder that writes down what is asked of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.done: list[str] = []

    def create(self, path: str, source: Path) -> bool:
        self.done.append(path)
        return super().create(path, source)

    def replace(self, path: str, data: bytes, tag: str | None) -> None:
        self.done.append(path)
        super().replace(path, data, tag)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name in FILES:
        path = tmp_path / "ws" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        found[name] = path
    return found


@pytest.fixture
def store(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "site")


def allowed(_: Mapping[str, bytes]) -> None:
    """What is about to become live may."""


def test_everything_goes_up_before_what_makes_it_live(files: dict[str, Path], store: Recorder) -> None:
    plan = plan_upload(files, b"timestamp", store)
    assert [upload.path for upload in plan.uploads] == [
        "objects/ab/cd",
        "targets/demo/stable/x.channel.json",
        "metadata/1.snapshot.json",
        "metadata/1.targets.json",
        "metadata/1.root.json",
        "metadata/2.root.json",
        "metadata/10.root.json",
    ]
    seen: list[str] = []

    def before_live(about: Mapping[str, bytes]) -> None:
        seen.extend(store.done)
        assert set(about) == {"metadata/1.root.json", "metadata/2.root.json", "metadata/10.root.json", TIMESTAMP}
        assert about[TIMESTAMP] == b"timestamp"
        assert about["metadata/2.root.json"] == b"metadata/2.root.json"

    plan.run(store, before_live)
    assert set(seen) == {upload.path for upload in plan.uploads[:4]}
    assert max(map(seen.index, seen[:2])) < min(
        map(seen.index, ["metadata/1.snapshot.json", "metadata/1.targets.json"])
    )
    assert store.done[4:] == ["metadata/1.root.json", "metadata/2.root.json", "metadata/10.root.json", TIMESTAMP]


def test_sizes_and_cache_rules(files: dict[str, Path], store: Recorder) -> None:
    plan = plan_upload(files, b"timestamp", store)
    assert plan.size == sum(len(name) for name in FILES) + len(b"timestamp")
    assert {upload.cache_control for upload in plan.uploads} == {IMMUTABLE_CACHE}
    assert (plan.timestamp.cache_control, plan.timestamp.size, plan.timestamp.path) == (MUTABLE_CACHE, 9, TIMESTAMP)
    assert (plan.changed, plan.kept, plan.live_tag) == (True, 0, None)


def test_the_same_again_is_nothing(files: dict[str, Path], store: Recorder) -> None:
    plan_upload(files, b"timestamp", store).run(store, allowed)
    plan = plan_upload(files, b"timestamp", store)
    assert (plan.uploads, plan.changed, plan.kept, plan.size) == ((), False, len(FILES), 0)
    store.done.clear()
    plan.run(store, lambda _: pytest.fail("nothing is about to become live"))
    assert store.done == []


def test_only_what_is_new_goes_up(files: dict[str, Path], store: Recorder, tmp_path: Path) -> None:
    plan_upload(files, b"one", store).run(store, allowed)
    more = tmp_path / "ws" / "metadata" / "2.snapshot.json"
    more.write_text("new")
    plan = plan_upload({**files, "metadata/2.snapshot.json": more}, b"two", store)
    assert [upload.path for upload in plan.uploads] == ["metadata/2.snapshot.json"]
    assert (plan.kept, plan.changed) == (len(FILES), True)
    store.done.clear()
    plan.run(store, allowed)
    assert store.done == ["metadata/2.snapshot.json", TIMESTAMP]


def test_a_later_root_follows_the_timestamp(files: dict[str, Path], store: Recorder, tmp_path: Path) -> None:
    """What is live before the timestamp is not signed by those whom a new root names."""
    plan_upload(files, b"one", store).run(store, allowed)
    root = tmp_path / "ws" / "metadata" / "11.root.json"
    root.write_text("next")
    store.done.clear()
    plan_upload({**files, "metadata/11.root.json": root}, b"two", store).run(store, allowed)
    assert store.done == [TIMESTAMP, "metadata/11.root.json"]


def test_a_root_without_a_new_timestamp_is_checked_too(files: dict[str, Path], store: Recorder, tmp_path: Path) -> None:
    plan_upload(files, b"one", store).run(store, allowed)
    root = tmp_path / "ws" / "metadata" / "11.root.json"
    root.write_text("next")
    plan = plan_upload({**files, "metadata/11.root.json": root}, b"one", store)
    about: list[str] = []
    plan.run(store, about.extend)
    assert about == ["metadata/11.root.json"]
    store.read(TIMESTAMP)


def test_an_object_that_was_lost_comes_back_and_nothing_switches(files: dict[str, Path], store: Recorder) -> None:
    plan_upload(files, b"one", store).run(store, allowed)
    (store.folder / "objects/ab/cd").unlink()
    plan = plan_upload(files, b"one", store)
    assert [upload.path for upload in plan.uploads] == ["objects/ab/cd"]
    plan.run(store, lambda _: pytest.fail("nothing is about to become live"))
    assert (store.folder / "objects/ab/cd").exists()


def test_what_is_refused_does_not_become_live(files: dict[str, Path], store: Recorder) -> None:
    def refuse(_: Mapping[str, bytes]) -> None:
        raise VerificationError("HASH_MISMATCH", "no")

    with pytest.raises(VerificationError):
        plan_upload(files, b"timestamp", store).run(store, refuse)
    assert store.read(TIMESTAMP) is None
    assert not list(store.folder.rglob("*.root.json"))


def test_a_number_that_somebody_took_is_seen_in_the_plan(files: dict[str, Path], store: Recorder) -> None:
    path = store.folder / "metadata" / "1.snapshot.json"
    path.parent.mkdir(parents=True)
    path.write_text("METADATA/1.SNAPSHOT.JSON")  # as long as ours
    with pytest.raises(RepositoryError) as caught:
        plan_upload(files, b"timestamp", store)
    assert (caught.value.code, caught.value.data["path"]) == ("STORE_CONFLICT", "metadata/1.snapshot.json")


def test_a_plan_does_not_follow_later_changes(files: dict[str, Path], store: Recorder) -> None:
    # Its timestamp is the one that its files belong to, whatever the workspace has by now.
    plan = plan_upload(files, b"planned", store)
    plan.run(store, allowed)
    live = store.read(TIMESTAMP)
    assert live is not None
    assert live.data == b"planned"


@pytest.mark.parametrize("when", ["before it ran", "while it was checked"])
def test_somebody_else_was_faster(files: dict[str, Path], store: Recorder, when: str) -> None:
    plan = plan_upload(files, b"ours", store)
    checked: list[Mapping[str, bytes]] = []

    def overtake(about: Mapping[str, bytes]) -> None:
        checked.append(about)
        FolderStore(store.folder).replace(TIMESTAMP, b"theirs", None)

    if when == "before it ran":
        overtake({})
    with pytest.raises(RepositoryError) as caught:
        plan.run(store, overtake)
    assert caught.value.code == "CONFLICT"
    assert len(checked) == 1
    assert bool(list(store.folder.rglob("*.root.json"))) == (when != "before it ran")
    live = store.read(TIMESTAMP)
    assert live is not None
    assert live.data == b"theirs"


def test_progress_reaches_the_end(files: dict[str, Path], store: Recorder) -> None:
    told: list[tuple[int, int, str]] = []
    plan: Plan = plan_upload(files, b"timestamp", store)
    plan.run(store, allowed, lambda *said: told.append(said))
    assert told[-1][:2] == (plan.size, plan.size)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


class Forgetful(FolderStore):
    """A folder that says of everything that it is not there."""

    def has(self, path: str, size: int) -> bool:
        return False


def test_the_first_failure_ends_it(files: dict[str, Path], tmp_path: Path) -> None:
    store = Forgetful(tmp_path / "site")
    (store.folder / "objects").mkdir(parents=True)
    (store.folder / "objects" / "ab").touch()  # a file where a folder is needed
    with pytest.raises(TransferError, match="objects/ab/cd"):
        plan_upload(files, b"timestamp", store).run(store, allowed)
    assert not (store.folder / "metadata").exists()

"""Publishing: readers see the old state or the new one, whatever happens in between."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealcast.errors import ConfigError, RepositoryError, SealcastError, TransferError, VerificationError
from sealcast.fetch import FolderSource
from sealcast.hosting import FolderStore
from sealcast.publisher import Repository, publication
from sealcast.publisher.manifests import Manifests
from sealcast.verify import View
from tests.unit.publisher.failpoints import NAMING, killed_at
from tests.unit.publisher.workshop import V1, V2, V3, Files, Time, digests, first_root, read_site, temporaries

Tree = Callable[[str, Files], Path]
Reopen = Callable[[], Repository]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def refusal(action: Callable[[], object]) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    return caught.value


def offered(site: Path, root: bytes) -> str | None:
    """What a new client of the stable channel is offered; None where nothing is published."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            view = View(FolderSource(site), root=root, folder=Path(folder))
        except (TransferError, VerificationError) as error:
            if error.code in {"NOT_A_REPOSITORY", "NOT_FOUND"} and not (site / "metadata/timestamp.json").exists():
                return None
            raise
        document = view.channel("demo", "stable")
        release = document.release(document.stable)
        return release.version if release else "nothing"


# ------------------------------------------------------------------------------------------------------- increments


def test_a_site_holds_what_it_should_and_nothing_else(repo: Repository, tree: Tree, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    report = repo.build(site)
    assert (report.deep, report.releases, report.findings) == (True, 1, ())
    found = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert {name.partition("/")[0] for name in found} == {"metadata", "targets", "objects"}
    assert not [name for name in found if "key" in name or name.endswith(".toml")]
    assert {name for name in found if name.startswith("metadata/")} == {
        "metadata/timestamp.json", "metadata/1.root.json", "metadata/1.targets.json", "metadata/1.snapshot.json",
        "metadata/2.snapshot.json", "metadata/1.demo-stable.json", "metadata/2.demo-stable.json",
        "metadata/1.demo-beta.json", "metadata/1.demo-halt.json", "metadata/.lock",
    }  # fmt: skip


def test_only_what_is_new_goes_up(repo: Repository, tree: Tree, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    first = repo.plan_publish(site)
    first.run()
    before = digests(site)
    assert repo.plan_publish(site).plan.uploads == ()
    assert repo.plan_publish(str(site)).run().findings == ()
    assert digests(site) == before

    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    plan = repo.plan_publish(site).plan
    kinds = [upload.path.partition("/")[0] for upload in plan.uploads]
    # A pack, a delta and a manifest; a channel document and an archive; a role and a snapshot.
    assert (kinds.count("objects"), kinds.count("targets"), kinds.count("metadata")) == (3, 2, 2)
    assert (plan.changed, plan.kept) == (True, len(first.plan.uploads))
    repo.plan_publish(site).run()
    after = digests(site, but="timestamp.json")
    assert {name: after[name] for name in before if "timestamp" not in name} == {
        name: digest for name, digest in before.items() if "timestamp" not in name
    }
    assert after.keys() - before.keys() == {upload.path for upload in plan.uploads}


def test_a_refresh_costs_one_file(repo: Repository, tree: Tree, clock: Time, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    clock.forward(days=1)
    repo.refresh()
    plan = repo.plan_publish(site).plan
    assert (plan.uploads, plan.changed, plan.size) == ((), True, plan.timestamp.size)


def test_a_promotion_uploads_no_pack(repo: Repository, tree: Tree, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    repo.build(site)
    repo.promote("beta", "stable")
    assert not [up for up in repo.plan_publish(site).plan.uploads if up.path.startswith("objects/")]


def test_planning_changes_nothing(repo: Repository, tree: Tree, site: Path, tmp_path: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    before = digests(tmp_path)
    repo.plan_publish(site)
    assert digests(tmp_path) == before
    assert not site.exists()


def test_a_plan_holds_while_the_workspace_goes_on(repo: Repository, tree: Tree, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    planned = repo.plan_publish(site)
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    planned.run()
    assert offered(site, first_root(repo)) == "1.0.0"
    repo.plan_publish(site).run()
    assert offered(site, first_root(repo)) == "1.1.0"


def test_progress_is_told(ws: Path, clock: Time, tree: Tree, site: Path) -> None:
    told: list[str] = []
    repository = Repository.open(ws, clock=clock, progress=lambda done, total, what: told.append(what.split()[0]))
    repository.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repository.build(site)
    assert set(told) == {"reading", "packing", "uploading"}


# ------------------------------------------------------------------------------------------------------- readers


def test_a_client_with_an_older_timestamp_finds_all_that_it_leads_to(
    repo: Repository, tree: Tree, clock: Time, site: Path, tmp_path: Path
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    old = (site / "metadata" / "timestamp.json").read_bytes()
    for number in range(5):  # until the first release is no longer kept
        repo.add_release(tree(f"n{number}", {**V2, "n": str(number)}), version=f"1.{number + 1}.0", channel="stable")
    for place, how in ((site, "over the old one"), (tmp_path / "fresh", "in its place")):
        repo.build(place)
        new = (place / "metadata" / "timestamp.json").read_bytes()
        (place / "metadata" / "timestamp.json").write_bytes(old)
        report = read_site(place, first_root(repo), clock)
        assert (report.findings, report.releases) == ((), 1), how
        (place / "metadata" / "timestamp.json").write_bytes(new)


def test_what_no_client_can_use_any_more_is_left_out_of_a_new_site(
    repo: Repository, tree: Tree, clock: Time, site: Path
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    clock.forward(days=40)
    repo.refresh()
    repo.build(site)
    assert sorted(path.name for path in (site / "metadata").glob("*.snapshot.json")) == ["3.snapshot.json"]
    assert (site / "metadata" / "1.root.json").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"{}"),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"0')),
        lambda path: path.write_bytes((path.parent / "timestamp.json").read_bytes()),
    ],
)
@pytest.mark.parametrize("name", ["1.snapshot.json", "1.demo-stable.json"])
def test_older_metadata_that_is_damaged_is_left_out(
    repo: Repository, tree: Tree, clock: Time, site: Path, damage: Callable[[Path], object], name: str
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    damage(repo.workspace.metadata / name)
    repo.build(site)
    assert not (site / "metadata" / name).exists()
    assert read_site(site, first_root(repo), clock).findings == ()


def test_older_objects_that_are_gone_are_left_out(
    repo: Repository, reopen: Reopen, tree: Tree, site: Path, setting: Callable[[str, str], None]
) -> None:
    setting("keep = 3", "keep = 1")
    setting("deltas = 3", "deltas = 0")
    for number in range(4):
        reopen().add_release(tree(f"n{number}", {"n": f"{number}" * 99}), version=f"1.{number}.0", channel="stable")
    first, second = (repo.release(f"1.{number}.0").builds["any"] for number in (0, 1))
    objects = repo.workspace.objects
    objects.path(first.manifest.pack.sha256).unlink()  # a manifest …
    objects.path(Manifests(objects).load(second).packs[0].sha256).unlink()  # … and a pack
    next((repo.workspace.folder / "targets/demo/stable").glob("*-1.0.0-any.tar.zst")).unlink()
    document = sorted((repo.workspace.folder / "targets/demo/stable").glob("*.channel.json"))
    live = {path for path in document if path.name in str(repo.workspace.load().listed)}
    next(path for path in document if path not in live).write_bytes(b"{}")
    reopen().build(site)
    assert offered(site, first_root(repo)) == "1.3.0"


def test_a_view_from_the_first_root_after_many(repo: Repository, tree: Tree, clock: Time, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    for _ in range(3):
        clock.forward(days=250)
        repo.refresh()
        repo.plan_publish(site).run()
    assert (site / "metadata" / "4.root.json").exists()
    assert read_site(site, first_root(repo), clock).findings == ()


# ------------------------------------------------------------------------------------------------------- kills


def test_a_kill_between_any_two_steps_leaves_the_old_state_or_the_new_one(
    repo: Repository, tree: Tree, clock: Time, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One upload at a time, so that each step is one file.
    monkeypatch.setattr("sealcast.hosting.plan.PARALLEL_UPLOADS", 1)
    root = first_root(repo)
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(tmp_path / "old")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    clock.forward(days=250)
    repo.refresh()  # and a new root
    planned = repo.plan_publish(tmp_path / "old")
    seen, at = [], 0
    while True:
        site = Path(shutil.copytree(tmp_path / "old", tmp_path / str(at)))
        planned = dataclasses.replace(planned, store=FolderStore(site), source=FolderSource(site))
        with killed_at(at, NAMING) as steps:
            planned.run()
        if not steps.hit:
            break
        seen.append(offered(site, root))
        if at % 4 == 0:  # the rest takes long, and is the same in between
            assert repo.plan_publish(site).run().findings == ()
            assert offered(site, root) == "1.1.0"
            assert temporaries(site) == []
        shutil.rmtree(site)
        at += 1
    assert set(seen) == {"1.0.0", "1.1.0"}
    assert seen == sorted(seen)
    assert at > 20


def test_a_kill_while_the_first_site_is_written(
    repo: Repository, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealcast.hosting.plan.PARALLEL_UPLOADS", 1)
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    for at in range(0, 40, 8):
        site = tmp_path / str(at)
        planned = repo.plan_publish(site)
        with killed_at(at, NAMING) as steps:
            planned.run(deep=True)
        assert steps.hit
        assert offered(site, first_root(repo)) in {None, "1.0.0"}
        repo.build(site)
        assert offered(site, first_root(repo)) == "1.0.0"


def test_killed_after_the_commit_is_published_already(
    repo: Repository, tree: Tree, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    real = FolderStore.replace

    def killed(self: FolderStore, path: str, data: bytes, tag: str | None) -> None:
        real(self, path, data, tag)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            repo.build(site)
    plan = repo.plan_publish(site).plan
    assert (plan.uploads, plan.changed) == ((), False)


# ------------------------------------------------------------------------------------------------------- others


@contextmanager
def copied(repo: Repository, folder: Path, clock: Time) -> Iterator[Repository]:
    """A second copy of the workspace, as a colleague or a backup has it."""
    shutil.copytree(repo.workspace.folder, folder)
    yield Repository.open(folder, clock=clock)


def test_two_publishers_at_once(repo: Repository, tree: Tree, clock: Time, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    slow = repo.plan_publish(site)
    clock.forward(days=1)
    repo.refresh()
    repo.plan_publish(site).run()
    live = digests(site)
    assert refusal(slow.run).code == "CONFLICT"
    assert digests(site, but=".unfinished") == live  # a note to the next one, who clears away what is left


def test_two_copies_that_both_went_on(repo: Repository, tree: Tree, clock: Time, site: Path, tmp_path: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    with copied(repo, tmp_path / "copy", clock) as other:
        repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
        repo.plan_publish(site).run()
        live = digests(site)
        other.add_release(tree("three", V3), version="1.1.0", channel="stable")
        assert refusal(lambda: other.plan_publish(site)).code == "DIVERGED_WORKSPACE"
        other.add_release(tree("three", V3), version="1.2.0", channel="stable", notes="and further")
        other.promote("stable", "beta")
        assert refusal(lambda: other.plan_publish(site)).code == "STORE_CONFLICT"
        assert digests(site) == live


def test_a_plan_that_was_overtaken_by_another_copy(
    repo: Repository, tree: Tree, clock: Time, site: Path, tmp_path: Path
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    with copied(repo, tmp_path / "copy", clock) as other:
        repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
        other.add_release(tree("three", V3), version="1.1.0", channel="stable")
        planned = other.plan_publish(site)
        repo.plan_publish(site).run()
        error = refusal(planned.run)
        assert isinstance(error, RepositoryError)
        assert error.code == "STORE_CONFLICT"  # the numbers are taken, with other bytes
    assert offered(site, first_root(repo)) == "1.1.0"
    assert read_site(site, first_root(repo), clock).findings == ()


def test_an_older_copy(repo: Repository, tree: Tree, clock: Time, site: Path, tmp_path: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    with copied(repo, tmp_path / "copy", clock) as backup:
        repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
        repo.build(site)
        live = digests(site)
        assert refusal(lambda: backup.plan_publish(site)).code == "OLDER_WORKSPACE"
        assert digests(site) == live


def test_a_copy_without_the_newest_root(repo: Repository, tree: Tree, clock: Time, site: Path) -> None:
    clock.forward(days=250)
    repo.refresh()
    repo.build(site)
    root = repo.workspace.metadata / "2.root.json"
    kept = root.read_bytes()
    root.unlink()
    assert refusal(lambda: repo.plan_publish(site)).code == "OLDER_WORKSPACE"
    clock.forward(days=1)
    repo.refresh()  # which signs another second root
    assert root.read_bytes() != kept
    assert refusal(lambda: repo.plan_publish(site)).code == "STORE_CONFLICT"


def test_somebody_else_s_repository(repo: Repository, tree: Tree, clock: Time, site: Path, tmp_path: Path) -> None:
    Repository.create_solo(tmp_path / "theirs", app="demo", encrypted=False, clock=clock).build(site)
    live = digests(site)
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    assert refusal(lambda: repo.build(site)).code == "FOREIGN_REPOSITORY"
    assert digests(site) == live


def test_a_jump_in_versions(repo: Repository, clock: Time, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.build(site)
    clock.forward(days=1)
    repo.refresh()
    monkeypatch.setattr("sealcast.publisher.destination.MAX_AHEAD", 0)
    assert refusal(lambda: repo.plan_publish(site)).code == "VERSION_JUMP"


@pytest.mark.parametrize("data", [b"", b"<html>", b"{}", b'{"signed":{"version":"x"}}', b'{"signed":[]}', b"null"])
def test_what_is_no_timestamp_is_replaced(repo: Repository, clock: Time, site: Path, data: bytes) -> None:
    repo.build(site)
    (site / "metadata" / "timestamp.json").write_bytes(data)
    repo.build(site)
    assert read_site(site, first_root(repo), clock).findings == ()


# --------------------------------------------------------------------------------------------- before anything is live


class Careless(FolderStore):
    """A host that says it stored what it did not."""

    spoil: Callable[[Path], object]
    only: str

    def create(self, path: str, source: Path) -> bool:
        new = super().create(path, source)
        if self.only in path:
            type(self).spoil(self.folder / path)
        return new


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("only", ["objects/", ".channel.json", ".tar.zst", ".snapshot.json", ".demo-stable.json"])
@pytest.mark.parametrize("spoil", [flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_host_that_stores_wrong_bytes_is_found_out_before_the_commit(
    repo: Repository,
    tree: Tree,
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
    only: str,
    spoil: Callable[[Path], object],
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    live = (site / "metadata" / "timestamp.json").read_bytes()
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    monkeypatch.setattr("sealcast.publisher.publication.FolderStore", Careless)
    monkeypatch.setattr(Careless, "spoil", staticmethod(spoil), raising=False)
    monkeypatch.setattr(Careless, "only", only, raising=False)
    error = refusal(lambda: repo.plan_publish(site).run())
    assert isinstance(error, VerificationError | TransferError)
    assert (site / "metadata" / "timestamp.json").read_bytes() == live
    monkeypatch.undo()


def test_a_root_is_not_stored_before_all_the_rest_is_verified(
    repo: Repository, tree: Tree, clock: Time, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Clients follow the chain of roots by its numbers: a root is live the moment it is there.
    repo.build(site)
    clock.forward(days=250)
    repo.refresh()

    def refuse(*_: object, **__: object) -> None:
        raise VerificationError("HASH_MISMATCH", "no")

    planned = repo.plan_publish(site)
    monkeypatch.setattr(publication, "audit", refuse)
    assert refusal(planned.run).code == "HASH_MISMATCH"
    assert not (site / "metadata" / "2.root.json").exists()


@pytest.mark.parametrize("which", ["objects", "targets"])
def test_an_old_file_that_rots_is_found_by_a_deep_look(repo: Repository, tree: Tree, site: Path, which: str) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    live = (site / "metadata" / "timestamp.json").read_bytes()
    flip(max((site / which).rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0))
    error = refusal(lambda: repo.build(site))
    assert isinstance(error, VerificationError)
    assert error.code == "HASH_MISMATCH"
    assert (site / "metadata" / "timestamp.json").read_bytes() == live


def test_what_is_live_and_broken_does_not_keep_a_good_one_from_being_published(
    repo: Repository, tree: Tree, clock: Time, site: Path
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    (site / "metadata" / "2.snapshot.json").unlink()
    clock.forward(days=1)
    repo.refresh()
    repo.build(site)
    assert read_site(site, first_root(repo), clock).findings == ()


def test_a_client_of_what_is_live_is_tried_too(
    repo: Repository, tree: Tree, clock: Time, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.build(site)
    clock.forward(days=1)
    repo.refresh()
    looked: list[tuple[bool, int]] = []
    real = publication.audit

    def spying(source: object, *, folder: Path, **rest: object) -> object:
        looked.append((type(source).__name__ == "Overlay", len(list((folder / "metadata").glob("*.json")))))
        return real(source, folder=folder, **rest)  # type: ignore[arg-type]

    planned = repo.plan_publish(site)
    monkeypatch.setattr(publication, "audit", spying)
    planned.run()
    (staged, cached), (live, none) = looked
    assert (staged, live) == (True, False)
    assert cached > 3  # it knows what was live before
    assert none == 0


# ------------------------------------------------------------------------------------------- the workspace, before that


@pytest.mark.parametrize("what", ["objects", "targets", "metadata"])
def test_a_workspace_that_lost_a_file_publishes_nothing(repo: Repository, tree: Tree, site: Path, what: str) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    name = {"objects": "??*/*", "targets": "demo/stable/*.tar.zst", "metadata": "2.demo-stable.json"}[what]
    next(iter((repo.workspace.folder / what).glob(name))).unlink()
    error = refusal(lambda: repo.build(site))
    assert error.code in {"WORKSPACE_DAMAGED", "OBJECT_MISSING"}
    assert not site.exists()


def test_a_truncated_file_publishes_nothing(repo: Repository, tree: Tree, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    path = next(iter((repo.workspace.folder / "targets").rglob("*.tar.zst")))
    path.write_bytes(b"")
    error = refusal(lambda: repo.build(site))
    assert error.code == "WORKSPACE_DAMAGED"
    assert not site.exists()


@pytest.mark.parametrize("pattern", ["objects/*/*", "targets/**/*.channel.json", "targets/**/*.tar.zst"])
def test_a_file_that_rotted_in_the_workspace_does_not_leave_it(
    repo: Repository, tree: Tree, ws: Path, site: Path, pattern: str
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    publication = repo.plan_publish(site)
    for place in ws.glob(pattern):
        place.write_bytes(bytes(place.stat().st_size))
    assert refusal(publication.run).code == "WORKSPACE_DAMAGED"
    assert not list(site.rglob("*"))


def test_an_expired_role_publishes_nothing(repo: Repository, tree: Tree, clock: Time, site: Path) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    clock.forward(days=8)
    error = refusal(lambda: repo.build(site))
    assert isinstance(error, VerificationError)
    assert (error.code, "refresh" in error.hint) == ("EXPIRED", True)
    assert not site.exists()
    repo.refresh()
    repo.build(site)


def test_a_secret_among_the_public_files(repo: Repository, tree: Tree, ws: Path, site: Path) -> None:
    notes = (ws / "keys" / "root.pem").read_text()
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", notes=notes)
    error = refusal(lambda: repo.build(site))
    assert (error.code, str(error.data["path"]).endswith(".channel.json")) == ("SECRET_IN_OUTPUT", True)
    assert not site.exists()


def test_words_about_keys_are_no_secret(repo: Repository, tree: Tree, site: Path) -> None:
    notes = "Files that start with -----BEGIN PRIVATE KEY----- are refused now."
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", notes=notes)
    repo.build(site)


def test_the_example_keys_do_not_leave_the_machine(
    repo: Repository, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(lambda: repo.plan_publish("s3://bucket")).code == "UNKNOWN_DESTINATION"
    state = repo.workspace.load()
    assert state.targets.delegations
    for keyid in {*state.root.signed.keys, *state.targets.delegations.keys}:
        monkeypatch.setattr("sealcast.publisher.destination.is_example", lambda one, keyid=keyid: one == keyid)
        for remote in ("s3://bucket/x", "pages:origin#main", "https://example.org"):
            error = refusal(lambda remote=remote: repo.plan_publish(remote))  # type: ignore[misc]
            assert isinstance(error, RepositoryError)
            assert error.code == "EXAMPLE_KEYS"
    repo.build(site)  # a folder is for trying things out


@pytest.mark.parametrize("given", ["ws", "ws/../ws", "", "s3://bucket"])
def test_destinations_that_are_none(repo: Repository, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.workspace.folder.parent)
    before = digests(repo.workspace.folder)
    error = refusal(lambda: repo.plan_publish(given))
    assert isinstance(error, ConfigError)
    assert error.code == "UNKNOWN_DESTINATION"
    assert digests(repo.workspace.folder) == before


def test_a_destination_that_is_a_file(repo: Repository, site: Path) -> None:
    site.write_text("mine")
    error = refusal(lambda: repo.build(site))
    assert isinstance(error, TransferError)
    assert site.read_text() == "mine"


def test_findings_are_told_with_the_code_of_clients(repo: Repository, site: Path) -> None:
    repo.build(site)
    planned = repo.plan_publish(site)
    (next(iter((site / "targets").rglob("*.halt.json")))).unlink()
    error = refusal(planned.run)
    assert isinstance(error, VerificationError)
    assert error.code == "NOT_FOUND"


def test_the_mapping_that_is_checked_is_the_one_that_goes_live(repo: Repository, site: Path) -> None:
    seen: list[Mapping[str, bytes]] = []
    planned = repo.plan_publish(site)
    planned.plan.run(planned.store, seen.append)
    (about,) = seen
    assert {path: (site / path).read_bytes() for path in about} == about

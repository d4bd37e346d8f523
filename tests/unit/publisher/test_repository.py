"""The publisher's face: releases, channels, archives, and what is refused."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from sealcast.errors import ConfigError, ObjectError, SealcastError, SigningError
from sealcast.model import Rollout, Step
from sealcast.packs.zstandard import zstd
from sealcast.publisher import Repository
from sealcast.publisher.manifests import Manifests
from sealcast.signing import EnvironmentSecrets
from tests.unit.publisher.workshop import V1, V2, V3, Files, Time, digests, first_root, read_site

Tree = Callable[[str, Files], Path]
Setting = Callable[[str, str], None]
Reopen = Callable[[], Repository]


def refusal(action: Callable[[], object]) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    return caught.value


def versions(repository: Repository, channel: str = "stable") -> list[str]:
    return [release.version for release in repository.channel(channel).releases]


def archives(repository: Repository, channel: str = "stable") -> list[str]:
    role = repository.workspace.load().roles[f"demo-{channel}"].signed
    return sorted(path.rpartition("/")[2] for path in role.targets if not path.endswith("channel.json"))


# ------------------------------------------------------------------------------------------------------- adding


def test_a_release_becomes_stable(repo: Repository, tree: Tree) -> None:
    added = repo.add_release(tree("one", V1), version="1.0.0", channel="stable", notes="first", native=">=2.0.0")
    assert (added.app, added.channel, added.files, added.archive is not None) == ("demo", "stable", 3, True)
    assert added.size == sum(len(data) for data in V1.values())
    assert (added.release.version, added.release.sequence, added.release.notes) == ("1.0.0", 1, "first")
    document = repo.channel("stable")
    assert (document.stable, document.revision, document.releases) == (1, 2, (added.release,))
    assert repo.release("1.0.0").builds["any"].native == ">=2.0.0"
    assert repo.channel("beta").releases == ()


def test_the_second_release_has_a_delta_and_the_catalogue_has_none(repo: Repository, tree: Tree) -> None:
    first = repo.add_release(tree("one", V1), version="1.0.0", channel="stable").release.platforms["any"]
    second = repo.add_release(tree("two", V2), version="1.1.0", channel="stable").release.platforms["any"]
    assert [delta.base for delta in second.deltas] == [first.manifest.sha256]
    assert second.deltas[0].size < second.packs.size
    assert all(build.deltas == () for record in repo.releases() for build in record.builds.values())


def test_the_same_again_is_no_change_at_all(
    repo: Repository, tree: Tree, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tree("one", V1)
    first = repo.add_release(one, version="1.0.0", channel="stable")
    before = digests(repo.workspace.folder)
    clock.forward(hours=1)
    monkeypatch.setattr("sealcast.publisher.adding.build_release", None)  # nothing is packed again
    again = repo.add_release(one, version="1.0.0", channel="stable")
    assert again == first
    assert digests(repo.workspace.folder) == before


def test_the_same_files_lead_to_the_same_build_whatever_the_settings_are_now(
    repo: Repository, reopen: Reopen, tree: Tree, setting: Setting
) -> None:
    one = tree("one", V1)
    first = repo.add_release(one, version="1.0.0", channel="stable")
    setting('effort = "fast"', 'effort = "best"')
    again = reopen().add_release(one, version="1.0.0", channel="beta")
    assert again.release.platforms == first.release.platforms
    assert again.archive == first.archive


def test_new_notes_and_a_new_constraint_are_taken(repo: Repository, tree: Tree) -> None:
    one = tree("one", V1)
    repo.add_release(one, version="1.0.0", channel="stable", notes="typo")
    release = repo.add_release(one, version="1.0.0", channel="stable", notes="better", native=">=3.0.0").release
    assert (release.notes, release.platforms["any"].native) == ("better", ">=3.0.0")
    assert repo.channel("stable").releases == (release,)
    record = repo.release("1.0.0")
    assert (record.notes, record.builds["any"].native) == ("better", ">=3.0.0")


@pytest.mark.parametrize("channel", ["stable", "beta"])
def test_a_version_never_gets_other_files(repo: Repository, tree: Tree, channel: str) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    before = digests(repo.workspace.folder, but=".sealcast")
    error = refusal(lambda: repo.add_release(tree("two", V2), version="1.0.0", channel=channel))
    assert error.code == "VERSION_EXISTS"
    assert digests(repo.workspace.folder, but=".sealcast") == before


def test_not_even_after_it_was_removed(repo: Repository, tree: Tree) -> None:
    # Somebody out there may have the first 1.0.0.
    one = tree("one", V1)
    repo.add_release(one, version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    assert repo.remove_release("1.0.0") == ("stable",)
    error = refusal(lambda: repo.add_release(tree("three", V3), version="1.0.0", channel="stable", allow_lower=True))
    assert error.code == "VERSION_EXISTS"
    repo.add_release(one, version="1.0.0", channel="stable", allow_lower=True)
    assert repo.release("1.0.0")


def test_a_lower_version_needs_a_word(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("two", V2), version="1.10.0", channel="stable")
    error = refusal(lambda: repo.add_release(tree("one", V1), version="1.9.9", channel="stable"))
    assert error.code == "VERSION_LOWER"
    assert "--allow-lower" in error.hint
    repo.add_release(tree("one", V1), version="1.9.9", channel="stable", allow_lower=True)
    document = repo.channel("stable")
    assert (document.stable, versions(repo)) == (2, ["1.10.0", "1.9.9"])


def test_what_is_newest_is_asked_of_the_channel(repo: Repository, tree: Tree) -> None:
    # A beta that is ahead is the usual case: a fix to stable is not lower for that.
    repo.add_release(tree("three", V3), version="2.0.0-beta.1", channel="beta")
    repo.add_release(tree("one", V1), version="1.4.1", channel="stable")
    assert versions(repo) == ["1.4.1"]


def test_an_older_release_given_again_says_why_it_cannot_be_stable(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    error = refusal(lambda: repo.add_release(tree("one", V1), version="1.0.0", channel="stable"))
    assert error.code == "NOT_NEWER"


def test_a_second_platform_joins_the_release(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", platform="linux-x64")
    added = repo.add_release(tree("two", V2), version="1.0.0", channel="stable", platform="windows-x64")
    assert added.release.sequence == 1
    assert set(repo.channel("stable").releases[0].platforms) == {"linux-x64", "windows-x64"}
    assert set(repo.release("1.0.0").builds) == {"linux-x64", "windows-x64"}
    assert archives(repo) == ["demo-1.0.0-linux-x64.tar.zst", "demo-1.0.0-windows-x64.tar.zst"]
    found = repo.differences("1.0.0", "1.0.0", platform="windows-x64")
    assert found.unchanged == 3


def test_a_platform_of_its_own_has_deltas_from_the_build_for_any(repo: Repository, tree: Tree) -> None:
    first = repo.add_release(tree("one", V1), version="1.0.0", channel="stable").release.platforms["any"]
    second = repo.add_release(tree("two", V2), version="1.1.0", channel="stable", platform="linux-x64")
    assert [delta.base for delta in second.release.platforms["linux-x64"].deltas] == [first.manifest.sha256]


def test_a_candidate_is_offered_to_nobody(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    two = tree("two", V2)
    added = repo.add_release(two, version="1.1.0", channel="stable", candidate=True)
    document = repo.channel("stable")
    assert (document.stable, document.candidate) == (1, 2)
    assert document.rollout is not None
    assert document.rollout.steps == ()
    again = repo.add_release(two, version="1.1.0", channel="stable", candidate=True)
    assert (again, repo.channel("stable")) == (added, document)
    error = refusal(lambda: repo.add_release(tree("three", V3), version="1.2.0", channel="stable", candidate=True))
    assert error.code == "ROLLOUT_RUNNING"
    repo.add_release(two, version="1.1.0", channel="stable")
    assert (repo.channel("stable").stable, repo.channel("stable").candidate) == (2, None)


def test_the_only_channel_needs_no_name(tmp_path: Path, tree: Tree, clock: Time) -> None:
    small = Repository.create_solo(tmp_path / "small", app="demo", encrypted=False, clock=clock)
    assert small.add_release(tree("one", V1), version="1.0.0").channel == "stable"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "UNKNOWN_CHANNEL"),
        ({"channel": "nightly"}, "UNKNOWN_CHANNEL"),
        ({"channel": "stable", "app": "other"}, "UNKNOWN_APP"),
        ({"channel": "stable", "version": "one"}, "BAD_VERSION"),
        ({"channel": "stable", "platform": "Linux"}, "UNSAFE_NAME"),
        ({"channel": "stable", "native": "three"}, "BAD_VERSION"),
        ({"channel": "stable", "native": ">=1.0.0," * 40 + ">=1.0.0"}, "BAD_VERSION"),
        ({"channel": "stable", "notes": "n" * 16_385}, "BAD_NOTES"),
        ({"channel": "stable", "notes": "half a character: \ud800"}, "BAD_NOTES"),
    ],
)
def test_what_is_refused_before_anything_is_read(repo: Repository, given: dict[str, str], code: str) -> None:
    before = digests(repo.workspace.folder)
    error = refusal(lambda: repo.add_release("/nowhere", **{"version": "1.0.0", **given}))  # type: ignore[arg-type]
    assert isinstance(error, ConfigError)
    assert error.code == code
    assert digests(repo.workspace.folder) == before


def test_the_longest_notes_are_published(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable", notes="é" * 16_384)
    assert repo.channel("stable").releases[0].notes == "é" * 16_384


def test_the_workspace_is_not_released(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, repo.workspace.folder, Path("/")):
        error = refusal(lambda path=path: repo.add_release(path, version="1.0.0", channel="stable"))  # type: ignore[misc]
        assert error.code == "INPUT_HOLDS_WORKSPACE"
    monkeypatch.chdir(repo.workspace.folder)
    assert refusal(lambda: repo.add_release(".", version="1.0.0", channel="stable")).code == "INPUT_HOLDS_WORKSPACE"


def test_a_private_key_is_released_only_on_purpose(repo: Repository, tree: Tree, ws: Path) -> None:
    key = (ws / "keys" / "root.pem").read_bytes()
    one = tree("one", {**V1, "test/fixture.pem": key})
    assert refusal(lambda: repo.add_release(one, version="1.0.0", channel="stable")).code == "SECRET_IN_INPUT"
    assert repo.add_release(one, version="1.0.0", channel="stable", allow_secrets=True).files == 4


@pytest.mark.parametrize(
    ("files", "code"), [({}, "EMPTY_INPUT"), ({"CON": "x"}, "UNSAFE_NAME"), ({"a": "x", "A": "y"}, "UNSAFE_NAME")]
)
def test_bad_input_leaves_everything_as_it_was(repo: Repository, tree: Tree, files: Files, code: str) -> None:
    (tree("bad", files)).mkdir(exist_ok=True)
    before = digests(repo.workspace.folder, but=".sealcast")
    error = refusal(lambda: repo.add_release(tree("bad", files), version="1.0.0", channel="stable"))
    assert error.code == code
    assert digests(repo.workspace.folder, but=".sealcast") == before


def test_a_channel_that_only_the_configuration_knows(
    repo: Repository, reopen: Reopen, tree: Tree, setting: Setting
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    setting('channels = ["stable", "beta"]', 'channels = ["stable", "nightly"]')
    other = reopen()
    for action in (
        lambda: other.add_release(tree("one", V1), version="1.0.0", channel="nightly"),
        lambda: other.channel("nightly"),
        lambda: other.promote("stable", "nightly"),
        lambda: other.promote("nightly", "stable"),
    ):
        error = refusal(action)
        assert isinstance(error, ConfigError)
        assert error.code == "UNKNOWN_CHANNEL"
    assert [document.channel for document in other.channels()] == ["stable"]


def test_an_app_that_only_the_configuration_knows(ws: Path, reopen: Reopen, tree: Tree) -> None:
    config = ws / "sealcast.toml"
    config.write_text(config.read_text() + '\n[apps.other]\nchannels = ["stable"]\n')
    error = refusal(lambda: reopen().add_release(tree("one", V1), app="other", version="1.0.0"))
    assert error.code == "UNKNOWN_CHANNEL"
    assert refusal(lambda: reopen().releases()).code == "UNKNOWN_APP"
    assert reopen().releases("other") == ()


def test_signers_that_are_elsewhere_are_asked_for_before_the_work(
    repo: Repository, ws: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ws / "keys" / "channel.pem").unlink()
    monkeypatch.setattr("sealcast.publisher.repository.prepare", None)
    error = refusal(lambda: repo.add_release(tree("one", V1), version="1.0.0", channel="stable"))
    assert isinstance(error, SigningError)
    assert (error.code, error.data["role"]) == ("MISSING_SIGNERS", "demo-stable")
    assert "channel" in error.hint


def test_open_finds_the_workspace_above(ws: Path, clock: Time) -> None:
    assert Repository.open(ws / "metadata", clock=clock).workspace.folder == ws
    assert refusal(lambda: Repository.open(ws.parent)).code == "NO_WORKSPACE"


def test_signers_beside_those_of_the_configuration(ws: Path, clock: Time, tree: Tree, setting: Setting) -> None:
    text = (ws / "sealcast.toml").read_text()
    start, end = text.index("[signers]"), text.index("[lifetimes]")
    (ws / "sealcast.toml").write_text(text[:start] + "[signers]\n" + text[end:])
    bare = Repository.open(ws, clock=clock, secrets=EnvironmentSecrets({}))
    error = refusal(lambda: bare.add_release(tree("one", V1), version="1.0.0", channel="stable"))
    assert error.code == "MISSING_SIGNERS"
    given = [f"file:{ws}/keys/{name}.pem" for name in ("channel", "online")]
    Repository.open(ws, clock=clock, signers=given).add_release(tree("one", V1), version="1.0.0", channel="stable")


# ------------------------------------------------------------------------------------------------------- what is lost


def objects_of(repository: Repository) -> list[Path]:
    return sorted((repository.workspace.folder / "objects").rglob("??*/*"))


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?")])
def test_adding_again_brings_back_what_was_lost(repo: Repository, tree: Tree, spoil: Callable[[Path], object]) -> None:
    one = tree("one", V1)
    repo.add_release(one, version="1.0.0", channel="stable")
    before = digests(repo.workspace.folder, but=".sealcast")
    damaged = [*objects_of(repo), *(repo.workspace.folder / "targets").rglob("*.tar.zst")]
    assert len(damaged) == 3  # the pack, the manifest, the archive
    for path in damaged:
        spoil(path)
    repo.add_release(one, version="1.0.0", channel="stable")
    assert digests(repo.workspace.folder, but=".sealcast") == before


def test_a_pack_alone_that_was_lost(repo: Repository, tree: Tree) -> None:
    one = tree("one", V1)
    added = repo.add_release(one, version="1.0.0", channel="stable")
    (pack,) = Manifests(repo.workspace.objects).load(added.release.platforms["any"]).packs
    repo.workspace.objects.path(pack.sha256).unlink()
    assert repo.add_release(one, version="1.0.0", channel="stable") == added
    assert repo.workspace.objects.has(pack.sha256)


def test_a_lost_manifest_and_other_files_are_told_apart(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    for path in objects_of(repo):
        path.unlink()
    error = refusal(lambda: repo.add_release(tree("two", V2), version="1.0.0", channel="beta"))
    assert error.code == "VERSION_EXISTS"


def test_a_base_that_is_gone_is_named(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    for path in objects_of(repo):
        path.unlink()
    error = refusal(lambda: repo.add_release(tree("two", V2), version="1.1.0", channel="stable"))
    assert isinstance(error, ObjectError)
    assert error.code == "OBJECT_MISSING"


# ------------------------------------------------------------------------------------------------------- looking


def test_releases_come_newest_first(repo: Repository, tree: Tree) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0-rc.1+b", "2.0.0-rc.1+a"):
        repo.add_release(tree("one", V1), version=version, channel="beta")
    listed = [record.version for record in repo.releases()]
    assert listed == ["2.0.0-rc.1+b", "2.0.0-rc.1+a", "2.0.0-rc.1", "1.10.0", "1.9.0"]


def test_what_differs(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    assert repo.differences("1.0.0", "1.1.0").changed == ("assets/app.js", "index.html")
    error = refusal(lambda: repo.differences("1.0.0", "1.1.0", platform="linux-x64"))
    assert (error.code, error.hint) == ("UNKNOWN_RELEASE", "It has: any.")


@pytest.mark.parametrize("version", ["7.0.0", "../../etc/passwd", "one"])
def test_no_such_release(repo: Repository, tree: Tree, version: str) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    for action in (repo.release, repo.remove_release):
        error = refusal(lambda action=action: action(version))  # type: ignore[misc]
        assert error.code == ("UNKNOWN_RELEASE" if version == "7.0.0" else "BAD_VERSION")
    assert "1.0.0" in refusal(lambda: repo.release("7.0.0")).hint


def test_no_release_at_all(repo: Repository) -> None:
    assert "none yet" in refusal(lambda: repo.release("1.0.0")).hint


# ------------------------------------------------------------------------------------------------------- removing


def test_removing_takes_a_release_out_of_every_channel_in_one_step(repo: Repository, tree: Tree, clock: Time) -> None:
    for channel in ("stable", "beta"):
        repo.add_release(tree("one", V1), version="1.0.0", channel=channel)
        repo.add_release(tree("two", V2), version="1.1.0", channel=channel)
    before = repo.workspace.load().timestamp.signed.version
    assert repo.remove_release("1.0.0") == ("beta", "stable")
    assert repo.workspace.load().timestamp.signed.version == before + 1
    assert versions(repo) == versions(repo, "beta") == ["1.1.0"]
    assert archives(repo) == archives(repo, "beta") == ["demo-1.1.0-any.tar.zst"]
    assert [record.version for record in repo.releases()] == ["1.1.0"]
    assert refusal(lambda: repo.release("1.0.0")).code == "UNKNOWN_RELEASE"
    repo.build(repo.workspace.folder.parent / "site")


def test_a_device_on_the_removed_release_still_has_a_delta(repo: Repository, tree: Tree) -> None:
    first = repo.add_release(tree("one", V1), version="1.0.0", channel="stable").release.platforms["any"]
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    repo.remove_release("1.0.0")
    build = repo.channel("stable").releases[0].platforms["any"]
    assert [delta.base for delta in build.deltas] == [first.manifest.sha256]


def test_removing_what_no_channel_lists_any_more(repo: Repository, tree: Tree) -> None:
    for number in range(6):
        repo.add_release(tree("one", {"n": str(number)}), version=f"1.{number}.0", channel="stable")
    assert versions(repo) == ["1.2.0", "1.3.0", "1.4.0", "1.5.0"]
    before = repo.workspace.load().timestamp_bytes
    assert repo.remove_release("1.0.0") == ()
    assert repo.workspace.load().timestamp_bytes == before
    assert "1.0.0" not in [record.version for record in repo.releases()]


def test_what_is_live_anywhere_stays(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    before = digests(repo.workspace.folder)
    assert refusal(lambda: repo.remove_release("1.0.0")).code == "RELEASE_LIVE"
    assert digests(repo.workspace.folder) == before


# ------------------------------------------------------------------------------------------------------- promoting


def test_promotion_makes_nothing_anew_but_the_delta(
    repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="beta", notes="better")
    before = digests(repo.workspace.folder / "objects")
    monkeypatch.setattr("sealcast.publisher.adding.build_release", None)
    monkeypatch.setattr("sealcast.publisher.archive_targets.write_archive", None)
    document = repo.promote("beta", "stable")
    assert document == repo.channel("stable")
    release = document.release(document.stable)
    assert release is not None
    assert (release.version, release.notes, release.sequence) == ("1.1.0", "better", 2)
    beta = repo.channel("beta").releases[0].platforms["any"]
    assert msgspec.structs.replace(release.platforms["any"], deltas=()) == beta
    assert [delta.base for delta in release.platforms["any"].deltas] == [
        document.releases[0].platforms["any"].manifest.sha256
    ]
    new = digests(repo.workspace.folder / "objects").keys() - before.keys()
    assert {name[3:] for name in new} == {delta.sha256 for delta in release.platforms["any"].deltas}
    assert archives(repo) == ["demo-1.0.0-any.tar.zst", "demo-1.1.0-any.tar.zst"]


def test_a_delta_that_another_channel_has_is_not_made_again(
    repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for channel in ("stable", "beta"):
        repo.add_release(tree("one", V1), version="1.0.0", channel=channel)
    repo.add_release(tree("two", V2), version="1.1.0", channel="beta")
    monkeypatch.setattr("sealcast.publisher.deltas.make_delta", None)
    document = repo.promote("beta", "stable")
    assert document.releases[-1].platforms == repo.channel("beta").releases[-1].platforms


def test_a_lost_delta_is_made_again(repo: Repository, tree: Tree) -> None:
    for channel in ("stable", "beta"):
        repo.add_release(tree("one", V1), version="1.0.0", channel=channel)
    build = repo.add_release(tree("two", V2), version="1.1.0", channel="beta").release.platforms["any"]
    path = repo.workspace.objects.path(build.deltas[0].sha256)
    path.unlink()
    repo.promote("beta", "stable")
    assert path.is_file()


def test_archives_are_one_file_on_the_disk(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    repo.promote("beta", "stable")
    found = list((repo.workspace.folder / "targets").rglob("*.tar.zst"))
    assert len(found) == 2
    assert found[0].stat().st_ino == found[1].stat().st_ino


def test_archives_are_copied_where_there_are_no_links(
    repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    real = os.link

    def refuse(source: Path, place: Path, **rest: object) -> None:
        if str(place).endswith(".tar.zst"):
            raise PermissionError(1, "no links here")
        real(source, place)

    monkeypatch.setattr(os, "link", refuse)
    repo.promote("beta", "stable")
    repo.build(repo.workspace.folder.parent / "site")


def test_a_damaged_archive_is_not_carried_on(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    (path,) = (repo.workspace.folder / "targets").rglob("*.tar.zst")
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert refusal(lambda: repo.promote("beta", "stable")).code == "WORKSPACE_DAMAGED"
    path.unlink()
    assert refusal(lambda: repo.promote("beta", "stable")).code == "WORKSPACE_DAMAGED"


def test_a_damaged_file_in_the_place_of_an_archive_is_replaced(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    (path,) = (repo.workspace.folder / "targets").rglob("*.tar.zst")
    other = Path(str(path).replace("/beta/", "/stable/"))
    other.write_bytes(b"left by something else")
    repo.promote("beta", "stable")
    assert other.read_bytes() == path.read_bytes()


def test_an_older_release_by_name_only(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    repo.add_release(tree("two", V2), version="2.0.0", channel="stable")
    error = refusal(lambda: repo.promote("beta", "stable"))
    assert error.code == "VERSION_LOWER"
    assert "--version 1.0.0" in error.hint
    document = repo.promote("beta", "stable", version="1.0.0")
    assert document.releases[-1].version == "1.0.0"
    assert document.stable == 2


def test_promotions_that_make_no_sense(repo: Repository, tree: Tree) -> None:
    assert refusal(lambda: repo.promote("beta", "stable")).code == "UNKNOWN_RELEASE"
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    repo.promote("beta", "stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable")
    assert refusal(lambda: repo.promote("beta", "stable")).code == "NOT_NEWER"
    assert refusal(lambda: repo.promote("beta", "stable", version="9.0.0")).code == "UNKNOWN_RELEASE"
    assert refusal(lambda: repo.promote("beta", "beta")).code == "SAME_CHANNEL"
    assert refusal(lambda: repo.promote("nightly", "stable")).code == "UNKNOWN_CHANNEL"
    assert refusal(lambda: repo.promote("beta", "nightly")).code == "UNKNOWN_CHANNEL"


def test_promoting_again_changes_nothing(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="beta")
    first = repo.promote("beta", "stable")
    before = repo.workspace.load().timestamp_bytes
    assert repo.promote("beta", "stable") == first
    assert repo.workspace.load().timestamp_bytes == before


# ------------------------------------------------------------------------------------------------------- trials


def test_a_trial_says_what_would_be_and_changes_nothing(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="beta")
    folder = repo.workspace.folder
    signed, listed = digests(folder / "metadata"), digests(folder / "releases")

    three = tree("three", V3)
    tried = repo.add_release(three, version="1.2.0", channel="stable", dry_run=True)
    document = repo.promote("beta", "stable", dry_run=True)
    assert document.release(document.stable).version == "1.1.0"  # type: ignore[union-attr]
    assert refusal(lambda: repo.remove_release("1.0.0", dry_run=True)).code == "RELEASE_LIVE"
    assert (digests(folder / "metadata"), digests(folder / "releases")) == (signed, listed)

    assert repo.add_release(three, version="1.2.0", channel="stable") == tried
    listed = digests(folder / "releases")
    assert repo.remove_release("1.0.0", dry_run=True) == ("stable",)
    assert digests(folder / "releases") == listed
    assert "1.0.0" in versions(repo)


# ------------------------------------------------------------------------------------------------------- archives


def test_archives_are_listed_for_what_the_channel_lists(repo: Repository, tree: Tree, clock: Time) -> None:
    for number in range(6):
        repo.add_release(tree("one", {"n": str(number)}), version=f"1.{number}.0", channel="stable")
    assert archives(repo) == [f"demo-1.{number}.0-any.tar.zst" for number in (2, 3, 4, 5)]
    site = repo.workspace.folder.parent / "site"
    repo.build(site)
    report = read_site(site, first_root(repo), clock)
    assert report.findings == ()


def test_no_archive_where_none_is_wanted(repo: Repository, reopen: Reopen, tree: Tree, setting: Setting) -> None:
    setting('archive = "tar.zst"', 'archive = "none"')
    assert reopen().add_release(tree("one", V1), version="1.0.0", channel="stable").archive is None
    assert archives(repo) == []
    reopen().promote("stable", "beta")
    assert archives(repo, "beta") == []


def test_a_zip_where_one_is_wanted(repo: Repository, reopen: Reopen, tree: Tree, setting: Setting) -> None:
    one = tree("one", V1)
    repo.add_release(one, version="1.0.0", channel="stable")
    setting('archive = "tar.zst"', 'archive = "zip"')
    reopen().add_release(one, version="1.0.0", channel="stable")
    assert archives(repo) == ["demo-1.0.0-any.tar.zst", "demo-1.0.0-any.zip"]


def test_an_archive_holds_the_release_under_a_name_that_every_host_serves(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0-rc.1+build.7", channel="stable")
    assert archives(repo) == ["demo-1.0.0-rc.1_build.7-any.tar.zst"]  # S3 takes a + in a URL for a space
    (path,) = (repo.workspace.folder / "targets").rglob("*.tar.zst")
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress(path.read_bytes()))) as tar:
        assert tar.getnames() == sorted(V1)


def test_two_releases_never_share_an_archive_s_name(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0-arm", channel="stable", platform="linux")
    error = refusal(lambda: repo.add_release(tree("two", V2), version="1.0.0", channel="stable", platform="arm-linux"))
    assert error.code == "NAME_TAKEN"


def test_the_archive_of_another_release_is_never_carried_along(repo: Repository, tree: Tree) -> None:
    # In two channels, two releases may have archives of one name.
    repo.add_release(tree("one", V1), version="1.0.0-arm", channel="stable", platform="linux")
    added = repo.add_release(tree("two", {"b": "two"}), version="1.0.0", channel="beta", platform="arm-linux")
    assert archives(repo) == archives(repo, "beta")
    (path,) = (repo.workspace.folder / "targets/demo/beta").glob("*.tar.zst")
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress(path.read_bytes()))) as tar:
        assert tar.getnames() == ["b"]
    assert added.archive == path.stat().st_size


# ------------------------------------------------------------------------------------------------------- metadata


def test_a_document_that_clients_would_refuse_is_not_signed(
    repo: Repository, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealcast.model.channel.CHANNEL_LIMIT", 100)
    before = digests(repo.workspace.metadata)
    error = refusal(lambda: repo.add_release(tree("one", V1), version="1.0.0", channel="stable"))
    assert error.code == "TOO_LARGE"
    assert digests(repo.workspace.metadata) == before


def test_a_running_rollout_outlives_other_changes(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable", candidate=True)
    with repo._changing(trial=False) as change:
        document = change.documents["demo", "stable"]
        running = Rollout(salt="5a" * 16, steps=(Step(at="2026-01-01T00:00:00Z", permyriad=500),))
        change.commit([msgspec.structs.replace(document, rollout=running)])
    repo.add_release(tree("two", V2), version="1.1.0", channel="stable", candidate=True, notes="said better")
    assert repo.channel("stable").rollout == running


def test_manifests_of_all_releases_can_be_read(repo: Repository, tree: Tree) -> None:
    repo.add_release(tree("one", V1), version="1.0.0", channel="stable")
    (record,) = repo.releases()
    assert [file.path for file in Manifests(repo.workspace.objects).load(record.builds["any"]).files] == sorted(V1)


def test_input_is_read_from_an_archive_too(repo: Repository, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "dist.tar", "w") as tar:
        info = tarfile.TarInfo("./index.html")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"hi"))
    assert repo.add_release(tmp_path / "dist.tar", version="1.0.0", channel="stable").files == 1

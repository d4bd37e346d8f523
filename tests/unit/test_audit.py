"""An audit finds whatever is missing or wrong, names it by code and place, and goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import TargetFile, Targets

from sealcast.audit import Finding, Report, audit
from sealcast.documents import encode
from sealcast.errors import TransferError, VerificationError
from sealcast.fetch import FolderSource
from sealcast.model import Delta, Object
from sealcast.packs import OBJECT_LIMIT, write_single
from sealcast.values import content_of, object_path
from tests.samples import build, digest, file, manifest, release
from tests.sites import Site, flip, past

FILES = (b"hello " * 1000, b"", os.urandom(5000), b"hello " * 1000)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path / "site", channels=("stable", "beta"))
    site.add_release(*FILES, version="1.0.0")
    site.add_release(*FILES, b"more", version="1.1.0", deltas=[b"a delta, which nobody applies here"])
    site.add_release(b"beta", version="2.0.0-beta.1", channel="beta")
    site.publish()
    return site


@pytest.fixture
def examine(site: Site, tmp_path: Path) -> Callable[..., Report]:
    """Audit the site from its first root, with an empty folder each time."""
    folders, root = iter(range(1000)), site.root

    def run(*, deep: bool = False, days: float = 0) -> Report:
        folder = tmp_path / f"audit{next(folders)}"
        now = site.now + timedelta(days=days)
        return audit(site.source, root=root, folder=folder, now=now, deep=deep)

    return run


def files_of(site: Site) -> Iterator[Path]:
    """Every file that a newest client needs, but for the roles at the top."""
    for folder in ("objects", "targets"):
        yield from (path for path in sorted((site.folder / folder).rglob("*")) if path.is_file())


def live(site: Site) -> list[Path]:
    """The same, without documents of earlier versions."""
    documents = {site.target(path) for path in ("demo/policy.json", "demo/halt/halt.json")}
    documents |= {site.target(f"demo/{channel}/channel.json") for channel in site.channels}
    return [path for path in files_of(site) if "objects" in path.parts or path in documents]


def place(site: Site, path: Path) -> str:
    return path.relative_to(site.folder).as_posix()


# ---------------------------------------------------------------------------------------------------- clean


@pytest.mark.parametrize("deep", [False, True])
def test_a_clean_site_has_no_findings(site: Site, examine: Callable[..., Report], deep: bool) -> None:
    report = examine(deep=deep)
    assert report.findings == ()
    assert report.deep is deep
    assert report.apps == ("demo",)
    assert report.releases == 3
    assert report.objects == len(live(site))
    assert report.size == sum(path.stat().st_size for path in live(site))
    assert [(fact.role, fact.version) for fact in report.roles] == [
        *(("root", 1), ("targets", 2), ("snapshot", 2), ("timestamp", 2)),
        *(("demo-halt", 2), ("demo-beta", 2), ("demo-stable", 2)),
    ]
    assert report.roles[3].expires.endswith("Z")


def test_an_empty_site_is_clean(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    report = audit(site.source, root=site.root, folder=tmp_path / "audit", now=site.now, deep=True)
    assert (report.findings, report.releases, report.objects) == ((), 0, 3)  # policy, channel and halt documents


def test_progress_is_told_in_bytes_to_the_end(site: Site, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    report = audit(
        site.source,
        root=site.root,
        folder=tmp_path / "audit",
        now=site.now,
        progress=lambda *step: told.append(step),
    )
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert {total for _, total, _ in told} == {report.size}
    assert told[-1][0] == report.size
    assert len(told) == report.objects
    assert all(what.startswith("checking ") for _, _, what in told)


def test_objects_that_releases_share_are_counted_once(site: Site, examine: Callable[..., Report]) -> None:
    # Two of the packs of 1.1.0 are those of 1.0.0: 3 manifests, 2 + 1 + 1 packs, 1 delta, 4 documents.
    assert examine().objects == 3 + 4 + 1 + 4


# ---------------------------------------------------------------------------------------------------- damage


def test_every_missing_file_is_found(site: Site, examine: Callable[..., Report]) -> None:
    for path in live(site):
        kept = path.read_bytes()
        path.unlink()
        findings = examine().findings
        path.write_bytes(kept)
        assert Finding("NOT_FOUND", place(site, path), findings[-1].what) in findings, place(site, path)
        assert {finding.code for finding in findings} == {"NOT_FOUND"}


def test_every_altered_file_is_found_when_every_byte_is_hashed(site: Site, examine: Callable[..., Report]) -> None:
    for path in live(site):
        kept = path.read_bytes()
        flip(path)
        findings = examine(deep=True).findings
        path.write_bytes(kept)
        assert "HASH_MISMATCH" in {finding.code for finding in findings if finding.where == place(site, path)}, path
        assert {finding.code for finding in findings} == {"HASH_MISMATCH"}


def test_every_shortened_or_longer_file_is_found(site: Site, examine: Callable[..., Report]) -> None:
    for path in live(site):
        kept = path.read_bytes()
        path.write_bytes(kept[:-1])
        short = examine(deep=True).findings
        path.write_bytes(kept + b"x")
        longer = examine().findings
        path.write_bytes(b"")
        empty = examine().findings
        path.write_bytes(kept)
        for findings, code in ((short, "HASH_MISMATCH"), (longer, "TOO_LARGE"), (empty, "HASH_MISMATCH")):
            assert code in {finding.code for finding in findings if finding.where == place(site, path)}, path


def test_a_shallow_look_at_packs_and_deltas_reads_their_start_only(site: Site, examine: Callable[..., Report]) -> None:
    manifests = {
        object_path(entry.manifest.pack.sha256)
        for document in site.channels.values()
        for listed in document.releases
        for entry in listed.platforms.values()
    }
    others = [path for path in live(site) if "objects" in path.parts and place(site, path) not in manifests]
    assert len(others) == 5
    for path in others:
        flip(path)
    assert examine().findings == ()
    assert {finding.where for finding in examine(deep=True).findings} == {place(site, path) for path in others}


def test_all_damage_is_reported_at_once(site: Site, examine: Callable[..., Report]) -> None:
    objects = [path for path in live(site) if "objects" in path.parts]
    for path in objects:
        path.unlink()
    report = examine()
    # A release whose manifest is gone cannot be walked further; each is named, and so is each object known of.
    assert [finding.where for finding in report.findings if "/" not in finding.where or " for " in finding.where] == [
        "demo/beta 2.0.0-beta.1 for any",
        "demo/stable 1.0.0 for any",
        "demo/stable 1.1.0 for any",
    ]
    assert len([finding for finding in report.findings if finding.where.startswith("objects/")]) == 4
    assert report.releases == 3


# ---------------------------------------------------------------------------------------------------- documents


def test_a_broken_policy_hides_the_channels_and_nothing_else(site: Site, examine: Callable[..., Report]) -> None:
    path = site.target("demo/policy.json")
    flip(path)
    report = examine()
    assert [(finding.code, finding.where) for finding in report.findings] == [("HASH_MISMATCH", "the policy of demo")]
    assert [fact.role for fact in report.roles][4:] == ["demo-halt"]


def test_a_broken_channel_does_not_hide_the_others(site: Site, examine: Callable[..., Report]) -> None:
    flip(site.target("demo/stable/channel.json"))
    report = examine()
    assert [(finding.code, finding.where) for finding in report.findings] == [("HASH_MISMATCH", "demo/stable")]
    assert report.releases == 1


def test_a_broken_halt_document_is_named(site: Site, examine: Callable[..., Report]) -> None:
    site.target("demo/halt/halt.json").unlink()
    findings = examine().findings
    assert ("NOT_FOUND", "the halt document of demo") in [(finding.code, finding.where) for finding in findings]


@pytest.mark.parametrize(
    ("role", "where"), [("demo-stable", "demo/stable"), ("demo-halt", "the halt document of demo")]
)
def test_a_missing_or_altered_delegated_role_is_named(
    site: Site, examine: Callable[..., Report], role: str, where: str
) -> None:
    path = site.path(role)
    kept = path.read_bytes()
    path.unlink()
    assert [(finding.code, finding.where) for finding in examine().findings] == [("NOT_A_REPOSITORY", where)]
    path.write_bytes(kept.replace(b'"version":2', b'"version":3'))
    assert [(finding.code, finding.where) for finding in examine().findings] == [("HASH_MISMATCH", where)]


def test_a_channel_that_the_policy_names_and_nobody_signs_is_named(site: Site, examine: Callable[..., Report]) -> None:
    site.delegated.remove("demo-beta")
    site.publish()
    findings = examine().findings
    assert [(finding.code, finding.where) for finding in findings] == [("UNKNOWN_CHANNEL", "demo/beta")]


def test_other_targets_are_checked_too(site: Site, examine: Callable[..., Report]) -> None:
    archive = site.store_target("demo/stable/demo-1.0.0-any.zip", b"an archive")
    notice = site.store_target("readme.txt", b"for people")
    site.more_targets = [notice]
    site.sign_targets()
    site.sign_delegated("demo-stable", change=lambda role: role.targets.update({archive.path: archive}))
    site.sign_snapshot()
    site.sign_timestamp()
    assert examine(deep=True).findings == ()
    for path in (site.target(archive.path), site.target("readme.txt")):
        flip(path)
    assert [(finding.code, finding.where) for finding in examine(deep=True).findings] == [
        ("HASH_MISMATCH", place(site, site.target("readme.txt"))),
        ("HASH_MISMATCH", place(site, site.target(archive.path))),
    ]


def test_a_target_without_a_digest_is_named_and_the_rest_is_checked(site: Site, examine: Callable[..., Report]) -> None:
    def add(role: Targets) -> None:
        role.targets["demo/stable/x"] = TargetFile(1, {"sha512": "ab" * 64}, "demo/stable/x")
        role.targets["demo/stable/y"] = TargetFile(1, {"sha256": "../../x"}, "demo/stable/y")

    site.sign_delegated("demo-stable", change=add)
    site.sign_snapshot()
    site.sign_timestamp()
    report = examine(deep=True)
    assert [(finding.code, finding.where) for finding in report.findings] == [("BAD_METADATA", "demo-stable")] * 2
    assert report.releases == 3


# ---------------------------------------------------------------------------------------------------- releases


def test_a_manifest_that_is_not_what_was_signed_is_named(site: Site, examine: Callable[..., Report]) -> None:
    good = site.channels["stable"].releases[0].platforms["any"].manifest
    for data, code in (
        (b"{}", "BAD_PACK"),  # shorter than listed
        (b"{" + b" " * (good.size - 2) + b"}", "HASH_MISMATCH"),
    ):
        carrier = site.store_object(write_single(data, 3))
        lying = build(1, manifest=type(good)(sha256=good.sha256, size=good.size, pack=carrier))
        site.change(releases=(release(1, platforms={"any": lying}),), stable=1)
        site.publish()
        assert [(finding.code, finding.where) for finding in examine().findings] == [
            (code, "demo/stable 1.0.0 for any")
        ]


def test_a_manifest_that_may_not_be_installed_is_named(site: Site, examine: Callable[..., Report]) -> None:
    data = encode(manifest(file("../evil", b"x")))
    carrier, content = site.store_object(write_single(data, 3)), content_of(data)
    entry = build(1).manifest
    entry = type(entry)(sha256=content.sha256, size=content.size, pack=carrier)
    site.change(releases=(release(1, platforms={"any": build(1, manifest=entry)}),), stable=1)
    site.publish()
    assert [(finding.code, finding.where) for finding in examine().findings] == [
        ("UNSAFE_NAME", "demo/stable 1.0.0 for any")
    ]


def test_an_object_that_is_larger_than_any_may_be_is_named(site: Site, examine: Callable[..., Report]) -> None:
    huge = Delta(base=digest("a"), sha256=digest("b"), size=OBJECT_LIMIT + 1, codecs=("zstd-from",))
    before = site.channels["stable"].releases[0]
    listed = before.platforms["any"]
    site.change(releases=(release(1, platforms={"any": build(1, manifest=listed.manifest, deltas=(huge,))}),), stable=1)
    site.publish()
    findings = examine().findings
    assert ("TOO_LARGE", "demo/stable 1.0.0 for any") in [(finding.code, finding.where) for finding in findings]
    carrier = Object(sha256=digest("c"), size=OBJECT_LIMIT + 1)
    entry = type(listed.manifest)(sha256=digest("d"), size=5, pack=carrier)
    site.change(releases=(release(1, platforms={"any": build(1, manifest=entry)}),), stable=1)
    site.publish()
    assert [finding.code for finding in examine().findings] == ["TOO_LARGE"]


# ---------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("days", "expired"),
    [
        (6.9, []),
        (7, ["timestamp"]),
        (21, ["snapshot", "timestamp"]),
        (90, ["snapshot", "timestamp", "demo-beta", "demo-stable"]),
        (
            365,
            ["root", "targets", "snapshot", "timestamp", "demo-halt", "demo-beta", "demo-stable"],
        ),
    ],
)
def test_what_will_be_expired_is_told(
    site: Site, examine: Callable[..., Report], days: float, expired: list[str]
) -> None:
    findings = examine(days=days).findings
    assert [(finding.code, finding.where) for finding in findings] == [("EXPIRED", role) for role in expired]
    assert all(finding.what.startswith(f"The role {finding.where} expired at ") for finding in findings)


def test_a_delegated_role_that_is_expired_now_is_named(site: Site, examine: Callable[..., Report]) -> None:
    site.expires["demo-stable"] = past()
    site.publish()
    assert [(finding.code, finding.where) for finding in examine().findings] == [("EXPIRED", "demo/stable")]


# ---------------------------------------------------------------------------------------------------- no footing


def test_without_the_top_level_roles_there_is_nothing_to_walk(site: Site, examine: Callable[..., Report]) -> None:
    kept = site.path("timestamp").read_bytes()
    for break_it, code in (
        (lambda: site.path("timestamp").write_bytes(b"<html>"), "NOT_A_REPOSITORY"),
        (lambda: site.path("timestamp").unlink(), "NOT_A_REPOSITORY"),
        (lambda: site.put("timestamp", kept[:-9]), "BAD_METADATA"),
    ):
        break_it()
        with pytest.raises(VerificationError) as caught:
            examine()
        assert caught.value.code == code
        site.path("timestamp").write_bytes(kept)
    shutil.rmtree(site.folder)
    with pytest.raises(VerificationError):
        examine()


def test_a_host_that_fails_on_the_way_is_a_finding(site: Site, tmp_path: Path) -> None:
    class Broken(FolderSource):
        def stream(self, path: str, *, limit: int, start: int = 0) -> Iterator[bytes]:
            if path.startswith("objects/"):
                raise TransferError("TOO_SLOW", "The host is too slow.")
            return super().stream(path, limit=limit, start=start)

    report = audit(Broken(site.folder), root=site.root, folder=tmp_path / "audit", now=site.now, deep=True)
    assert {finding.code for finding in report.findings} == {"TOO_SLOW"}
    assert len(report.findings) >= 3

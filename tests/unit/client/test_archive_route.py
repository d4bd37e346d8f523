"""A first install by the archive, where that is smaller, and by the packs wherever the archive fails."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from sealcast.client import Route, Update
from sealcast.client.plan import Archive
from sealcast.errors import TransferError
from sealcast.files import hash_file
from sealcast.packs import bounds, grouping, tar
from sealcast.packs.tar import Member, compressed, read_list
from tests.unit.client.sites import Site, app_files
from tests.unit.client.test_client import install_it, start, tree


def large_files(version: str) -> dict[str, bytes]:
    """Return files that compress together far better than one by one: the same noise in many folders."""
    block = random.Random(1).randbytes(3000)
    copies = {f"part{number}/data.bin": block + bytes([number]) for number in range(12)}
    return app_files(version, **copies, **{"twin/of.bin": copies["part3/data.bin"]})


@pytest.fixture
def large(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(grouping, "GROUP_LIMIT", 4000)
    site.set_archive("tar.zst")
    site.release("1.5.0", large_files("1.5.0"))
    return site


def archive_of(site: Site) -> Path:
    (found,) = (site.folder / "site" / "targets").rglob("*demo-1.5.0-any.tar.zst")
    return found


def noted(site: Site) -> list[str]:
    lines = (site.folder / "device" / "events.jsonl").read_text().splitlines()
    return [event["why"] for event in map(json.loads, lines) if event["event"] == "download_failed"]


def test_a_device_that_has_nothing_takes_the_archive(large: Site) -> None:
    source = large.source()
    client = large.client(source=source)
    update = client.check()
    assert update is not None
    plan = update.outlook.plan
    assert plan is not None
    assert (plan.route, plan.requests) == (Route.ARCHIVE, 1)
    assert plan.size == archive_of(large).stat().st_size
    assert update.outlook.as_dict()["route"] == "archive"
    before = len(source.asked)
    client.install(update)
    assert len(source.asked) - before == 1
    assert noted(large) == []
    assert tree(start(large)) == large_files("1.5.0")


def test_a_device_that_has_something_does_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    install_it(site)
    monkeypatch.setattr(grouping, "GROUP_LIMIT", 4000)
    site.set_archive("tar.zst")
    site.release("1.5.0", large_files("1.5.0"))
    update = site.client().check()
    assert update is not None
    assert update.outlook.plan is not None
    assert update.outlook.plan.route is not Route.ARCHIVE


def test_files_larger_than_a_step(large: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "FRAME_OUTPUT_LIMIT", 1000)
    install_it(large)
    assert noted(large) == []
    assert tree(large.folder / "device" / "slots" / next((large.folder / "device" / "slots").iterdir()) / "files") == (
        large_files("1.5.0")
    )


def swap(path: Path, data: bytes) -> None:
    path.unlink()  # a link to the workspace's own file
    path.write_bytes(data)


def test_an_archive_that_was_altered_costs_its_bytes(large: Site) -> None:
    path = archive_of(large)
    swap(path, path.read_bytes()[::-1])
    install_it(large)
    assert noted(large) == ["HASH_MISMATCH"]
    assert tree(start(large)) == large_files("1.5.0")
    assert not list((large.folder / "device" / "downloads").iterdir())


def test_an_archive_that_is_gone_costs_a_request(large: Site) -> None:
    archive_of(large).unlink()
    install_it(large)
    assert noted(large) == ["INCOMPLETE_REPO"]
    assert tree(start(large)) == large_files("1.5.0")


WRONG = {
    "another file": "DELTA_MISMATCH",
    "another name": "BAD_PACK",
    "a window too large": "BAD_PACK",
    "no tar": "BAD_PACK",
    "no list": "BAD_PACK",
    "another list": "DELTA_MISMATCH",
    "a hostile list": "UNSAFE_NAME",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_archive_that_was_signed_and_is_not_the_release(
    large: Site, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher's mistake, or a tool that put something else in its place: nothing of it is ever a release."""
    skeleton = read_list(io.BytesIO(archive_of(large).read_bytes()))
    files = dict(sorted(large_files("1.5.0").items()))
    if wrong == "another file":
        files["run.sh"] = b"#!/bin/sh\nrm -rf\n"[: len(files["run.sh"])].ljust(len(files["run.sh"]))
    if wrong == "another name":
        files["rum.sh"] = files.pop("run.sh")
    if wrong == "a window too large":
        monkeypatch.setattr(tar, "ARCHIVE_WINDOW_LOG", bounds.OBJECT_LIMIT.bit_length())
    made = large.folder / "made"
    with made.open("wb") as file, compressed(file, 3) as packed:
        total = b""
        for path, data in sorted(files.items()):
            total += tar.header(Member(path, len(data), path.endswith(".sh"))) + data + tar.padding(len(data))
        packed.write(total + tar.end(len(total)))
    monkeypatch.undo()
    if wrong == "no tar":
        made.write_bytes(b"PK\x03\x04" + made.read_bytes())
    if wrong == "another list":
        skeleton = skeleton.replace(b'"1.5.0"', b'"6.6.6"')
    if wrong == "a hostile list":
        skeleton = skeleton.replace(b'"run.sh"', b'"../run"')
    if wrong != "no list":
        made.write_bytes(made.read_bytes() + tar.list_frame(skeleton, 3))
    client = large.client()
    update = client.check()
    assert update is not None
    plan = update.outlook.plan
    assert plan is not None
    assert plan.archive is not None
    swap(archive_of(large), made.read_bytes())
    other = replace(plan, archive=Archive(hash_file(made), plan.archive.path))
    client.install(Update(replace(update.outlook, plan=other), update.checked))
    assert noted(large) == [WRONG[wrong]]
    assert not (large.folder / "device" / "run").exists()
    assert tree(start(large)) == large_files("1.5.0")


def test_a_network_that_fails_is_no_reason_to_fetch_more(large: Site) -> None:
    source = large.source()
    client = large.client(source=source)
    update = client.check()
    assert update is not None
    honest = source.stream

    def fail(path: str, *, limit: int, start: int = 0) -> object:
        if path.endswith(".tar.zst"):
            raise TransferError("NETWORK", "Gone.")
        return honest(path, limit=limit, start=start)

    source.stream = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(TransferError):
        client.install(update)
    assert not list((large.folder / "device" / "slots").iterdir())
    del source.stream
    client.install(update)
    assert tree(start(large)) == large_files("1.5.0")

"""Any TUF client works: tuf-js, written by others for npm, reads a site as it is published."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from sealcast.packs.zstandard import zstd
from sealcast.publisher import Repository
from tests.interop.conftest import run_tuf_js
from tests.servers import Server


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path]:
    """A site with two releases, and its first root."""
    repository = Repository.create_solo(tmp_path / "ws", app="demo", encrypted=False)
    for version in ("1.0.0", "1.1.0"):
        build = tmp_path / version
        build.mkdir()
        (build / "index.html").write_text(f"<h1>{version}</h1>")
        (build / "with space.txt").write_text("kept")
        repository.add_release(build, version=version)
    repository.build(tmp_path / "site")
    return tmp_path / "site", tmp_path / "ws" / "metadata" / "1.root.json"


def test_refreshes_and_downloads_a_channel_document_and_an_archive(
    tuf_js: Path, site: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, root = site
    targets = ["demo/stable/channel.json", "demo/stable/demo-1.1.0-any.tar.zst", "demo/policy.json"]
    with Server(folder=folder) as server:
        done = run_tuf_js(tuf_js, server.url, root, tmp_path / "js", *targets)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == targets
    document = json.loads((tmp_path / "js/targets/channel.json").read_bytes())
    assert [release["version"] for release in document["releases"]] == ["1.0.0", "1.1.0"]
    archive = (tmp_path / "js/targets/demo-1.1.0-any.tar.zst").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress(archive))) as tar:
        member = tar.extractfile("index.html")
        assert member is not None
        assert member.read() == b"<h1>1.1.0</h1>"


def test_refuses_a_tampered_archive_as_we_do(tuf_js: Path, site: tuple[Path, Path], tmp_path: Path) -> None:
    folder, root = site
    (archive,) = (folder / "targets/demo/stable").glob("*.demo-1.1.0-any.tar.zst")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    assert hashlib.sha256(data).hexdigest() not in archive.name
    with Server(folder=folder) as server:
        done = run_tuf_js(tuf_js, server.url, root, tmp_path / "js", "demo/stable/demo-1.1.0-any.tar.zst")
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()

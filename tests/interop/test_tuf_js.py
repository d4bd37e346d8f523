"""Any TUF client works: tuf-js, written by others for npm, reads a site as it is published."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from sealcast.packs.zstandard import zstd
from sealcast.publisher import Repository
from tests.servers import Server

TUF_JS = "6.0.2"
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not here")


@pytest.fixture(scope="session")
def tuf_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    done = subprocess.run(
        ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), f"tuf-js@{TUF_JS}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"tuf-js could not be installed: {done.stderr.strip().splitlines()[-1:]}")
    return folder / "node_modules" / "tuf-js" / "dist" / "index.js"


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


def run(entry: Path, url: str, root: Path, folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", str(HERE / "client.mjs"), str(entry), url, str(root), str(folder), *targets],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_refreshes_and_downloads_a_channel_document_and_an_archive(
    tuf_js: Path, site: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, root = site
    targets = ["demo/stable/channel.json", "demo/stable/demo-1.1.0-any.tar.zst", "demo/policy.json"]
    with Server(folder=folder) as server:
        done = run(tuf_js, server.url, root, tmp_path / "js", *targets)
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
        done = run(tuf_js, server.url, root, tmp_path / "js", "demo/stable/demo-1.1.0-any.tar.zst")
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()

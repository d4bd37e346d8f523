"""Clients that others wrote."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TUF_JS = "6.0.2"


@pytest.fixture(scope="session")
def tuf_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The entry of tuf-js, installed for this run."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not here")
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


def run_tuf_js(entry: Path, url: str, root: Path, folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    """Refresh from a site with tuf-js, and download targets."""
    return subprocess.run(
        ["node", str(Path(__file__).with_name("client.mjs")), str(entry), url, str(root), str(folder), *targets],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

"""Two consecutive releases of a real web package to show things on; without a network, the sample app."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import RepositoryError

PACKAGE = "notebook"
"""Jupyter Notebook: its wheel carries a built front end of some 300 files with hashed names, 17 MB."""

WHEELS = {
    "7.6.4": "15e8a5eefb01f198016f11616426db0486f24404bfa869ec276d5ff8311b533c",
    "7.6.5": "b27b4af6e410e7456cfffc6fb5a764dcfb7a331408907d483024d6ddb5ec05f2",
}
"""The two versions and the SHA-256 of their wheels: the tour is the same for everybody."""

_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Pair:
    """Two releases to publish one after the other: their folders or archives, and their versions."""

    title: str
    old: Path
    old_version: str
    new: Path
    new_version: str


def two_releases(folder: Path, template: Path) -> Pair:
    """Return two releases of a real package, downloaded into ``folder`` with pip; offline, those in ``template``.

    Raises ``RepositoryError`` (NO_INPUT) when there is neither.
    """
    old, new = WHEELS
    wheels = [_download(folder, version) for version in (old, new)]
    if wheels[0] is not None and wheels[1] is not None:
        return Pair(f"{PACKAGE} {old} and {new}, from the package index", wheels[0], old, wheels[1], new)
    sample = template / "sample-app"
    if not sample.is_dir():
        raise RepositoryError(
            "NO_INPUT",
            f"{PACKAGE} could not be downloaded, and there is no sample app at {sample}.",
            hint="Give two folders or archives of your own: sealcast demo OLD NEW",
        )
    title = "the sample app (the package index could not be reached)"
    return Pair(title, sample / "1.0.0", "1.0.0", sample / "1.1.0", "1.1.0")


def _download(folder: Path, version: str) -> Path | None:
    """Download one wheel, its digest checked by pip, or return None where that cannot be done."""
    wanted = folder / f"{PACKAGE}-{version}.txt"
    wanted.write_text(f"{PACKAGE}=={version} --hash=sha256:{WHEELS[version]}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "1"]
    try:
        subprocess.run(
            [*command, "--dest", str(folder), "--requirement", str(wanted)],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = list(folder.glob(f"{PACKAGE}-{version}-*.whl"))
    return found[0] if found else None

"""Pairs of consecutive real releases, fetched once by npm and pip and known by their digests.

To change the table, change a version and run the corpus: the refusal tells the new digest.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.environment import cache_folder
from tests.benchmarks.measure import BenchmarkError


@dataclass(frozen=True, slots=True)
class Part:
    """A package in two versions, and the SHA-256 of each as it is fetched."""

    package: str
    versions: tuple[str, str]
    sha256: tuple[str, str]
    kind: str = "npm"

    def __str__(self) -> str:
        return f"{self.package} {self.versions[0]} → {self.versions[1]}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """One or more packages that together are a release. ``quick`` corpora are run unless others are named."""

    name: str
    parts: tuple[Part, ...]
    quick: bool = True

    @property
    def about(self) -> str:
        """What it is made of."""
        return ", ".join(map(str, self.parts))


_IONIC = Part(
    "@ionic/core",
    ("8.4.0", "8.4.1"),
    (
        "7fec25e58b2b9c6f3bd33dc58df6870ae4f14d1e291acba8e8a320a76c3ebae2",
        "3ba73b8452e2e68c16036985e2de3c1fbaaee89a03ab96cd308e7b89234c5166",
    ),
)
_FLUENT = Part(
    "@fluentui/web-components",
    ("2.6.0", "2.6.1"),
    (
        "c03d83abb08ec3a97621947cbf53215aa95dacd8abf270a1a2f1cbf45c4d63e4",
        "5cc4ed127cadc622b6a9194f9f426f03c14e66cd38bc9319acf5293e99f6baab",
    ),
)
_MONACO = Part(
    "monaco-editor",
    ("0.52.0", "0.52.2"),
    (
        "5dbda58750b13452de39affcea703af096022d8e3546c67ed5d3bd072763f939",
        "c280cdcf0b0c13d1a2bf01af958d4387ed06d7f6c918401d00c4adcae1bc72b6",
    ),
)
_MATHJAX = Part(
    "mathjax",
    ("3.2.1", "3.2.2"),
    (
        "c611173600a365b9d89883d4f94f014481dea9f6b27c68f921e1ae3365d3eb2e",
        "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09",
    ),
)
_ICONS = Part(
    "bootstrap-icons",
    ("1.11.2", "1.11.3"),
    (
        "b839b1b068ea3497771ab5256531db6cb82d92b1af88f18603d50dde38648223",
        "c68c68dc483cc06c897873d2452e23d33f21865d205edc51349332313bdfdae5",
    ),
)
_PLOTLY = Part(
    "plotly.js-dist",
    ("2.35.2", "2.35.3"),
    (
        "5b47d36e97ffcdb91e539a63f3ee14a1a36a667b4ef3545ededc1511d0ca771f",
        "b2c26cd72ae4f4c3d9dc1476d60faf04845c0e15d043c99f43e11f1843b97bbe",
    ),
)
_DATE_FNS = Part(
    "date-fns",
    ("4.0.0", "4.1.0"),
    (
        "ce3266af277345888f2da69ca663d6aaec061833b131848d6d56b70de1e9772c",
        "90718290bbf34bf3d0c80bb70456e0069e0cc547caccaf1464fe42f1f602c460",
    ),
)
_ESBUILD = Part(
    "@esbuild/linux-x64",
    ("0.24.0", "0.24.2"),
    (
        "e7ed3f09090b864987027411d34b6b522b2090d83c811f712033e07a587d2275",
        "aa469e907204bade7c37df6376f7ce3562574e937a61984ba8b89db63e03883a",
    ),
)
_SWC = Part(
    "@swc/core-linux-x64-gnu",
    ("1.9.2", "1.9.3"),
    (
        "71a119787750d98026e0a8702ff2f07d940aa20b12e17f4e8cfa5fc0bad2e321",
        "3d3adebe001aa567ea9f546dc2d85522b609e2db153ae4c5754d50baf80ed99e",
    ),
)
_RUFF = Part(
    "ruff",
    ("0.8.0", "0.8.1"),
    (
        "87a8e86bae0dbd749c815211ca11e3a7bd559b9710746c559ed63106d382bd9c",
        "b22346f845fec132aa39cd29acb94451d030c10874408dbf776af3aaeb53284c",
    ),
    "pip",
)
_NUMPY = Part(
    "numpy",
    ("2.1.2", "2.1.3"),
    (
        "e2b49c3c0804e8ecb05d59af8386ec2f74877f7ca8fd9c1e00be2672e4d399b1",
        "bc6f24b3d1ecc1eebfbf5d6051faa49af40b03be1aaa781ebdadcbc090b4539b",
    ),
    "pip",
)

CORPORA = (
    Corpus("ionic", (_IONIC,)),
    Corpus("fluent", (_FLUENT,)),
    Corpus("icons", (_ICONS,)),
    Corpus("esbuild", (_ESBUILD,)),
    Corpus("mathjax", (_MATHJAX,), quick=False),
    Corpus("plotly", (_PLOTLY,), quick=False),
    Corpus("monaco", (_MONACO,), quick=False),
    Corpus("webapp", (_IONIC, _FLUENT, _ICONS, _DATE_FNS, _MATHJAX, _PLOTLY), quick=False),
    Corpus("ruff", (_RUFF,), quick=False),
    Corpus("swc", (_SWC,), quick=False),
    Corpus("numpy", (_NUMPY,), quick=False),
)


def fetch(corpus: Corpus) -> tuple[Path, Path]:
    """Return the folders of both releases, from the cache or fetched. Raises ``BenchmarkError``."""
    trees = []
    for side in (0, 1):
        key = hashlib.sha256("".join(part.sha256[side] for part in corpus.parts).encode()).hexdigest()[:16]
        tree = cache_folder() / "corpora" / f"{corpus.name}-{side}-{key}"
        if not tree.exists():
            with tempfile.TemporaryDirectory(dir=_folder("corpora")) as made:
                for part in corpus.parts:
                    # Several packages lie side by side, by name; one alone is the release.
                    place = Path(made, "tree", part.package) if len(corpus.parts) > 1 else Path(made, "tree")
                    unpack(download(part, side), place)
                Path(made, "tree").rename(tree)
        trees.append(tree)
    return trees[0], trees[1]


def download(part: Part, side: int) -> Path:
    """Return the package's file, which has the digest that is listed. Raises ``BenchmarkError``."""
    kept = _folder("downloads") / part.sha256[side]
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=_folder("downloads")) as folder:
            file = fetch_file(part, side, Path(folder))
            found = digest(file)
            if found != part.sha256[side]:
                raise BenchmarkError(
                    f"{part.package} {part.versions[side]} has the digest {found}, which is not listed"
                )
            file.rename(kept)
    return kept


def fetch_file(part: Part, side: int, folder: Path) -> Path:
    """Bring a package's file into an empty folder by npm or pip. Raises ``BenchmarkError``."""
    sys.stderr.write(f"Fetching {part.package} {part.versions[side]} …\n")
    try:
        subprocess.run(command(part, side, folder), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise BenchmarkError(f"{error.filename} is needed to fetch {part.package}") from error
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{part.package} {part.versions[side]} could not be fetched") from error
    (file,) = folder.iterdir()
    return file


def command(part: Part, side: int, folder: Path) -> Sequence[str]:
    """Return the command that fetches a package, for the same machine wherever it is run."""
    if part.kind == "npm":
        npm = shutil.which("npm") or "npm"
        return [npm, "pack", "--silent", "--pack-destination", str(folder), f"{part.package}@{part.versions[side]}"]
    wheel = ["--no-deps", "--only-binary=:all:", "--python-version", "3.11"]
    for glibc in ("manylinux2014", "manylinux_2_17", "manylinux_2_28"):
        wheel += ["--platform", f"{glibc}_x86_64"]
    quiet = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    return [*quiet, *wheel, "--dest", str(folder), f"{part.package}=={part.versions[side]}"]


def unpack(file: Path, folder: Path) -> None:
    """Unpack a package into ``folder``."""
    folder.mkdir(parents=True)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as wheel:
            wheel.extractall(folder)
    else:
        with tarfile.open(file) as tar:
            tar.extractall(folder, filter="data")


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _folder(name: str) -> Path:
    folder = cache_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder

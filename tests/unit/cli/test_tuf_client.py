"""The command protocol of the TUF project's conformance suite: options before the verb, exit status 0 or 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from sealcast.serve import SiteServer

from .conftest import Run, Said


@pytest.fixture
def url(run: Run, place: Path) -> Iterator[str]:
    assert run("-C", "ws", "build", "site").status == 0
    with SiteServer(place / "site") as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


def targets_of(place: Path, role: str) -> list[str]:
    newest = max(
        (place / "site" / "metadata").glob(f"*.{role}.json"), key=lambda path: int(path.name.partition(".")[0])
    )
    return list(json.loads(newest.read_bytes())["signed"]["targets"])


def test_init_refresh_download(run: Run, place: Path, url: str) -> None:
    root = "ws/metadata/1.root.json"
    said = run("tuf", "--metadata-dir", "metadata", "init", root)
    assert said == Said(0, "Trusting root version 1, kept in metadata.\n", "")
    assert (place / "metadata" / "root.json").read_bytes() == (place / root).read_bytes()
    where = ("--metadata-url", f"{url}/metadata", "--metadata-dir", "metadata")
    said = run("tuf", *where, "refresh", "--json")
    assert (said.status, said.document["versions"]["root"]) == (0, 1)
    assert run("tuf", *where, "refresh").out.startswith("Up to date: root 1, timestamp 3, ")
    names = targets_of(place, "demo-stable")
    wanted = [word for name in names for word in ("--target-name", name)]
    into = ("--target-dir", "targets", "--target-base-url", f"{url}/targets")
    said = run("tuf", *where, *wanted, *into, "download")
    assert said.status == 0
    assert said.out.count("Verified demo/stable/") == len(names) == 3
    assert len(list((place / "targets").iterdir())) == 3
    said = run("tuf", *where, *wanted, *into, "download", "--json")
    assert set(said.document["targets"]) == set(names)


def test_any_failure_is_one(run: Run, place: Path, url: str) -> None:
    where = ("--metadata-url", f"{url}/metadata", "--metadata-dir", "metadata")
    into = ("--target-dir", "targets", "--target-base-url", f"{url}/targets")
    failures = [
        (("--metadata-dir", "metadata", "init", "missing.json"), "NO_FILE"),
        (("--metadata-dir", "metadata", "init", "ws/sealcast.toml"), "BAD_METADATA"),
        ((*where, "refresh"), "NOT_INITIALISED"),
    ]
    for words, code in failures:
        said = run("tuf", *words)
        assert (said.status, said.code) == (1, code)
    (place / "big.json").write_bytes(b" " * 600_000)
    assert run("tuf", "--metadata-dir", "metadata", "init", "big.json").code == "TOO_LARGE"
    assert run("tuf", "--metadata-dir", "metadata", "init", "ws/metadata/1.root.json").status == 0
    for words, code in [
        (("--metadata-dir", "metadata", "refresh"), "USAGE"),
        ((*where, *into, "download"), "USAGE"),
        ((*where, "--target-name", "x", "download"), "USAGE"),
        ((*where, *into, "--target-name", "nothing", "download"), "UNKNOWN_TARGET"),
    ]:
        said = run("tuf", *words)
        assert (said.status, said.code) == (1, code)
        said = run("tuf", *words, "--json")
        assert (said.status, said.document["error"]["code"]) == (1, code)


def test_the_folder_must_be_named(run: Run) -> None:
    assert run("tuf", "refresh").code == "USAGE"

"""Every type of signing key signs a whole publication, and clients that others wrote say what they read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from tuf.ngclient import Updater

from sealcast.publisher import Repository
from sealcast.signing import KEY_TYPES, EnvironmentSecrets, Located, generate, locate, make_in_token, save_key
from tests.holders import held_by
from tests.interop.conftest import run_tuf_js
from tests.servers import Server
from tests.tokens import PIN, Tokens, tokens

__all__ = ["tokens"]

NOBODY = EnvironmentSecrets({})
ARCHIVE = "demo/stable/demo-1.0.0-any.tar.zst"


def key(folder: Path, kind: str) -> Located:
    """Make a key of this type in a file."""
    name = f"{kind}-{len(list(folder.glob('*.pem'))) if folder.exists() else 0}"
    private, _ = save_key(folder, generate(name, KEY_TYPES[kind], None, random=os.urandom))
    return locate(f"file:{private}", NOBODY, folder=Path())


def published(repository: Repository, folder: Path) -> Path:
    """Add a release, which signs channel, snapshot and timestamp, and build the site, which verifies it."""
    (folder / "dist").mkdir()
    (folder / "dist" / "index.html").write_text("<h1>1.0.0</h1>")
    repository.add_release(folder / "dist", version="1.0.0")
    repository.build(folder / "site")
    return folder / "site"


def read_by_python_tuf(site: Path, root: Path, folder: Path) -> str:
    """Return where python-tuf put the archive that it refreshed, found and downloaded."""
    (folder / "targets").mkdir(parents=True)
    with Server(folder=site) as server:
        updater = Updater(
            str(folder / "metadata"),
            f"{server.url}/metadata",
            str(folder / "targets"),
            f"{server.url}/targets",
            bootstrap=root.read_bytes(),
        )
        updater.refresh()
        info = updater.get_targetinfo(ARCHIVE)
        assert info is not None
        return updater.download_target(info)


def test_python_tuf_reads_a_site_that_every_type_of_key_signed(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    held = {
        "root": [key(keys, "rsa-4096"), key(keys, "ml-dsa-65")],
        "targets": [key(keys, "ecdsa-p384"), key(keys, "ed25519")],
        "demo-stable": [key(keys, "ml-dsa-65")],
        "snapshot": [key(keys, "rsa-3072")],
        "timestamp": [key(keys, "ecdsa-p256"), key(keys, "ecdsa-p384")],
    }
    repository = held_by(tmp_path / "ws", held, NOBODY)
    site = published(repository, tmp_path)
    root = repository.workspace.metadata / "1.root.json"
    assert {one.key.scheme for holders in held.values() for one in holders} == {
        kind.scheme for kind in KEY_TYPES.values()
    }
    assert Path(read_by_python_tuf(site, root, tmp_path / "client")).stat().st_size > 0


def read_by_tuf_js(folder: Path, entry: Path, held: Sequence[Located], threshold: int = 1) -> str:
    """Return what tuf-js says against a site that these keys signed; nothing where it reads it."""
    roles = dict.fromkeys(("root", "targets", "demo-stable", "snapshot", "timestamp"), held)
    repository = held_by(folder / "ws", roles, NOBODY, threshold)
    with Server(folder=published(repository, folder)) as server:
        done = run_tuf_js(entry, server.url, repository.workspace.metadata / "1.root.json", folder / "js", ARCHIVE)
    return "" if done.returncode == 0 else done.stderr


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> list[Located]:
    """Four classical keys, each of another type, and one of ML-DSA."""
    keys = tmp_path_factory.mktemp("keys")
    return [key(keys, kind) for kind in ("ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-3072", "ml-dsa-65")]


@pytest.mark.parametrize(("threshold", "answer"), [(4, ""), (5, "root was signed by 4/5 keys")])
def test_tuf_js_reads_all_types_but_one(
    tmp_path: Path, tuf_js: Path, every_kind: list[Located], threshold: int, answer: str
) -> None:
    """A client that does not know ML-DSA reads on beside classical keys, until the threshold exceeds their number.

    That is when protection begins, too: what such a client accepts, a thief of the classical keys can forge.
    """
    said = read_by_tuf_js(tmp_path, tuf_js, every_kind, threshold)
    assert answer in said
    assert bool(said) == bool(answer)
    assert read_by_python_tuf(tmp_path / "site", tmp_path / "ws" / "metadata" / "1.root.json", tmp_path / "client")


def test_root_and_targets_in_tokens(tmp_path: Path, tokens: Tokens) -> None:
    """Two tokens hold root and targets, on both curves; a whole publication, and clients that read it."""
    secrets = EnvironmentSecrets({"SEALCAST_PIN": PIN})
    held = [
        make_in_token(tokens.make("root-a"), KEY_TYPES["ecdsa-p256"], secrets, label="a"),
        make_in_token(tokens.make("root-b"), KEY_TYPES["ecdsa-p384"], secrets, label="b"),
    ]
    repository = held_by(tmp_path / "ws", {"root": held, "targets": held, "demo-stable": held[:1]}, secrets)
    site = published(repository, tmp_path)
    root = repository.workspace.metadata / "1.root.json"
    assert Path(read_by_python_tuf(site, root, tmp_path / "client")).stat().st_size > 0

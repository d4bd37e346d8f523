"""Keys in tokens and services on the command line: made, recorded, and signing wherever ``--signer`` is taken."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sealcast.signing import generate, key_of, read_record, save_key
from sealcast.signing.key_types import KEY_TYPES
from tests.tokens import PIN, Tokens, aws, tokens
from tests.unit.cli.conftest import Run, write

__all__ = ["aws", "tokens"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def token(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SEALCAST_PIN", PIN)
    return tokens.make("root-b")


def test_a_key_is_made_in_a_token_and_recorded(run: Run, token: str) -> None:
    done = run("key", "new", "carol", "--signer", token)
    assert done.status == 0, done.err
    assert "Made the ecdsa-p256 key of carol." in done.out
    record = read_record(Path("keys/carol.pub.json"))
    assert record.uri == token
    assert record.keyid in done.out
    assert [path.name for path in Path("keys").iterdir()] == ["carol.pub.json"]
    assert run("key", "list", "--json").document["keys"][0]["private"] == "elsewhere"
    again = run("key", "import", "dave", "--signer", token, "--json")
    assert again.document["key"]["keyid"] == record.keyid
    assert again.document["private"] == token


def test_the_kind_of_key_and_what_clients_read_it(run: Run, token: str) -> None:
    done = run("key", "new", "carol", "--signer", token, "--type", "ecdsa-p384", "--json")
    assert done.document["type"] == "ecdsa-p384"
    assert "other TUF clients may refuse" in done.err
    refused = run("key", "new", "dave", "--signer", f"{token[:-1]}3", "--type", "ed25519")
    assert (refused.status, refused.code) == (5, "UNKNOWN_KEY_TYPE")


def test_a_trial_makes_nothing(run: Run, token: str) -> None:
    assert "Would make a key" in run("key", "new", "carol", "--signer", token, "--dry-run").out
    assert run("key", "import", "carol", "--signer", token).code == "KEY_NOT_FOUND"
    run("key", "new", "carol", "--signer", token)
    trial = run("key", "import", "dave", "--signer", token, "--dry-run", "--json").document
    assert trial["dry_run"] is True
    assert not Path("keys/dave.pub.json").exists()


def test_a_name_that_is_taken_costs_no_key(run: Run, token: str) -> None:
    save_key(Path("keys"), generate("carol", KEY_TYPES["ed25519"], None, random=bytes))
    assert run("key", "new", "carol", "--signer", token).code == "KEY_EXISTS"
    assert run("key", "import", "carol", "--signer", token).code == "KEY_EXISTS"
    assert run("key", "new", "dave", "--signer", token).status == 0  # the id is still free


def test_a_pin_is_no_passphrase(run: Run) -> None:
    for option in (("--no-passphrase",), ("--passphrase-file", "x")):
        refused = run("key", "new", "carol", "--signer", "pkcs11:root-b?id=02", *option)
        assert refused.status == 2
        assert "protected by its PIN" in refused.err


def test_each_thing_that_is_missing_has_its_sentence(run: Run, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pin, code in (("000000", "WRONG_PIN"), ("", "NO_PIN")):
        monkeypatch.setenv("SEALCAST_PIN", pin)
        refused = run("key", "new", "carol", "--signer", token)
        assert (refused.status, refused.code) == (5, code)
    assert "SEALCAST_PIN_ROOT_B" in refused.err
    monkeypatch.setenv("SEALCAST_PIN_ROOT_B", PIN)
    assert run("key", "new", "carol", "--signer", "pkcs11:root-c?id=02").code == "TOKEN_NOT_FOUND"
    monkeypatch.setenv("SEALCAST_PKCS11_MODULE", "/nowhere.so")
    assert run("key", "new", "carol", "--signer", token).code == "NO_PKCS11_MODULE"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pkcs11", None)
        refused = run("key", "new", "carol", "--signer", token)
    assert refused.code == "MISSING_PACKAGE"
    assert "pip install 'sealcast[pkcs11]'" in refused.err


def test_a_ceremony_and_a_release_signed_by_tokens(run: Run, token: str, tokens: Tokens) -> None:
    """Root is held in two tokens, on both curves; one of them also signs the channel."""
    other = tokens.make("root-a")
    run("key", "new", "carol", "--signer", token)
    run("key", "new", "dave", "--signer", other, "--type", "ecdsa-p384")
    run("key", "new", "ci", "--no-passphrase")
    holders = [
        word
        for role, names in {
            "root": ("carol", "dave"),
            "targets": ("dave",),
            "demo-stable": ("carol",),
            "demo-halt": ("ci",),
            "snapshot": ("ci",),
            "timestamp": ("ci",),
        }.items()
        for name in names
        for word in ("--holder", f"{role}=keys/{name}.pub.json")
    ]
    made = run("init", "ws", "--app", "demo", *holders, "--threshold", "root=2")
    assert made.status == 0, made.err
    assert run("-C", "ws", "ceremony", "plan", "--out", "first.proposal").status == 0
    for name, uri in (("carol", token), ("dave", other)):
        signed = run("ceremony", "sign", "first.proposal", "--signer", uri, "--out", f"{name}.statement", "--yes")
        assert signed.status == 0, signed.err
    combined = run(
        "-C", "ws", "ceremony", "combine", "first.proposal", "carol.statement", "dave.statement",
        "--signer", "file:keys/ci.pem", "--signer", token,
    )  # fmt: skip
    assert combined.status == 0, combined.err
    write(Path("dist"), {"index.html": "one"})
    added = run(
        "-C", "ws", "release", "add", "dist", "--version", "1.0.0", "--signer", token, "--signer", "file:keys/ci.pem"
    )
    assert added.status == 0, added.err
    assert run("-C", "ws", "build", "site").status == 0
    checked = run("verify", "site", "--root", "ws/metadata/1.root.json")
    assert checked.status == 0, checked.err
    assert "root: ecdsa-p384 is read by" in made.err
    assert "root: ecdsa-p384 is read by" in run("-C", "ws", "status").err
    root: Any = json.loads(Path("ws/metadata/1.root.json").read_bytes())
    assert len(root["signatures"]) == 2


def test_a_release_signed_by_aws(run: Run, aws: Any) -> None:
    made = aws.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    done = run("key", "import", "ci", "--signer", f"awskms:{made}", "--json")
    assert done.status == 0, done.err
    record = read_record(Path("keys/ci.pub.json"))
    assert record.uri == f"awskms:{made}"
    assert key_of(record).scheme == "ecdsa-sha2-nistp256"
    save_key(Path("keys"), generate("root", KEY_TYPES["ed25519"], None, random=bytes))
    roles = {"root": "root", "targets": "root"} | dict.fromkeys(
        ("demo-stable", "demo-halt", "snapshot", "timestamp"), "ci"
    )
    holders = [word for role, name in roles.items() for word in ("--holder", f"{role}=keys/{name}.pub.json")]
    assert run("init", "ws", "--app", "demo", *holders).status == 0
    assert run("-C", "ws", "ceremony", "plan", "--out", "first.proposal").status == 0
    signed = run(
        "ceremony", "sign", "first.proposal", "--signer", "file:keys/root.pem", "--out", "root.statement", "--yes"
    )
    assert signed.status == 0, signed.err
    signer = ("--signer", f"awskms:{made}")
    combined = run("-C", "ws", "ceremony", "combine", "first.proposal", "root.statement", *signer)
    assert combined.status == 0, combined.err
    write(Path("dist"), {"index.html": "one"})
    added = run("-C", "ws", "release", "add", "dist", "--version", "1.0.0", *signer)
    assert added.status == 0, added.err
    assert run("-C", "ws", "build", "site").status == 0
    assert run("verify", "site", "--root", "ws/metadata/1.root.json").status == 0

"""Signers from URIs: every kind of key signs TUF metadata; whatever does not belong together is refused."""

from __future__ import annotations

import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import Metadata, Root, Timestamp

from sealcast.errors import SealcastError, SigningError
from sealcast.signing import (
    KEY_TYPES,
    GeneratedKey,
    generate,
    key_of,
    open_signer,
    read_record,
    save_key,
)

pytestmark = pytest.mark.usefixtures("cheap_passphrases")

PASSPHRASE = b"canary-passphrase-5f0c9"


class Answers:
    """Answers with one passphrase, and remembers what was asked."""

    def __init__(self, passphrase: bytes = PASSPHRASE) -> None:
        self._passphrase = passphrase
        self.asked: list[str] = []

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        assert not confirm, "an old passphrase is asked once"
        self.asked.append(name)
        return self._passphrase

    def pin(self, token: str) -> str:
        raise AssertionError("a file has no PIN")


class Nobody:
    """Cannot be asked."""

    def pin(self, token: str) -> str:
        raise SigningError("NO_PIN", f"Nobody to ask for {token}.")

    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        raise SigningError("NO_PASSPHRASE", f"Nobody to ask for {name}.")


def made(name: str = "alice", kind: str = "ed25519", passphrase: bytes | None = PASSPHRASE) -> GeneratedKey:
    return generate(name, KEY_TYPES[kind], passphrase, random=os.urandom)


@pytest.fixture
def alice(tmp_path: Path) -> Key:
    return key_of(read_record(save_key(tmp_path / "keys", made())[1]))


def refusal(uri: str, key: Key, folder: Path, passphrase: bytes = PASSPHRASE) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        open_signer(uri, key, Answers(passphrase), folder=folder)
    return caught.value


@pytest.mark.parametrize("passphrase", [PASSPHRASE, None], ids=["encrypted", "clear"])
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_every_kind_of_key_signs_metadata(tmp_path: Path, kind: str, passphrase: bytes | None) -> None:
    _, public = save_key(tmp_path, made("alice", kind, passphrase))
    key = key_of(read_record(public))
    answers = Answers()
    signer = open_signer("file:alice.pem", key, answers, folder=tmp_path)
    assert answers.asked == (["alice"] if passphrase else [])
    timestamp = Metadata(Timestamp(expires=datetime(2030, 1, 1, tzinfo=UTC)))
    timestamp.sign(signer)
    root = Root()
    root.add_key(Key.from_dict(key.keyid, key.to_dict()), "timestamp")
    read_back = Metadata[Timestamp].from_bytes(timestamp.to_bytes())
    root.verify_delegate("timestamp", read_back.signed_bytes, read_back.signatures)


def test_an_absolute_path(tmp_path: Path, alice: Key) -> None:
    path = (tmp_path / "keys" / "alice.pem").as_posix()
    for uri in (f"file:{path}", f"file://{path}"):
        assert open_signer(uri, alice, Answers(), folder=Path("/nowhere")).public_key == alice


@pytest.mark.parametrize(
    "uri",
    ["", "alice.pem", "file:", "hsm:2", "file2:alice.pem", "FILE:x", "\u202efile:x"],
)
def test_an_unknown_scheme_is_answered_with_the_known_ones(uri: str, alice: Key, tmp_path: Path) -> None:
    error = refusal(uri, alice, tmp_path)
    assert error.code == "UNKNOWN_SIGNER"
    assert "file:" in error.hint
    assert "\u202e" not in error.what


@pytest.mark.parametrize("uri", ["file://host/share/alice.pem", "file:\\\\host\\share\\alice.pem", "file:////host/x"])
def test_a_path_on_another_host(uri: str, alice: Key, tmp_path: Path) -> None:
    assert refusal(uri, alice, tmp_path).code == "BAD_SIGNER"


def test_the_key_of_somebody_else(tmp_path: Path, alice: Key) -> None:
    for kind in ("ed25519", "ecdsa-p256", "ml-dsa-65"):
        save_key(tmp_path / kind, made("bob", kind))
        error = refusal(f"file:{kind}/bob.pem", alice, tmp_path)
        assert error.code == "KEY_MISMATCH"
        assert error.data["keyid"] == alice.keyid


def test_a_public_key_under_a_wrong_id_opens_nothing(tmp_path: Path, alice: Key) -> None:
    stranger = SSlibKey("0" * 64, alice.keytype, alice.scheme, alice.keyval)
    assert refusal("file:keys/alice.pem", stranger, tmp_path).code == "KEYID_MISMATCH"


def test_a_wrong_passphrase(tmp_path: Path, alice: Key) -> None:
    assert refusal("file:keys/alice.pem", alice, tmp_path, b"wrong").code == "WRONG_PASSPHRASE"


def test_nobody_to_ask(tmp_path: Path, alice: Key) -> None:
    with pytest.raises(SigningError) as caught:
        open_signer("file:keys/alice.pem", alice, Nobody(), folder=tmp_path)
    assert caught.value.code == "NO_PASSPHRASE"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_file_that_others_can_read(tmp_path: Path, alice: Key) -> None:
    (tmp_path / "keys" / "alice.pem").chmod(0o644)
    assert refusal("file:keys/alice.pem", alice, tmp_path).code == "KEY_PERMISSIONS"


def test_a_passphrase_never_shows(tmp_path: Path, alice: Key) -> None:
    """Whatever goes wrong, and however it is printed: no passphrase, and no private key."""
    folder = tmp_path / "keys"
    pem = (folder / "alice.pem").read_bytes()
    save_key(folder, made("bob"))
    damaged = {
        "cut.pem": pem[: len(pem) // 2],
        "swapped.pem": pem.replace(b"M", b"N"),
        "tail.pem": pem[:-60] + pem[-40:],
        "text.pem": PASSPHRASE,
        "labelled.pem": b"-----BEGIN PRIVATE KEY-----\n" + PASSPHRASE + b"\n-----END PRIVATE KEY-----\n",
    }
    for name, data in damaged.items():
        (folder / name).touch(0o600)
        (folder / name).write_bytes(data)
    uris = [f"file:keys/{name}" for name in (*damaged, "bob.pem", "nobody.pem")]
    told = []
    for uri in uris:
        error = refusal(uri, alice, tmp_path)
        told.append("".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(error.as_dict()))
    wrong = refusal("file:keys/alice.pem", alice, tmp_path, PASSPHRASE + b"x")
    told.append("".join(traceback.format_exception(wrong)) + repr(wrong.as_dict()))
    signer = open_signer("file:keys/alice.pem", alice, Answers(), folder=tmp_path)
    told.append(repr(signer) + str(signer))
    told.append(repr(read_record(folder / "alice.pub.json")) + repr(made()))
    assert not [text for text in told if PASSPHRASE.decode() in text]
    assert not [text for text in told if "BEGIN" in text]

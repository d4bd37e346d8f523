"""Public key records: written canonically, read strictly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import SSlibKey

from sealcast.errors import ConfigError, SealcastError, SigningError, VerificationError
from sealcast.signing import key_of, read_record, record_bytes, record_of
from sealcast.signing.records import RECORD_LIMIT

KEY = SSlibKey.from_crypto(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())
RECORD = record_of(KEY, "alice", "file:keys/alice.pem", datetime(2026, 1, 31, 12, tzinfo=UTC))


def saved(tmp_path: Path, **changes: Any) -> Path:
    fields = json.loads(record_bytes(RECORD)) | changes
    path = tmp_path / "alice.pub.json"
    path.write_text(json.dumps({name: value for name, value in fields.items() if value is not None}))
    return path


def refusal(path: Path) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        read_record(path)
    return caught.value


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "alice.pub.json"
    path.write_bytes(record_bytes(RECORD))
    assert read_record(path) == RECORD
    assert RECORD.created == "2026-01-31T12:00:00Z"


def test_the_text_is_canonical() -> None:
    text = record_bytes(RECORD).decode()
    assert text.endswith("}\n")
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) + "\n"


def test_the_id_is_the_hash_that_the_specification_prescribes() -> None:
    import hashlib

    fields = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": KEY.keyval["public"]}}
    assert RECORD.keyid == hashlib.sha256(encode_canonical(fields).encode()).hexdigest()


def test_name_and_uri_stay_outside_the_key() -> None:
    assert key_of(RECORD).to_dict() == KEY.to_dict()
    assert set(key_of(RECORD).to_dict()) == {"keytype", "scheme", "keyval"}


def test_uri_and_time_are_optional(tmp_path: Path) -> None:
    record = read_record(saved(tmp_path, uri=None, created=None))
    assert (record.uri, record.created) == (None, None)
    assert b"uri" not in record_bytes(record)


def test_a_field_of_a_later_version_is_passed_over(tmp_path: Path) -> None:
    assert read_record(saved(tmp_path, colour="green")) == RECORD


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "sealcast/public-key/2"}, "UNKNOWN_DOCUMENT"),
        ({"must_understand": ["colour"]}, "UNKNOWN_DOCUMENT"),
        ({"name": "../alice"}, "UNSAFE_NAME"),
        ({"name": "Alice"}, "UNSAFE_NAME"),
        ({"keyid": "0" * 64}, "KEYID_MISMATCH"),
        ({"keyid": RECORD.keyid.upper()}, "KEYID_MISMATCH"),
        ({"keyid": ""}, "KEYID_MISMATCH"),
        ({"keyid": None}, "BAD_METADATA"),
        ({"keyid": 7}, "BAD_METADATA"),
        ({"keytype": "rsa"}, "BAD_PUBLIC_KEY"),
        ({"scheme": "none"}, "BAD_PUBLIC_KEY"),
        ({"keyval": {"public": "00" * 32}}, "KEYID_MISMATCH"),
        ({"keyval": {"public": KEY.keyval["public"], "x": "1"}}, "BAD_METADATA"),
        ({"keyval": {}}, "BAD_METADATA"),
        ({"uri": "file:" + "x" * 2000}, "BAD_METADATA"),
        ({"created": "yesterday"}, "BAD_METADATA"),
    ],
)
def test_refusals(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    assert refusal(saved(tmp_path, **changes)).code == code


def test_text_that_two_parsers_could_read_differently(tmp_path: Path) -> None:
    path = tmp_path / "alice.pub.json"
    path.write_bytes(record_bytes(RECORD).replace(b'{"', b'{"name":"mallory","', 1))
    assert refusal(path).code == "BAD_METADATA"


def test_a_file_without_end(tmp_path: Path) -> None:
    path = tmp_path / "alice.pub.json"
    path.write_bytes(b" " * (RECORD_LIMIT + 1))
    error = refusal(path)
    assert isinstance(error, VerificationError)
    assert error.code == "TOO_LARGE"


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir], ids=["missing", "a folder"])
def test_no_file(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "bob.pub.json")
    error = refusal(tmp_path / "bob.pub.json")
    assert isinstance(error, SigningError)
    assert error.code == "KEY_NOT_FOUND"


def test_a_record_is_not_made_under_a_bad_name() -> None:
    with pytest.raises(ConfigError) as caught:
        record_of(KEY, "a/b")
    assert caught.value.code == "UNSAFE_NAME"


def test_a_record_is_not_made_of_a_key_under_another_id() -> None:
    with pytest.raises(VerificationError) as caught:
        record_of(SSlibKey("0" * 64, KEY.keytype, KEY.scheme, KEY.keyval), "alice")
    assert caught.value.code == "KEYID_MISMATCH"

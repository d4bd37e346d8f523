"""The kinds of keys: made, recognised, and refused when they are weak, unknown or spelled in another way."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import SSlibKey

from sealcast.errors import SigningError, VerificationError
from sealcast.signing import DEFAULT_KEY_TYPE, KEY_TYPES, advice, key_type, type_of
from sealcast.signing.key_types import checked

ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
P256 = ec.derive_private_key(7, ec.SECP256R1()).public_key()
P384 = ec.derive_private_key(7, ec.SECP384R1()).public_key()


def tuf_key(keytype: str, scheme: str, public: str) -> SSlibKey:
    return SSlibKey("0" * 64, keytype, scheme, {"public": public})


def pem_of(public: PublicKeyTypes) -> str:
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def refusal(key: SSlibKey) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        checked(key)
    return caught.value


def test_the_default_is_ed25519_and_stands_first() -> None:
    assert next(iter(KEY_TYPES.values())) is DEFAULT_KEY_TYPE is key_type("ed25519")


@pytest.mark.parametrize("name", KEY_TYPES)
def test_a_made_key_is_recognised(name: str) -> None:
    kind = key_type(name)
    key = SSlibKey.from_crypto(kind.generate().public_key())
    assert (key.keytype, key.scheme) == (kind.keytype, kind.scheme)
    assert type_of(key) is kind
    assert checked(key) == key


def test_the_tool_knows_which_kinds_not_every_client_reads() -> None:
    assert [kind.name for kind in KEY_TYPES.values() if not kind.every_client] == ["ecdsa-p384", "ml-dsa-65"]
    assert "threshold" in KEY_TYPES["ml-dsa-65"].read_by


def test_an_unknown_type_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SigningError) as caught:
        key_type("dsa")
    assert caught.value.code == "UNKNOWN_KEY_TYPE"
    assert "ed25519" in caught.value.hint


def test_an_rsa_key_between_the_sizes_counts_as_the_smaller() -> None:
    # Assembled from a 4096-bit modulus cut short: no need for a key that works.
    number = rsa.RSAPublicNumbers(65537, (1 << 3583) | 1).public_key()
    assert type_of(SSlibKey.from_crypto(number)).name == "rsa-3072"


def test_a_weak_rsa_key() -> None:
    error = refusal(SSlibKey.from_crypto(rsa.RSAPublicNumbers(65537, (1 << 2047) | 1).public_key()))
    assert error.code == "BAD_PUBLIC_KEY"
    assert "2048 bits" in error.what


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(tuf_key("ed25519", "ed25519", ED25519.public_bytes_raw().hex().upper()), id="capitals"),
        pytest.param(tuf_key("ed25519", "ed25519", ED25519.public_bytes_raw().hex(" ")), id="blanks"),
        pytest.param(tuf_key("ed25519", "ed25519", "00"), id="too short"),
        pytest.param(tuf_key("ed25519", "ed25519", "zz" * 32), id="not hex"),
        pytest.param(tuf_key("ed25519", "ed25519", pem_of(ED25519)), id="PEM where hex is due"),
        pytest.param(tuf_key("ecdsa", "ecdsa-sha2-nistp256", pem_of(P256).rstrip()), id="no last newline"),
        pytest.param(tuf_key("ecdsa", "ecdsa-sha2-nistp256", pem_of(P256).replace("\n", "\r\n")), id="CRLF"),
        pytest.param(tuf_key("ecdsa", "ecdsa-sha2-nistp256", "x" + pem_of(P256)), id="text before the PEM"),
        pytest.param(tuf_key("ecdsa", "ecdsa-sha2-nistp256", pem_of(P384)), id="another curve"),
        pytest.param(tuf_key("ecdsa", "ecdsa-sha2-nistp256", pem_of(ED25519)), id="another kind"),
        pytest.param(
            tuf_key("ecdsa", "ecdsa-sha2-nistp256", pem_of(x25519.X25519PrivateKey.generate().public_key())),
            id="a key that cannot sign",
        ),
        pytest.param(tuf_key("ecdsa", "ecdsa-sha2-nistp256", ""), id="nothing"),
        pytest.param(tuf_key("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", pem_of(P256)), id="keytype of old"),
        pytest.param(tuf_key("ecdsa", "ecdsa-sha2-nistp521", pem_of(P256)), id="scheme not offered"),
        pytest.param(tuf_key("rsa", "rsa-pkcs1v15-sha256", pem_of(P256)), id="padding of old"),
    ],
)
def test_a_key_that_is_not_spelled_as_sealcast_writes_it(key: SSlibKey) -> None:
    assert refusal(key).code == "BAD_PUBLIC_KEY"


def test_a_key_of_a_kind_that_only_others_use() -> None:
    error = refusal(SSlibKey.from_crypto(ec.derive_private_key(7, ec.SECP521R1()).public_key()))
    assert error.code == "BAD_PUBLIC_KEY"
    assert "nistp521" in error.what


def test_a_key_with_a_field_too_many() -> None:
    key = SSlibKey.from_crypto(ED25519)
    key.unrecognized_fields["x-owner"] = "alice"
    assert refusal(key).code == "BAD_PUBLIC_KEY"
    del key.unrecognized_fields["x-owner"]
    key.keyval["private"] = ""
    assert refusal(key).code == "BAD_PUBLIC_KEY"


def test_a_key_under_another_id() -> None:
    key = SSlibKey.from_crypto(ED25519, keyid="\u202e" + "0" * 63)
    error = refusal(key)
    assert error.code == "KEYID_MISMATCH"
    assert error.data["computed"] == SSlibKey.from_crypto(ED25519).keyid
    assert "\u202e" not in error.what


@pytest.mark.parametrize(
    ("kinds", "threshold", "told"),
    [
        (["ed25519", "ecdsa-p256", "rsa-3072"], 2, []),
        (["ecdsa-p384", "ecdsa-p384", "ed25519"], 1, ["tuf-js; other TUF clients may refuse"]),
        (["ed25519", "ml-dsa-65"], 1, ["python-tuf; other", "does not protect yet: 1 of 1 other keys suffice"]),
        (["ed25519", "ed25519", "ml-dsa-65"], 2, ["python-tuf; other", "2 of 2 other keys suffice"]),
        (["ed25519", "ml-dsa-65"], 2, ["python-tuf; other"]),
        (["ml-dsa-65", "ml-dsa-65"], 1, ["python-tuf; other"]),
    ],
)
def test_what_the_types_of_a_roles_keys_mean(kinds: list[str], threshold: int, told: list[str]) -> None:
    keys = [SSlibKey.from_crypto(KEY_TYPES[kind].generate().public_key()) for kind in kinds]
    said = advice(keys, threshold)
    assert len(said) == len(told)
    assert all(words in line for words, line in zip(told, said, strict=True))

"""The rules about public keys that TUF libraries leave open."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner, Key

from sealcast.errors import VerificationError
from sealcast.model.keys import check_keys, check_thresholds, key_id, public_bytes

# Fixed private numbers: these keys sign nothing.
ED25519 = CryptoSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)).public_key
OTHER = CryptoSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"\2" * 32)).public_key
ECDSA = CryptoSigner(ec.derive_private_key(12345, ec.SECP256R1())).public_key
RSA = CryptoSigner(rsa.generate_private_key(public_exponent=65537, key_size=2048)).public_key


def listing(*keys: Key) -> dict[str, Any]:
    return {key.keyid: key.to_dict() for key in keys}


def again(key: Key, **changes: Any) -> dict[str, Any]:
    """The same key listed once more, spelled otherwise, under the id that this spelling has."""
    entry = key.to_dict()
    public = changes.pop("public", entry["keyval"]["public"])
    entry = entry | {"keyval": {"public": public}} | changes
    return {key_id(entry): entry}


def refused(keys: Any, **options: Any) -> VerificationError:
    with pytest.raises(VerificationError, match=r"^The root metadata ") as caught:
        check_keys(keys, what="The root metadata", **options)
    return caught.value


def test_an_id_is_the_hash_that_the_specification_prescribes() -> None:
    # Computed with `sha256sum` over {"keytype":"ed25519","keyval":{"public":"…"},"scheme":"ed25519"}.
    assert key_id(ED25519.to_dict()) == "7ab6b86cb2c9684b0ddc10896153aa2595decf4d4327a5ff1a8ab7422c828b12"
    for key in (ED25519, OTHER, ECDSA, RSA):
        assert key_id(key.to_dict()) == key.keyid
    assert key_id(dict(reversed(ED25519.to_dict().items()))) == ED25519.keyid


def test_good_keys_are_accepted() -> None:
    check_keys(listing(ED25519, OTHER, ECDSA, RSA), what="The root metadata")
    check_keys({}, what="The root metadata")


@pytest.mark.parametrize("keys", [None, [], "x", 1, {"a": None}, {"a": []}, {"a": "x"}])
def test_what_is_no_listing_of_keys_is_refused(keys: Any) -> None:
    assert refused(keys).code == "BAD_METADATA"


def test_an_id_that_is_not_the_hash_is_refused() -> None:
    entry = ED25519.to_dict()
    for keys in (
        {OTHER.keyid: entry},
        {ED25519.keyid.upper(): entry},
        {ED25519.keyid[:-1]: entry},
        {"": entry},
        {ED25519.keyid: entry | {"x-sealcast": "an extra field makes it another key"}},
        listing(OTHER) | {"0" * 64: entry},
    ):
        assert refused(keys).code == "KEYID_MISMATCH"
    check_keys({"0" * 64: entry}, what="The root metadata", ids=False)


ED25519_HEX = ED25519.keyval["public"]
PEM = ECDSA.keyval["public"]
BODY = "".join(PEM.split("\n")[1:-2])


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        (ED25519, {"public": ED25519_HEX.upper()}),
        (ED25519, {"public": ED25519_HEX[:31] + ED25519_HEX[31:].upper()}),
        (ED25519, {"public": f" {ED25519_HEX}\n"}),
        (ED25519, {"public": " ".join(ED25519_HEX[at : at + 2] for at in range(0, 64, 2))}),
        (ED25519, {"public": ED25519_HEX[:10] + "\t\n" + ED25519_HEX[10:]}),
        (ED25519, {"scheme": "ed25519-again"}),
        (ED25519, {"x": 1}),
        (ECDSA, {"public": PEM.replace("\n", "\r\n")}),
        (ECDSA, {"public": PEM.strip()}),
        (ECDSA, {"public": PEM + "\n\n"}),
        (ECDSA, {"public": f"-----BEGIN PUBLIC KEY-----\n{BODY[:40]}\n{BODY[40:]}\n-----END PUBLIC KEY-----\n"}),
        (ECDSA, {"public": "a comment\n" + PEM}),
        (ECDSA, {"keytype": "ecdsa-sha2-nistp256"}),
        (RSA, {"scheme": "rsa-pkcs1v15-sha256"}),
        (RSA, {"public": RSA.keyval["public"].replace("\n", "\r\n")}),
    ],
)
def test_one_public_key_under_two_ids_is_refused_however_it_is_spelled(key: Key, changes: dict[str, Any]) -> None:
    twin = again(key, **changes)
    assert set(twin) != {key.keyid}
    for keys in (listing(OTHER, key) | twin, twin | listing(key)):
        error = refused(keys)
        assert error.code == "DUPLICATE_KEY"
        assert key.keyid[:16] in error.what


def test_a_compressed_point_is_the_same_key() -> None:
    numbers = ec.derive_private_key(12345, ec.SECP256R1()).public_key()
    # SubjectPublicKeyInfo of P-256 with a compressed point, assembled by hand (RFC 5480).
    point = numbers.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
    assert refused(listing(ECDSA) | again(ECDSA, public=pem)).code == "DUPLICATE_KEY"


def test_a_twin_is_refused_where_ids_are_free_too() -> None:
    entry = ED25519.to_dict()
    assert refused({"1": entry, "2": entry}, ids=False).code == "DUPLICATE_KEY"


def test_different_keys_stay_different() -> None:
    kinds = [ED25519, OTHER, ECDSA, RSA]
    assert len({public_bytes(key.to_dict()) for key in kinds}) == len(kinds)


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"keyval": None},
        {"keyval": []},
        {"keyval": {}},
        {"keyval": {"public": 3}},
        {"keyval": {"public": None}, "scheme": "x"},
        {"keyval": {"public": ""}},
        {"keyval": {"public": "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----"}},
        {"keyval": {"public": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}},
        {"keyval": {"public": "BEGIN"}},
        {"keyval": {"public": "-----BEGIN PUBLIC KEY-----\n\u00e9\n-----END PUBLIC KEY-----"}},
        {"keyval": {"public": {"a": [1, {"b": None}]}}},
    ],
)
def test_a_key_that_cannot_be_decoded_is_known_by_its_text(key: dict[str, Any]) -> None:
    assert isinstance(public_bytes(key), bytes)
    check_keys({key_id(key): key}, what="The root metadata")
    assert refused({"1": key, "2": key}, ids=False).code == "DUPLICATE_KEY"
    assert public_bytes(key) != public_bytes(ED25519.to_dict())


def test_the_text_of_a_key_is_known_whatever_its_white_space() -> None:
    one, other = "-----BEGIN X-----\nabc\n-----END X-----", "-----BEGIN X-----\n a b c \n-----END X-----\n"
    assert public_bytes({"keyval": {"public": one}}) == public_bytes({"keyval": {"public": other}})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["keyval", "public", "keytype", "scheme", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(_JSON, st.booleans())
def test_any_json_is_a_listing_or_refused(value: Any, ids: bool) -> None:
    value = json.loads(json.dumps(value))
    for keys in (value, {"1": value}, {"1": {"keyval": value}}):
        try:
            check_keys(keys, what="The root metadata", ids=ids)
        except VerificationError as error:
            assert error.code in {"BAD_METADATA", "KEYID_MISMATCH", "DUPLICATE_KEY"}  # noqa: PT017 - any of them


# ---------------------------------------------------------------------------------------------------- thresholds


def threshold(roles: list[Any]) -> str:
    try:
        check_thresholds(roles, what="The root metadata")
    except VerificationError as error:
        return error.code
    return ""


@pytest.mark.parametrize(("number", "of"), [(1, 1), (1, 3), (2, 2), (3, 5)])
def test_a_threshold_of_one_or_more_of_the_keys_is_fine(number: int, of: int) -> None:
    assert threshold([{"threshold": number, "keyids": [str(key) for key in range(of)]}]) == ""


@pytest.mark.parametrize("number", [0, -1, True, False, None, "1", 1.0, [1], 3, 2**53])
def test_a_threshold_that_nobody_or_anybody_meets_is_refused(number: Any) -> None:
    assert threshold([{"threshold": number, "keyids": ["a", "b"]}]) == "BAD_THRESHOLD"
    assert (
        threshold([{"threshold": 1, "keyids": ["a"]}, {"threshold": number, "keyids": ["a", "b"]}]) == "BAD_THRESHOLD"
    )


def test_two_of_one_key_are_not_two() -> None:
    assert threshold([{"threshold": 2, "keyids": ["a"]}]) == "BAD_THRESHOLD"
    assert threshold([{"threshold": 2, "keyids": ["a", "a"]}]) == "BAD_THRESHOLD"
    assert threshold([{"threshold": 1, "keyids": []}]) == "BAD_THRESHOLD"
    assert threshold([{"keyids": ["a"]}]) == "BAD_THRESHOLD"


@pytest.mark.parametrize(
    "role", [None, 1, [], "x", {}, {"threshold": 1}, {"threshold": 1, "keyids": "ab"}, {"threshold": 1, "keyids": [1]}]
)
def test_what_is_no_role_is_refused(role: Any) -> None:
    assert threshold([role]) == "BAD_METADATA"

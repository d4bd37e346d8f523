"""Private keys in PKCS#8 PEM: what is written opens everywhere, what is damaged is refused, nothing leaks."""

from __future__ import annotations

import base64
import shutil
import subprocess
import traceback
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sealcast.errors import SigningError
from sealcast.signing import pem as pem_module
from sealcast.signing.pem import read_pem, write_pem

SEED = bytes(range(32))
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
PASSPHRASE = b"canary-passphrase-5f0c9"

# Of the seed above, salt and IV all zero, so that a change of the format is seen. Checked with OpenSSL 3.0.
VECTOR = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGeMFoGCSqGSIb3DQEFDTBNMCwGCSsGAQQB2kcECzAfBBAAAAAAAAAAAAAAAAAA
AAAAAgJAAAIBCAIBBQIBIDAdBglghkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAE
QLxIBGWzGnEAN9TyF/SMKkwEYfCViK2pVOWtNCfWJHNSKGLRPcGGDELTHkIMGah4
ZB9ePHi3/tJcQ0wPxY8npak=
-----END ENCRYPTED PRIVATE KEY-----
"""


def zeros(size: int) -> bytes:
    return bytes(size)


def sealed() -> bytes:
    return write_pem(KEY, PASSPHRASE, zeros)


class CheapScrypt:
    """Writes a file that claims any cost, without paying it."""

    def __init__(self, **_: object) -> None:
        pass

    def derive(self, _: bytes) -> bytes:
        return bytes(32)


def never() -> bytes:
    raise AssertionError("nobody must be asked")


def refused(pem: bytes, passphrase: bytes = PASSPHRASE) -> SigningError:
    with pytest.raises(SigningError) as caught:
        read_pem(pem, lambda: passphrase)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.as_dict())
    assert PASSPHRASE.decode() not in told
    assert SEED.hex() not in told
    assert "another exception" not in told, "what the library said of foreign bytes stays with it"
    return caught.value


def armoured(der: bytes, label: str = "ENCRYPTED PRIVATE KEY") -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


def der_of(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def test_the_format_is_fixed() -> None:
    assert sealed() == VECTOR


def test_an_encrypted_key_opens_again() -> None:
    assert read_pem(sealed(), lambda: PASSPHRASE).private_bytes_raw() == SEED


def test_a_key_without_passphrase_asks_nobody() -> None:
    assert read_pem(write_pem(KEY, None, never), never).private_bytes_raw() == SEED


def test_each_file_has_its_own_salt_and_iv() -> None:
    drawn: list[int] = []

    def random(size: int) -> bytes:
        drawn.append(size)
        return bytes([len(drawn)]) * size

    text = der_of(write_pem(KEY, PASSPHRASE, random))
    assert drawn == [16, 16]
    assert bytes([1]) * 16 in text
    assert bytes([2]) * 16 in text


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
def test_openssl_opens_it() -> None:
    openssl = subprocess.run(
        ["openssl", "pkey", "-passin", f"pass:{PASSPHRASE.decode()}"], input=sealed(), capture_output=True, check=True
    )
    assert load_pem_private_key(openssl.stdout, None).private_bytes_raw() == SEED


@pytest.mark.parametrize("encryption", [NoEncryption(), BestAvailableEncryption(PASSPHRASE)])
def test_keys_of_other_tools_open(encryption: NoEncryption | BestAvailableEncryption) -> None:
    foreign = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    for text in (foreign, foreign.replace(b"\n", b"\r\n"), b"\n" + foreign + b"\n"):
        assert read_pem(text, lambda: PASSPHRASE).private_bytes_raw() == SEED


def test_a_wrong_passphrase() -> None:
    assert refused(sealed(), b"wrong").code == "WRONG_PASSPHRASE"


@settings(max_examples=20)
@given(st.binary(min_size=1, max_size=8))
def test_no_wrong_passphrase_is_taken_for_a_bad_file(guess: bytes) -> None:
    # One wrong guess in 256 leaves padding that looks right and a key that is garbage. The cheap derivation of other
    # tools makes many guesses affordable.
    cheap = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE))
    for number in range(40):
        assert refused(cheap, guess + bytes([number])).code == "WRONG_PASSPHRASE"


@pytest.mark.parametrize(
    "call",
    [lambda: write_pem(KEY, b"", zeros), lambda: read_pem(sealed(), lambda: b"")],
    ids=["writing", "reading"],
)
def test_an_empty_passphrase(call: Callable[[], object]) -> None:
    with pytest.raises(SigningError) as caught:
        call()
    assert caught.value.code == "EMPTY_PASSPHRASE"


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"hello",
        armoured(b""),
        armoured(b"\x30\x00"),
        armoured(b"\x30\x00", "PRIVATE KEY"),
        armoured(der_of(sealed())[:-1]),
        armoured(der_of(sealed()) + b"\x00"),
        sealed()[:-30],
        sealed() + b"and more",
        sealed() * 2,
        sealed().replace(b"END ENCRYPTED ", b"END "),
        sealed().replace(b"ENCRYPTED PRIVATE", b"RSA PRIVATE"),
        sealed().replace(b"PRIVATE KEY", b"CERTIFICATE"),
        KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        KEY.public_key().public_bytes_raw(),
        "-----BEGIN PRIVATE KEY-----\nключ\n-----END PRIVATE KEY-----\n".encode(),
    ],
)
def test_what_is_no_key_file(pem: bytes) -> None:
    assert refused(pem).code == "BAD_KEY_FILE"


@pytest.mark.parametrize(("cost", "lanes"), [(2**14 + 1, 5), (2**31, 1), (2**40, 1), (2**14, 2**30)])
def test_a_scrypt_cost_that_makes_no_sense(cost: int, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pem_module, "SCRYPT_COST", cost)
    monkeypatch.setattr(pem_module, "SCRYPT_LANES", lanes)
    monkeypatch.setattr(pem_module, "Scrypt", CheapScrypt)
    text = sealed()
    monkeypatch.undo()
    assert refused(text).code == "BAD_KEY_FILE"


@settings(max_examples=200)
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_harmless(position: int, bit: int) -> None:
    clear = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE))
    der = bytearray(der_of(clear))
    der[position % len(der)] ^= 1 << bit
    try:
        read_pem(armoured(bytes(der)), lambda: PASSPHRASE)  # a changed key: test_signers finds it by its record
    except SigningError as error:
        assert error.code in {"BAD_KEY_FILE", "WRONG_PASSPHRASE"}  # noqa: PT017 - opening is allowed too


def test_the_first_bit_of_an_integer_is_its_sign() -> None:
    assert pem_module._integer(127) == bytes.fromhex("02017f")
    assert pem_module._integer(128) == bytes.fromhex("02020080")


@pytest.mark.parametrize(("size", "header"), [(127, "047f"), (128, "048180"), (255, "0481ff"), (256, "04820100")])
def test_lengths_in_der(size: int, header: str) -> None:
    assert pem_module._der(4, bytes(size)) == bytes.fromhex(header) + bytes(size)

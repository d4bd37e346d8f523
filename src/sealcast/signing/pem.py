"""Private keys as text: PKCS#8 in PEM, encrypted under a passphrase or not (RFC 5958, RFC 7468, RFC 8018).

Bytes in, bytes out; no file is touched here. Encryption is PBES2 with scrypt (RFC 7914, section 7) and
AES-256-CBC, written here because the library's own choice is 2,048 rounds of PBKDF2, about a millisecond a
guess. Any tool that knows PKCS#8 opens the result: ``openssl pkey -in alice.pem``.

The cipher does not authenticate. Whoever reads a key compares it with its public record, which finds a
changed byte.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ..errors import SigningError

SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_LANES = 2**14, 8, 5
"""scrypt's N, r and p: 16 MiB and some 0.3 s a guess (one of the settings that OWASP recommends).

OpenSSL's own tools refuse more than 32 MiB, and a key must be readable without Sealcast.
"""

Random = Callable[[int], bytes]
"""Returns that many unpredictable bytes, as ``os.urandom`` does."""

_KEY_SIZE = 32
_SALT_SIZE = 16
_IV_SIZE = 16
_LINE = 64
_TEXT = re.compile(rb"\s*-----BEGIN (ENCRYPTED |)PRIVATE KEY-----\s[A-Za-z0-9+/=\s]+-----END \1PRIVATE KEY-----\s*")

_UNREADABLE = (ValueError, UnsupportedAlgorithm, InternalError)
"""What the library raises on bytes that it cannot read; the last for scrypt costs that make no sense."""

_SEQUENCE, _INTEGER, _OCTETS = 0x30, 0x02, 0x04
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


def write_pem(key: PrivateKeyTypes, passphrase: bytes | None, random: Random) -> bytes:
    """Return ``key`` as PKCS#8 PEM, encrypted unless ``passphrase`` is None; ``random`` gives salt and IV.

    Raises ``SigningError`` (EMPTY_PASSPHRASE).
    """
    if passphrase is None:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    check_passphrase(passphrase)
    clear = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _armoured(_encrypted(clear, passphrase, random(_SALT_SIZE), random(_IV_SIZE)))


def check_passphrase(passphrase: bytes) -> None:
    """Refuse a passphrase that protects nothing. Raises ``SigningError`` (EMPTY_PASSPHRASE)."""
    if not passphrase:
        raise SigningError(
            "EMPTY_PASSPHRASE",
            "An empty passphrase protects nothing.",
            hint="Choose one. A key that is meant to have none must be asked for as such.",
        )


def is_encrypted(pem: bytes) -> bool:
    """Tell whether ``pem`` says that it is encrypted. Raises ``SigningError`` (BAD_KEY_FILE)."""
    found = _TEXT.fullmatch(pem)
    if not found:
        raise _bad_file()
    return bool(found[1])


def read_pem(pem: bytes, passphrase: Callable[[], bytes], *, what: str = "the private key") -> PrivateKeyTypes:
    """Return the private key in ``pem``, called ``what``; ``passphrase`` is called only when it is encrypted.

    Raises ``SigningError``: BAD_KEY_FILE, WRONG_PASSPHRASE, and whatever ``passphrase`` raises.
    """
    is_encrypted(pem)
    try:
        return load_pem_private_key(pem, None)
    except TypeError:  # the library's word for: whole, and encrypted
        pass
    except _UNREADABLE:
        raise _bad_file() from None  # not chained: the cause could quote the file
    return _decrypted(pem, passphrase(), what)


def _decrypted(pem: bytes, passphrase: bytes, what: str) -> PrivateKeyTypes:
    check_passphrase(passphrase)
    try:
        return load_pem_private_key(pem, passphrase)
    except ValueError:
        # A wrong passphrase and a damaged ciphertext cannot be told apart: the padding is wrong in both.
        raise SigningError(
            "WRONG_PASSPHRASE",
            f"The passphrase does not open {what}.",
            hint="Try again. If you are sure of it, the file is damaged: restore it from its backup.",
        ) from None
    except _UNREADABLE:
        raise _bad_file() from None


def _bad_file() -> SigningError:
    return SigningError(
        "BAD_KEY_FILE",
        "The file holds no private key in PKCS#8 PEM that can be read.",
        hint="A key in another form is turned into one with: openssl pkcs8 -topk8 -scrypt -in OLD -out NEW",
    )


def _encrypted(clear: bytes, passphrase: bytes, salt: bytes, iv: bytes) -> bytes:
    """Return the DER of an EncryptedPrivateKeyInfo (RFC 5958, section 3)."""
    kdf = Scrypt(salt=salt, length=_KEY_SIZE, n=SCRYPT_COST, r=SCRYPT_BLOCK, p=SCRYPT_LANES)
    padder = PKCS7(algorithms.AES256.block_size).padder()
    cipher = Cipher(algorithms.AES256(kdf.derive(passphrase)), modes.CBC(iv)).encryptor()
    body = cipher.update(padder.update(clear) + padder.finalize()) + cipher.finalize()
    costs = b"".join(_integer(number) for number in (SCRYPT_COST, SCRYPT_BLOCK, SCRYPT_LANES, _KEY_SIZE))
    derivation = _der(_SEQUENCE, _SCRYPT + _der(_SEQUENCE, _der(_OCTETS, salt) + costs))
    encryption = _der(_SEQUENCE, _AES_256_CBC + _der(_OCTETS, iv))
    algorithm = _der(_SEQUENCE, _PBES2 + _der(_SEQUENCE, derivation + encryption))
    return _der(_SEQUENCE, algorithm + _der(_OCTETS, body))


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _integer(number: int) -> bytes:
    # One bit more than the number needs: the first bit of an INTEGER is its sign.
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _armoured(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = (text[start : start + _LINE] for start in range(0, len(text), _LINE))
    label = b"ENCRYPTED PRIVATE KEY-----"
    return b"\n".join((b"-----BEGIN " + label, *lines, b"-----END " + label, b""))

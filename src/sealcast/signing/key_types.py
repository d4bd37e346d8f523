"""The kinds of signing keys that Sealcast makes and reads, and which TUF clients read them too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import Key, SSlibKey

from ..errors import SigningError, VerificationError
from ..values import printable

MIN_RSA_BITS = 3072
"""The least size of an RSA key: 128 bits of security (NIST SP 800-57 part 1, table 2)."""

_EVERY_CLIENT = "read by python-tuf, go-tuf, tuf-js and tough"
_OTHERS = "; other TUF clients may refuse a repository that lists it"


@dataclass(frozen=True, slots=True)
class KeyType:
    """One kind of key: its name on the command line, what TUF calls it, how one is made, and who reads it."""

    name: str
    keytype: str
    scheme: str
    generate: Callable[[], PrivateKeyTypes]
    read_by: str
    every_client: bool = True


def _rsa(bits: int) -> Callable[[], PrivateKeyTypes]:
    return lambda: rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _by_name(*types: KeyType) -> dict[str, KeyType]:
    return {kind.name: kind for kind in types}


KEY_TYPES = _by_name(
    KeyType("ed25519", "ed25519", "ed25519", ed25519.Ed25519PrivateKey.generate, _EVERY_CLIENT),
    KeyType(
        "ecdsa-p256",
        "ecdsa",
        "ecdsa-sha2-nistp256",
        lambda: ec.generate_private_key(ec.SECP256R1()),
        _EVERY_CLIENT,
    ),
    KeyType(
        "ecdsa-p384",
        "ecdsa",
        "ecdsa-sha2-nistp384",
        lambda: ec.generate_private_key(ec.SECP384R1()),
        "read by Sealcast, python-tuf and tuf-js" + _OTHERS,
        every_client=False,
    ),
    KeyType("rsa-3072", "rsa", "rsassa-pss-sha256", _rsa(3072), _EVERY_CLIENT),
    KeyType("rsa-4096", "rsa", "rsassa-pss-sha256", _rsa(4096), _EVERY_CLIENT),
    KeyType(
        "ml-dsa-65",
        "ml-dsa",
        "ml-dsa-65/1",
        mldsa.MLDSA65PrivateKey.generate,
        "read by Sealcast and python-tuf"
        + _OTHERS
        + "; it protects only once the threshold exceeds the number of other keys",
        every_client=False,
    ),
)
"""Every kind by name, the default first. Keytype and scheme are TUF's (specification 4.2, TAP 21)."""

DEFAULT_KEY_TYPE = KEY_TYPES["ed25519"]


def key_type(name: str) -> KeyType:
    """Return the kind of key called ``name``. Raises ``SigningError`` (UNKNOWN_KEY_TYPE)."""
    try:
        return KEY_TYPES[name]
    except KeyError:
        raise SigningError(
            "UNKNOWN_KEY_TYPE",
            f"{name[:80]!r} is not a type of signing key.",
            hint=f"Known types: {', '.join(KEY_TYPES)}.",
        ) from None


def type_of(key: Key) -> KeyType:
    """Return the kind that ``key`` is of; an RSA key counts as the largest listed size that it reaches.

    Raises ``VerificationError`` (BAD_PUBLIC_KEY).
    """
    public = _decoded(key, "The public key")
    if isinstance(public, rsa.RSAPublicKey):
        return KEY_TYPES["rsa-4096" if public.key_size >= 4096 else "rsa-3072"]
    return next(kind for kind in KEY_TYPES.values() if kind.scheme == key.scheme)


def advice(keys: Iterable[Key], threshold: int) -> tuple[str, ...]:
    """Say what the types of the keys that hold a role mean for its readers; nothing where every client reads them.

    Of ML-DSA keys also whether they protect yet: as long as the others reach the threshold, whoever forges those does.
    """
    kinds = [type_of(key) for key in keys]
    told = [f"{kind.name} is {kind.read_by}" for kind in KEY_TYPES.values() if not kind.every_client and kind in kinds]
    others = sum(kind.keytype != "ml-dsa" for kind in kinds)
    if threshold <= others < len(kinds):
        told.append(f"ml-dsa-65 does not protect yet: {threshold} of {others} other keys suffice")
    return tuple(told)


def checked(key: Key, what: str = "The public key") -> SSlibKey:
    """Return ``key``, proven to be of a known kind, strong enough, and under the id that TUF prescribes.

    It must also be spelled in the one way that Sealcast writes it: one public key then has one spelling and,
    since the id is a hash of the spelling, one id. Raises ``VerificationError``: BAD_PUBLIC_KEY,
    KEYID_MISMATCH.
    """
    public = _decoded(key, what)
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < MIN_RSA_BITS:
        raise _bad_key(what, f"an RSA key of {public.key_size} bits is too weak, {MIN_RSA_BITS} are the least")
    try:
        spelled = SSlibKey.from_crypto(public)
    except ValueError:
        raise _bad_key(what, "TUF does not know its kind") from None
    if spelled.to_dict() != key.to_dict():
        raise _bad_key(what, "it is not spelled as its type asks, or has a field too many")
    if spelled.keyid != key.keyid:
        raise VerificationError(
            "KEYID_MISMATCH",
            f"{what} goes by the id {printable(key.keyid[:16])}…, but its own id is {spelled.keyid[:16]}….",
            safe="Nothing of it was used.",
            hint="Ask its holder for the record again, over a channel that you trust.",
            stated=key.keyid[:64],
            computed=spelled.keyid,
        )
    return spelled


def _decoded(key: Key, what: str) -> PublicKeyTypes:
    if (key.keytype, key.scheme) not in {(kind.keytype, kind.scheme) for kind in KEY_TYPES.values()}:
        raise _bad_key(
            what,
            f"{str(key.keytype)[:40]!r} with {str(key.scheme)[:40]!r} is no kind that this version knows",
        )
    text = str(key.keyval.get("public"))
    try:
        if key.keytype == "ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
        return load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _bad_key(what, "it cannot be decoded") from None


def _bad_key(what: str, why: str) -> VerificationError:
    return VerificationError(
        "BAD_PUBLIC_KEY",
        f"{what} cannot be used: {why}.",
        safe="Nothing was changed.",
        hint=f"Known types: {', '.join(KEY_TYPES)}.",
    )

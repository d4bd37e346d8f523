"""Signing keys in tokens: HSMs, smart cards and YubiKeys, spoken to through PKCS#11 (OASIS, version 2.40).

securesystemslib's ``HSMSigner`` signs. What it lacks is here: tokens and keys found by what RFC 7512 names, and key
pairs made in the token. A private key never leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from securesystemslib.signer import Signer, SSlibKey

from ..errors import SigningError, VerificationError
from .key_types import KEY_TYPES, KeyType, checked, type_of
from .kinds import Kind, Located, Place
from .outside import OutsideSigner
from .token import find_token, session, told
from .token_uri import TokenKey, parse, usable_id

if TYPE_CHECKING:
    import pkcs11

TOKEN_KEY_TYPES: dict[str, str] = {"ecdsa-p256": "secp256r1", "ecdsa-p384": "secp384r1"}
"""The kinds of key that a token may hold, and PKCS#11's names of their curves. ``HSMSigner`` knows no others."""

DEFAULT_TOKEN_KEY_TYPE = KEY_TYPES["ecdsa-p256"]
"""What a token makes unless told otherwise: of its two kinds, the one that every TUF client reads."""

_PROOF = b"sealcast: the key that was just made can sign"


def make(place: Place, kind: KeyType, label: str) -> SSlibKey:
    """Make a key pair of this kind in the token, at the id that the URI names; return the public key.

    The private key can sign and nothing else, and cannot be read out; it has signed once when this returns. Nothing is
    overwritten. Raises ``SigningError``: UNKNOWN_KEY_TYPE, KEY_EXISTS, and as opening does.
    """
    curve = _curve_of(kind)
    wanted = parse(place.rest)
    if wanted.id is None:
        raise SigningError("BAD_SIGNER", "A new key in a token needs an id.", hint="For instance pkcs11:root-b?id=02")
    token = find_token(wanted)
    with session(token, place.secrets.pin(token.label), write=True) as opened:
        _refuse_taken(opened, wanted)
        _generate(opened, wanted.id, wanted.label or label, curve)
        key = _public_key(opened, TokenKey(id=wanted.id), wanted)
    _open(place, key).sign(_PROOF)
    return key


def _curve_of(kind: KeyType) -> str:
    if kind.name not in TOKEN_KEY_TYPES:
        raise SigningError(
            "UNKNOWN_KEY_TYPE",
            f"A token cannot hold a signing key of the type {kind.name}.",
            hint=f"Types for tokens: {', '.join(TOKEN_KEY_TYPES)}.",
        )
    return TOKEN_KEY_TYPES[kind.name]


def _refuse_taken(opened: pkcs11.Session, wanted: TokenKey) -> None:
    """Raise ``SigningError`` (KEY_EXISTS) where the id is taken: some tokens would replace the key without asking."""
    import pkcs11

    if any(True for _ in opened.get_objects({pkcs11.Attribute.ID: wanted.id})):
        raise SigningError(
            "KEY_EXISTS",
            f"Something in the token {wanted.token_name} has {wanted} already, and a key is never overwritten.",
            safe="What is there was not touched; no new key was made.",
            hint="Choose another id, or take the key that is there: sealcast key import",
        )


def _generate(opened: pkcs11.Session, identity: bytes, label: str, curve: str) -> None:
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    template = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
    parameters = opened.create_domain_parameters(pkcs11.KeyType.EC, template, local=True)
    try:
        parameters.generate_keypair(
            id=identity,
            label=label,
            store=True,
            capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
            private_template={pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.EXTRACTABLE: False},
        )
    except (pkcs11.UserNotLoggedIn, pkcs11.FunctionNotSupported, pkcs11.exceptions.FunctionRejected):
        raise SigningError(
            "TOKEN_FAILED",
            "The token does not let its user make keys.",
            hint="Make the key with the token's own software (on a YubiKey: ykman piv keys generate), then run: "
            "sealcast key import",
        ) from None


def _open(place: Place, key: SSlibKey) -> Signer:
    _curve_of(type_of(key))
    wanted = parse(place.rest)
    token = find_token(wanted)
    pin = place.secrets.pin(token.label)
    # Looking into the token now finds a wrong PIN before anything else was done, and what was replaced.
    with session(token, pin) as opened:
        identity = _identity(opened, wanted)
        if _public_key(opened, TokenKey(id=identity), wanted) != key:
            raise SigningError(
                "KEY_MISMATCH",
                f"The key with {wanted} in the token {wanted.token_name} is not that of {key.keyid[:16]}….",
                hint="The signer's URI names another key, or the key in the token was replaced.",
                keyid=key.keyid,
            )
    uri = f"hsm:{int.from_bytes(identity, 'big')}?{urlencode({'label': token.label})}"
    return OutsideSigner(Signer.from_priv_key_uri(uri, key, lambda _: pin), lambda error: told(error, token.label))


def _identity(opened: pkcs11.Session, wanted: TokenKey) -> bytes:
    """Return the id of the private key that is meant."""
    import pkcs11

    private = _one(opened, pkcs11.ObjectClass.PRIVATE_KEY, wanted)
    if private is None:
        raise _no_key(wanted)
    return usable_id(bytes(private[pkcs11.Attribute.ID]))


def _locate(place: Place) -> Located:
    wanted = parse(place.rest)
    token = find_token(wanted)
    import pkcs11

    with session(token) as opened:
        shown = _one(opened, pkcs11.ObjectClass.PUBLIC_KEY, wanted) is not None
    # Some tokens show what they hold only to whoever logged in.
    with session(token, None if shown else place.secrets.pin(token.label)) as opened:
        return Located(place.uri, _public_key(opened, wanted, wanted))


def _absent(place: Place) -> SigningError | None:
    try:
        find_token(parse(place.rest))
    except SigningError as error:
        return error
    return None


def _public_key(opened: pkcs11.Session, sought: TokenKey, wanted: TokenKey) -> SSlibKey:
    """Return the public key that ``sought`` names; messages speak of it as ``wanted``."""
    import pkcs11
    from pkcs11.util.ec import encode_ec_public_key

    found = _one(opened, pkcs11.ObjectClass.PUBLIC_KEY, sought)
    if found is None:
        raise _no_key(wanted)
    try:
        return checked(SSlibKey.from_crypto(load_der_public_key(encode_ec_public_key(found))))
    except (ValueError, UnsupportedAlgorithm, VerificationError):
        raise SigningError(
            "UNKNOWN_KEY_TYPE",
            f"The key with {wanted} in the token {wanted.token_name} is on a curve that TUF does not use.",
            hint=f"Types for tokens: {', '.join(TOKEN_KEY_TYPES)}.",
        ) from None


def _one(opened: pkcs11.Session, role: pkcs11.ObjectClass, wanted: TokenKey) -> pkcs11.Object | None:
    import pkcs11

    template = {pkcs11.Attribute.CLASS: role, pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC}
    if wanted.id is not None:
        template[pkcs11.Attribute.ID] = wanted.id
    if wanted.label is not None:
        template[pkcs11.Attribute.LABEL] = wanted.label
    found = list(opened.get_objects(template))
    if len(found) > 1:
        raise SigningError(
            "AMBIGUOUS_SIGNER",
            f"The token holds {len(found)} keys with {wanted}.",
            hint="Name both id and object in the URI, or give the keys ids of their own.",
        )
    return found[0] if found else None


def _no_key(wanted: TokenKey) -> SigningError:
    return SigningError(
        "KEY_NOT_FOUND",
        f"The token {wanted.token_name} holds no EC key pair with {wanted}.",
        hint="See what it holds with its own software, such as: pkcs11-tool --module MODULE -O",
    )


KIND = Kind(_open, _locate, _absent)
"""``pkcs11:`` URIs.

Opening and locating raise ``SigningError``: BAD_SIGNER, UNKNOWN_KEY_TYPE, MISSING_PACKAGE, NO_PKCS11_MODULE,
TOKEN_NOT_FOUND, AMBIGUOUS_SIGNER, KEY_NOT_FOUND, KEY_MISMATCH, NO_PIN, WRONG_PIN, PIN_LOCKED, TOKEN_FAILED; signing
these and SIGNING_FAILED.
"""

"""Rules about public keys that TUF libraries leave open, checked before any signature is.

python-tuf counts key ids, so one key under two ids would satisfy a threshold of two; and it takes any key id, which
other clients refuse (THREATS section 2, rows 1 to 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import VerificationError


def key_id(key: Mapping[str, Any]) -> str:
    """Return the id that the TUF specification (section 4.2) gives a key: SHA-256 of its canonical JSON."""
    from securesystemslib.formats import encode_canonical

    canonical = encode_canonical(dict(key))
    if canonical is None:
        raise AssertionError("it returns nothing only where it is told where to write")
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_keys(keys: object, *, what: str, ids: bool = True) -> None:
    """Check the ``keys`` object of root or of a delegation, as parsed from JSON.

    Raises ``VerificationError``: KEYID_MISMATCH when an id is not the hash of its key (unless ``ids`` is false),
    DUPLICATE_KEY when one public key has two ids, BAD_METADATA when it is no such object.
    """
    if not isinstance(keys, dict):
        raise VerificationError("BAD_METADATA", f"{what} cannot be read: its keys are not an object.")
    owners: dict[bytes, str] = {}
    for claimed, key in keys.items():
        if not isinstance(key, dict):
            raise VerificationError("BAD_METADATA", f"{what} cannot be read: the key {claimed[:16]} is not an object.")
        if ids and key_id(key) != claimed:
            raise VerificationError(
                "KEYID_MISMATCH",
                f"{what} lists a key under the id {claimed[:16]}…, which is not its hash.",
                hint="Other TUF clients refuse this repository. Its publisher must sign it anew.",
            )
        other = owners.setdefault(public_bytes(key), claimed)
        if other != claimed:
            raise VerificationError(
                "DUPLICATE_KEY",
                f"{what} lists one public key under two ids, {other[:16]}… and {claimed[:16]}….",
                hint="One holder could meet a threshold of two. Its publisher must remove one of them.",
            )


def public_bytes(key: Mapping[str, Any]) -> bytes:
    """Return what identifies the public key itself, whatever its armour, white space or letter case.

    A key of a kind that cannot be decoded here is identified by its text.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    value = key.get("keyval")
    public = value.get("public") if isinstance(value, dict) else None
    if not isinstance(public, str):
        return repr(sorted(key.items(), key=str)).encode()
    if "BEGIN" not in public:
        return "".join(public.split()).lower().encode()
    try:
        return load_pem_public_key(public.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # it cannot be decoded: only its text is known
        return "".join(public.split()).encode()


def check_thresholds(roles: Iterable[object], *, what: str) -> None:
    """Check each role object's ``threshold`` and ``keyids``, as parsed from JSON.

    Raises ``VerificationError`` (BAD_THRESHOLD): not a whole number of one or more, or more than the distinct keys.
    """
    for role in roles:
        threshold = role.get("threshold") if isinstance(role, dict) else None
        ids = role.get("keyids") if isinstance(role, dict) else None
        if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
            raise VerificationError("BAD_METADATA", f"{what} cannot be read: a role's key ids are not a list.")
        # bool is an int to Python: `true` would pass for a threshold of one.
        if type(threshold) is not int or not 1 <= threshold <= len(set(ids)):
            raise VerificationError(
                "BAD_THRESHOLD",
                f"{what} asks for {str(threshold)[:20]} signatures of {len(set(ids))} keys.",
                hint="A threshold is a whole number from one to the number of keys.",
            )

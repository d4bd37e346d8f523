"""What every file of metadata must be before python-tuf sees it: read in one way only, its keys each there once."""

from __future__ import annotations

import re
from typing import Any

from ..documents import parse
from ..errors import VerificationError
from ..model.keys import check_keys, check_thresholds

LIMITS = {"root": 512_000, "timestamp": 16_384, "snapshot": 2_000_000, "targets": 5_000_000}
"""Bytes that each metadata file may have: python-tuf's own limits, so that other clients can read the site too."""

_HEX = re.compile("(?:[0-9a-f]{2})+")


def check_metadata(data: bytes, role: str, *, ids: bool = True) -> None:
    """Refuse metadata that two parsers could read differently, or whose keys break the rules.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA, KEYID_MISMATCH, DUPLICATE_KEY or BAD_THRESHOLD. ``ids`` tells
    whether key ids must be hashes of their keys, and signatures hex (not every repository of others keeps to that).
    """
    what = f"The {role} metadata"
    value = parse(data, what=what, limit=LIMITS.get(role, LIMITS["targets"]))
    signed = value.get("signed") if isinstance(value, dict) else None
    if not isinstance(signed, dict):
        raise VerificationError("BAD_METADATA", f"{what} cannot be read: it has no signed part.")
    if type(signed.get("version")) is not int or not isinstance(signed.get("spec_version"), str):
        raise VerificationError("BAD_METADATA", f"{what} cannot be read: its version is not a number and a name.")
    if role == "root":
        _check_delegator(signed, signed.get("roles"), what, ids)
    elif isinstance(delegations := signed.get("delegations"), dict):
        roles = delegations.get("roles", [])
        _check_delegator(delegations, dict(enumerate(roles)) if isinstance(roles, list) else None, what, ids)
        if "succinct_roles" in delegations:  # one role object that stands for many
            check_thresholds([delegations["succinct_roles"]], what=what)
    if ids:
        _check_signatures(value.get("signatures"), what)


def _check_signatures(signatures: object, what: str) -> None:
    """Refuse signatures in another spelling than lower-case hex: python-tuf reads some, other clients do not."""
    for one in signatures if isinstance(signatures, list) else ():  # python-tuf refuses what is no list
        texts = (one.get("keyid"), one.get("sig")) if isinstance(one, dict) else (None,)
        if not all(isinstance(text, str) and _HEX.fullmatch(text) for text in texts):
            raise VerificationError("BAD_METADATA", f"{what} cannot be read: its signatures are not lower-case hex.")


def _check_delegator(holder: dict[str, Any], roles: object, what: str, ids: bool) -> None:
    if not isinstance(roles, dict):
        raise VerificationError("BAD_METADATA", f"{what} cannot be read: its roles are not listed.")
    check_keys(holder.get("keys"), what=what, ids=ids)
    check_thresholds(roles.values(), what=what)

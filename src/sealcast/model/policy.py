"""The app's policy: what a channel's own signers must not be able to change. The targets role signs it."""

from __future__ import annotations

import msgspec

from ..documents import KIB, Document, bad, decode
from .channel import Name

POLICY_LIMIT = 256 * KIB
"""Bytes a policy may have."""


class ChannelPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the targets role demands of one channel. ``sealed``: clear documents are refused."""

    sealed: bool = False


class Policy(Document, frozen=True, kw_only=True, omit_defaults=True):
    """Which channels an app has, and where else its objects may be fetched."""

    type: str = "sealcast/policy/1"
    app: Name
    channels: dict[Name, ChannelPolicy]
    mirrors: tuple[str, ...] = ()


def read_policy(data: bytes, *, app: str) -> Policy:
    """Return the policy that ``data`` holds.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA (also when it is another app's) or UNKNOWN_DOCUMENT.
    """
    what = f"The policy of {app}"
    policy = decode(data, Policy, what=what, limit=POLICY_LIMIT)
    if policy.app != app:
        raise bad(what, f"it is the policy of {policy.app}")
    return policy

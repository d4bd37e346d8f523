"""The app's policy: what a channel's own signers must not be able to change. The targets role signs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from ..documents import KIB, Document, bad, decode, whole
from ..values import parse_time
from .channel import Name, Time
from .manifest import Digest

POLICY_LIMIT = 256 * KIB
"""Bytes a policy may have."""

MAX_MIRRORS = 8
"""Mirrors that a policy may name: a client that gets nothing anywhere asks them all."""

HostName = Annotated[str, msgspec.Meta(pattern=whole(r"[a-z0-9\[]([a-z0-9.:_-]*[a-z0-9\]])?"), max_length=253)]
Url = Annotated[str, msgspec.Meta(pattern=whole("[!-~]+"), max_length=2048)]
PinSet = Annotated[dict[Digest, Time], msgspec.Meta(min_length=2, max_length=16)]


class ChannelPolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the targets role demands of one channel. ``sealed``: clear documents are refused."""

    sealed: bool = False


class Policy(Document, frozen=True, kw_only=True, omit_defaults=True):
    """Which channels an app has, where else the site may be fetched, and which keys its hosts must prove.

    ``mirrors`` are asked in order when the site's own host fails. ``pins`` names hosts, and for each the SHA-256
    digests of the public keys (DER SubjectPublicKeyInfo) of which one must be that of its certificate, with the time at
    which each stops counting. There are two at least: the key in use, and one that is kept elsewhere.
    """

    type: str = "sealcast/policy/1"
    app: Name
    channels: dict[Name, ChannelPolicy]
    mirrors: Annotated[tuple[Url, ...], msgspec.Meta(max_length=MAX_MIRRORS)] = ()
    pins: Annotated[dict[HostName, PinSet], msgspec.Meta(max_length=MAX_MIRRORS + 1)] = {}


def read_policy(data: bytes, *, app: str) -> Policy:
    """Return the policy that ``data`` holds.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA (also when it is another app's) or UNKNOWN_DOCUMENT.
    """
    what = f"The policy of {app}"
    policy = decode(data, Policy, what=what, limit=POLICY_LIMIT)
    if policy.app != app:
        raise bad(what, f"it is the policy of {policy.app}")
    for until in (until for pins in policy.pins.values() for until in pins.values()):
        parse_time(until)  # a form can be right, and the day not exist
    return policy


def pins_in_force(pins: Mapping[str, str], now: datetime) -> frozenset[str]:
    """Return the digests of ``pins`` that still count at ``now``; none: the host is not pinned any more.

    A device that slept past the end of all its pins must not be locked out for ever.
    """
    return frozenset(digest for digest, until in pins.items() if parse_time(until) > now)

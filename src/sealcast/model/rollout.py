"""Who gets the candidate: decided on the device, from signed documents and its own id, with no server."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from ..values import parse_time
from .channel import Rollout
from .halt import ChannelHalt

_DOMAIN = b"sealcast/rollout/1"
_DEVICE_DOMAIN = b"sealcast/device/1"


def bucket(salt: str, device: str) -> int:
    """Return the device's bucket, 0 to 9,999, under this rollout's salt (32 hex digits)."""
    digest = hashlib.sha256(_DOMAIN + bytes.fromhex(salt) + device.encode()).digest()
    return int.from_bytes(digest[:8], "big") % 10_000


def device_digest(salt: str, device: str) -> str:
    """Return the salted hash by which a rollout names one device without publishing its id."""
    return hashlib.sha256(_DEVICE_DOMAIN + bytes.fromhex(salt) + device.encode()).hexdigest()


def permyriad(rollout: Rollout, issued: datetime) -> int:
    """Return how many of 10,000 devices are offered the candidate at ``issued``, the timestamp role's signed time."""
    share = 0
    for step in rollout.steps:
        if parse_time(step.at) <= issued:
            share = step.permyriad
    return share


class Offer(msgspec.Struct, frozen=True):
    """Whether a device that does not have the candidate yet may take it now, and why.

    ``why`` is ``named`` (it is one of the rollout's devices), ``inside`` or ``outside`` the share, ``capped`` (the halt
    document keeps it out), ``paused`` (by the channel) or ``halted`` (by the halt document). It is device ``bucket`` of
    10,000, and those below ``share`` are offered the candidate.
    """

    why: str
    bucket: int
    share: int

    @property
    def given(self) -> bool:
        """Whether the device may take the candidate."""
        return self.why in {"named", "inside"}


def offer(rollout: Rollout, halt: ChannelHalt, issued: datetime, device: str) -> Offer:
    """Return what a rollout says of one device at ``issued``, the timestamp role's signed time."""
    number, signed = bucket(rollout.salt, device), permyriad(rollout, issued)
    share = min(signed, halt.cap)
    if rollout.paused or halt.paused:
        why = "paused" if rollout.paused else "halted"
    elif device_digest(rollout.salt, device) in rollout.devices:
        why = "named"
    elif number < share:
        why = "inside"
    else:
        why = "capped" if number < signed else "outside"
    return Offer(why, number, share)


def is_offered(rollout: Rollout, halt: ChannelHalt, issued: datetime, device: str) -> bool:
    """Tell whether a device that does not have the candidate yet may take it now."""
    return offer(rollout, halt, issued, device).given

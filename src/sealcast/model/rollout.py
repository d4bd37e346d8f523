"""Who gets the candidate: decided on the device, from signed documents and its own id, with no server."""

from __future__ import annotations

import hashlib
from datetime import datetime

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


def is_offered(rollout: Rollout, halt: ChannelHalt, issued: datetime, device: str) -> bool:
    """Tell whether a device that does not have the candidate yet may take it now."""
    if rollout.paused or halt.paused:
        return False
    if device_digest(rollout.salt, device) in rollout.devices:
        return True
    return bucket(rollout.salt, device) < min(permyriad(rollout, issued), halt.cap)

"""What a repository is: its documents and the decisions drawn from them. Pure: no I/O and no clock.

The TUF roles stand in `sealcast.model.roles`, which is not imported here: it loads python-tuf.
"""

from .carried import CarriedChannel, CarriedFloor, read_carried_floor
from .channel import (
    Build,
    ChannelDocument,
    Delta,
    ManifestEntry,
    Notice,
    Object,
    PackTotal,
    Release,
    Rollout,
    Step,
    channel_flaw,
    read_channel,
)
from .decision import Action, Decision, Device, decide
from .halt import ChannelHalt, HaltDocument, read_halt
from .manifest import (
    File,
    Manifest,
    Pack,
    check_holds,
    complete,
    read_manifest,
    skeleton,
    skeleton_contents,
)
from .native import admits, parse_constraint
from .policy import ChannelPolicy, PinSet, Policy, pins_in_force, read_policy
from .rollout import Offer, bucket, device_digest, is_offered, offer, permyriad
from .schedule import LIFETIMES, TIMESTAMP_INTERVAL, RoleKind, due_at, kind_of

__all__ = [
    "LIFETIMES",
    "TIMESTAMP_INTERVAL",
    "Action",
    "Build",
    "CarriedChannel",
    "CarriedFloor",
    "ChannelDocument",
    "ChannelHalt",
    "ChannelPolicy",
    "Decision",
    "Delta",
    "Device",
    "File",
    "HaltDocument",
    "Manifest",
    "ManifestEntry",
    "Notice",
    "Object",
    "Offer",
    "Pack",
    "PackTotal",
    "PinSet",
    "Policy",
    "Release",
    "RoleKind",
    "Rollout",
    "Step",
    "admits",
    "bucket",
    "channel_flaw",
    "check_holds",
    "complete",
    "decide",
    "device_digest",
    "due_at",
    "is_offered",
    "kind_of",
    "offer",
    "parse_constraint",
    "permyriad",
    "pins_in_force",
    "read_carried_floor",
    "read_channel",
    "read_halt",
    "read_manifest",
    "read_policy",
    "skeleton",
    "skeleton_contents",
]

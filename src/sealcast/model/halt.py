"""The halt document: what the on-call key may say. It can only subtract (DESIGN section 4)."""

from __future__ import annotations

import msgspec

from ..documents import KIB, Document, bad, decode
from .channel import Name, Permyriad, Sequence

HALT_LIMIT = 256 * KIB
"""Bytes a halt document may have."""


class ChannelHalt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is taken from one channel: its rollout paused or capped, releases recalled (by sequence)."""

    paused: bool = False
    cap: Permyriad = 10_000
    recall: tuple[Sequence, ...] = ()


NO_HALT = ChannelHalt()
"""Nothing is taken."""


class HaltDocument(Document, frozen=True, kw_only=True, omit_defaults=True):
    """What the halt role takes from an app's channels."""

    type: str = "sealcast/halt/1"
    app: Name
    revision: Sequence
    channels: dict[Name, ChannelHalt] = msgspec.field(default_factory=dict)

    def of(self, channel: str) -> ChannelHalt:
        """Return what is taken from ``channel``."""
        return self.channels.get(channel, NO_HALT)


def read_halt(data: bytes, *, app: str) -> HaltDocument:
    """Return the halt document that ``data`` holds.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA (also when it is another app's) or UNKNOWN_DOCUMENT.
    """
    what = f"The halt document of {app}"
    document = decode(data, HaltDocument, what=what, limit=HALT_LIMIT)
    if document.app != app:
        raise bad(what, f"it is the halt document of {document.app}")
    return document

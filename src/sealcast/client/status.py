"""What this device is on, from its own files alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..documents import plain
from ..values import format_time
from .directory import StateDirectory
from .freshness import Freshness, freshness
from .record import Record, Records
from .settings import Settings, read_settings
from .transitions import in_safe_mode


class Status(Struct, frozen=True):
    """Settings, record and freshness of one client."""

    settings: Settings
    record: Record
    freshness: Freshness

    @property
    def phase(self) -> str:
        """``trial``, ``pending``, ``safe-mode``, ``empty`` (nothing was ever installed) or ``idle``."""
        record = self.record
        embedded = bool(self.settings.embedded)
        if in_safe_mode(record, embedded=embedded):
            return "safe-mode"
        if record.pending is not None:
            return "pending"
        if record.trial:
            return "trial"
        return "idle" if record.active is not None or embedded else "empty"

    def as_dict(self) -> dict[str, Any]:
        """Return the status as one JSON object."""
        record, settings = self.record, self.settings
        return {
            "app": settings.app,
            "channel": settings.channel,
            "platform": settings.platform,
            "url": settings.url,
            "phase": self.phase,
            "active": record.active.version if record.active else None,
            "pending": record.pending.version if record.pending else None,
            "last_good": record.last_good.version if record.last_good else None,
            "previous_good": record.previous_good.version if record.previous_good else None,
            "trial": record.trial,
            "boots": record.boots,
            "boot_limit": settings.boot_limit,
            "quarantine": [plain(failure) for _, failure in sorted(record.quarantine.items())],
            "freshness": str(self.freshness.state),
            "expires": format_time(self.freshness.expires) if self.freshness.expires else None,
        }


def read_status(directory: Path, now: datetime) -> Status:
    """Return the status of the client in ``directory``. Raises as `read_settings` does."""
    settings = read_settings(directory)
    folder = StateDirectory(directory).repository
    fresh = freshness(folder, settings.app, settings.channel, now)
    return Status(settings, Records(directory).read(), fresh)

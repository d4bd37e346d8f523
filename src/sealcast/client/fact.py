"""One part of the answer to why a device is on its release, and the words that such parts may use."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

WORDS = {
    "active": ("good", "trial", "embedded", "none", "safe-mode"),
    "fallback": ("last-good", "previous-good", "embedded", "none"),
    "pending": ("none", "taken", "quarantined", "recalled", "damaged"),
    "next-start": ("start", "trial", "again", "nothing"),
    "documents": ("verified", "missing", "altered", "mixed", "refused"),
    "freshness": ("fresh", "stale", "expired"),
    "quarantine": ("stands", "lifted", "unlisted"),
    "rollout": ("none", "installed", "named", "inside", "outside", "capped", "paused", "halted"),
    "recall": ("channel", "halt"),
    "floor": ("set",),
    "attempt": ("none", "done", "failed"),
}
"""Every word that a topic can have. Those of ``decision`` are a check's, or the code of its error."""


class Fact(Struct, frozen=True):
    """One part of the answer. ``data`` holds the numbers behind the sentence ``text``."""

    topic: str
    word: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)

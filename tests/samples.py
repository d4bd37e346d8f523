"""Small, valid documents for tests, each made with one call and changed by keyword."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sealcast.model import (
    Build,
    ChannelDocument,
    File,
    Manifest,
    ManifestEntry,
    Object,
    PackTotal,
    Release,
    Rollout,
    Step,
)
from sealcast.values import format_time

SALT = "00112233445566778899aabbccddeeff"
NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
"""The instant at which tests of documents take place."""


def digest(of: object) -> str:
    """A digest that is always the same for the same thing."""
    return hashlib.sha256(str(of).encode()).hexdigest()


def at(hours: float) -> str:
    """The instant so many hours after `NOW`, as documents write it."""
    return format_time(NOW + timedelta(hours=hours))


def build(name: object, **changes: Any) -> Build:
    """A build whose manifest has the digest of ``name``."""
    manifest = ManifestEntry(sha256=digest(name), size=100, pack=Object(sha256=digest(f"pack of {name}"), size=50))
    return Build(**{"manifest": manifest, "packs": PackTotal(count=1, size=10), "installed": 20} | changes)


def release(sequence: int, **changes: Any) -> Release:
    """Release ``sequence``: version ``<sequence>.0.0`` with one build for any platform."""
    fields = {"version": f"{sequence}.0.0", "sequence": sequence, "platforms": {"any": build(sequence)}}
    return Release(**fields | changes)


def rollout(*steps: tuple[float, int], **changes: Any) -> Rollout:
    """A rollout with steps of (hours after `NOW`, permyriad)."""
    fields = {"salt": SALT, "steps": tuple(Step(at=at(hours), permyriad=share) for hours, share in steps)}
    return Rollout(**fields | changes)


def channel(*releases: Release, **changes: Any) -> ChannelDocument:
    """A channel document with these releases, of which the last is stable unless ``stable`` says otherwise."""
    fields: dict[str, Any] = {"app": "demo", "channel": "stable", "revision": 1, "releases": releases}
    fields["last"] = max((release.sequence for release in releases), default=0)
    fields["stable"] = releases[-1].sequence if releases else None
    return ChannelDocument(**fields | changes)


def file(path: str, data: bytes = b"", **changes: Any) -> File:
    """A file with this content."""
    return File(**{"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} | changes)


def manifest(*files: File, **changes: Any) -> Manifest:
    """A manifest of these files, in path order, without packs."""
    fields = {"app": "demo", "version": "1.0.0", "platform": "any", "encoder": {}, "packs": ()}
    return Manifest(files=tuple(sorted(files, key=lambda file: file.path)), **fields | changes)

"""What one device does next, from signed documents and what it has installed: a pure function.

The rule that everything else serves (DESIGN section 4): a device leaves an installed release only for one with a
higher sequence, or because its own is recalled.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from ..errors import ConfigError
from .channel import Build, ChannelDocument, Release
from .halt import ChannelHalt
from .native import admits
from .rollout import is_offered


class Action(StrEnum):
    """What a device does: take a newer release, go back, nothing, or nothing because something stands in the way."""

    UPDATE = "update"
    ROLLBACK = "rollback"
    NONE = "none"
    BLOCKED = "blocked"


class Device(Struct, frozen=True):
    """What decides on the device's side.

    ``sequence`` is that of the installed release in this channel (None: nothing of this channel is installed, or its
    sequence is unknown), ``quarantine`` the retry epoch at which each release, by manifest digest, failed here.
    """

    id: str
    platform: str
    native: str = ""
    sequence: int | None = None
    floor: int = 0
    quarantine: Mapping[str, int] = {}


class Decision(Struct, frozen=True):
    """What to do, why (one sentence), a stable word for why, and the release it leads to, if any."""

    action: Action
    reason: str
    why: str
    release: Release | None = None
    build: Build | None = None


def decide(channel: ChannelDocument, halt: ChannelHalt, issued: datetime, device: Device) -> Decision:
    """Return what ``device`` does. ``issued`` is the signed time of the timestamp role."""
    recalled = frozenset(channel.recall) | frozenset(halt.recall)
    offers = [release for release in _offers(channel, halt, issued, device) if release.sequence not in recalled]
    if device.sequence is not None and device.sequence in recalled:
        return _leave_recalled(device.sequence, offers, channel, device)
    newer = [release for release in offers if device.sequence is None or release.sequence > device.sequence]
    if not newer:
        if device.sequence is None:
            return Decision(Action.NONE, "nothing-released", "The channel offers no release yet.")
        return Decision(Action.NONE, "current", "The newest release offered to this device is installed.")
    return _first_open(newer, channel, device, Action.UPDATE)


def _offers(channel: ChannelDocument, halt: ChannelHalt, issued: datetime, device: Device) -> list[Release]:
    """Return the releases offered to the device, the most wanted first: the candidate, then stable."""
    offers = []
    candidate, stable = channel.release(channel.candidate), channel.release(channel.stable)
    if candidate and channel.rollout and is_offered(channel.rollout, halt, issued, device.id):
        offers.append(candidate)
    if stable and stable not in offers:
        offers.append(stable)
    return sorted(offers, key=lambda release: -release.sequence)


def _leave_recalled(sequence: int, offers: list[Release], channel: ChannelDocument, device: Device) -> Decision:
    """Return where a device goes that has the recalled release ``sequence``: it never stays.

    To a newer release that it is offered, or back to what the channel signed as stable, never to an older candidate.
    Where there is neither, or something blocks them, to its own previous good one, which the client knows.
    """
    ways = [release for release in offers if release.sequence > sequence or release.sequence == channel.stable]
    why = "The installed release is recalled; the previous good one takes its place."
    if ways:
        found = _first_open(ways, channel, device, Action.ROLLBACK)
        if found.release and found.action is not Action.BLOCKED:
            return replace(found, action=Action.UPDATE) if found.release.sequence > sequence else found
        why = f"{why} {found.why}"
    return Decision(Action.ROLLBACK, "recalled", why)


def _first_open(offers: list[Release], channel: ChannelDocument, device: Device, action: Action) -> Decision:
    """Return the first of ``offers`` (one at least) that nothing blocks, or why the first one is blocked."""
    blocked = []
    for release in offers:
        build = release.build_for(device.platform)
        obstacle = _obstacle(release, build, channel, device)
        if obstacle is None:
            reason = "recalled" if action is Action.ROLLBACK else "newer"
            return Decision(action, reason, f"Release {release.version} is offered to this device.", release, build)
        blocked.append(Decision(Action.BLOCKED, *obstacle, release, build))
    return blocked[0]


def _obstacle(
    release: Release, build: Build | None, channel: ChannelDocument, device: Device
) -> tuple[str, str] | None:
    version = release.version
    if build is None:
        return "platform", f"Release {version} has no build for the platform {device.platform!r}."
    if release.sequence < max(channel.floor, device.floor):
        return "below-floor", f"Release {version} is below the floor that this device has seen."
    failed = device.quarantine.get(build.manifest.sha256)
    if failed is not None and failed >= release.retry:
        return (
            "quarantined",
            f"Release {version} failed on this device; a signed retry or a newer release lifts it.",
        )
    if build.native and not _admits(build.native, device.native):
        return (
            "native",
            f"Release {version} needs the native build {build.native}; this one is {device.native or 'unknown'}.",
        )
    return None


def _admits(constraint: str, native: str) -> bool:
    try:
        return admits(constraint, native)
    except ConfigError:  # a signed constraint of a kind that this version cannot read: not for this device
        return False

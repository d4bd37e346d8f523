"""One verified look at the repository, and what it means for this device: decided here, acted on elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from tuf.api.metadata import TargetFile

from ..errors import SealingError, VerificationError
from ..fetch import Source
from ..model import Action, Build, ChannelDocument, ChannelHalt, Device, Policy, Release, decide
from ..model.roles import archive_path, content_listed, published_path
from ..values import parse_time
from ..verify import Roles, View
from . import transitions
from .directory import StateDirectory
from .floor import Floor, FloorStore
from .freshness import Freshness, freshness
from .guard import Guard
from .holdings import Holdings
from .kept import Kept
from .plan import Archive, Plan, make_plan
from .record import Carrier, Installed, Record
from .settings import Settings
from .transitions import Conditions


class Outlook(Struct, frozen=True):
    """What a check found. ``why`` is a stable word, ``reason`` a sentence.

    ``plan`` is the route where something is to be fetched or staged; an outlook of ``ROLLBACK`` without one goes back
    at the next start, to what is here. ``recalled`` are installed manifests that the documents take back, ``policy`` is
    what the targets role says of hosts.
    """

    action: Action
    why: str
    reason: str
    release: Release | None = None
    build: Build | None = None
    plan: Plan | None = None
    notice: dict[str, Any] | None = None
    freshness: Freshness | None = None
    recalled: tuple[str, ...] = ()
    policy: Policy | None = None

    @property
    def version(self) -> str | None:
        """The release that the action leads to, or that is blocked."""
        return self.release.version if self.release else None

    def as_dict(self) -> dict[str, Any]:
        """Return the outlook as one JSON object (DESIGN section 10)."""
        return {
            "action": str(self.action),
            "why": self.why,
            "reason": self.reason,
            "version": self.version,
            "route": str(self.plan.route) if self.plan else None,
            "bytes": self.plan.size if self.plan else 0,
            "requests": self.plan.requests if self.plan else 0,
            "mandatory": self.release.mandatory if self.release else False,
            "notes": self.release.notes if self.release else "",
            "notice": self.notice,
            "freshness": str(self.freshness.state) if self.freshness else None,
        }


class Seen(Struct, frozen=True):
    """The verified documents of one look. ``issued`` is the signed time, ``lowest`` the floor of sequences.

    ``archives`` are those that the channel's role lists of builds for this device, by their manifest's digest.
    """

    channel: ChannelDocument
    halt: ChannelHalt
    issued: datetime
    lowest: int
    freshness: Freshness
    archives: Mapping[str, Archive] = {}
    policy: Policy | None = None


class Here(Struct, frozen=True):
    """What an outlook needs of this device. ``embedded`` is the sequence of the embedded release, -1 without one."""

    settings: Settings
    record: Record
    held: Holdings
    given: Conditions
    native: str
    embedded: int

    @property
    def sequence(self) -> int | None:
        """The sequence, in this channel, of the release that is installed; None where there is none, or another's."""
        active = self.record.active
        if active is not None:
            return active.sequence if active.channel == self.settings.channel else None
        return self.embedded if self.embedded >= 0 else None


def look(source: Source, root: bytes, place: StateDirectory, settings: Settings, now: datetime) -> Seen:
    """Verify what the host serves against root and floor, raise the floor, and return the documents.

    Two requests where nothing is new. Raises ``VerificationError``, ``TransferError``, ``SealingError`` (NO_IDENTITY).
    """
    store = FloorStore(place.path)
    floor = store.read()  # before anything is asked: without a floor nothing may be believed
    view = View(source, root=root, folder=place.repository)
    seen, floor = _held_against(floor, view, place, settings, now)
    store.store(floor)
    view.forget_documents()
    return seen


def look_back(root: bytes, place: StateDirectory, settings: Settings, now: datetime) -> Seen:
    """Return what the last look saw, from what it left on this device alone; nothing is asked, and nothing written.

    Raises what `look` would where a host serves just that, but for EXPIRED, which `Seen.freshness` says; and as `Kept`
    does.
    """
    floor = FloorStore(place.path).read()
    return _held_against(floor, Kept(place.repository, root), place, settings, now)[0]


def _held_against(
    floor: Floor, roles: Roles, place: StateDirectory, settings: Settings, now: datetime
) -> tuple[Seen, Floor]:
    """Return the documents that the roles sign, and what the floor becomes."""
    app, channel = settings.app, settings.channel
    guard = Guard(floor, roles, place.repository, now)
    guard.check_roles()
    policy = roles.policy(app)
    _check_readable(policy, channel)
    document = roles.channel(app, channel)
    halt = roles.halt(app).of(channel)
    floor = guard.check_channel(document)
    fresh = freshness(place.repository, app, channel, now)
    listed = roles.role(app, channel).targets  # verified on the way to the document: no request
    archives = dict(_archives(document, listed, settings.platform))
    return Seen(document, halt, roles.issued, floor.lowest_sequence, fresh, archives, policy), floor


def _check_readable(policy: Policy, channel: str) -> None:
    known = policy.channels.get(channel)
    if known is None:
        raise VerificationError(
            "UNKNOWN_CHANNEL",
            f"The app {policy.app!r} has no channel {channel!r}.",
            hint=f"Its channels: {', '.join(policy.channels) or 'none'}.",
        )
    if known.sealed:
        raise SealingError(
            "NO_IDENTITY",
            f"The channel {channel!r} is sealed, and this client has no identity to open it.",
            hint="Make the client with --identity.",
        )


def outlook(seen: Seen, here: Here) -> Outlook:
    """Return what the documents mean for this device."""
    record = here.record
    device = Device(
        id=here.settings.device,
        platform=here.settings.platform,
        native=here.native,
        sequence=here.sequence,
        floor=seen.lowest,
        quarantine={manifest: failure.retry for manifest, failure in record.quarantine.items()},
    )
    decision = decide(seen.channel, seen.halt, seen.issued, device)
    taken_back = {*seen.channel.recall, *seen.halt.recall}
    found = Outlook(
        decision.action,
        decision.reason,
        decision.why,
        decision.release,
        decision.build,
        notice=_notice(seen),
        freshness=seen.freshness,
        recalled=tuple(release.manifest for release in record.held if release.sequence in taken_back),
        policy=seen.policy,
    )
    if decision.action is Action.ROLLBACK:
        return _back(found, seen, here)
    if decision.action is Action.UPDATE and decision.build is not None:
        return _forward(found, decision.build, seen, here)
    return found


def installed(found: Outlook, settings: Settings) -> Installed:
    """Return how the record will name the release that an outlook leads to."""
    if found.release is None or found.build is None:
        raise AssertionError("only an outlook with a plan is installed")
    manifest = found.build.manifest
    return Installed(
        manifest=manifest.sha256,
        version=found.release.version,
        sequence=found.release.sequence,
        channel=settings.channel,
        retry=found.release.retry,
        native=found.build.native,
        carrier=Carrier(sha256=manifest.pack.sha256, size=manifest.pack.size, manifest=manifest.size),
    )


def settled(record: Record, found: Outlook) -> Record:
    """Return the record as an outlook leaves it: recalls noted, and a waiting release that is not wanted withdrawn."""
    record = transitions.recall(record, found.recalled)
    wanted = found.build.manifest.sha256 if found.build and found.action is not Action.BLOCKED else ""
    if record.pending is not None and record.pending.manifest != wanted:
        record = transitions.withdraw(record)
    return record


def _archives(
    document: ChannelDocument, listed: Mapping[str, TargetFile], platform: str
) -> Iterator[tuple[str, Archive]]:
    for release in document.releases:
        name = platform if platform in release.platforms else "any"
        build = release.platforms.get(name)
        entry = listed.get(archive_path(document.app, document.channel, release.version, name, "tar.zst"))
        if build is not None and entry is not None:
            yield build.manifest.sha256, Archive(content_listed(entry), published_path(entry))


def _forward(found: Outlook, build: Build, seen: Seen, here: Here) -> Outlook:
    pending = here.record.pending
    if pending is not None and pending.manifest == build.manifest.sha256:
        reason = f"Release {found.version} is installed; the next start takes it."
        return replace(found, action=Action.NONE, why="staged", reason=reason)
    return replace(found, plan=_plan(build, seen, here))


def _plan(build: Build, seen: Seen, here: Here) -> Plan:
    archive = seen.archives.get(build.manifest.sha256)
    return make_plan(seen.channel, here.settings.platform, build, here.held, archive)


def _back(found: Outlook, seen: Seen, here: Here) -> Outlook:
    """Row 19: the signed stable release if it is held, else what was good before, else the embedded; else download."""
    good = transitions.good_again(settled(here.record, found), here.given)
    build = found.build
    if build is not None and build.manifest.sha256 in here.held:
        if good is not None and good.manifest == build.manifest.sha256:
            return found
        return _forward(found, build, seen, here)
    if good is not None or here.given.embedded:
        return found
    if build is not None:
        return _forward(found, build, seen, here)
    return replace(
        found,
        action=Action.BLOCKED,
        why="nothing-to-go-back-to",
        reason="The installed release is recalled, and there is no other that may be installed.",
    )


def _notice(seen: Seen) -> dict[str, Any] | None:
    """Return the channel's notice while it lasts, by the signed time."""
    notice = seen.channel.notice
    if notice is None or (notice.until is not None and parse_time(notice.until) <= seen.issued):
        return None
    return {"text": dict(notice.text), "url": notice.url}

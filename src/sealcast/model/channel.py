"""The channel document: which releases a channel offers, to whom, and what it takes back (DESIGN section 4)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..documents import MIB, Document, bad, decode, whole
from ..values import MAX_INTEGER, Content, parse_time
from .manifest import Digest, Size

CHANNEL_LIMIT = 2 * MIB
"""Bytes a channel document may have."""

Sequence = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Permyriad = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Name = Annotated[str, msgspec.Meta(pattern=whole("[a-z0-9]([a-z0-9-]*[a-z0-9])?"), max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=16_384)]
Time = Annotated[str, msgspec.Meta(pattern=whole("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"))]
VersionText = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """A published object, by the digest that names it and its size in bytes."""

    sha256: Digest
    size: Size

    @property
    def content(self) -> Content:
        """The object's digest and size."""
        return Content(self.sha256, self.size)


class ManifestEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest, by the digest of its canonical bytes, and the pack object that carries it compressed."""

    sha256: Digest
    size: Size
    pack: Object


class Delta(msgspec.Struct, frozen=True, kw_only=True, rename={"base": "from"}):
    """An object that turns the release whose manifest has the digest ``base`` into this one."""

    base: Digest
    sha256: Digest
    size: Size
    codecs: tuple[str, ...]


class PackTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole release costs by packs: how many objects, and bytes together."""

    count: Count
    size: Size


class Build(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A release for one platform: its manifest, what its packs cost, its installed size, and its deltas."""

    manifest: ManifestEntry
    packs: PackTotal
    installed: Size
    deltas: tuple[Delta, ...] = ()
    native: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Release(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A release as this channel offers it.

    ``sequence`` is given once, when the release enters the channel, and decides for machines what is newer;
    ``version`` is for people. A higher ``retry`` lifts the quarantine of devices on which an earlier try failed.
    """

    version: VersionText
    sequence: Sequence
    platforms: dict[Name, Build]
    retry: Count = 0
    notes: Text = ""
    mandatory: bool = False

    def build_for(self, platform: str) -> Build | None:
        """Return the build for exactly this platform, else the one for ``any``, else None."""
        return self.platforms.get(platform) or self.platforms.get("any")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """From the instant ``at`` on, ``permyriad`` of 10,000 devices are offered the candidate."""

    at: Time
    permyriad: Permyriad


class Rollout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is offered the candidate: a share that grows with signed time, and devices named by salted hash."""

    salt: Annotated[str, msgspec.Meta(pattern=whole("[0-9a-f]{32}"))]
    steps: tuple[Step, ...]
    paused: bool = False
    devices: tuple[Digest, ...] = ()


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Text shown to users even when updates are blocked, by language tag; ``until`` ends it."""

    text: dict[str, Text]
    until: Time | None = None
    url: Text = ""


class ChannelDocument(Document, frozen=True, kw_only=True, omit_defaults=True):
    """All that a channel says. ``last`` is the highest sequence ever given, also to releases no longer listed."""

    type: str = "sealcast/channel/1"
    app: Name
    channel: Name
    revision: Sequence
    last: Count = 0
    releases: tuple[Release, ...] = ()
    stable: Sequence | None = None
    candidate: Sequence | None = None
    rollout: Rollout | None = None
    recall: tuple[Sequence, ...] = ()
    floor: Count = 0
    notice: Notice | None = None

    def release(self, sequence: int | None) -> Release | None:
        """Return the listed release with this sequence, or None."""
        return next((release for release in self.releases if release.sequence == sequence), None)

    def by_version(self, version: str) -> Release | None:
        """Return the listed release of this version, or None."""
        return next((release for release in self.releases if release.version == version), None)

    def by_manifest(self, sha256: str) -> Release | None:
        """Return the listed release that has a build with this manifest, or None."""
        for release in self.releases:
            if any(build.manifest.sha256 == sha256 for build in release.platforms.values()):
                return release
        return None


def read_channel(data: bytes, *, app: str, channel: str) -> ChannelDocument:
    """Return the channel document that ``data`` holds.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA (also when it is another channel's, or contradicts itself) or
    UNKNOWN_DOCUMENT.
    """
    what = f"The channel document of {app}/{channel}"
    document = decode(data, ChannelDocument, what=what, limit=CHANNEL_LIMIT)
    if (document.app, document.channel) != (app, channel):
        raise bad(what, f"it is the document of {document.app}/{document.channel}")
    if flaw := channel_flaw(document):
        raise bad(what, flaw)
    return document


def channel_flaw(document: ChannelDocument) -> str | None:
    """Say in what way a channel document contradicts itself, or return None if it does not.

    Raises ``VerificationError`` (BAD_METADATA) for a time that no calendar has.
    """
    sequences = [release.sequence for release in document.releases]
    if len(set(sequences)) != len(sequences):
        return "two releases have one sequence"
    if any(sequence > document.last for sequence in sequences):
        return "a release has a sequence beyond the last one given"
    for name, sequence in (("stable", document.stable), ("candidate", document.candidate)):
        if sequence is not None and sequence not in sequences:
            return f"its {name} release is not listed"
    if document.candidate is not None and document.rollout is None:
        return "it has a candidate and no rollout"
    if document.rollout is not None:
        times = [parse_time(step.at) for step in document.rollout.steps]
        if times != sorted(times):
            return "the steps of its rollout are out of order"
    if document.notice is not None and document.notice.until is not None:
        parse_time(document.notice.until)
    return None

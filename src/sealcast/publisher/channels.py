"""What a publisher may do to a channel, as pure functions from one channel document to the next."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..errors import RepositoryError
from ..model import Build, ChannelDocument, Release, Rollout


def enter(
    document: ChannelDocument, version: str, builds: Mapping[str, Build], *, notes: str = ""
) -> tuple[ChannelDocument, int]:
    """Return the document with a release entered under the next sequence, and that sequence.

    Nobody is offered it yet. A release of the same version gains the builds of platforms that it lacked, and keeps its
    sequence. Raises ``RepositoryError`` (VERSION_EXISTS) when a build there differs.
    """
    known = document.by_version(version)
    if known is None:
        sequence = document.last + 1
        release = Release(version=version, sequence=sequence, platforms=dict(builds), notes=notes)
        return msgspec.structs.replace(document, releases=(*document.releases, release), last=sequence), sequence
    for platform, build in builds.items():
        there = known.platforms.get(platform)
        if there is not None and there.manifest.sha256 != build.manifest.sha256:
            raise RepositoryError(
                "VERSION_EXISTS",
                f"Release {version} is in the channel {document.channel}, with other files for {platform}.",
                hint="A release never changes. Give the new files a new version.",
            )
    grown = msgspec.structs.replace(known, platforms={**builds, **known.platforms}, notes=notes or known.notes)
    return _replaced(document, grown), known.sequence


def make_stable(document: ChannelDocument, sequence: int, keep: int) -> ChannelDocument:
    """Return the document with this release as the stable one, and the last ``keep`` before it kept for going back.

    Devices leave a release only for a higher sequence: raises ``RepositoryError`` (NOT_NEWER) for a lower one.
    """
    if document.stable is not None and sequence < document.stable:
        raise RepositoryError(
            "NOT_NEWER",
            "This release entered the channel before the one that is stable now.",
            hint="Going back is a rollback: devices leave a release only for a later one, or when it is recalled.",
        )
    candidate = None if document.candidate == sequence else document.candidate
    rollout = document.rollout if candidate is not None else None
    stable = msgspec.structs.replace(document, stable=sequence, candidate=candidate, rollout=rollout)
    return _pruned(stable, keep)


def make_candidate(document: ChannelDocument, sequence: int, salt: str) -> ChannelDocument:
    """Return the document with this release as its candidate, offered to nobody until a rollout says so.

    Raises ``RepositoryError``: ROLLOUT_RUNNING when there is another candidate, NOT_NEWER when it is not the newest.
    """
    if document.candidate not in {None, sequence}:
        raise RepositoryError(
            "ROLLOUT_RUNNING",
            f"The channel {document.channel} has a candidate already.",
            hint="Finish or take back that one first.",
        )
    if document.stable is not None and sequence <= document.stable:
        raise RepositoryError("NOT_NEWER", "A candidate must have entered the channel after the stable release.")
    return msgspec.structs.replace(document, candidate=sequence, rollout=Rollout(salt=salt, steps=()))


def remove(document: ChannelDocument, version: str) -> ChannelDocument:
    """Return the document without this kept release. Raises ``RepositoryError`` (RELEASE_LIVE) for a live one."""
    release = document.by_version(version)
    if release is None:
        return document
    if release.sequence in {document.stable, document.candidate}:
        raise RepositoryError(
            "RELEASE_LIVE",
            f"Release {version} is live in the channel {document.channel}.",
            hint="Publish another release first, or take this one back.",
        )
    return _without(document, {release.sequence})


def _pruned(document: ChannelDocument, keep: int) -> ChannelDocument:
    live = {document.stable, document.candidate}
    others = sorted(release.sequence for release in document.releases if release.sequence not in live)
    return _without(document, set(others[: max(0, len(others) - keep)]))


def _without(document: ChannelDocument, sequences: set[int]) -> ChannelDocument:
    left = tuple(release for release in document.releases if release.sequence not in sequences)
    return msgspec.structs.replace(document, releases=left)


def _replaced(document: ChannelDocument, release: Release) -> ChannelDocument:
    releases = tuple(release if old.sequence == release.sequence else old for old in document.releases)
    return msgspec.structs.replace(document, releases=releases)


def next_revision(document: ChannelDocument) -> ChannelDocument:
    """Return the document under its next revision."""
    return msgspec.structs.replace(document, revision=document.revision + 1)

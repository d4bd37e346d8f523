"""What a publisher may do to a channel, as pure functions from one channel document to the next."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..errors import RepositoryError
from ..model import Build, ChannelDocument, Release, Rollout
from .versions import parse_version


def enter(
    document: ChannelDocument, version: str, builds: Mapping[str, Build], *, notes: str = ""
) -> tuple[ChannelDocument, int]:
    """Return the document with a release entered under the next sequence, and that sequence.

    Nobody is offered it yet. A release of the same version gains the builds of platforms that it lacked, keeps its
    sequence and its deltas, and takes a new constraint or new notes where some are given. Raises ``RepositoryError``
    (VERSION_EXISTS) when a build there differs.
    """
    known = document.by_version(version)
    if known is None:
        sequence = document.last + 1
        release = Release(version=version, sequence=sequence, platforms=dict(builds), notes=notes)
        return msgspec.structs.replace(document, releases=(*document.releases, release), last=sequence), sequence
    platforms = dict(known.platforms)
    for platform, build in builds.items():
        there = platforms.get(platform)
        if there is not None and there.manifest.sha256 != build.manifest.sha256:
            raise version_exists(version, platform)
        platforms[platform] = merged(there, build)
    grown = msgspec.structs.replace(known, platforms=platforms, notes=notes or known.notes)
    releases = tuple(grown if old.sequence == known.sequence else old for old in document.releases)
    return msgspec.structs.replace(document, releases=releases), known.sequence


def merged(there: Build | None, build: Build) -> Build:
    """Return ``build``, or the one that is there already with the constraint that is given now."""
    return build if there is None else msgspec.structs.replace(there, native=build.native or there.native)


def version_exists(version: str, platform: str) -> RepositoryError:
    """Return what is raised when a version is to get other files than it has."""
    return RepositoryError(
        "VERSION_EXISTS",
        f"There is a release {version} for {platform} already, with other files.",
        hint="A release never changes. Give the new files a new version.",
    )


def check_not_lower(version: str, document: ChannelDocument, *, hint: str) -> None:
    """Check that ``version`` is not lower than what the channel has, unless it is there already.

    Raises ``RepositoryError`` (VERSION_LOWER) with this ``hint``.
    """
    versions = [release.version for release in document.releases]
    newest = max(map(parse_version, versions), default=None)
    if newest is not None and parse_version(version) < newest and version not in versions:
        raise RepositoryError(
            "VERSION_LOWER",
            f"Version {version} is lower than {newest}, the newest in the channel {document.channel}.",
            hint=hint,
        )


def offered(document: ChannelDocument, version: str | None) -> Release:
    """Return the release of this version, or the stable one. Raises ``RepositoryError`` (UNKNOWN_RELEASE)."""
    release = document.by_version(version) if version else document.release(document.stable)
    if release is None or release.sequence in document.recall:
        raise RepositoryError(
            "UNKNOWN_RELEASE",
            f"The channel {document.channel} offers no release {version or 'yet'}.",
            hint=f"It lists: {', '.join(release.version for release in document.releases) or 'none'}.",
        )
    return release


def make_stable(document: ChannelDocument, sequence: int, keep: int) -> ChannelDocument:
    """Return the document with this release as the stable one, and the last ``keep`` before it kept for going back.

    A candidate that entered before it is none any more. Devices leave a release only for a higher sequence: raises
    ``RepositoryError``: NOT_NEWER for a lower one, RELEASE_RECALLED.
    """
    _check_not_recalled(document, sequence)
    if document.stable is not None and sequence < document.stable:
        raise RepositoryError(
            "NOT_NEWER",
            "This release entered the channel before the one that is stable now.",
            hint="Going back is a rollback: devices leave a release only for a later one, or when it is recalled.",
        )
    candidate = document.candidate if document.candidate is not None and document.candidate > sequence else None
    rollout = document.rollout if candidate is not None else None
    stable = msgspec.structs.replace(document, stable=sequence, candidate=candidate, rollout=rollout)
    live = {stable.stable, stable.candidate}
    others = sorted(release.sequence for release in stable.releases if release.sequence not in live)
    return _without(stable, set(others[: max(0, len(others) - keep)]))


def make_candidate(document: ChannelDocument, sequence: int, salt: str) -> ChannelDocument:
    """Return the document with this release as its candidate, offered to nobody until a rollout says so.

    One that is the candidate already stays as it is, with its rollout. Raises ``RepositoryError``: ROLLOUT_RUNNING when
    there is another candidate, NOT_NEWER when it is not the newest, RELEASE_RECALLED.
    """
    _check_not_recalled(document, sequence)
    if document.candidate == sequence:
        return document
    if document.candidate is not None:
        raise RepositoryError(
            "ROLLOUT_RUNNING",
            f"The channel {document.channel} has a candidate already.",
            hint="Finish or take back that one first.",
        )
    if document.stable is not None and sequence <= document.stable:
        raise RepositoryError(
            "NOT_NEWER",
            "A candidate must have entered the channel after the stable release.",
            hint="Give the files a new version.",
        )
    return msgspec.structs.replace(document, candidate=sequence, rollout=Rollout(salt=salt, steps=()))


def _check_not_recalled(document: ChannelDocument, sequence: int) -> None:
    if sequence in document.recall:
        raise RepositoryError(
            "RELEASE_RECALLED",
            f"This release was recalled from the channel {document.channel}.",
            hint="Give the corrected files a new version.",
        )


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


def _without(document: ChannelDocument, sequences: set[int]) -> ChannelDocument:
    left = tuple(release for release in document.releases if release.sequence not in sequences)
    return msgspec.structs.replace(document, releases=left)

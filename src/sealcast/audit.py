"""Walks a whole site as an auditor: everything a client could ever need, with nothing but a root to trust.

Unlike a client, an auditor does not stop at the first thing that is wrong: what can be walked is walked, and each
finding is reported with the code that a client would refuse it with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from .errors import ObjectError, SealcastError, VerificationError
from .fetch import Source
from .model import Build, read_manifest
from .model.roles import RESERVED_CHANNEL, content_listed, published_path, role_name
from .packs import OBJECT_LIMIT, read_single
from .values import Content, Progress, content_of, format_time, no_progress, object_path
from .verify import View

PARALLEL = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: the code of the error, where, and one sentence."""

    code: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class RoleFact:
    """A verified role: name, version and expiry."""

    role: str
    version: int
    expires: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found: the roles, how much was checked (files and bytes), and what is wrong."""

    roles: tuple[RoleFact, ...]
    apps: tuple[str, ...]
    releases: int
    objects: int
    size: int
    deep: bool
    findings: tuple[Finding, ...]


def audit(
    source: Source,
    *,
    root: bytes,
    folder: Path,
    now: datetime,
    deep: bool = False,
    progress: Progress = no_progress,
) -> Report:
    """Walk the site behind ``source`` from ``root``; ``folder`` takes what is fetched on the way.

    Shallow: every role and document is verified, and every object is there. ``deep``: every byte is hashed as well.
    Raises ``VerificationError`` or ``TransferError`` when not even the top-level roles verify.
    """
    walk = _Walk(source, View(source, root=root, folder=folder), now)
    for role in ("root", "targets", "snapshot", "timestamp"):
        walk.take_role(role, getattr(walk.view, role))
    walk.take_targets("targets", walk.view.targets)
    for app in walk.view.apps:
        walk.take_app(app)
    walk.check_files(deep, progress)
    return Report(
        roles=tuple(walk.roles),
        apps=walk.view.apps,
        releases=walk.releases,
        objects=len(walk.files),
        size=sum(content.size for content in walk.files.values()),
        deep=deep,
        findings=tuple(walk.findings),
    )


class _Walk:
    """One audit under way: what was found so far, and the files that are still to be looked at."""

    def __init__(self, source: Source, view: View, now: datetime) -> None:
        self.view = view
        self.roles: list[RoleFact] = []
        self.files: dict[str, Content] = {}
        self.findings: list[Finding] = []
        self.releases = 0
        self._source = source
        self._now = now

    @contextmanager
    def _noting(self, where: str) -> Iterator[None]:
        """Turn a refusal inside into a finding, and go on."""
        try:
            yield
        except SealcastError as error:
            self.findings.append(Finding(error.code, where, error.what))

    def take_role(self, name: str, signed: Root | Targets | Snapshot | Timestamp) -> None:
        """Note a verified role, and whether it is expired."""
        expires = format_time(signed.expires)
        self.roles.append(RoleFact(name, signed.version, expires))
        if signed.is_expired(self._now):
            self.findings.append(Finding("EXPIRED", name, f"The role {name} expired at {expires}."))

    def take_app(self, app: str) -> None:
        """Walk an app's policy, halt document and channels."""
        channels: tuple[str, ...] = ()
        with self._noting(f"the policy of {app}"):
            channels = tuple(self.view.policy(app).channels)
        with self._noting(f"the halt document of {app}"):
            self._take_delegated(app, RESERVED_CHANNEL)
            self.view.halt(app)
        for channel in channels:
            with self._noting(f"{app}/{channel}"):
                self._take_delegated(app, channel)
                self._take_channel(app, channel)

    def take_targets(self, name: str, role: Targets) -> None:
        """Note every target file that a role signs."""
        for entry in role.targets.values():
            with self._noting(name):
                self.files[published_path(entry)] = content_listed(entry)

    def _take_delegated(self, app: str, channel: str) -> None:
        name, role = role_name(app, channel), self.view.role(app, channel)
        self.take_role(name, role)
        self.take_targets(name, role)

    def _take_channel(self, app: str, channel: str) -> None:
        for release in self.view.channel(app, channel).releases:
            self.releases += 1
            for platform, build in release.platforms.items():
                with self._noting(f"{app}/{channel} {release.version} for {platform}"):
                    self._take_build(build)

    def _take_build(self, build: Build) -> None:
        carrier = build.manifest.pack.content
        self._take_object(carrier)
        for delta in build.deltas:
            self._take_object(Content(delta.sha256, delta.size))
        data = b"".join(self._source.stream(object_path(carrier.sha256), limit=carrier.size))
        if content_of(data) != carrier:
            raise ObjectError("HASH_MISMATCH", f"The object {carrier.sha256[:16]}… is not what its name says.")
        manifest = read_single(data, build.manifest.size)
        if content_of(manifest) != Content(build.manifest.sha256, build.manifest.size):
            raise VerificationError("HASH_MISMATCH", "The manifest is not the one that the channel signed.")
        for pack in read_manifest(manifest).packs:
            self._take_object(pack.content)

    def _take_object(self, content: Content) -> None:
        if content.size > OBJECT_LIMIT:
            raise ObjectError("TOO_LARGE", f"The object {content.sha256[:16]}… is larger than an object may be.")
        self.files[object_path(content.sha256)] = content

    def check_files(self, deep: bool, progress: Progress) -> None:
        """Look at every file that was named on the way: that it is there, or that every byte of it is right."""
        total, done = sum(content.size for content in self.files.values()), 0
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = pool.map(lambda item: self._check_file(item[0], item[1], deep), self.files.items())
            for (path, content), finding in zip(self.files.items(), found, strict=True):
                done += content.size
                progress(done, total, f"checking {path}")
                if finding is not None:
                    self.findings.append(finding)

    def _check_file(self, path: str, content: Content, deep: bool) -> Finding | None:
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in self._source.stream(path, limit=content.size):
                digest.update(chunk)
                size += len(chunk)
                if not deep:
                    return None
        except SealcastError as error:
            return Finding(error.code, path, error.what)
        if (digest.hexdigest(), size) != content:  # also when a file that should have bytes has none
            return Finding("HASH_MISMATCH", path, f"{path} is not what its name says.")
        return None

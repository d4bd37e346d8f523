"""Signed sites in a folder, made in milliseconds, for tests that need a host to be good, old, broken or evil.

    site = Site(tmp_path / "site")                       # root, targets, policy, a channel, halt, snapshot, timestamp
    site.add_release(b"hello", version="1.0.0")          # manifest and packs; the channel's new stable release
    site.publish()                                       # the next version of every role but root
    site.sign_timestamp(version=1)                       # any role by itself, with whatever is wrong about it
    site.put("timestamp", b"<html>")                     # any bytes in its place
    view = View(site.source, root=site.root, folder=…)

Nothing of the publisher is used: what these sites say is built here from `sealcast.model` and python-tuf, so that a
mistake of the publisher cannot hide one of the verifier. Keys sign at once and are never written anywhere.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from sealcast.documents import encode
from sealcast.fetch import FolderSource
from sealcast.model import (
    LIFETIMES,
    Build,
    ChannelDocument,
    ChannelPolicy,
    Delta,
    File,
    HaltDocument,
    Manifest,
    ManifestEntry,
    Object,
    Pack,
    PackTotal,
    Policy,
    Release,
    kind_of,
)
from sealcast.model.roles import (
    first_root,
    first_targets,
    listed,
    next_snapshot,
    next_timestamp,
    published_path,
    role_name,
    role_targets,
    target,
)
from sealcast.packs import write_single
from sealcast.values import content_of, object_path

TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")


def new_signer() -> CryptoSigner:
    """A signer with a new Ed25519 key."""
    return CryptoSigner.generate_ed25519()


class Site:
    """A site under construction: what the next publication will say, and the keys that sign it.

    Change the fields, then `publish` or sign single roles. ``signers`` are by role; ``thresholds`` and ``expires``
    hold what differs from one signature and the default lifetimes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        app: str = "demo",
        channels: Sequence[str] = ("stable",),
        thresholds: dict[str, int] | None = None,
        now: datetime | None = None,
    ) -> None:
        self.folder = folder
        self.app = app
        # python-tuf reads the clock itself: what shall be valid now must be signed now.
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        self.thresholds = thresholds or {}
        self.expires: dict[str, datetime] = {}
        self.delegated = [role_name(app, channel) for channel in (*channels, "halt")]
        self.signers = {
            role: [new_signer() for _ in range(self.thresholds.get(role, 1))] for role in (*TOP_LEVEL, *self.delegated)
        }
        self.policy = Policy(app=app, channels={channel: ChannelPolicy() for channel in channels})
        self.channels = {channel: ChannelDocument(app=app, channel=channel, revision=1) for channel in channels}
        self.halt = HaltDocument(app=app, revision=1)
        self.more_targets: list[TargetFile] = []
        self.versions: dict[str, int] = {}
        self.meta: dict[str, MetaFile] = {}
        self.snapshot_meta = MetaFile()
        self.sign_root()
        self.publish()

    # ------------------------------------------------------------------------------------------------ reading

    @property
    def source(self) -> FolderSource:
        """The site as a client gets it."""
        return FolderSource(self.folder)

    @property
    def root(self) -> bytes:
        """The first root: what an app that was built long ago carries."""
        return self.path("root", 1).read_bytes()

    def path(self, role: str, version: int | None = None) -> Path:
        """Where a version of a role lies, the newest by default."""
        number = version or self.versions[role]
        return self.folder / "metadata" / (f"{role}.json" if role == "timestamp" else f"{number}.{role}.json")

    def target(self, path: str) -> Path:
        """Where the newest signed target of this path lies."""
        role = Metadata[Targets].from_file(str(self.path(self._owner(path)))).signed
        return self.folder / published_path(role.targets[path])

    def _owner(self, path: str) -> str:
        app, _, rest = path.partition("/")
        return role_name(app, rest.partition("/")[0]) if "/" in rest else "targets"

    def copy(self, folder: Path) -> Path:
        """Keep the site as it is now, to serve it later."""
        return Path(shutil.copytree(self.folder, folder))

    # ------------------------------------------------------------------------------------------------ contents

    def store(self, path: str, data: bytes) -> Path:
        """Write any file of the site."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return place

    def store_object(self, data: bytes) -> Object:
        """Write an object under its digest."""
        content = content_of(data)
        self.store(object_path(content.sha256), data)
        return Object(sha256=content.sha256, size=content.size)

    def store_target(self, path: str, data: bytes) -> TargetFile:
        """Write a target file under its digest, and return its entry."""
        entry = target(path, content_of(data))
        self.store(published_path(entry), data)
        return entry

    def add_release(
        self, *files: bytes, version: str, channel: str = "stable", platform: str = "any", deltas: Iterable[bytes] = ()
    ) -> Release:
        """Store a release of ``files`` (f0, f1, …), each in a pack of its own, as the channel's new stable one.

        ``deltas`` are listed as they are: nothing here can apply them.
        """
        contents = dict.fromkeys(data for data in files if data)
        packs = []
        for number, data in enumerate(contents):
            made = self.store_object(write_single(data, 3))
            packs.append(Pack(sha256=made.sha256, size=made.size, holds=((number, 1),)))
        manifest = encode(
            Manifest(
                app=self.app,
                version=version,
                platform=platform,
                encoder={},
                files=tuple(
                    File(path=f"f{number}", size=len(data), sha256=content_of(data).sha256)
                    for number, data in enumerate(files)
                ),
                packs=tuple(packs),
            )
        )
        carrier, content = self.store_object(write_single(manifest, 3)), content_of(manifest)
        before = self.channels[channel]
        build = Build(
            manifest=ManifestEntry(sha256=content.sha256, size=content.size, pack=carrier),
            packs=PackTotal(count=len(packs), size=sum(pack.size for pack in packs)),
            installed=sum(map(len, files)),
            deltas=tuple(
                Delta(base=content.sha256, sha256=made.sha256, size=made.size, codecs=("zstd-from",))
                for made in map(self.store_object, deltas)
            ),
        )
        release = Release(version=version, sequence=before.last + 1, platforms={platform: build})
        self.change(channel, releases=(*before.releases, release), last=release.sequence, stable=release.sequence)
        return release

    def change(self, channel: str = "stable", **fields: Any) -> None:
        """Change the channel document; its revision rises."""
        before = self.channels[channel]
        self.channels[channel] = replace(before, **{"revision": before.revision + 1} | fields)

    # ------------------------------------------------------------------------------------------------ signing

    def publish(self) -> None:
        """Sign the next version of every role but root."""
        self.sign_targets()
        for role in self.delegated:
            self.sign_delegated(role)
        self.sign_snapshot()
        self.sign_timestamp()

    def sign_root(
        self, *, also: Iterable[CryptoSigner] = (), change: Callable[[Root], None] | None = None, **how: Any
    ) -> None:
        """Sign the next root with the keys that ``signers`` has now, and with those of the root before it."""
        keys = {role: [signer.public_key for signer in self.signers[role]] for role in TOP_LEVEL}
        names = {key.keyid: role for role, held in keys.items() for key in held}
        root = first_root(keys, self.thresholds, names, "00" * 16, self._expiry("root"))
        root.version = self._next("root", how)
        if change is not None:
            change(root)
        held = list({signer.public_key.keyid: signer for signer in (*also, *self.signers["root"])}.values())
        self._sign("root", root, **{"signers": held} | how)

    def sign_targets(self, *, change: Callable[[Targets], None] | None = None, **how: Any) -> None:
        """Sign the next targets: the delegations, the policy, and ``more_targets``."""
        delegations = {}
        for role in self.delegated:
            keys = [signer.public_key for signer in self.signers[role]]
            delegations[self.app, role.removeprefix(f"{self.app}-")] = (keys, self.thresholds.get(role, 1))
        policy = self.store_target(f"{self.app}/policy.json", encode(self.policy))
        targets = first_targets(delegations, [policy, *self.more_targets], self._expiry("targets"))
        targets.version = self._next("targets", how)
        if change is not None:
            change(targets)
        self._sign("targets", targets, **how)

    def sign_delegated(self, role: str, *, change: Callable[[Targets], None] | None = None, **how: Any) -> None:
        """Sign the next version of a channel's role, or of the halt role, over its document."""
        channel = role.removeprefix(f"{self.app}-")
        name, document = ("halt.json", self.halt) if channel == "halt" else ("channel.json", self.channels[channel])
        entry = self.store_target(f"{self.app}/{channel}/{name}", encode(document))
        targets = role_targets(self._next(role, how), [entry], self._expiry(role))
        if change is not None:
            change(targets)
        self._sign(role, targets, **how)

    def sign_snapshot(self, *, change: Callable[[Snapshot], None] | None = None, **how: Any) -> None:
        """Sign the next snapshot, of what the roles are now."""
        snapshot = next_snapshot(self._next("snapshot", how), self.meta, self._expiry("snapshot"))
        if change is not None:
            change(snapshot)
        self._sign("snapshot", snapshot, **how)

    def sign_timestamp(self, *, change: Callable[[Timestamp], None] | None = None, **how: Any) -> None:
        """Sign the next timestamp, over the newest snapshot."""
        timestamp = next_timestamp(
            self._next("timestamp", how), self.snapshot_meta, self.now, self._expiry("timestamp")
        )
        if change is not None:
            change(timestamp)
        self._sign("timestamp", timestamp, **how)

    def put(self, role: str, data: bytes, *, version: int | None = None) -> None:
        """Serve these bytes as the newest version of the role, or as ``version``, and list them in the role above.

        The roles above must be signed again to say so.
        """
        number = version or self.versions[role]
        self.versions[role] = number
        self.store(f"metadata/{self.path(role).name}", data)
        if role == "snapshot":
            self.snapshot_meta = listed(number, data)
        elif role not in {"root", "timestamp"}:
            self.meta[f"{role}.json"] = listed(number, data)

    def edit(self, role: str, change: Callable[[dict[str, Any]], None]) -> bytes:
        """Return the role's bytes as they are served, changed as JSON, signatures as they were."""
        value = json.loads(self.path(role).read_bytes())
        change(value)
        return json.dumps(value).encode()

    def _next(self, role: str, how: dict[str, Any]) -> int:
        version = how.pop("version", None)
        return int(version or self.versions.get(role, 0) + 1)

    def _expiry(self, role: str) -> datetime:
        return self.expires.get(role, self.now + LIFETIMES[kind_of(role)])

    def _sign(self, role: str, signed: Any, *, signers: Iterable[CryptoSigner] | None = None) -> None:
        metadata: Metadata[Any] = Metadata(signed)
        for signer in self.signers[role] if signers is None else signers:
            metadata.sign(signer, append=True)
        self.put(role, metadata.to_bytes(JSONSerializer(compact=True)), version=signed.version)


def past() -> datetime:
    """A time at which what expired then is expired now."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def flip(path: Path, place: int = -1) -> None:
    """Change one bit of a file, in the middle unless ``place`` says where."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if place < 0 else place] ^= 1
    path.write_bytes(data)

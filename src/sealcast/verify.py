"""The one verifier: a trusted root and a source of bytes in, verified roles and documents out.

python-tuf walks the TUF workflow (specification 1.0.34, section 5) and keeps its own folder of metadata. Around it
stands what it leaves open: every byte of metadata passes a strict JSON reader and the key rules of
`sealcast.model.keys` before python-tuf sees it, and each failure leaves as one typed error.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import DelegatedRole, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from .documents import parse
from .errors import SealcastError, TransferError, VerificationError
from .fetch import Source
from .files import create_durably
from .model import (
    ChannelDocument,
    HaltDocument,
    Policy,
    read_channel,
    read_halt,
    read_policy,
)
from .model.channel import CHANNEL_LIMIT
from .model.keys import check_keys, check_thresholds
from .model.roles import EXTENSION, RESERVED_CHANNEL, content_listed, published_path, role_name, role_prefix
from .values import content_of, parse_time, printable

LIMITS = {"root": 512_000, "timestamp": 16_384, "snapshot": 2_000_000, "targets": 5_000_000}
"""Bytes that each metadata file may have: python-tuf's own limits, so that other clients can read the site too."""

_HEX = re.compile("(?:[0-9a-f]{2})+")
_STALE = frozenset({"THRESHOLD", "ROLLBACK"})
"""What a cache that keeps an answer too long looks like: a 404 of the new root while the timestamp is already signed by
its keys, or an older timestamp. Asked for once more, past caches, before it is reported."""

_ROOTS_AT_ONCE = 256
"""New roots that one walk follows; the next walk goes on from there."""

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)


def check_metadata(data: bytes, role: str, *, ids: bool = True) -> None:
    """Refuse metadata that two parsers could read differently, or whose keys break the rules.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA, KEYID_MISMATCH, DUPLICATE_KEY or BAD_THRESHOLD. ``ids`` tells
    whether key ids must be hashes of their keys, and signatures hex (not every repository of others keeps to that).
    """
    what = f"The {role} metadata"
    value = parse(data, what=what, limit=LIMITS.get(role, LIMITS["targets"]))
    signed = value.get("signed") if isinstance(value, dict) else None
    if not isinstance(signed, dict):
        raise VerificationError("BAD_METADATA", f"{what} cannot be read: it has no signed part.")
    if type(signed.get("version")) is not int or not isinstance(signed.get("spec_version"), str):
        raise VerificationError("BAD_METADATA", f"{what} cannot be read: its version is not a number and a name.")
    if role == "root":
        _check_delegator(signed, signed.get("roles"), what, ids)
    elif isinstance(delegations := signed.get("delegations"), dict):
        roles = delegations.get("roles", [])
        _check_delegator(delegations, dict(enumerate(roles)) if isinstance(roles, list) else None, what, ids)
        if "succinct_roles" in delegations:  # one role object that stands for many
            check_thresholds([delegations["succinct_roles"]], what=what)
    if ids:
        _check_signatures(value.get("signatures"), what)


def _check_signatures(signatures: object, what: str) -> None:
    """Refuse signatures in another spelling than lower-case hex: python-tuf reads some, other clients do not."""
    for one in signatures if isinstance(signatures, list) else ():  # python-tuf refuses what is no list
        texts = (one.get("keyid"), one.get("sig")) if isinstance(one, dict) else (None,)
        if not all(isinstance(text, str) and _HEX.fullmatch(text) for text in texts):
            raise VerificationError("BAD_METADATA", f"{what} cannot be read: its signatures are not lower-case hex.")


def _check_delegator(holder: dict[str, Any], roles: object, what: str, ids: bool) -> None:
    if not isinstance(roles, dict):
        raise VerificationError("BAD_METADATA", f"{what} cannot be read: its roles are not listed.")
    check_keys(holder.get("keys"), what=what, ids=ids)
    check_thresholds(roles.values(), what=what)


class _SiteFetcher(FetcherInterface):
    """Hands python-tuf the bytes of a site, each file strictly checked; remembers why a file was refused."""

    def __init__(self, source: Source, *, anew: bool) -> None:
        self._source = source
        self._anew = anew
        self.role = ""
        self.refusal: SealcastError | None = None

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.role = url.rpartition("/")[2].removesuffix(".json").rpartition(".")[2]
        self.refusal = None
        try:
            data = self._source.read(url, limit=LIMITS.get(self.role, LIMITS["targets"]), anew=self._anew)
            if data.lstrip()[:1] == b"<":
                raise VerificationError(
                    "NOT_A_REPOSITORY",
                    f"The host answers with a web page where the {self.role} metadata should be.",
                    hint="Check the address; in a public network, log in first.",
                )
            check_metadata(data, self.role)
        except TransferError as error:
            if error.code == "NOT_FOUND":
                # python-tuf takes a missing next root for the end of the chain.
                raise tuf_errors.DownloadHTTPError(error.what, 404) from error
            self.refusal = error
            raise tuf_errors.DownloadError(error.what) from error
        except SealcastError as error:
            self.refusal = error
            raise tuf_errors.DownloadError(error.what) from error
        return iter([data])


class Roles(ABC):
    """Verified roles that are one consistent snapshot, and the documents that they sign."""

    root: Root
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets

    def __init__(self) -> None:
        self._verified: dict[tuple[str, str], Targets] = {}

    @property
    def issued(self) -> datetime:
        """When the timestamp was signed, as it says itself. Raises ``VerificationError`` (BAD_METADATA)."""
        ours = self.timestamp.unrecognized_fields.get(EXTENSION)
        issued = ours.get("issued") if isinstance(ours, dict) else None
        if not isinstance(issued, str):
            raise VerificationError(
                "BAD_METADATA",
                "The timestamp does not say when it was signed.",
                hint="The site was not made by Sealcast, or by a tool that re-signed it without its fields.",
            )
        return parse_time(issued)

    @property
    def apps(self) -> tuple[str, ...]:
        """The apps that have a policy, in order."""
        suffix = "/policy.json"
        return tuple(sorted(path.removesuffix(suffix) for path in self.targets.targets if path.endswith(suffix)))

    def policy(self, app: str) -> Policy:
        """Return the app's policy, which only the targets role can sign.

        Raises ``VerificationError``: UNKNOWN_APP, or as the document's reader does; ``TransferError``.
        """
        entry = self.targets.targets.get(f"{app}/policy.json")
        if entry is None:
            raise VerificationError(
                "UNKNOWN_APP",
                f"This repository publishes no app {app!r}.",
                hint=f"It publishes: {', '.join(self.apps) or 'none'}.",
            )
        return read_policy(self.read_target(entry), app=app)

    def channel(self, app: str, channel: str) -> ChannelDocument:
        """Return the channel document, signed by the channel's own role.

        Raises ``VerificationError``: UNKNOWN_CHANNEL, or as the document's reader does; ``TransferError``.
        """
        data = self._role_document(app, channel, "channel.json")
        return read_channel(data, app=app, channel=channel)

    def halt(self, app: str) -> HaltDocument:
        """Return the app's halt document, signed by its halt role. Raises as `channel` does."""
        return read_halt(self._role_document(app, RESERVED_CHANNEL, "halt.json"), app=app)

    def role(self, app: str, channel: str) -> Targets:
        """Return the verified metadata of the role that signs this channel.

        Raises ``VerificationError`` (UNKNOWN_CHANNEL, and as the constructor does) or ``TransferError``.
        """
        if (app, channel) not in self._verified:
            self._verified[app, channel] = self._delegate(self._check_delegated(app, channel), app, channel)
        return self._verified[app, channel]

    @abstractmethod
    def read_target(self, entry: TargetFile) -> bytes:
        """Return the bytes of a small target. Raises ``VerificationError`` (HASH_MISMATCH, …), ``TransferError``."""

    @abstractmethod
    def _delegate(self, name: str, app: str, channel: str) -> Targets:
        """Return the metadata of the role ``name``, verified against targets and snapshot."""

    def _check_delegated(self, app: str, channel: str) -> str:
        """Return the name of the role that targets delegates the channel to, and to no other."""
        name, prefix = role_name(app, channel), role_prefix(app, channel)
        delegations = self.targets.delegations
        delegated = (delegations.roles or {}).get(name) if delegations else None
        if delegated is None or delegated.paths != [f"{prefix}/*"]:
            raise VerificationError(
                "UNKNOWN_CHANNEL",
                f"The targets role delegates no channel {channel!r} of the app {app!r}.",
                hint=f"The app's channels: {', '.join(self.policy(app).channels)}.",
            )
        name_asked = _asked(app, channel)
        if self._speakers(prefix, name_asked) != [name] or name_asked in self.targets.targets:
            raise VerificationError("INCONSISTENT", f"Others than the role {name} may speak for its channel.")
        return name

    def _speakers(self, prefix: str, name_asked: str) -> list[str]:
        """Return the delegated roles that may speak for a name in the folder ``prefix``."""
        folders, others = self._delegated
        return [*folders.get(prefix, []), *(role.name for role in others if role.is_delegated_path(name_asked))]

    @cached_property
    def _delegated(self) -> tuple[dict[str, list[str]], list[DelegatedRole]]:
        """The delegated roles by the folder that each owns, and those that own anything else than one folder.

        To ask each role about each name would take hours where a site has thousands of both.
        """
        folders: dict[str, list[str]] = {}
        others: list[DelegatedRole] = []
        delegations = self.targets.delegations
        for role in (delegations.roles or {}).values() if delegations else ():
            paths = role.paths or []
            folder = paths[0].removesuffix("/*") if len(paths) == 1 else ""
            if folder and paths == [f"{folder}/*"] and folder.count("/") == 1 and not set(folder) & set("*?["):
                folders.setdefault(folder, []).append(role.name)
            else:
                others.append(role)
        return folders, others

    def _role_document(self, app: str, channel: str, name: str) -> bytes:
        path = f"{role_prefix(app, channel)}/{name}"
        entry = self.role(app, channel).targets.get(path)
        if entry is None:
            raise VerificationError("UNKNOWN_CHANNEL", f"The role {role_name(app, channel)} signs no {name}.")
        return self.read_target(entry)


class View(Roles):
    """A verified look at a site: its roles, and the documents that they sign.

    ``folder`` keeps what was verified between runs: python-tuf's metadata and the documents, by digest. The roles that
    a view holds are one consistent snapshot; a new look needs a new view.
    """

    def __init__(self, source: Source, *, root: bytes, folder: Path) -> None:
        """Walk root, timestamp, snapshot and targets.

        ``root`` is the trusted root that the caller carries, of any version. Raises ``VerificationError`` (ROLLBACK,
        EXPIRED, THRESHOLD, ROOT_CHAIN, HASH_MISMATCH, INCONSISTENT, BAD_METADATA, …) or ``TransferError``.
        """
        super().__init__()
        self._source = source
        self._read: set[str] = set()
        self._metadata = folder / "metadata"
        self._documents = folder / "documents"
        for directory in (folder, self._metadata, self._documents):
            directory.mkdir(mode=0o755, exist_ok=True)
        check_metadata(root, "root")
        try:
            self._walk(root, anew=False)
        except VerificationError as error:
            if error.code not in _STALE:
                raise
            self._walk(root, anew=True)
        self.root = self._load("root", Root)
        self.timestamp = self._load("timestamp", Timestamp)
        self.snapshot = self._load("snapshot", Snapshot, self.timestamp.snapshot_meta)
        self.targets = self._load("targets", Targets, self.snapshot.meta["targets.json"])

    def read_target(self, entry: TargetFile) -> bytes:
        """Return the bytes of a small target, from the folder of documents or the source.

        Raises ``VerificationError`` (BAD_METADATA, HASH_MISMATCH, TOO_LARGE) or ``TransferError``.
        """
        wanted = content_listed(entry)
        if wanted.size > CHANNEL_LIMIT:
            raise VerificationError("TOO_LARGE", f"{entry.path} is listed with {wanted.size} bytes, too many to read.")
        kept = self._documents / wanted.sha256
        self._read.add(wanted.sha256)
        try:
            data = kept.read_bytes()
            if content_of(data) == wanted:
                return data
            kept.unlink()
        except FileNotFoundError:
            pass  # not seen before
        data = self._source.read(published_path(entry), limit=wanted.size)
        if content_of(data) != wanted:
            raise VerificationError(
                "HASH_MISMATCH",
                f"{entry.path} is not the file that its role signed.",
                hint="The host serves altered or mixed files. Publish again, or ask the site's operator.",
            )
        create_durably(kept, data)
        return data

    def forget_documents(self, keep: int = 64) -> None:
        """Remove the documents that this look did not use, but for the ``keep`` youngest."""
        others = (path for path in self._documents.iterdir() if path.name not in self._read)
        found = sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[keep:]:
            path.unlink(missing_ok=True)

    def _walk(self, root: bytes, *, anew: bool) -> None:
        self._fetcher = _SiteFetcher(self._source, anew=anew)
        # python-tuf counts the roots that it kept, too: a device that slept long would never get past so many.
        kept = len(list((self._metadata / "root_history").glob("*.root.json")))
        config = UpdaterConfig(
            max_root_rotations=_ROOTS_AT_ONCE + kept,
            max_delegations=1,  # to the role that is asked for; what that one delegates further is nobody's
            root_max_length=LIMITS["root"],
            timestamp_max_length=LIMITS["timestamp"],
            snapshot_max_length=LIMITS["snapshot"],
            targets_max_length=LIMITS["targets"],
        )
        try:
            self._updater = Updater(
                str(self._metadata), "metadata/", fetcher=self._fetcher, config=config, bootstrap=root
            )
            self._updater.refresh()
        except (tuf_errors.RepositoryError, tuf_errors.DownloadError) as error:
            self._refuse(error)

    def _delegate(self, name: str, app: str, channel: str) -> Targets:
        # Asking for a name in the role's folder makes python-tuf load and verify the role, as long as it finds the name
        # nowhere else on its way there.
        try:
            self._updater.get_targetinfo(_asked(app, channel))
        except (tuf_errors.RepositoryError, tuf_errors.DownloadError) as error:
            self._refuse(error)
        return self._load(name, Targets, self.snapshot.meta[f"{name}.json"])

    def _load(self, role: str, kind: type[T], listed: MetaFile | None = None) -> T:
        """Return what python-tuf verified and stored for ``role``; it must be what the role above has ``listed``."""
        data = (self._metadata / f"{role}.json").read_bytes()
        metadata: Metadata[T] = Metadata.from_bytes(data)
        if not isinstance(metadata.signed, kind):
            raise VerificationError("BAD_METADATA", f"The {role} metadata is of another role.")
        try:
            if listed is not None:
                listed.verify_length_and_hashes(data)
        except tuf_errors.LengthOrHashMismatchError as error:
            # One version number for two files; or another process is at work in the same folder.
            raise VerificationError("INCONSISTENT", f"The {role} metadata is not what is listed for it.") from error
        return metadata.signed

    def _refuse(self, error: tuf_errors.RepositoryError | tuf_errors.DownloadError) -> NoReturn:
        raise refusal(error, self._fetcher.role or "root", self._fetcher.refusal) from error


def _asked(app: str, channel: str) -> str:
    """Return a name that only the channel's role may speak for, and that no target has."""
    return f"{role_prefix(app, channel)}/-"


def refusal(error: Exception, role: str, cause: SealcastError | None) -> SealcastError:
    """Return the typed error for what python-tuf refused while it was at ``role``.

    ``cause`` is what the fetcher behind it refused, if it did: then that is the error.
    """
    if cause is not None and isinstance(error, tuf_errors.DownloadError):
        return cause
    code, hint = _reason(error, role)
    # python-tuf names the role that is expired; it may be another than the one fetched last.
    what = str(error) if code == "EXPIRED" else f"The {printable(role)[:80]} metadata: {error}"
    return VerificationError(code, f"{what}.", hint=hint)


_REASONS: tuple[tuple[type[Exception], str, str], ...] = (
    (tuf_errors.ExpiredMetadataError, "EXPIRED", "The publisher must sign it again (sealcast refresh), then publish."),
    (
        tuf_errors.UnsignedMetadataError,
        "THRESHOLD",
        "It lacks signatures of its holders: somebody may have altered it.",
    ),
    (tuf_errors.LengthOrHashMismatchError, "HASH_MISMATCH", "The host serves altered, mixed or incomplete files."),
    (tuf_errors.DownloadLengthMismatchError, "TOO_LARGE", "The host sends more than the role may have."),
    (DeserializationError, "BAD_METADATA", "The host serves something that is not TUF metadata."),
    (
        tuf_errors.DownloadHTTPError,
        "NOT_A_REPOSITORY",
        "Check the address: there is no TUF repository, or a part of it is gone.",
    ),
)


def _reason(error: Exception, role: str) -> tuple[str, str]:
    for kind, code, hint in _REASONS:
        if isinstance(error, kind):
            return code, hint
    if isinstance(error, tuf_errors.BadVersionNumberError):
        if role == "root":
            return "ROOT_CHAIN", "Each root must follow the one before it. The host left one out or mixed them."
        if role in {"timestamp", "snapshot"}:
            return "ROLLBACK", "The host serves an older state than this device has seen."
    return "INCONSISTENT", "The host serves files that do not belong together."

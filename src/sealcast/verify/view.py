"""A look at a site, as a client takes it: python-tuf walks, and every byte is checked before it does."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from ..errors import SealcastError, TransferError, VerificationError
from ..fetch import Source
from ..files import create_durably, is_directory, read_regular
from ..model.channel import CHANNEL_LIMIT
from ..model.roles import content_listed, published_path
from ..values import content_of
from .metadata import LIMITS, check_metadata
from .refusal import refusal
from .roles import Roles, name_asked_of

_STALE = frozenset({"THRESHOLD", "ROLLBACK"})
"""What a cache that keeps an answer too long looks like: a 404 of the new root while the timestamp is already signed by
its keys, or an older timestamp. Asked for once more, past caches, before it is reported."""

_ROOTS_AT_ONCE = 256
"""New roots that one walk follows; the next walk goes on from there."""

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)


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
        for directory in (folder, self._metadata, self._metadata / "root_history", self._documents):
            if directory != folder and not _is_folder(directory):
                _remove(directory)  # a link, say: what is written and removed in there would be somebody's
            directory.mkdir(mode=0o755, exist_ok=True)
        self._forget_foreign()
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
            data = read_regular(kept, wanted.size)
            if content_of(data) == wanted:
                return data
        except OSError:
            pass  # not seen before, or something else stands there
        _remove(kept)
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

    def _forget_foreign(self) -> None:
        """Remove what python-tuf did not leave in its folder: it would wait for a pipe, and read a device for ever."""
        history = self._metadata / "root_history"
        for path in (*self._metadata.iterdir(), *history.iterdir()):
            if path != history and not _is_metadata(path):
                _remove(path)

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
            self._updater.get_targetinfo(name_asked_of(app, channel))
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


def _is_folder(path: Path) -> bool:
    return os.path.lexists(path) and is_directory(path.lstat())


def _is_metadata(path: Path) -> bool:
    try:
        found = path.stat()  # root.json is a link into the history
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= max(LIMITS.values())


def _remove(path: Path) -> None:
    """Remove whatever is at ``path``, if anything is; follow no link. Raises ``OSError``."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

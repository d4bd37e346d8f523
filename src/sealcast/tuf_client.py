"""A client for any TUF repository: what ``sealcast tuf`` does. Nothing in it is about Sealcast's own sites.

python-tuf walks the workflow (specification 1.0.34, section 5). Before it sees a byte of metadata, a strict JSON reader
does, and one public key under two ids is refused. Other repositories keep the freedom that the specification leaves:
key ids need not be hashes, and a role may ask for more signatures than it has keys, which then cannot be met.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, TargetFile
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from .documents import bad, parse
from .errors import SealcastError, VerificationError
from .fetch import HttpOptions, HttpSource
from .files import TEMPORARY_PREFIX, read_bounded, sync_directory, sync_file, write_durably
from .model.keys import check_keys
from .values import path_flaw, printable
from .verify import LIMITS, refusal

_TOP_LEVEL = ("root", "timestamp", "snapshot", "targets")
_URL_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))
"""What stands in a URL as it is. A target path is a relative URL: its writer has encoded what had to be."""


def initialise(folder: Path, root: bytes) -> int:
    """Make ``root`` what the client in ``folder`` trusts, and return its version. Asks no host.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA, DUPLICATE_KEY, or THRESHOLD when its own holders did not sign
    it.
    """
    _check(root, "root")
    try:
        metadata: Metadata[Root] = Metadata.from_bytes(root)
        if not isinstance(metadata.signed, Root):
            raise bad("The trusted root", "it is the metadata of another role")
        metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    except (tuf_errors.RepositoryError, ValueError) as error:
        raise refusal(error, "root", None) from error
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / "root.json", root)
    return metadata.signed.version


class TufClient:
    """One look at a TUF repository. A new look needs a new client, as the specification demands of an updater."""

    def __init__(self, folder: Path, metadata_url: str, options: HttpOptions | None = None) -> None:
        """Open the client that `initialise` made in ``folder``; ``metadata_url`` is where the repository's roles are.

        Raises ``VerificationError``: NOT_INITIALISED, or as `initialise`; ``TransferError``: BAD_URL, INSECURE_URL.
        """
        self._folder = folder
        self._options = options
        self._fetcher = _Fetcher(HttpSource(metadata_url, options))
        root = _trusted_root(folder)
        _check(root, "root")
        config = UpdaterConfig(
            root_max_length=LIMITS["root"],
            timestamp_max_length=LIMITS["timestamp"],
            snapshot_max_length=LIMITS["snapshot"],
            targets_max_length=LIMITS["targets"],
        )
        try:
            base = self._fetcher.metadata.location + "/"
            self._updater = Updater(str(folder), base, fetcher=self._fetcher, config=config, bootstrap=root)
        except tuf_errors.RepositoryError as error:
            raise refusal(error, "root", self._fetcher.refusal) from error

    def refresh(self) -> dict[str, int]:
        """Bring root, timestamp, snapshot and targets up to date, and return their versions.

        Raises ``VerificationError``: EXPIRED, THRESHOLD, HASH_MISMATCH, ROLLBACK, INCONSISTENT, BAD_METADATA, …;
        ``TransferError``.
        """
        try:
            self._updater.refresh()
        except (tuf_errors.RepositoryError, tuf_errors.DownloadError) as error:
            raise refusal(error, self._fetcher.role, self._fetcher.refusal) from error
        return {role: Metadata[Any].from_file(str(self._folder / f"{role}.json")).signed.version for role in _TOP_LEVEL}

    def download(self, name: str, directory: Path, base_url: str) -> Path:
        """Bring the target ``name`` from below ``base_url`` into ``directory``, and return where it is.

        A file that is there already with the right bytes is left alone. The file appears whole or not at all. Raises
        ``VerificationError``: UNKNOWN_TARGET, UNSAFE_NAME, HASH_MISMATCH, and as `refresh` for the roles on the way;
        ``TransferError``.
        """
        try:
            found = self._updater.get_targetinfo(name)
            if found is None:
                raise VerificationError(
                    "UNKNOWN_TARGET",
                    f"No role of this repository signs a target {printable(name)[:200]!r}.",
                    hint="Check the name; it is written as in the metadata, folders included.",
                )
            place = directory / _file_name(found)
            if self._updater.find_cached_target(found, str(place)) is None:
                self._fetcher.open_target(HttpSource(base_url, self._options), found.length)
                self._store(found, place)
        except (tuf_errors.RepositoryError, tuf_errors.DownloadError) as error:
            raise refusal(error, self._fetcher.role, self._fetcher.refusal) from error
        return place

    def _store(self, entry: TargetFile, place: Path) -> None:
        """Download a target aside, and move it into place when it is verified and on the disk."""
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=place.parent)
        temporary = Path(name)
        try:
            os.close(handle)
            self._updater.download_target(entry, name, self._fetcher.target_base)
            with temporary.open("r+b") as file:
                sync_file(file.fileno())
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(place.parent)


class _Fetcher(FetcherInterface):
    """Hands python-tuf what it asks for: metadata strictly checked and whole, targets as they come."""

    def __init__(self, metadata: HttpSource) -> None:
        self.metadata = metadata
        self.role = "root"
        self.refusal: SealcastError | None = None
        self._targets: HttpSource | None = None
        self._limit = 0

    def open_target(self, source: HttpSource, limit: int) -> None:
        """Let the next request be for a target of ``limit`` bytes."""
        self._targets, self._limit = source, limit

    @property
    def target_base(self) -> str:
        """The URL that python-tuf is to put before a target's path."""
        return f"{self._targets.location}/" if self._targets else ""

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.refusal = None
        try:
            if self._targets is not None:
                self.role = "target"
                return self._told(self._targets.stream_url(quote(url, safe=_URL_CHARACTERS), limit=self._limit))
            self.role = _role_of(url)
            data = self.metadata.read_url(url, limit=LIMITS.get(self.role, LIMITS["targets"]))
            _check(data, self.role)
        except SealcastError as error:
            raise self._as_tuf(error) from error
        return iter([data])

    def _told(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except SealcastError as error:
            raise self._as_tuf(error) from error

    def _as_tuf(self, error: SealcastError) -> tuf_errors.DownloadError:
        if error.code == "NOT_FOUND" and self.role == "root":
            return tuf_errors.DownloadHTTPError(error.what, 404)  # the end of the chain of roots
        self.refusal = error
        return tuf_errors.DownloadError(error.what)


def _role_of(url: str) -> str:
    """Return the role of ``…/3.root.json``, ``…/timestamp.json``; without consistent snapshots none has a number."""
    name = url.rpartition("/")[2].removesuffix(".json")
    number, _, role = name.partition(".")
    return role if role and number.isdecimal() else name


def _check(data: bytes, role: str) -> None:
    """Refuse metadata that two parsers could read differently, or that lists one public key under two ids."""
    what = f"The {printable(role)[:80]} metadata"
    value = parse(data, what=what, limit=LIMITS.get(role, LIMITS["targets"]))
    signed = value.get("signed") if isinstance(value, dict) else None
    if not isinstance(signed, dict):
        raise bad(what, "it has no signed part")
    for holder in (signed, signed.get("delegations")):
        if isinstance(holder, dict) and "keys" in holder:
            check_keys(holder["keys"], what=what, ids=False)


def _trusted_root(folder: Path) -> bytes:
    """Return the newest root that this client has verified. Raises ``VerificationError`` (NOT_INITIALISED)."""

    def too_large() -> VerificationError:
        return VerificationError("TOO_LARGE", "The trusted root is larger than a root may be.")

    # python-tuf replaces root.json, a link, in two steps; a kill between them leaves only the history.
    history = sorted((folder / "root_history").glob("*.root.json"), key=lambda path: (len(path.name), path.name))
    for path in (folder / "root.json", *history[-1:]):
        try:
            return read_bounded(path, LIMITS["root"], too_large)
        except FileNotFoundError:
            continue
    raise VerificationError(
        "NOT_INITIALISED",
        f"{folder} holds no trusted root.",
        safe="Nothing was asked for.",
        hint="Start with `sealcast tuf --metadata-dir DIR init ROOT`.",
    )


def _file_name(entry: TargetFile) -> str:
    """Return the name of a target's file: its path with everything encoded that has a meaning in a file name."""
    name = quote(entry.path, safe="")
    if flaw := path_flaw(name):
        raise VerificationError("UNSAFE_NAME", f"The target {printable(entry.path)[:200]!r} {flaw}.")
    return name

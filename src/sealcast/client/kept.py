"""What the last look left on this device, verified again: no host is asked, and nothing is written.

python-tuf's folder is a cache, and anybody who may write here can alter it. So the chain of trust is walked once more:
each root by the one before it, each role by the one above, each document by the digest that its role lists.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from ..errors import SealcastError, VerificationError
from ..files import read_regular
from ..model.roles import content_listed
from ..values import content_of
from ..verify import Roles, check_metadata
from .freshness import KEPT_LIMIT

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)


class Kept(Roles):
    """The roles and documents in a verifier's folder. How old they are is not judged here (see `freshness`)."""

    def __init__(self, folder: Path, root: bytes) -> None:
        """Walk what is in ``folder``, from the trusted ``root`` on.

        Raises ``VerificationError``: NOT_KEPT (a part is missing), KEPT_ALTERED (it is not what was verified),
        INCONSISTENT (parts of two looks: one was stopped, or is under way).
        """
        super().__init__()
        self._metadata = folder / "metadata"
        self._documents = folder / "documents"
        self.root = self._newest_root(root)
        self.timestamp = self._role("timestamp", Timestamp, self.root)
        self.snapshot = self._role("snapshot", Snapshot, self.root, self.timestamp.snapshot_meta)
        self.targets = self._role("targets", Targets, self.root, self.snapshot.meta.get("targets.json"))

    def read_target(self, entry: TargetFile) -> bytes:
        """Return the bytes of a small target that was read before.

        Raises ``VerificationError``: BAD_METADATA, NOT_KEPT, KEPT_ALTERED.
        """
        wanted = content_listed(entry)
        data = _read(self._documents / wanted.sha256, entry.path)
        if content_of(data) != wanted:
            raise _altered(entry.path)
        return data

    def _delegate(self, name: str, app: str, channel: str) -> Targets:
        del app, channel
        return self._role(name, Targets, self.targets, self.snapshot.meta.get(f"{name}.json"))

    def _newest_root(self, trusted: bytes) -> Root:
        root = parse_role(trusted, "root", Root)
        newest = verified_role(root, "root", root.signed)
        while root_path(self._metadata, newest.version + 1).exists():
            newest = next_root(self._metadata, newest)
        return newest

    def _role(self, role: str, kind: type[T], delegator: Root | Targets, listed: MetaFile | None = None) -> T:
        """Return the role, signed by those whom ``delegator`` names; it must be what the role above has ``listed``."""
        data = _read(self._metadata / f"{role}.json", role)
        signed = verified_role(parse_role(data, role, kind), role, delegator)
        if role != Timestamp.type:
            try:
                if listed is None or listed.version != signed.version:
                    raise LengthOrHashMismatchError
                listed.verify_length_and_hashes(data)
            except LengthOrHashMismatchError as error:
                raise VerificationError(
                    "INCONSISTENT",
                    f"The {role} metadata that is kept here is not what is listed for it.",
                    hint="The last check was stopped, or is under way. Check again.",
                ) from error
        return signed


def root_path(metadata: Path, version: int) -> Path:
    """Return where python-tuf keeps the root of this version, in its folder ``metadata``."""
    return metadata / "root_history" / f"{version}.root.json"


def next_root(metadata: Path, before: Root) -> Root:
    """Return the kept root after ``before``, signed by its own holders and by those of ``before``.

    Raises ``VerificationError``: NOT_KEPT, KEPT_ALTERED.
    """
    version = before.version + 1
    found = parse_role(_read(root_path(metadata, version), "root"), "root", Root)
    verified_role(found, "root", before)
    root = verified_role(found, "root", found.signed)
    if root.version != version:
        raise _altered("root")
    return root


def _read(path: Path, what: str) -> bytes:
    try:
        return read_regular(path, KEPT_LIMIT)
    except OSError as error:
        raise VerificationError(
            "NOT_KEPT",
            f"Nothing that was verified of {what} is kept on this device.",
            hint="The next check brings it: sealcast client check.",
        ) from error


def parse_role(data: bytes, role: str, kind: type[T]) -> Metadata[T]:
    """Return kept metadata, strictly read, not verified yet. Raises ``VerificationError`` (KEPT_ALTERED)."""
    try:
        check_metadata(data, role)
        metadata: Metadata[T] = Metadata.from_bytes(data)
    except (SealcastError, RepositoryError) as error:
        raise _altered(role) from error
    if not isinstance(metadata.signed, kind):
        raise _altered(role)
    return metadata


def verified_role(metadata: Metadata[T], role: str, delegator: Root | Targets) -> T:
    """Return what ``metadata`` says, if those whom ``delegator`` names signed it, else raise KEPT_ALTERED."""
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise _altered(role) from error
    return metadata.signed


def _altered(what: str) -> VerificationError:
    return VerificationError(
        "KEPT_ALTERED",
        f"What this device keeps of {what} is not what was verified.",
        hint="A disk error, or somebody altered it. The next check brings it again: sealcast client check.",
    )

"""What an app brings along for its client: the root that it trusts, and the floor of the day on which it was built."""

from __future__ import annotations

from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from ..errors import ConfigError, SealcastError, VerificationError
from ..model import CarriedChannel, read_carried_floor
from ..model.roles import own_fields
from ..values import parse_time
from ..verify import check_metadata
from .floor import Least


def check_root(root: bytes) -> Metadata[Root]:
    """Return the root that a person or an app gives. Raises ``ConfigError`` (BAD_ROOT) for what is none."""
    try:
        check_metadata(root, "root")
        metadata: Metadata[Root] = Metadata.from_bytes(root)
        metadata.verify_delegate(Root.type, metadata)
    except (SealcastError, RepositoryError, ValueError, TypeError) as error:
        raise ConfigError(
            "BAD_ROOT",
            f"The trusted root cannot be used: {error}",
            hint="Give the file N.root.json of the repository, from somebody you trust, not from its host.",
        ) from error
    return metadata


def kept_root(path: Path) -> bytes:
    """Return the root that a client was made with. Raises ``VerificationError`` (STATE_DAMAGED)."""
    try:
        data = path.read_bytes()
        check_metadata(data, "root")
    except (OSError, SealcastError) as error:
        raise VerificationError(
            "STATE_DAMAGED",
            "The trusted root of this client is missing or damaged.",
            safe="The installed release keeps running and starting; nothing new is installed.",
            hint="With a trusted root from the publisher: sealcast client repair --root FILE",
            path=str(path),
        ) from error
    return data


def repository_of(root: Metadata[Root]) -> str:
    """Return the id of the repository that a root is of; empty for one that was not made by Sealcast."""
    return str(own_fields(root.signed).get("repository", ""))


def carried_least(floor: bytes, root: bytes, app: str, channel: str) -> Least:
    """Return what the floor that an app carries says of one channel; nothing where it carries none.

    Raises ``ConfigError``: BAD_FLOOR, BAD_ROOT.
    """
    if not floor:
        return Least()
    carried = read_carried_floor(floor, repository=repository_of(check_root(root)))
    mine = carried.channels.get(f"{app}/{channel}") or CarriedChannel(revision=0)
    return Least(
        root=carried.root,
        timestamp=carried.timestamp,
        issued=int(parse_time(carried.issued).timestamp()),
        snapshot=carried.snapshot,
        revision=mine.revision,
        lowest=mine.lowest,
    )

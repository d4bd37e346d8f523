"""The shape of an installed release on the disk: the names in its folder, and what the channel said of it."""

from __future__ import annotations

from pathlib import Path

from ..documents import decode, encode
from ..errors import InstallError, SealcastError
from ..files import write_durably
from .record import Installed

FILES, MANIFEST, RELEASE, STAMP = "files", "manifest.json", "release.json", "stamp"
_RELEASE_LIMIT = 64 * 1024


def write_release(folder: Path, release: Installed) -> None:
    """Write into a slot what the channel said of its release. Raises ``OSError``."""
    write_durably(folder / RELEASE, encode(release))


def read_release(folder: Path) -> Installed:
    """Return the release of a slot, or of a folder in the shape of one.

    Raises ``InstallError`` (BAD_EMBEDDED): an app that embeds a release must ship the whole folder.
    """
    try:
        with (folder / RELEASE).open("rb") as file:
            data = file.read(_RELEASE_LIMIT + 1)
        return decode(data, Installed, what=str(folder / RELEASE), limit=_RELEASE_LIMIT)
    except (OSError, SealcastError) as error:
        raise InstallError(
            "BAD_EMBEDDED",
            f"The embedded release in {str(folder)!r} cannot be used.",
            hint=f"It must be a copy of a slot: {FILES}/, {MANIFEST} and {RELEASE}.",
            path=str(folder),
        ) from error

"""Archives as targets of a channel: what they are called, which are listed, and where their files come from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from tuf.api.metadata import TargetFile

from ..errors import ConfigError
from ..files import TEMPORARY_PREFIX, copy_durably, hash_file, make_directory, sync_directory
from ..model import ChannelDocument, Release
from ..model.roles import archive_path, content_listed, published_path, target
from ..packs import EFFORTS
from .archive import KINDS, Members, write_archive
from .state import damaged
from .workspace import Workspace


def archive_paths(document: ChannelDocument) -> dict[str, Release]:
    """Return the target paths that archives of the channel's releases may have, and the release of each.

    Raises ``ConfigError`` (NAME_TAKEN) when two would have one name (``1.0.0-a`` for ``b`` and ``1.0.0`` for ``a-b``).
    """
    paths: dict[str, Release] = {}
    for release in document.releases:
        for platform, kind in product(release.platforms, KINDS):
            path = archive_path(document.app, document.channel, release.version, platform, kind)
            other = paths.setdefault(path, release)
            if other is not release:
                raise ConfigError(
                    "NAME_TAKEN",
                    f"Releases {release.version} and {other.version} would both have the archive {path}.",
                    hint="Choose another version or another platform's name.",
                )
    return paths


def kept_archives(document: ChannelDocument, listed: Mapping[str, TargetFile]) -> Iterator[TargetFile]:
    """Yield the archives among the ``listed`` targets whose releases are still in the channel."""
    names = archive_paths(document)
    yield from (entry for path, entry in listed.items() if path in names)


def make_archive(
    workspace: Workspace, path: str, members: Members, kind: str, effort: str, listed: bytes
) -> TargetFile:
    """Write an archive, put it under its digest as the target ``path``, and return its entry.

    ``listed`` is the manifest without digests, for whoever has nothing but the archive.

    Raises as `write_archive` does, and ``OSError``.
    """
    with tempfile.TemporaryDirectory(dir=workspace.cache, prefix=TEMPORARY_PREFIX) as folder:
        made = Path(folder) / "archive"
        write_archive(made, members, kind, EFFORTS[effort].archive_level, listed)
        entry = target(path, hash_file(made))
        _place(made, workspace.folder / published_path(entry))
    return entry


def carry_archive(workspace: Workspace, entry: TargetFile, path: str) -> TargetFile:
    """Return the archive ``entry`` as the target ``path`` of another channel.

    Nothing is made again: the file is linked, or copied where there are no links. Raises ``RepositoryError``
    (WORKSPACE_DAMAGED) when it is not what was signed, ``OSError``.
    """
    source, here = workspace.folder / published_path(entry), target(path, content_listed(entry))
    if not source.is_file() or hash_file(source) != content_listed(entry):
        raise damaged(f"{published_path(entry)} is missing or not the file that was signed")
    if here.path != entry.path:
        _place(source, workspace.folder / published_path(here))
    return here


def _place(source: Path, place: Path) -> None:
    """Give ``place`` the bytes of ``source``, whose digest is in its name; what is there already and right, stays."""
    make_directory(place.parent)
    try:
        os.link(source, place)
        sync_directory(place.parent)
    except FileExistsError:
        if hash_file(place) != hash_file(source):
            place.unlink()
            copy_durably(source, place)
    except OSError:  # a file system without links
        copy_durably(source, place)

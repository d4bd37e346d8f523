"""Verifies installed releases byte by byte, and makes damaged ones whole again: the same release, and no other.

What a slot must hold is told by the manifest whose digest the record has: it was signed when the release was installed,
and stands whatever became of the channel since. So a repair trusts nothing new, and needs no fresh metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..errors import InstallError, ObjectError
from ..model import ChannelDocument, ManifestEntry, Object, read_manifest
from .events import Events, Kind
from .examine import Examined, examine
from .holdings import Holdings
from .install import Installer
from .record import Installed, Records
from .shape import read_release
from .slots import Slots


class Repaired(Struct, frozen=True):
    """What was found of one release, and how many bytes came to put it right: None where nothing had to be."""

    found: Examined
    came: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as one JSON object."""
        return self.found.as_dict() | {"repaired": self.came is not None, "fetched": self.came or 0}


class Repairer(Struct, frozen=True):
    """What verifies and repairs the releases of one state directory.

    ``installer`` returns who makes a slot of what it is told is here; ``channel`` the signed channel document, which is
    asked for only where the manifest itself is lost and nothing on the device leads to it. ``room`` sees that so many
    bytes fit on the disk.
    """

    slots: Slots
    records: Records
    embedded: Path | None
    events: Events
    installer: Callable[[Installed, Holdings], Installer]
    channel: Callable[[], ChannelDocument]
    room: Callable[[int], None]

    def verify(self, *, every: bool) -> tuple[Examined, ...]:
        """Hash the active release, or every one that is kept. Changes nothing.

        Raises ``InstallError``: NOTHING_INSTALLED, BAD_EMBEDDED.
        """
        found = [examine(self.slots.folder(release.manifest), release) for release in self._meant(every)]
        if self.embedded is not None and (every or not found):
            found.append(examine(self.embedded, read_release(self.embedded), embedded=True))
        if not found:
            raise _nothing()
        return tuple(found)

    def repair(self, *, every: bool) -> tuple[Repaired, ...]:
        """Verify as `verify` does, and make anew each slot that is damaged. The embedded release is left alone.

        From the first step on no start believes in the damaged slot. Raises ``InstallError`` (NOTHING_INSTALLED,
        CANNOT_REPAIR, SLOT_IN_USE), and as `Installer.repair` does.
        """
        releases = tuple(self._meant(every))
        if not releases:
            raise _nothing() if self.embedded is None else _ships_with_the_app()
        return tuple(self._repair(release) for release in releases)

    def _meant(self, every: bool) -> Iterator[Installed]:
        record = self.records.read()
        return iter(record.held) if every else iter(() if record.active is None else (record.active,))

    def _repair(self, release: Installed) -> Repaired:
        found = examine(self.slots.folder(release.manifest), release)
        if not found.damaged:
            return Repaired(found)
        self.events.emit(Kind.DAMAGED, version=release.version, detail=found.damaged[0].path, total=len(found.damaged))
        self.slots.distrust(release.manifest)  # also for what follows: it is hashed again, not believed
        held = Holdings(self.slots, self.embedded)
        installer = self.installer(release, held)
        try:
            manifest = self._manifest(release, held, installer)
            self.room(read_manifest(manifest).size)
            came = installer.repair(release, manifest)
        except ObjectError as error:
            if error.code != "INCOMPLETE_REPO":
                raise
            raise _gone(release, "the host does not have its objects any more") from error
        self.events.emit(Kind.REPAIRED, version=release.version, done=came)
        return Repaired(found, came)

    def _manifest(self, release: Installed, held: Holdings, installer: Installer) -> bytes:
        """Return the release's manifest: the slot's own if it is whole, the embedded one, or what the host has."""
        try:
            return self.slots.manifest_bytes(release.manifest)
        except InstallError:
            pass  # damaged as well
        if (embedded := held.get(release.manifest)) is not None:
            return embedded.manifest_bytes
        if release.carrier is not None:
            pack = Object(sha256=release.carrier.sha256, size=release.carrier.size)
            entry = ManifestEntry(sha256=release.manifest, size=release.carrier.manifest, pack=pack)
            try:
                return installer.fetch_manifest(entry)
            except ObjectError:
                pass  # the publisher may have packed it anew
        return installer.fetch_manifest(_listed(release, self.channel()))


def _listed(release: Installed, document: ChannelDocument) -> ManifestEntry:
    for one in document.releases:
        for build in one.platforms.values():
            if build.manifest.sha256 == release.manifest:
                return build.manifest
    raise _gone(release, "its manifest is damaged, and the channel does not list it any more")


def _gone(release: Installed, why: str) -> InstallError:
    return InstallError(
        "CANNOT_REPAIR",
        f"Release {release.version} cannot be repaired: {why}.",
        safe="It is not started as it is; the release that was good before it is.",
        hint="Install the newest release: sealcast client update.",
        version=release.version,
    )


def _ships_with_the_app() -> InstallError:
    return InstallError(
        "CANNOT_REPAIR",
        "Only the release that the app ships is installed, and Sealcast never changes that one.",
        hint="If it is damaged (sealcast client verify), install the app again, or a newer release.",
    )


def _nothing() -> InstallError:
    return InstallError(
        "NOTHING_INSTALLED",
        "No release is installed on this device.",
        safe="Nothing was changed.",
        hint="Install one: sealcast client update.",
    )

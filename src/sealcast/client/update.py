"""What a check hands to an installation."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from .look import Outlook


class Update(Struct, frozen=True):
    """A verified release that this device may install, and when that was found out."""

    outlook: Outlook
    checked: datetime

    @property
    def version(self) -> str:
        """The release's version."""
        return self.outlook.version or ""

    @property
    def size(self) -> int:
        """Bytes to download, at most."""
        return self.outlook.plan.size if self.outlook.plan else 0

    @property
    def notes(self) -> str:
        """What the publisher says of the release."""
        return self.outlook.release.notes if self.outlook.release else ""

    @property
    def mandatory(self) -> bool:
        """Whether the publisher asks the app not to go on without it."""
        return self.outlook.release.mandatory if self.outlook.release else False

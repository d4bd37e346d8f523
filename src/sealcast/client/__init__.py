"""The client: everything on a device between a published site and a running app.

Faces load when they are first used, so that a start, which needs neither network nor cryptography, stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import Client, Update
    from .events import Event, Events, Kind
    from .launcher import Launch, Launcher
    from .look import Outlook
    from .plan import Plan, Route
    from .settings import Settings, init_directory, read_settings, this_platform
    from .status import Status, read_status

_FACES = {
    "Client": "client",
    "Event": "events",
    "Events": "events",
    "Kind": "events",
    "Launch": "launcher",
    "Launcher": "launcher",
    "Outlook": "look",
    "Plan": "plan",
    "Route": "plan",
    "Settings": "settings",
    "Status": "status",
    "Update": "client",
    "init_directory": "settings",
    "read_settings": "settings",
    "read_status": "status",
    "this_platform": "settings",
}


def __getattr__(name: str) -> object:
    if name in _FACES:
        return getattr(import_module(f"{__name__}.{_FACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Client",
    "Event",
    "Events",
    "Kind",
    "Launch",
    "Launcher",
    "Outlook",
    "Plan",
    "Route",
    "Settings",
    "Status",
    "Update",
    "init_directory",
    "read_settings",
    "read_status",
    "this_platform",
]

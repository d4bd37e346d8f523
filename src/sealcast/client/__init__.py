"""The client: everything on a device between a published site and a running app.

Faces load when they are first used, so that a start, which needs neither network nor cryptography, stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..faces import load_from

if TYPE_CHECKING:
    from .client import Client
    from .events import Event, Events, Kind, Listener, append_line, json_line
    from .examine import Examined, Fault, Finding
    from .explanation import Explanation, explain
    from .fact import Fact
    from .following import follow
    from .launcher import Launch, Launcher
    from .look import Outlook
    from .network import Network
    from .plan import Plan, Route
    from .recover import Recovered
    from .repair import Repaired
    from .settings import Settings, init_directory, read_settings, this_platform
    from .status import Status, read_status
    from .summary import Summary, summarise
    from .update import Update

__getattr__ = load_from(
    __name__,
    {
        "Client": "client",
        "Event": "events",
        "Events": "events",
        "Explanation": "explanation",
        "Fact": "fact",
        "Examined": "examine",
        "Fault": "examine",
        "Finding": "examine",
        "Kind": "events",
        "Launch": "launcher",
        "Launcher": "launcher",
        "Listener": "events",
        "Network": "network",
        "Outlook": "look",
        "Plan": "plan",
        "Route": "plan",
        "Recovered": "recover",
        "Repaired": "repair",
        "Settings": "settings",
        "Status": "status",
        "Summary": "summary",
        "Update": "update",
        "append_line": "events",
        "explain": "explanation",
        "follow": "following",
        "init_directory": "settings",
        "json_line": "events",
        "read_settings": "settings",
        "read_status": "status",
        "summarise": "summary",
        "this_platform": "settings",
    },
)

__all__ = [
    "Client",
    "Event",
    "Events",
    "Examined",
    "Explanation",
    "Fact",
    "Fault",
    "Finding",
    "Kind",
    "Launch",
    "Launcher",
    "Listener",
    "Network",
    "Outlook",
    "Plan",
    "Recovered",
    "Repaired",
    "Route",
    "Settings",
    "Status",
    "Summary",
    "Update",
    "append_line",
    "explain",
    "follow",
    "init_directory",
    "json_line",
    "read_settings",
    "read_status",
    "summarise",
    "this_platform",
]

"""Tells whoever the app's owner named how updates end: off by default, never waited for, and nothing depends on it.

A report is handed to a process of its own (`deliver`), which ends by itself: so a start waits for no network, loads no
code for it, and a command that ends at once still reports. What is in a report is all in `body_of`.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

from ..documents import encode
from .events import Event, Kind
from .freshness import EXTENSION
from .settings import Settings

LIMIT_SECONDS = 10
"""How long a report may take in all; then it is given up. None is tried twice."""
OUTCOMES = frozenset(
    {Kind.STAGED, Kind.READY, Kind.ROLLED_BACK, Kind.DOWNLOAD_FAILED, Kind.UPDATE_FAILED, Kind.BLOCKED}
)
"""The events that are reported; a failure that was got round is not."""
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DELIVER = Path(__file__).with_name("deliver.py")


class Reporter:
    """A listener that reports how updates end. ``root`` is the file of the client's trusted root."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self._settings = settings
        self._root = root

    def __call__(self, event: Event) -> None:
        """Report the event if it is an outcome, as far as that is possible at once."""
        reporting = self._settings.report
        if reporting is None or event.event not in OUTCOMES or event.recovered:
            return
        with contextlib.suppress(OSError, ValueError):
            body = body_of(event, self._settings, self._root.read_bytes())
            hand_over({"url": reporting.url, "command": reporting.command, "body": body.decode()})


def body_of(event: Event, settings: Settings, root: bytes) -> bytes:
    """Return the whole of what is sent: a document without time of day, device id, address or free text."""
    day = event.at[:10]
    return encode(
        {
            "type": "sealcast/report/1",
            "app": settings.app,
            "channel": settings.channel,
            "platform": settings.platform,
            "day": day,
            "device": _device(settings, root, day),
            "event": event.event,
            "version": event.version,
            "why": event.why if not event.why or _WORD.fullmatch(event.why) else "other",
        }
    )


def hand_over(job: dict[str, object], seconds: float = LIMIT_SECONDS) -> subprocess.Popen[bytes] | None:
    """Start the process that delivers a report, and do not wait for it.

    In an app that was frozen into one program, or embeds Python, there is none to start, and nothing is
    reported. Raises ``OSError``.
    """
    if getattr(sys, "frozen", False) or not sys.executable:
        return None
    process = subprocess.Popen(
        [sys.executable, "-I", str(_DELIVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C and the end of a terminal are not for it
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    threading.Thread(target=process.wait, daemon=True).start()  # so that no zombie stays
    if process.stdin is None:
        raise AssertionError("a pipe was asked for")
    with process.stdin as pipe:  # shorter than what a pipe holds: this waits for nobody
        pipe.write(json.dumps({**job, "seconds": seconds}).encode())
    return process


def _device(settings: Settings, root: bytes, day: str) -> str:
    """Return what tells this device from others on this day in this repository, and from itself on no other."""
    secret = settings.report.secret if settings.report else ""
    ours = json.loads(root)["signed"].get(EXTENSION)
    repository = ours.get("repository") if isinstance(ours, dict) else None
    told = f"sealcast/report/1 {repository} {day}"
    return hmac.new(bytes.fromhex(secret), told.encode(), hashlib.sha256).hexdigest()[:32]

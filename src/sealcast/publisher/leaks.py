"""Private keys where everybody can read them: what one looks like."""

from __future__ import annotations

import re

KEY_LENGTH = 512
"""Bytes within which a key shows itself: data that is looked at in pieces must overlap by so many."""

_MARKS = (b"PRIVATE KEY-----", b"AGE-SECRET-KEY-1")
# A key itself, also inside a JSON string. Programs that handle keys hold the marks alone.
_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )?PRIVATE KEY-----(?:\s|\\[nr])+(?:[A-Za-z-]+: [^\n]{1,80}\s+)*[A-Za-z0-9+/]{32}"
    rb"|AGE-SECRET-KEY-1[0-9A-Z]{58}"
)


def holds_private_key(data: bytes) -> bool:
    """Tell whether ``data`` holds a private key in PEM (also an encrypted one) or an age identity."""
    return any(mark in data for mark in _MARKS) and _KEY.search(data) is not None

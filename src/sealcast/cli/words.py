"""Numbers as people read them: sizes, counts and spans of time."""

from __future__ import annotations

from datetime import datetime, timedelta

_UNITS = ("kB", "MB", "GB", "TB")


def size(count: int) -> str:
    """Return a number of bytes with three digits and a decimal unit: ``812 B``, ``45.3 kB``, ``20.7 MB``."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1000
        if value < 999.5 or unit == _UNITS[-1]:
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    raise AssertionError("the last unit takes everything")


def counted(number: int, one: str, many: str = "") -> str:
    """Return ``1 file``, ``3 files``, ``2,733 files``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def span(length: timedelta) -> str:
    """Return a length of time in its largest fitting unit: ``6 days``, ``3 hours``, ``40 seconds``."""
    seconds = int(abs(length.total_seconds()))
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * unit or (seconds >= unit and unit == 86_400):
            return counted(seconds // unit, name)
    return counted(seconds, "second")


def relative(instant: datetime, now: datetime) -> str:
    """Return when ``instant`` is, seen from ``now``: ``in 6 days``, ``3 hours ago``."""
    distance = instant - now
    return f"in {span(distance)}" if distance >= timedelta() else f"{span(distance)} ago"

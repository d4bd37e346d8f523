"""Where the world comes in: the clock, the environment and the terminal are read here and passed down."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

PREFIX = "SEALCAST_"


def now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)


def environment() -> Mapping[str, str]:
    """Return the process's environment variables."""
    return os.environ


def arguments() -> Sequence[str]:
    """Return the command line without the program's name."""
    return sys.argv[1:]


def streams() -> tuple[TextIO, TextIO, TextIO]:
    """Return standard input, output and error, so set that no character can make printing fail.

    One that the process was started without is an empty one.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    return sys.stdin or io.StringIO(), sys.stdout or io.StringIO(), sys.stderr or io.StringIO()


def drop_output() -> None:
    """Send what is still to be printed nowhere: the reader of the pipe is gone, and flushing would say so again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (AttributeError, OSError, ValueError):  # no stream, or one without a file
            pass
    os.close(nowhere)

"""What a command is given beside its own arguments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TextIO

from ..values import Clock
from .output import Output


class Session(NamedTuple):
    """One run of the command line: where it prints, where it works, and what it knows of the world."""

    output: Output
    clock: Clock
    environment: Mapping[str, str]
    stdin: TextIO
    directory: Path = Path()
    """The ``-C`` folder: where a workspace is looked for, from there upwards."""

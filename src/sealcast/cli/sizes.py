"""Sizes as people write them on the command line: ``512MiB``."""

from __future__ import annotations

import re

import click

_SIZE = re.compile(r"([0-9]{1,9}) ?(KiB|MiB|GiB)", re.ASCII)
_UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_size(text: str) -> int:
    """Return the bytes that ``text`` says. Raises ``click.BadParameter``."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text[:40]!r} is not a size such as 512MiB or 2GiB.")
    return int(found[1]) * _UNITS[found[2]]

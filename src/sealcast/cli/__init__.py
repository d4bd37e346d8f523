"""The command line: parses, calls one public face, prints. The only place that prints, prompts and exits."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``sealcast`` with the process's arguments, or the given ones; return the exit status."""
    try:
        from .app import run
    except KeyboardInterrupt:  # before anything is there that could say so
        return 130
    return run(arguments)

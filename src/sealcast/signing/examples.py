"""The throw-away keys of ``keys.example/``, good for trying things out and for nothing else."""

from __future__ import annotations

EXAMPLE_KEYIDS: frozenset[str] = frozenset({})
"""Their key ids. A test keeps them in step with the folder."""


def is_example(keyid: str) -> bool:
    """Tell whether the key is one of the published examples, with which anyone can sign."""
    return keyid in EXAMPLE_KEYIDS

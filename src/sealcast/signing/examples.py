"""The throw-away keys of ``keys.example/``, good for trying things out and for nothing else."""

from __future__ import annotations

EXAMPLE_KEYIDS: frozenset[str] = frozenset(
    {
        "3498ebe8826f9ed742676161222f5af33c88bc71a02dbdb9a00a2d0cb067c1a9",  # root
        "b11e20c8e617c2ee207f3d4ba94471124b3693c24091cf08b80a43a1015d2477",  # online
        "ef38afe052bfc9e86bc393c8054f92b74d59afe529fc08e49d84b1e0b834d408",  # channel
        "b1622f8672ac2da397f7b3a1fedf478c2fa14a9b9b7d6db0a55534d72be967d4",  # halt
    }
)
"""Their key ids. A test keeps them in step with the folder."""


def is_example(keyid: str) -> bool:
    """Tell whether the key is one of the published examples, with which anyone can sign."""
    return keyid in EXAMPLE_KEYIDS

"""The client: everything on a device between a published site and a running app.

Faces load when they are first used, so that a start, which needs neither network nor cryptography, stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launcher import Launch, Launcher

_FACES = {"Launch": "launcher", "Launcher": "launcher"}


def __getattr__(name: str) -> object:
    if name in _FACES:
        return getattr(import_module(f"{__name__}.{_FACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Launch", "Launcher"]

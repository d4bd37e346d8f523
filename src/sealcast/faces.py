"""Names of a package that load when they are first used, so that whoever needs a few of them does not pay for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def load_from(package: str, faces: Mapping[str, str]) -> Callable[[str], object]:
    """Return the ``__getattr__`` of ``package`` (PEP 562). ``faces``: for each public name, the module that has it."""

    def load(name: str) -> object:
        if name in faces:
            return getattr(import_module(f"{package}.{faces[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return load

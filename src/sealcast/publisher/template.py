"""What a new workspace is copied from: ``repo-template``, with the blanks filled in."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from ..config import FILE_NAME
from ..files import make_directory, write_durably

_FILLED = {FILE_NAME, "README.md"}


def template_folder() -> Traversable:
    """Return ``repo-template``: inside the installed package, or at the top of a source checkout."""
    packaged = importlib.resources.files("sealcast") / "_template"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "repo-template"


def fill_template(folder: Path, values: Mapping[str, str]) -> None:
    """Copy the template into ``folder``, with ``values`` in place of blanks such as ``$app``. Raises ``OSError``."""
    for path, item in _files(template_folder()):
        text = item.read_text(encoding="utf-8")
        place = folder / path
        make_directory(place.parent)
        filled = Template(text).safe_substitute(values) if place.name in _FILLED else text
        write_durably(place, filled.encode())


def template_names() -> set[str]:
    """Return the names that the template brings to the top of a workspace."""
    return {path.partition("/")[0] for path, _ in _files(template_folder())}


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield the files of the template with the paths that they get."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        # A dot file would be left out of many a package: the template spells it "dot-".
        name = f".{item.name.removeprefix('dot-')}" if item.name.startswith("dot-") else item.name
        if not item.is_dir():
            yield prefix + name, item
        elif name != "sample-app":  # for the demo; a workspace has an app of its own
            yield from _files(item, f"{prefix}{name}/")

"""Which files of the old release look like those that the new one adds, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .bounds import FRAME_OUTPUT_LIMIT
from .pieces import Piece

SAME_PATH, SAME_NAME, SAME_FOLDER, SAME_KIND, UNLIKE = range(5)

# What a bundler puts into a name: six or more letters and digits in one, at least one of them a digit.
_HASHED = re.compile(r"(?<![0-9A-Za-z])(?=[A-Za-z_]*\d)\w{6,}", re.ASCII)


class Likeness:
    """Ranks pieces of the base release by how much their paths resemble those of some pieces that are to be made."""

    def __init__(self, wanted: Iterable[Piece], paths: Sequence[str]) -> None:
        self._offsets: dict[str, list[int]] = {}
        for piece in wanted:
            self._offsets.setdefault(paths[piece.content], []).append(piece.offset)
        self._names = {_HASHED.sub("*", path) for path in self._offsets}
        self._folders = {(_folder(path), _kind(path)) for path in self._offsets}
        self._kinds = {_kind(path) for path in self._offsets}

    def rank(self, piece: Piece, path: str) -> int:
        """Return `SAME_PATH` for the same place in a file of the same path, and so on to `UNLIKE`."""
        offsets = self._offsets.get(path)
        if offsets is not None:
            near = any(abs(piece.offset - offset) <= FRAME_OUTPUT_LIMIT for offset in offsets)
            return SAME_PATH if near else SAME_KIND
        if _HASHED.sub("*", path) in self._names:
            return SAME_NAME
        if (_folder(path), _kind(path)) in self._folders:
            return SAME_FOLDER
        return SAME_KIND if _kind(path) in self._kinds else UNLIKE


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _kind(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""

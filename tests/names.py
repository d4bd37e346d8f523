"""The corpus of names in ``tests/vectors/names``: what a release may hold and what it may not.

Each case of ``hostile.json`` is a list of paths that must be refused together (mostly one), the flaw that Sealcast must
name, and why it matters. ``fine.json`` lists paths that must each be accepted: spaces, any script, emoji. Emoji that
are *joined* from several with U+200D are among the hostile ones: what an eye cannot see makes two names look alike, and
there is no rule that lets it in for emoji alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "vectors" / "names"


@dataclass(frozen=True, slots=True)
class Hostile:
    """Paths that must not stand in one release."""

    paths: tuple[str, ...]
    flaw: str
    why: str

    def __str__(self) -> str:
        return ascii(self.paths[-1])[:60]


HOSTILE = tuple(
    Hostile(tuple(case["paths"]), case["flaw"], case["why"])
    for case in json.loads((FOLDER / "hostile.json").read_text(encoding="utf-8"))
)

FINE: tuple[str, ...] = tuple(json.loads((FOLDER / "fine.json").read_text(encoding="utf-8")))

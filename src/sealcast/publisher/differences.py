"""What changed between two releases, file by file."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import Manifest


@dataclass(frozen=True, slots=True)
class Differences:
    """Paths by what happened to them. ``renamed`` pairs the old path with the new one of unchanged contents."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    unchanged: int
    new_bytes: int


def differences(old: Manifest, new: Manifest) -> Differences:
    """Return what happened to each file from ``old`` to ``new``; ``new_bytes`` are in contents that ``old`` lacks."""
    before = {file.path: file for file in old.files}
    after = {file.path: file for file in new.files}
    added = {path for path in after if path not in before}
    removed = {path for path in before if path not in after}
    gone: dict[str, list[str]] = {}
    for path in sorted(removed):
        gone.setdefault(before[path].sha256, []).append(path)
    renamed = [(sources.pop(0), path) for path in sorted(added) if (sources := gone.get(after[path].sha256))]
    added -= {path for _, path in renamed}
    removed -= {path for path, _ in renamed}
    common = before.keys() & after.keys()
    changed = {
        path
        for path in common
        if (before[path].sha256, before[path].executable) != (after[path].sha256, after[path].executable)
    }
    known = set(old.contents)
    return Differences(
        added=tuple(sorted(added)),
        removed=tuple(sorted(removed)),
        changed=tuple(sorted(changed)),
        renamed=tuple(renamed),
        unchanged=len(common) - len(changed),
        new_bytes=sum(content.size for content in new.contents if content not in known),
    )

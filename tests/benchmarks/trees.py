"""Two releases of a corpus on disk: what changed between them, as what a differ takes, and the proof of a result."""

from __future__ import annotations

import hashlib
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.benchmarks.measure import BenchmarkError

Digests = Mapping[str, tuple[str, int]]
"""SHA-256 and size of each file, by its path with ``/``."""


class WrongResultError(BenchmarkError):
    """What a peer, or we, made is not the new release: a figure of it would be worth nothing."""


def digests(folder: Path) -> dict[str, tuple[str, int]]:
    """Return the digest and size of every file below ``folder``, in the order of their paths."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found[path.relative_to(folder).as_posix()] = (hashlib.sha256(data).hexdigest(), len(data))
    return found


def prove_tree(folder: Path, wanted: Digests) -> None:
    """Raise ``WrongResultError`` unless ``folder`` holds exactly the ``wanted`` files."""
    found = digests(folder)
    for path in sorted(wanted.keys() | found.keys()):
        if wanted.get(path) != found.get(path):
            state = "missing" if path not in found else "not wanted" if path not in wanted else "different"
            raise WrongResultError(f"the result is not the new release: {path} is {state}")


def prove_file(path: Path, wanted: Path) -> None:
    """Raise ``WrongResultError`` unless both files have the same bytes."""
    if _digest(path) != _digest(wanted):
        raise WrongResultError(f"the result is not the new release: {path.name} has other bytes")


@dataclass(frozen=True)  # without slots, which `cached_property` does not know
class Pair:
    """The trees ``old`` and ``new``; what is made of them lies in ``folder``.

    Differs of single files get every content that changed, end to end (`changed`), against every content of the old
    release (`base`). The list of paths that goes with it is not counted to them: a floor that none of them reaches in
    real use, since each needs some such list.
    """

    old: Path
    new: Path
    folder: Path

    @cached_property
    def before(self) -> Digests:
        """The files of the old release."""
        return digests(self.old)

    @cached_property
    def after(self) -> Digests:
        """The files of the new release."""
        return digests(self.new)

    @property
    def size(self) -> int:
        """Bytes of all files of the new release."""
        return sum(size for _, size in self.after.values())

    @cached_property
    def made(self) -> tuple[str, ...]:
        """The first path of each content that only the new release has."""
        held = {digest for digest, _ in self.before.values()}
        first: dict[str, str] = {}
        for path, (digest, size) in self.after.items():
            if size and digest not in held:
                first.setdefault(digest, path)
        return tuple(first.values())

    @cached_property
    def base(self) -> Path:
        """A file of all contents of the old release, each once."""
        first: dict[str, str] = {}
        for path, (digest, _) in self.before.items():
            first.setdefault(digest, path)
        return _joined(self.old, tuple(first.values()), self.folder / "base")

    @cached_property
    def changed(self) -> Path:
        """A file of all contents that only the new release has, each once."""
        return _joined(self.new, self.made, self.folder / "changed")

    @cached_property
    def old_tar(self) -> Path:
        """The old release as a plain tar."""
        return _tar(self.old, self.before, self.folder / "old.tar")

    @cached_property
    def new_tar(self) -> Path:
        """The new release as a plain tar."""
        return _tar(self.new, self.after, self.folder / "new.tar")


def _joined(tree: Path, paths: tuple[str, ...], place: Path) -> Path:
    with place.open("wb") as out:
        for path in paths:
            out.write((tree / path).read_bytes())
    return place


def _tar(tree: Path, files: Digests, place: Path) -> Path:
    with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as tar:
        for path, (_, size) in files.items():
            member = tarfile.TarInfo(path)
            executable = (tree / path).stat().st_mode & stat.S_IXUSR
            member.size, member.mode = size, 0o755 if executable else 0o644
            with (tree / path).open("rb") as file:
                tar.addfile(member, file)
    return place


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""A release put together beside the installed ones, every content hashed before anything counts as there.

Files are written by our own code only, relative to a directory's handle and through no link (`sealcast.files.Tree`).
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from ..errors import ObjectError
from ..files import HAS_DIRECTORY_HANDLES, Tree, sync_directory, write_durably
from ..model import Manifest
from ..packs import FRAME_OUTPUT_LIMIT, Piece
from ..values import Content, content_of
from .flush import Flusher
from .reflink import clone
from .shape import FILES, MANIFEST
from .stamp import look, take_looks, write_stamp

WORTH_SHARING = 64 * 1024
"""Bytes from which on a file's bytes are shared on the disk rather than copied, where the file system can."""
_SAFELY = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))


class Assembly:
    """The folder of one release in the making, in the shape of a slot. As a context manager, it closes its files.

    ``manifest`` may have contents whose digest is not known before they are made: their numbers are in ``blank``, what
    stands in their place is ignored, and `finish` tells what they are.
    """

    def __init__(self, folder: Path, manifest: Manifest, blank: frozenset[int] = frozenset()) -> None:
        """``folder`` must not exist yet. Raises ``OSError``, ``InstallError`` (UNSAFE_PATH)."""
        self.folder = folder
        self._manifest = manifest
        self._blank = blank
        self._executable = {file.path: file.executable for file in manifest.files}
        self._lacking = dict(enumerate(manifest.contents))
        self._made: dict[int, str] = {}
        self._growing: dict[int, _Growing] = {}
        self._sharing = sys.platform == "linux"  # until the file system says that it cannot
        self._looks: dict[str, str] = {}
        self._flusher = Flusher()
        folder.mkdir(mode=0o755)
        (folder / FILES).mkdir(mode=0o755)
        self._tree = Tree(folder / FILES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flusher.close()
        for growing in self._growing.values():
            os.close(growing.handle)
        self._growing = {}
        self._tree.close()

    @property
    def lacking(self) -> dict[int, Content]:
        """The contents that are not there yet, by number."""
        return dict(self._lacking)

    def take(self, number: int, source: Path) -> bool:
        """Copy a content from a file that should have it; tell whether it did. Nothing else is ever kept.

        What is hashed is what is kept, never a file that could change between the two.
        """
        content = self._lacking[number]
        try:
            handle = os.open(source, os.O_RDONLY | _SAFELY)
        except OSError:
            return False
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return False
            return self._share(number, content, handle) or self._copy(number, content, handle)
        finally:
            os.close(handle)

    def _share(self, number: int, content: Content, source: int) -> bool:
        """Take a content by sharing its bytes on the disk with an open file, and hash it; tell whether it came."""
        if not self._sharing or content.size < WORTH_SHARING:
            return False
        path, *others = self._paths(content)
        target = self._create(path)
        try:
            self._sharing = clone(source, target)
            good = self._sharing and _holds(target, content)
            if good:
                self._prove(number, content.sha256)
                for other in others:
                    self._repeat(target, other)
        finally:
            self._close(path, target)
        if not good:
            self._tree.discard(path)
        return good

    def _copy(self, number: int, content: Content, source: int) -> bool:
        os.lseek(source, 0, os.SEEK_SET)
        if content.size <= FRAME_OUTPUT_LIMIT:
            data = _read(source, content.size + 1)
            if data is None or content_of(data) != content:
                return False
            self._write(number, content, data, content.sha256)
            return True
        if not _holds(source, content):
            return False
        os.lseek(source, 0, os.SEEK_SET)
        offset = 0
        while offset < content.size and (data := _read(source, min(FRAME_OUTPUT_LIMIT, content.size - offset))):
            self.put(Piece(number, offset, len(data)), data)
            offset += len(data)
        return True

    def put(self, piece: Piece, data: bytes) -> None:
        """Write one piece of a content, to every path that has it once it is whole.

        Raises ``ObjectError`` (BAD_PACK) when the content is not what it should be, or is there already.
        """
        content = self._lacking.get(piece.content)
        if content is None:
            raise _wrong(piece.content, "comes twice")
        if piece.length == content.size:
            self._write(piece.content, content, data, content_of(data).sha256)
        else:
            self._grow(piece, content, data)

    def finish(self) -> dict[int, str]:
        """Write the empty files, bring everything to the disk, and return the digests of the blank contents.

        Raises ``ObjectError`` (BAD_PACK) when a content is lacking.
        """
        for number in self._lacking:
            raise _wrong(number, "is missing")
        for file in self._manifest.files:
            if not file.size:
                if file.sha256 != content_of(b"").sha256:
                    raise ObjectError("BAD_PACK", f"{file.path!r} is empty and has a digest that nothing empty has.")
                self._close(file.path, self._create(file.path))
        self._flusher.finish()
        self._tree.sync()
        return {number: self._made[number] for number in self._blank}

    def seal(self, manifest: bytes) -> None:
        """Write the manifest and the stamp beside the finished files: from here on the folder is a whole release."""
        write_durably(self.folder / MANIFEST, manifest)
        write_stamp(self.folder, take_looks(self.folder, [file.path for file in self._manifest.files], self._looks))
        sync_directory(self.folder.parent)

    def _write(self, number: int, content: Content, data: bytes, digest: str) -> None:
        """Write a whole content, whose digest was computed, to every path that has it."""
        self._prove(number, digest)
        for path in self._paths(content):
            handle = self._create(path)
            try:
                _write(handle, data)
            finally:
                self._close(path, handle)

    def _grow(self, piece: Piece, content: Content, data: bytes) -> None:
        growing = self._growing.get(piece.content)
        if growing is None:
            growing = self._growing[piece.content] = _Growing(self._create(self._paths(content)[0]))
        os.lseek(growing.handle, piece.offset, os.SEEK_SET)
        _write(growing.handle, data)
        growing.written += piece.length
        if growing.written < content.size:
            return
        self._prove(piece.content, _digest(growing.handle))
        del self._growing[piece.content]
        path, *others = self._paths(content)
        try:
            for other in others:
                self._repeat(growing.handle, other)
        finally:
            self._close(path, growing.handle)

    def _repeat(self, handle: int, path: str) -> None:
        """Write what an open file of ours holds to one more path."""
        twin = self._create(path)
        try:
            if not (self._sharing and clone(handle, twin)):
                for chunk in _chunks(handle):
                    _write(twin, chunk)
        finally:
            self._close(path, twin)

    def _prove(self, number: int, digest: str) -> None:
        content = self._lacking[number]
        if number not in self._blank and digest != content.sha256:
            raise _wrong(number, "has other bytes than its digest says")
        self._made[number] = digest
        del self._lacking[number]

    def _paths(self, content: Content) -> tuple[str, ...]:
        return self._manifest.paths[content.sha256]

    def _create(self, path: str) -> int:
        return self._tree.create(path, executable=self._executable[path])

    def _close(self, path: str, handle: int) -> None:
        """Remember how a file looks that was just written, and have it brought to the disk and closed."""
        if HAS_DIRECTORY_HANDLES:  # Windows tells of an open file otherwise than by its name
            self._looks[path] = look(os.fstat(handle))
        self._flusher.take(handle)


class _Growing:
    """A content that comes in several pieces: the file that it is written to, and how many bytes are."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.written = 0


def _read(handle: int, limit: int) -> bytes | None:
    """Return at most ``limit`` bytes of a file that another release has; None where it cannot be read."""
    parts: list[bytes] = []
    try:
        while limit and (part := os.read(handle, limit)):
            parts.append(part)
            limit -= len(part)
    except OSError:
        return None
    return b"".join(parts)


def _holds(handle: int, content: Content) -> bool:
    try:
        return _digest(handle) == content.sha256
    except OSError:
        return False


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _chunks(handle: int) -> Iterator[bytes]:
    os.lseek(handle, 0, os.SEEK_SET)
    read: Callable[[], bytes] = lambda: os.read(handle, 1024 * 1024)  # noqa: E731 - what `iter` calls
    return iter(read, b"")


def _digest(handle: int) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(handle):
        digest.update(chunk)
    return digest.hexdigest()


def _wrong(number: int, why: str) -> ObjectError:
    return ObjectError(
        "BAD_PACK",
        f"Content {number} of the release {why}.",
        hint="Run the update again; if that does not help, tell the publisher.",
        content=number,
    )

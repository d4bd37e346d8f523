"""A release put together beside the installed ones, every content hashed before anything counts as there.

Files are written by our own code only, relative to a directory's handle and through no link (`sealcast.files.Tree`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from ..errors import ObjectError
from ..files import Tree, hash_file, sync_directory, write_durably
from ..model import Manifest
from ..packs import FRAME_OUTPUT_LIMIT, Piece
from ..values import Content, content_of
from .flush import Flusher
from .slots import FILES, MANIFEST, write_stamp


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
        """Copy a content from a file that should have it; tell whether it did. Nothing else is ever written."""
        content = self._lacking[number]
        if content.size <= FRAME_OUTPUT_LIMIT:
            data = _read(source, content.size + 1)
            if data is None or content_of(data) != content:
                return False
            self._write(number, content, data, content.sha256)
            return True
        try:
            if hash_file(source) != content:
                return False
        except OSError:
            return False
        for piece, data in _pieces(number, source, content.size):
            self.put(piece, data)
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
                self._flusher.take(self._create(file.path))
        self._flusher.finish()
        self._tree.sync()
        return {number: self._made[number] for number in self._blank}

    def seal(self, manifest: bytes) -> None:
        """Write the manifest and the stamp beside the finished files: from here on the folder is a whole release."""
        write_durably(self.folder / MANIFEST, manifest)
        write_stamp(self.folder, [file.path for file in self._manifest.files])
        sync_directory(self.folder.parent)

    def _write(self, number: int, content: Content, data: bytes, digest: str) -> None:
        """Write a whole content, whose digest was computed, to every path that has it."""
        self._prove(number, digest)
        for path in self._paths(content):
            handle = self._create(path)
            try:
                _write(handle, data)
            finally:
                self._flusher.take(handle)

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
        try:
            for path in self._paths(content)[1:]:
                handle = self._create(path)
                try:
                    for chunk in _chunks(growing.handle):
                        _write(handle, chunk)
                finally:
                    self._flusher.take(handle)
        finally:
            self._flusher.take(growing.handle)

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


class _Growing:
    """A content that comes in several pieces: the file that it is written to, and how many bytes are."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.written = 0


def _read(path: Path, limit: int) -> bytes | None:
    """Return at most ``limit`` bytes of a file that another release has; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError:
        return None


def _pieces(number: int, source: Path, size: int) -> Iterator[tuple[Piece, bytes]]:
    with source.open("rb") as file:
        offset = 0
        while offset < size and (data := file.read(min(FRAME_OUTPUT_LIMIT, size - offset))):
            yield Piece(number, offset, len(data)), data
            offset += len(data)


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

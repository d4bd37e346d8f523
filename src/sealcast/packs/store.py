"""The local store of objects: immutable files named by the SHA-256 of their bytes, laid out as in a site."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .. import files
from ..errors import ObjectError
from ..values import Content, content_of, is_digest, object_path
from .bounds import OBJECT_LIMIT, too_large


class ObjectStore:
    """The objects below ``directory``: ``objects/ab/<sha256>`` (DESIGN section 3).

    Several processes may put at once. A kill or a power cut leaves an object whole or absent. Errors of the file system
    come through as ``OSError``.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, data: bytes) -> Content:
        """Keep ``data`` and return its digest and size; durable when it returns.

        An object that is there already stays as it is; one whose bytes are not those of its name is replaced.
        Raises ``ObjectError`` (TOO_LARGE).
        """
        if len(data) > OBJECT_LIMIT:
            raise too_large("The object", len(data), OBJECT_LIMIT)
        content = content_of(data)
        path = self.path(content.sha256)
        self._make_directory(path.parent)
        if not files.create_durably(path, data) and files.hash_file(path) != content:
            files.write_durably(path, data)
        return content

    def path(self, sha256: str) -> Path:
        """Return where the object of this digest lies or would lie. Raises ``VerificationError`` (BAD_METADATA)."""
        return self._directory / object_path(sha256)

    def has(self, sha256: str) -> bool:
        """Tell whether an object of this name is there; only reading it proves its bytes."""
        return self.path(sha256).is_file()

    def read(self, content: Content) -> bytes:
        """Return the object's bytes, proved by their digest. Raises ``ObjectError``: OBJECT_MISSING, HASH_MISMATCH."""
        with self._existing(content).open("rb") as file:
            data = file.read(content.size + 1)
        if content_of(data) != content:
            raise _mismatch(content)
        return data

    def open(self, content: Content) -> BinaryIO:
        """Return the object open for reading, proved by its digest, without holding it in memory; the caller closes it.

        Raises ``ObjectError``: OBJECT_MISSING, HASH_MISMATCH.
        """
        file = self._existing(content).open("rb")
        try:
            if os.fstat(file.fileno()).st_size != content.size or _digest(file) != content.sha256:
                raise _mismatch(content)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def __iter__(self) -> Iterator[str]:
        """Yield the digest of every object, in order."""
        root = self._directory / "objects"
        if root.is_dir():
            for folder in sorted(path for path in root.iterdir() if path.is_dir()):
                yield from sorted(path.name for path in folder.iterdir() if _is_object(path))

    def _existing(self, content: Content) -> Path:
        path = self.path(content.sha256)
        if not path.is_file():
            raise ObjectError(
                "OBJECT_MISSING",
                f"The object {content.sha256} is not in the store.",
                hint="Restore it from the published site, or add the same release again.",
                sha256=content.sha256,
                path=str(path),
            )
        return path

    def _make_directory(self, path: Path) -> None:
        if path.is_dir():
            return
        path.mkdir(parents=True, exist_ok=True)
        for parent in (path.parent, path.parent.parent):  # the names of what was just made
            files.sync_directory(parent)


def _is_object(path: Path) -> bool:
    return is_digest(path.name) and path.name.startswith(path.parent.name)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(files.CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _mismatch(content: Content) -> ObjectError:
    return ObjectError(
        "HASH_MISMATCH",
        f"The object {content.sha256} holds other bytes than its name says.",
        hint="The file was damaged: restore it from the published site, or make the release again.",
        sha256=content.sha256,
    )

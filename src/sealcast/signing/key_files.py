"""Private key files: made once, never overwritten, read only when nobody else can read them."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from securesystemslib.signer import SSlibKey

from ..documents import KIB
from ..errors import SigningError
from ..files import TEMPORARY_PREFIX, create_durably, sync_directory
from ..values import check_name, printable
from .key_types import KeyType
from .pem import is_encrypted, read_pem, write_pem
from .records import RECORD_SUFFIX, PublicRecord, record_bytes, record_of

KEY_FILE_LIMIT = 32 * KIB
"""Bytes a private key file may have; one of RSA-4096, the largest that Sealcast makes, has about 3.5 kB."""

KEY_SUFFIX = ".pem"
"""How the file name of a private key ends."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""Not blocking: a pipe planted under the name of a key must be refused, not waited for."""


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A new key pair, not saved yet: the private key's file text, and the public record."""

    private_pem: bytes = field(repr=False)
    record: PublicRecord


def generate(
    name: str,
    key_type: KeyType,
    passphrase: bytes | None,
    *,
    uri: str | None = None,
    created: datetime | None = None,
) -> GeneratedKey:
    """Return a new key pair of the holder ``name``, drawn from the system's random source.

    With ``passphrase`` None the private key is not encrypted: only for whoever asked for that in so many
    words. ``uri`` and ``created`` go into the record as they are. Raises ``ConfigError`` (UNSAFE_NAME),
    ``SigningError`` (EMPTY_PASSPHRASE).
    """
    check_name(name, "signing key")
    private = key_type.generate()
    record = record_of(SSlibKey.from_crypto(private.public_key()), name, uri, created)
    return GeneratedKey(write_pem(private, passphrase), record)


def save_key(directory: Path, generated: GeneratedKey) -> tuple[Path, Path]:
    """Write NAME.pem (owner only) and NAME.pub.json into ``directory``, made when missing; return both paths.

    Nothing is ever overwritten: of two at once, one wins. Raises ``SigningError`` (KEY_EXISTS), ``OSError``;
    a key that could not be saved whole leaves no file.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = directory / f"{generated.record.name}{KEY_SUFFIX}"
    public = directory / f"{generated.record.name}{RECORD_SUFFIX}"
    if public.exists():
        raise _exists(public)
    # The private key goes first: a record whose private key was lost to a power cut could end up in a root.
    if not create_durably(private, generated.private_pem, mode=0o600):
        raise _exists(private)
    try:
        if not create_durably(public, record_bytes(generated.record)):
            raise _exists(public)
    except BaseException:
        private.unlink()
        raise
    return private, public


def _exists(path: Path) -> SigningError:
    return SigningError(
        "KEY_EXISTS",
        f"{printable(str(path))!r} is there already, and a key is never overwritten.",
        safe="The file that is there was not touched; no new key was made.",
        hint="Choose another name. A .pem without its .pub.json is what an interrupted run leaves: "
        "if its record was never handed out, delete it and try again.",
        path=str(path),
    )


def read_key_file(path: Path, *, public_knowledge: bool = False) -> bytes:
    """Return the text of the private key file at ``path``, encrypted as it is.

    Follows a link, and then holds what is behind it to the same rules. ``public_knowledge`` leaves out the
    check of who else can read it. Raises ``SigningError``: KEY_NOT_FOUND, KEY_PERMISSIONS, BAD_KEY_FILE.
    Windows keeps access lists in place of modes; there the check is left to them.
    """
    try:
        handle = os.open(path, _OPEN)
    except OSError as error:
        raise SigningError(
            "KEY_NOT_FOUND",
            f"The private key file {printable(str(path))!r} cannot be opened: {error.strerror}.",
            hint="Check the path in the signer's URI; a relative one starts at the workspace.",
            path=str(path),
        ) from None
    with os.fdopen(handle, "rb", buffering=0) as file:
        # Asked of the open file, not of the name: nobody can swap it in between.
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _bad_file(path, "is not a file")
        if not public_knowledge:
            _check_private(path, status.st_mode)
        pem = file.read(KEY_FILE_LIMIT + 1)
    if len(pem) > KEY_FILE_LIMIT:
        raise _bad_file(path, f"has more than {KEY_FILE_LIMIT} bytes")
    return pem


def _check_private(path: Path, mode: int) -> None:
    if sys.platform == "win32":  # pragma: no cover - no modes there
        return
    if mode & _OTHERS:
        shown = printable(str(path))
        raise SigningError(
            "KEY_PERMISSIONS",
            f"The private key file {shown!r} is open to others (mode {stat.S_IMODE(mode):04o}).",
            hint=f"Run: chmod 600 {shown}    If somebody may have read it, replace the key.",
            path=str(path),
            mode=f"{stat.S_IMODE(mode):04o}",
        )


def _bad_file(path: Path, why: str) -> SigningError:
    return SigningError("BAD_KEY_FILE", f"The private key file {printable(str(path))!r} {why}.", path=str(path))


def open_key_file(path: Path, passphrase: Callable[[], bytes], *, public_knowledge: bool = False) -> PrivateKeyTypes:
    """Return the private key in the file at ``path``; ``passphrase`` is asked only when it is encrypted.

    Raises ``SigningError`` as `read_key_file` and `sealcast.signing.pem.read_pem` do.
    """
    pem = read_key_file(path, public_knowledge=public_knowledge)
    return read_pem(pem, passphrase() if is_encrypted(pem) else None)


def change_passphrase(path: Path, old: bytes | None, new: bytes | None) -> None:
    """Encrypt the private key at ``path`` anew, under ``new``; None leaves it without a passphrase.

    The new file is on the disk and was opened before it takes the old one's place. Older copies, and what the
    disk kept of the old file, still open with the old passphrase: a key that was exposed is replaced, not
    renamed. Raises ``SigningError`` as `open_key_file` does, EMPTY_PASSPHRASE, ``OSError``.
    """
    path = path.resolve()  # a link keeps pointing where it points
    private = read_pem(read_key_file(path), old)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
    try:
        create_durably(temporary, write_pem(private, new), mode=0o600)
        if read_pem(read_key_file(temporary), new).public_key() != private.public_key():
            raise AssertionError("The key changed while it was written.")
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_directory(path.parent)

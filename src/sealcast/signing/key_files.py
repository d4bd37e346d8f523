"""Private key files: made once, never overwritten, read only when nobody else can read them."""

from __future__ import annotations

import os
import shlex
import stat
import sys
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
from . import pem
from .key_types import KeyType
from .pem import Random
from .records import RECORD_SUFFIX, PublicRecord, record_bytes, record_of

KEY_FILE_LIMIT = 32 * KIB
"""Bytes a private key file may have; one of RSA-4096, the largest that Sealcast makes, has about 3.5 kB."""

KEY_SUFFIX = ".pem"
"""How the file name of a private key ends."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


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
    random: Random,
    uri: str | None = None,
    created: datetime | None = None,
) -> GeneratedKey:
    """Return a new key pair of the holder ``name``.

    The key itself is drawn from the system by the cryptographic library, ``random`` only protects its file.
    With ``passphrase`` None the private key is not encrypted: only for whoever asked for that in so many
    words. ``uri`` and ``created`` go into the record as they are. Raises ``ConfigError`` (UNSAFE_NAME),
    ``SigningError`` (EMPTY_PASSPHRASE).
    """
    check_name(name, "signing key")
    private = key_type.generate()
    record = record_of(SSlibKey.from_crypto(private.public_key()), name, uri, created)
    return GeneratedKey(pem.write_pem(private, passphrase, random), record)


def save_key(directory: Path, generated: GeneratedKey) -> tuple[Path, Path]:
    """Write NAME.pem (owner only) and NAME.pub.json into ``directory``, made when missing; return both paths.

    Nothing is ever overwritten: of two at once, one wins. Raises ``SigningError`` (KEY_EXISTS), ``OSError``;
    a key that could not be saved whole leaves no file.
    """
    private, public = free_paths(directory, generated.record.name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def save_record(directory: Path, record: PublicRecord) -> Path:
    """Write NAME.pub.json into ``directory``, made when missing, for a key that is in no file; return its path.

    Nothing is ever overwritten. Raises ``SigningError`` (KEY_EXISTS), ``OSError``.
    """
    _, public = free_paths(directory, record.name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not create_durably(public, record_bytes(record)):
        raise _exists(public)
    return public


def free_paths(directory: Path, name: str) -> tuple[Path, Path]:
    """Return where the key ``name`` would be saved: its private file and its record.

    Raises ``ConfigError`` (UNSAFE_NAME), ``SigningError`` (KEY_EXISTS) when one of them is there.
    """
    check_name(name, "signing key")
    paths = directory / f"{name}{KEY_SUFFIX}", directory / f"{name}{RECORD_SUFFIX}"
    for path in paths:
        if os.path.lexists(path):
            raise _exists(path)
    return paths


def _exists(path: Path) -> SigningError:
    return SigningError(
        "KEY_EXISTS",
        f"{printable(str(path))} is there already, and a key is never overwritten.",
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
        with open(path, "rb", opener=_open_at_once) as file:
            # Asked of the open file, not of the name: nobody can swap it in between.
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise _bad_file(path, "is not a file")
            if not public_knowledge:
                _check_private(path, mode)
            text = file.read(KEY_FILE_LIMIT + 1)
    except OSError as error:
        raise SigningError(
            "KEY_NOT_FOUND",
            f"The private key file {printable(str(path))} cannot be read: {error.strerror}.",
            hint="Check the path in the signer's URI; a relative one starts at the workspace.",
            path=str(path),
        ) from None
    if len(text) > KEY_FILE_LIMIT:
        raise _bad_file(path, f"has more than {KEY_FILE_LIMIT} bytes")
    return text


def _open_at_once(path: str, flags: int) -> int:
    # A pipe planted under the name of a key must be refused, not waited for.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_private(path: Path, mode: int) -> None:
    if sys.platform == "win32":  # pragma: no cover - no modes there
        return
    if mode & _OTHERS:
        shown = shlex.quote(printable(str(path)))
        raise SigningError(
            "KEY_PERMISSIONS",
            f"The private key file {shown} is open to others (mode {stat.S_IMODE(mode):04o}).",
            hint=f"Run: chmod 600 {shown}    — if somebody may have read it, replace the key.",
            path=str(path),
            mode=f"{stat.S_IMODE(mode):04o}",
        )


def _bad_file(path: Path, why: str) -> SigningError:
    return SigningError("BAD_KEY_FILE", f"The private key file {printable(str(path))} {why}.", path=str(path))


def is_encrypted(path: Path, *, public_knowledge: bool = False) -> bool:
    """Tell whether the private key at ``path`` asks for a passphrase.

    Raises ``SigningError`` as `read_key_file` does.
    """
    return pem.is_encrypted(read_key_file(path, public_knowledge=public_knowledge))


def open_key_file(path: Path, passphrase: Callable[[], bytes], *, public_knowledge: bool = False) -> PrivateKeyTypes:
    """Return the private key in the file at ``path``; ``passphrase`` is asked only when it is encrypted.

    Raises ``SigningError`` as `read_key_file` and `sealcast.signing.pem.read_pem` do.
    """
    text = read_key_file(path, public_knowledge=public_knowledge)
    try:
        return pem.read_pem(text, passphrase, what=printable(str(path)))
    except SigningError as error:
        error.data.setdefault("path", str(path))
        raise


def change_passphrase(path: Path, old: Callable[[], bytes], new: Callable[[], bytes | None], *, random: Random) -> None:
    """Encrypt the private key at ``path`` anew; a ``new`` passphrase of None leaves it without one.

    ``old`` is asked only when the key is encrypted, ``new`` only when it could be opened. The new file is on
    the disk and has been opened before it takes the old one's place. Older copies, and what the disk kept of
    the old file, still open with the old passphrase: a key that was exposed must be replaced.
    Raises ``SigningError``: as `open_key_file` does, EMPTY_PASSPHRASE, KEY_NOT_WRITTEN; ``OSError``.
    """
    path = path.resolve()  # a link keeps pointing where it points
    private = open_key_file(path, old)
    passphrase = new()
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{random(8).hex()}")
    try:
        create_durably(temporary, pem.write_pem(private, passphrase, random), mode=0o600)
        if not _holds(temporary, private, passphrase or b""):
            raise SigningError(
                "KEY_NOT_WRITTEN",
                f"The new file for {printable(str(path))} could not be read back as it was written.",
                safe="The old file was not touched.",
                hint="Check the disk.",
                path=str(path),
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def _holds(path: Path, private: PrivateKeyTypes, passphrase: bytes) -> bool:
    """Tell whether the file at ``path`` opens with ``passphrase`` and holds the key ``private``."""
    try:
        return open_key_file(path, lambda: passphrase).public_key() == private.public_key()
    except SigningError:
        return False

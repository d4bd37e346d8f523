"""Signers from URIs: where a private key is, and how it is asked to sign (DESIGN section 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from ..errors import SigningError
from ..values import printable
from . import cloud, pkcs11
from .examples import is_example
from .key_files import KEY_SUFFIX, open_key_file
from .key_types import KeyType, checked
from .kinds import Kind, Located, Place, Secrets
from .records import RECORD_SUFFIX, key_of, read_record

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.+)", re.DOTALL)


def open_signer(uri: str, key: Key, secrets: Secrets, *, folder: Path) -> Signer:
    """Return the signer that ``uri`` names, proven to belong to the public ``key``.

    ``file:PATH`` is an encrypted PKCS#8 PEM file, relative paths starting at ``folder``; ``pkcs11:`` a key in a token
    (`sealcast.signing.pkcs11`); ``awskms:``, ``gcpkms:``, ``azurekms:`` and ``hv:`` one in a service
    (`sealcast.signing.cloud`). Raises ``SigningError``: UNKNOWN_SIGNER, KEY_NOT_FOUND, KEY_PERMISSIONS, BAD_KEY_FILE,
    NO_PASSPHRASE, WRONG_PASSPHRASE, KEY_MISMATCH, BAD_SIGNER, and what the two modules name; ``VerificationError``:
    BAD_PUBLIC_KEY, KEYID_MISMATCH.
    """
    kind, place = _place(uri, secrets, folder)
    return kind.open(place, checked(key))


def locate(uri: str, secrets: Secrets, *, folder: Path) -> Located:
    """Return the public key of the signer that ``uri`` names, and a URI that means the same from any folder.

    For a file it is in the public record beside it; a token or a service is asked. Raises ``SigningError``:
    UNKNOWN_SIGNER where there is no such record, and else as `open_signer` does.
    """
    kind, place = _place(uri, secrets, folder)
    return kind.locate(place)


def absent(uri: str, secrets: Secrets, *, folder: Path) -> SigningError | None:
    """Say why there is no use in opening the signer on this machine; None where there is. Asks for no secret."""
    try:
        kind, place = _place(uri, secrets, folder)
        return kind.absent(place)
    except SigningError as error:
        return error


def make_in_token(uri: str, key_type: KeyType, secrets: Secrets, *, label: str) -> Located:
    """Make a key pair of this type in the token that a ``pkcs11:`` URI names, at the id that it names.

    The ``label`` is for the token's own software. Nothing is overwritten. Raises ``SigningError``: UNKNOWN_SIGNER,
    UNKNOWN_KEY_TYPE, KEY_EXISTS, and as `open_signer` does.
    """
    _, place = _place(uri, secrets, Path())
    if not uri.startswith("pkcs11:"):
        raise SigningError(
            "UNKNOWN_SIGNER",
            f"No key can be made at {printable(uri[:200])!r}.",
            hint="Keys are made in tokens (pkcs11:) and in files. For a key in a service, make it there, then run: "
            "sealcast key import",
        )
    return Located(uri, pkcs11.make(place, key_type, label))


def _place(uri: str, secrets: Secrets, folder: Path) -> tuple[Kind, Place]:
    found = _SCHEME.fullmatch(uri)
    kind = KINDS.get(found[1]) if found else None
    if found is None or kind is None:
        raise SigningError(
            "UNKNOWN_SIGNER",
            f"{printable(uri[:200])!r} names no signer that this version knows.",
            hint=f"Known: {', '.join(f'{scheme}:' for scheme in KINDS)} — for instance file:keys/alice.pem",
        )
    return kind, Place(uri, found[2], secrets, folder)


def _open_file(place: Place, key: SSlibKey) -> Signer:
    path = _path(place)
    private = open_key_file(
        path,
        lambda: place.secrets.passphrase(path.stem),
        # Everybody has the example keys, and a checkout leaves them readable: there is nothing to guard.
        public_knowledge=is_example(key.keyid),
    )
    try:
        return CryptoSigner(private, key)
    except ValueError:
        raise SigningError(
            "KEY_MISMATCH",
            f"The private key in {printable(str(path))} is not that of {key.keyid[:16]}….",
            hint="The signer's URI names another holder's file, or the file was replaced.",
            path=str(path),
            keyid=key.keyid,
        ) from None


def _locate_file(place: Place) -> Located:
    path = _path(place).absolute()
    record = path.with_name(path.name.removesuffix(KEY_SUFFIX) + RECORD_SUFFIX)
    if not record.is_file():
        raise SigningError(
            "UNKNOWN_SIGNER",
            f"The signer {printable(place.uri[:200])!r} has no public record beside it ({printable(record.name)}).",
            hint="Keep NAME.pub.json beside NAME.pem, as `sealcast key new` writes them.",
        )
    return Located(f"file:{path}", checked(key_of(read_record(record))))


def _absent_file(place: Place) -> SigningError | None:
    path = _path(place)
    if path.is_file():
        return None
    return SigningError("KEY_NOT_FOUND", f"The private key file {printable(str(path))} is not on this machine.")


def _path(place: Place) -> Path:
    """Return the path after ``file:``; ``///`` starts an absolute one (RFC 8089)."""
    path = place.rest.removeprefix("//") if place.rest.startswith("///") else place.rest
    if path.startswith(("//", "\\\\")):
        # Windows would ask that host, and hand it the user's credentials in doing so.
        raise SigningError(
            "BAD_SIGNER",
            "A file: signer names a path on another host.",
            hint="Copy the key, or mount the share.",
        )
    return place.folder / path


KINDS: Mapping[str, Kind] = MappingProxyType(
    {"file": Kind(_open_file, _locate_file, _absent_file), "pkcs11": pkcs11.KIND, **cloud.KINDS}
)
"""The kinds of signers, by the scheme of their URIs."""

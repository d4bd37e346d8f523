"""Public key records: what a key holder hands to others. Nothing in one is secret."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from securesystemslib.signer import Key, SSlibKey

from ..documents import KIB, Document, decode, encode
from ..errors import SigningError, VerificationError
from ..files import read_bounded
from ..values import check_name, format_time, parse_time, printable
from .key_types import checked

RECORD_LIMIT = 16 * KIB
"""Bytes a record may have; one of ML-DSA-65, the largest, has about 3 kB."""

RECORD_SUFFIX = ".pub.json"
"""How the file name of a record ends."""


class KeyValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public key itself, spelled as TUF spells it: hex for Ed25519, PEM for the others."""

    public: str


class PublicRecord(Document, frozen=True, kw_only=True, omit_defaults=True):
    """A public key with the name of its holder and, for the holder's own use, where its private key is.

    ``keyid`` is the hash that the TUF specification prescribes (section 4.2). Name, ``uri`` and ``created``
    stay outside the key itself: an extra field there would change the id, or part with it.
    """

    type: str = "sealcast/public-key/1"
    name: str
    keyid: str
    keytype: str
    scheme: str
    keyval: KeyValue
    uri: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    created: str | None = None


def read_record(path: Path) -> PublicRecord:
    """Return the record in the file at ``path``, its key decoded and its id computed anew.

    Raises ``SigningError`` (KEY_NOT_FOUND), ``ConfigError`` (UNSAFE_NAME) or ``VerificationError``:
    TOO_LARGE, BAD_METADATA, UNKNOWN_DOCUMENT, BAD_PUBLIC_KEY, KEYID_MISMATCH.
    """
    what = f"The public key record {printable(path.name)}"

    def too_large() -> VerificationError:
        return VerificationError("TOO_LARGE", f"{what} has more than the {RECORD_LIMIT} bytes it may have.")

    try:
        data = read_bounded(path, RECORD_LIMIT, too_large)
    except OSError as error:
        raise SigningError(
            "KEY_NOT_FOUND",
            f"{what} cannot be opened: {error.strerror}.",
            hint="A record is a file such as keys/alice.pub.json; its holder makes it with: sealcast key new",
            path=str(path),
        ) from None
    record = decode(data, PublicRecord, what=what, limit=RECORD_LIMIT)
    check_name(record.name, "signing key")
    if record.created is not None:
        parse_time(record.created)
    checked(key_of(record), what)
    return record


def read_records(folder: Path) -> tuple[PublicRecord, ...]:
    """Return the records in ``folder``, by file name; none where it is missing. Raises as `read_record` does."""
    return tuple(read_record(path) for path in sorted(folder.glob(f"*{RECORD_SUFFIX}")))


def key_of(record: PublicRecord) -> Key:
    """Return the record's key as TUF metadata lists it, with no field beyond the specification's."""
    return SSlibKey(record.keyid, record.keytype, record.scheme, {"public": record.keyval.public})


def record_of(key: Key, name: str, uri: str | None = None, created: datetime | None = None) -> PublicRecord:
    """Return the record of ``key``, held by ``name``.

    Raises ``ConfigError`` (UNSAFE_NAME), ``VerificationError``: BAD_PUBLIC_KEY, KEYID_MISMATCH.
    """
    own = checked(key)
    return PublicRecord(
        name=check_name(name, "signing key"),
        keyid=own.keyid,
        keytype=own.keytype,
        scheme=own.scheme,
        keyval=KeyValue(public=own.keyval["public"]),
        uri=uri,
        created=None if created is None else format_time(created),
    )


def record_bytes(record: PublicRecord) -> bytes:
    """Return the record as it is written to a file: canonical, and one newline for people's tools."""
    return encode(record) + b"\n"

"""Where a key is in a token: ``pkcs11:`` URIs, in the short form and in that of RFC 7512."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ..errors import SigningError
from ..values import printable

_TOKEN = ("token", "serial", "manufacturer", "model")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_LONGEST_ID = 64
_FORM = "For instance pkcs11:root-b?id=02, or pkcs11:token=root-b;id=%02"

_REFUSED = {
    "pin-value": "A PIN never stands in a URI: set SEALCAST_PIN, or type it when asked.",
    "pin-source": "A PIN comes from SEALCAST_PIN, or is typed when asked.",
    "module-path": "A URI travels, and must not name code to load: set SEALCAST_PKCS11_MODULE.",
    "module-name": "A URI travels, and must not name code to load: set SEALCAST_PKCS11_MODULE.",
}


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What must hold of a token and of the key in it; what is None may be anything.

    ``id`` is the key's CKA_ID, ``label`` its CKA_LABEL. At least one of them is given, and the token by its label or
    its serial number.
    """

    token: str | None = None
    serial: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    id: bytes | None = None
    label: str | None = None

    def __str__(self) -> str:
        named = {"id": self.id.hex() if self.id else None, "label": self.label}
        return " and ".join(f"{name} {printable(value)}" for name, value in named.items() if value is not None)

    @property
    def token_name(self) -> str:
        """The token, as messages call it."""
        return printable(self.token or f"with the serial number {self.serial}")


def parse(rest: str) -> TokenKey:
    """Return what ``rest``, a URI after ``pkcs11:``, asks for.

    Read are ``TOKEN?id=HEX`` (and ``object=LABEL``), and of RFC 7512 (section 2.3) token, serial, manufacturer, model,
    id, object and type. Raises ``SigningError`` (BAD_SIGNER).
    """
    found: dict[str, str] = {}
    path, _, query = rest.partition("?")
    for name, value in (*_path(path), *_query(query)):
        if name in found:
            raise _bad(f"names {name} twice")
        found[name] = value
    kind = found.pop("type", "private")
    if kind not in {"private", "public"}:
        raise _bad(f"asks for an object of the type {printable(kind[:40])!r}")
    key = TokenKey(
        id=_id(found.pop("id")) if "id" in found else None,
        label=found.pop("object", None),
        **found,
    )
    if not (key.token or key.serial):
        raise _bad("names no token")
    if not (key.id or key.label):
        raise _bad("names no key in the token")
    return key


def _path(path: str) -> Iterator[tuple[str, str]]:
    if path and "=" not in path and ";" not in path:
        yield "token", _text(path)
        return
    for attribute in filter(None, path.split(";")):
        name, _, value = attribute.partition("=")
        if name == "id":
            # By the standard, id=02 would be the two characters 0 and 2. Nobody means that.
            if not _ESCAPED.fullmatch(value):
                raise _bad("has an id that is not escaped", "Before the question mark an id is written id=%02.")
            yield name, unquote_to_bytes(value).hex()
        elif name in (*_TOKEN, "object", "type"):
            yield name, _text(value)
        else:
            raise _unknown(name)


def _query(query: str) -> Iterator[tuple[str, str]]:
    for attribute in filter(None, query.split("&")):
        name, _, value = attribute.partition("=")
        if name not in {"id", "object"}:
            raise _unknown(name)
        yield name, _text(value)


def _text(value: str) -> str:
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("is not UTF-8 text") from None


def _id(text: str) -> bytes:
    if not _HEX.fullmatch(text):
        raise _bad("has an id that is no hex", "After the question mark an id is two hex digits for each byte: id=02.")
    return usable_id(bytes.fromhex(text))


def usable_id(value: bytes) -> bytes:
    """Return ``value`` if the library that signs can ask for a key of this id. Raises ``SigningError`` (BAD_SIGNER)."""
    if not value or value[0] == 0:
        raise SigningError(
            "BAD_SIGNER",
            f"The key's id {value.hex() or '(none)'} starts with a zero byte, and cannot be addressed.",
            hint="securesystemslib takes ids for numbers. Give the key another id in the token, such as 02.",
        )
    if len(value) > _LONGEST_ID:
        raise SigningError("BAD_SIGNER", f"The key's id has more than {_LONGEST_ID} bytes.")
    return value


def _unknown(name: str) -> SigningError:
    if name in _REFUSED:
        return _bad(f"has {name}", _REFUSED[name])
    return _bad(f"has {printable(name[:40])!r}, which is not known here")


def _bad(why: str, hint: str = _FORM) -> SigningError:
    return SigningError("BAD_SIGNER", f"The signer's pkcs11: URI {why}.", hint=hint)

"""Typed JSON documents, read so that no two parsers can differ about them.

Reading is strict: size bounded before parsing, no duplicate key, no NaN, no number that JavaScript cannot hold.
Unknown fields are ignored, unless the document names them in ``must_understand`` (DESIGN section 4).
Writing is canonical: sorted keys, no spaces, so that equal documents are equal bytes.
"""

from __future__ import annotations

import functools
import json
import math
import re
from typing import Any, TypeVar

import msgspec

from .errors import VerificationError
from .values import MAX_INTEGER

KIB = 1024
MIB = 1024 * KIB

MAX_DEPTH = 32
"""How deep a document may nest: far more than any needs, and far less than makes a reader run out of stack."""

_CONTAINERS = frozenset({dict, list})
# A number in an object or a list, as canonical bytes have it, that may be out of range. Three expressions, since one
# that starts with a single byte is found ten times as fast.
_LONG = tuple(re.compile(mark + rb"-?[0-9]{16}") for mark in (rb":", rb",", rb"\["))

T = TypeVar("T", bound=msgspec.Struct)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What every document starts with: its kind and version, and the fields that a reader may not ignore."""

    type: str
    must_understand: tuple[str, ...] = ()


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document that there may be a hundred thousand of: msgspec writes it as it is, in one go.

    Only for structs whose fields are texts, numbers and tuples of them, and whose only default is ``False``.
    """


def whole(pattern: str) -> str:
    """Return the regular expression that a whole text must match, as documents and JSON Schemas state it.

    Python's ``$`` also matches before a final newline; the look-ahead makes all dialects agree that there is none.
    """
    return rf"^{pattern}(?!\n)$"


def encode(value: object) -> bytes:
    """Return the canonical bytes of a document: sorted keys, no spaces, UTF-8, defaults left out."""
    return msgspec.json.encode(plain(value), order="sorted")


def encode_parsed(value: object) -> bytes:
    """Return the canonical bytes of what `parse` returned, as `encode` does, in a tenth of its time."""
    return msgspec.json.encode(value, order="sorted")


def plain(value: object) -> Any:
    """Return ``value`` as plain lists, objects, strings and integers; fields at their default are left out.

    Not msgspec's own conversion: that tells a default by identity, so equal documents could become different bytes.
    Leaves stay what they are. Raises ``ValueError`` for a number that JSON does not have.
    """
    if isinstance(value, Leaf):
        return value
    if isinstance(value, msgspec.Struct):
        found = {}
        for attribute, name, default in _fields(type(value)):
            item = getattr(value, attribute)
            if item != default or type(item) is not type(default):
                found[name] = plain(item)
        return found
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not JSON compliant")
    return value


def decode_canonical(data: bytes, kind: type[T]) -> T | None:
    """Return the document that ``data`` holds if they are the very bytes that `encode` writes for it, else None.

    Such bytes leave no two parsers a choice, so `parse` need not look at them: it takes ten times as long. What is
    written in any other way, demands something, or is no such document, is for `decode` to judge.
    """
    try:
        document = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if isinstance(document, Document) and (document.type != _kind_of(type(document))[0] or document.must_understand):
        return None
    return document if encode(document) == data else None


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, object], ...]:
    """Return attribute, name and default of each field of ``kind``; what has none, or is always written, gets one."""
    always = object()
    fields = []
    for field in msgspec.structs.fields(kind):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        # The kind of a document is the default of its type, and must be written all the same.
        if not kind.__struct_config__.omit_defaults or (field.name == "type" and issubclass(kind, Document)):
            default = always
        fields.append((field.name, field.encode_name, default))
    return tuple(fields)


def parse(data: bytes, *, what: str, limit: int) -> Any:
    """Return the JSON value that ``data`` holds, refusing whatever two parsers could read differently.

    ``what`` names the document in messages; ``limit`` is in bytes. Raises ``VerificationError``: TOO_LARGE or
    BAD_METADATA.
    """
    if len(data) > limit:
        raise VerificationError("TOO_LARGE", f"{what} has {len(data)} bytes, more than the {limit} it may have.")
    try:
        value = _parse_canonical(data)
        _check_depth(value)
        return value
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass  # it is to be said what is wrong with it, or it is right and written in another way
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_no_float,
        )
        _check_depth(value)
        if "\\u" in text:  # the only way for half a character to stand in UTF-8
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeDecodeError as error:
        raise bad(what, "it is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise bad(what, f"it is not JSON ({error.msg}, line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise bad(what, "it nests too deep") from error
    except UnicodeEncodeError as error:
        raise bad(what, "it holds half of a character (a lone surrogate)") from error
    except ValueError as error:
        raise bad(what, str(error)) from error


def decode(data: bytes, kind: type[T], *, what: str, limit: int) -> T:
    """Return the document of type ``kind`` that ``data`` holds.

    Raises ``VerificationError``: TOO_LARGE, BAD_METADATA, or UNKNOWN_DOCUMENT when it is of another kind or version, or
    demands a field that this version does not know.
    """
    return convert(parse(data, what=what, limit=limit), kind, what=what)


def convert(value: Any, kind: type[T], *, what: str) -> T:
    """Return the document of type ``kind`` that the parsed ``value`` holds. Raises as `decode` does."""
    if not isinstance(value, dict):
        raise bad(what, "it is not an object")
    if issubclass(kind, Document):
        _check_kind(value, kind, what)
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, ValueError) as error:
        raise bad(what, str(error)) from error


def bad(what: str, why: str) -> VerificationError:
    """Return the error for a document that cannot be read: ``why`` goes on after «cannot be read:»."""
    return VerificationError("BAD_METADATA", f"{what} cannot be read: {why}.")


@functools.cache
def _kind_of(kind: type[Document]) -> tuple[object, frozenset[str]]:
    """Return what a document's type must be, and the names of its fields."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    return fields["type"].default, frozenset(fields)


def _check_kind(value: dict[str, Any], kind: type[Document], what: str) -> None:
    expected, names = _kind_of(kind)
    if value.get("type") != expected:
        raise VerificationError(
            "UNKNOWN_DOCUMENT",
            f"{what} is of type {str(value.get('type'))[:80]!r}, where {expected!r} is understood.",
            hint="A newer Sealcast may understand it: update the client.",
        )
    demanded = value.get("must_understand", [])
    if not isinstance(demanded, list):
        raise bad(what, "must_understand is not a list")
    for name in demanded:
        if not isinstance(name, str) or name not in names:
            raise VerificationError(
                "UNKNOWN_DOCUMENT",
                f"{what} demands that its field {str(name)[:80]!r} be understood, which this version does not know.",
                hint="Update the client.",
            )


def _check_depth(value: Any) -> None:
    """Go down level by level, not by recursion. A level is a list of the lists and objects on it."""
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _CONTAINERS  # exact types are all that json makes, and the fastest to ask for
        ]
        if not level:
            return
    raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")


def _parse_canonical(data: bytes) -> Any:
    """Return the value that ``data`` holds if they are the very bytes that `encode` writes for it.

    No two parsers read such bytes differently. Raises ``msgspec.DecodeError``, ``ValueError`` or ``RecursionError``.
    """
    value = _CANONICAL.decode(data)
    long = any(number.search(data) for number in _LONG)
    if long or type(value) not in _CONTAINERS or encode_parsed(value) != data:
        raise ValueError("it is not canonical")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands in it twice")
    return value


def _integer(text: str) -> int:
    # The length check comes first: int() of a million digits would take seconds.
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise ValueError(f"the number {text[:40]} is out of range")
    return int(text)


def _no_float(text: str) -> float:
    raise ValueError(f"the number {text[:40]} is not an integer")


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_CANONICAL = msgspec.json.Decoder(float_hook=_no_float)

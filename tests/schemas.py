"""JSON Schemas of every public document, made from the types that read them: ``python -m tests.schemas``.

They say what a document of this version looks like. They do not say what no schema can: that a key stands once, what
must not contradict what, and how ``must_understand`` works; ``docs/reference/formats.md`` does.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sealcast.ceremony import Proposal, Statement
from sealcast.documents import Document
from sealcast.model import CarriedFloor, ChannelDocument, HaltDocument, Manifest, Policy
from sealcast.packs import DeltaHeader, PackHeader
from sealcast.signing import PublicRecord

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"


class Public(NamedTuple):
    """A kind of document that others may read or write."""

    kind: type[Document]
    title: str


PUBLIC = {
    "carried-floor": Public(CarriedFloor, "Carried floor"),
    "channel": Public(ChannelDocument, "Channel document"),
    "delta": Public(DeltaHeader, "Header of a delta"),
    "halt": Public(HaltDocument, "Halt document"),
    "manifest": Public(Manifest, "Manifest"),
    "pack": Public(PackHeader, "Header of a pack"),
    "policy": Public(Policy, "Policy of an app"),
    "proposal": Public(Proposal, "Proposal"),
    "public-key": Public(PublicRecord, "Public key record"),
    "statement": Public(Statement, "Statement"),
}


def schema(name: str) -> dict[str, Any]:
    """Return the schema of the public document of this name."""
    kind, title = PUBLIC[name]
    made = msgspec.json.schema(kind)
    parts = {part: _plain(value) for part, value in sorted(made["$defs"].items())}
    top = parts.pop(kind.__name__)
    marker = top["properties"]["type"]["default"]
    # Its default tells the kind in Python; in a file it must be there.
    top["properties"]["type"] = {"const": marker}
    top["required"] = ["type", *top["required"]]
    _, word, version = marker.split("/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:sealcast:{word}:{version}",
        "title": f"{title}, version {version}",
        **{key: value for key, value in top.items() if key != "title"},
        **({"$defs": parts} if parts else {}),
    }


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    """Return one definition with its docstring as plain text."""
    text = inspect.cleandoc(part["description"])
    return part | {"description": re.sub(r"\s+", " ", text.replace("``", "`"))}


def text_of(name: str) -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def path_of(name: str) -> Path:
    """Return where the schema lies."""
    return FOLDER / f"{name}.schema.json"


def main() -> None:
    """Write every schema again."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PUBLIC:
        path_of(name).write_text(text_of(name), "utf-8", newline="\n")


# ---------------------------------------------------------------------------------------------------- validation


class At(NamedTuple):
    """Where a validation stands: the schema as a whole, the part that holds the keyword, and the place."""

    whole: dict[str, Any]
    part: dict[str, Any]
    place: str

    def check(self, value: Any, part: dict[str, Any], step: str = "") -> Iterator[str]:
        """Yield why ``value`` does not satisfy ``part``."""
        at = At(self.whole, part, self.place + step)
        for keyword, wanted in part.items():
            if keyword in _WALKS:
                yield from _WALKS[keyword](value, wanted, at)
            elif keyword not in _ANNOTATIONS and not _CHECKS[keyword](value, wanted):
                yield f"{at.place}: {keyword} {wanted!r}"


def faults(value: Any, whole: dict[str, Any]) -> list[str]:
    """Return why ``value`` does not satisfy a schema, as any validator would find.

    Knows the keywords that our schemas use and raises ``KeyError`` for any other, so that none goes unnoticed.
    """
    return list(At(whole, whole, "$").check(value, whole))


def _ref(value: Any, wanted: str, at: At) -> Iterator[str]:
    return at.check(value, at.whole["$defs"][wanted.removeprefix("#/$defs/")])


def _any_of(value: Any, wanted: list[dict[str, Any]], at: At) -> Iterator[str]:
    if all(list(at.check(value, choice)) for choice in wanted):
        yield f"{at.place}: none of the choices"


def _properties(value: Any, wanted: dict[str, Any], at: At) -> Iterator[str]:
    for name in wanted:
        if isinstance(value, dict) and name in value:
            yield from at.check(value[name], wanted[name], f".{name}")


def _additional(value: Any, wanted: Any, at: At) -> Iterator[str]:
    for name in set(value if isinstance(value, dict) else ()) - set(at.part.get("properties", ())):
        if wanted is False:
            yield f"{at.place}.{name}: not foreseen"
        else:
            yield from at.check(value[name], wanted, f".{name}")


def _names(value: Any, wanted: dict[str, Any], at: At) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        yield from at.check(name, wanted, f": the name {name!r}")


def _items(value: Any, wanted: dict[str, Any], at: At) -> Iterator[str]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from at.check(item, wanted, f"[{number}]")


_WALKS: dict[str, Any] = {
    "$ref": _ref,
    "anyOf": _any_of,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
}
_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default"}
_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "null": type(None),
}
_CHECKS: dict[str, Any] = {
    "const": lambda value, wanted: type(value) is type(wanted) and value == wanted,
    "type": lambda value, wanted: type(value) is _TYPES[wanted],
    "required": lambda value, wanted: not isinstance(value, dict) or set(wanted) <= set(value),
    "minimum": lambda value, wanted: type(value) is not int or value >= wanted,
    "maximum": lambda value, wanted: type(value) is not int or value <= wanted,
    "minLength": lambda value, wanted: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda value, wanted: not isinstance(value, str) or len(value) <= wanted,
    "minProperties": lambda value, wanted: not isinstance(value, dict) or len(value) >= wanted,
    "maxProperties": lambda value, wanted: not isinstance(value, dict) or len(value) <= wanted,
    "minItems": lambda value, wanted: not isinstance(value, list) or len(value) >= wanted,
    "maxItems": lambda value, wanted: not isinstance(value, list) or len(value) <= wanted,
    # As ECMAScript reads it: there, $ is the end of the text and never a place before a final newline.
    "pattern": lambda value, wanted: not isinstance(value, str) or bool(re.search(wanted.replace("$", r"\Z"), value)),
}

if __name__ == "__main__":
    main()

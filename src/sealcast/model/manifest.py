"""The manifest: every file of one release, and the packs that hold their contents (DESIGN section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated

import msgspec

from ..documents import MIB, Document, Leaf, bad, convert, decode_canonical, encode, encode_parsed, parse, plain, whole
from ..errors import ObjectError
from ..values import MAX_INTEGER, Content, check_paths, is_digest

MANIFEST_LIMIT = 64 * MIB
"""Bytes a manifest may have: about 400,000 files."""

Size = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Digest = Annotated[str, msgspec.Meta(pattern=whole("[0-9a-f]{64}"))]
Run = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)], ...], msgspec.Meta(min_length=2, max_length=3)
]
"""Either ``[first, count]``: whole contents, or ``[content, offset, length]``: a part of one (bytes)."""


class File(Leaf, frozen=True, kw_only=True, omit_defaults=True):
    """One file: where it goes, what it holds, and whether it may be executed."""

    path: str
    size: Size
    sha256: Digest
    executable: bool = False

    @property
    def content(self) -> Content:
        """The file's digest and size."""
        return Content(self.sha256, self.size)


class Pack(Leaf, frozen=True, kw_only=True):
    """One pack object, and which contents of the manifest its pieces rebuild, in order."""

    sha256: Digest
    size: Size
    holds: tuple[Run, ...]

    @property
    def content(self) -> Content:
        """The pack's digest and size."""
        return Content(self.sha256, self.size)


class Manifest(Document, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """A release's files in path order, and its packs.

    The **contents** of a manifest are its distinct non-empty digests, in the order of the first path that has them;
    runs in packs and deltas name contents by their number in that order.
    """

    type: str = "sealcast/manifest/1"
    app: str
    version: str
    platform: str
    encoder: dict[str, str]
    files: tuple[File, ...]
    packs: tuple[Pack, ...]

    @cached_property
    def contents(self) -> tuple[Content, ...]:
        """Every distinct non-empty content, in the order that runs count by."""
        distinct = dict.fromkeys((file.sha256, file.size) for file in self.files if file.size)
        return tuple(Content(sha256, size) for sha256, size in distinct)

    @cached_property
    def paths(self) -> Mapping[str, tuple[str, ...]]:
        """The paths that have each content, by digest, in path order; empty files left out."""
        paths: dict[str, list[str]] = {}
        for file in self.files:
            if file.size:
                paths.setdefault(file.sha256, []).append(file.path)
        return {digest: tuple(where) for digest, where in paths.items()}

    @cached_property
    def first_paths(self) -> tuple[str, ...]:
        """The first path of each content, in the order of `contents`."""
        first: dict[str, str] = {}
        for file in self.files:
            if file.size:
                first.setdefault(file.sha256, file.path)
        return tuple(first.values())

    @property
    def size(self) -> int:
        """Bytes that the release's files take."""
        return sum(file.size for file in self.files)


def read_manifest(data: bytes, *, what: str = "The manifest") -> Manifest:
    """Return the manifest that ``data`` holds.

    Raises ``VerificationError`` (TOO_LARGE, BAD_METADATA, UNKNOWN_DOCUMENT) or ``ObjectError`` (UNSAFE_NAME) for a path
    that may not be written.
    """
    manifest = decode_canonical(data, Manifest) if len(data) <= MANIFEST_LIMIT else None
    return _checked(manifest or convert(parse(data, what=what, limit=MANIFEST_LIMIT), Manifest, what=what), what)


def skeleton(manifest: Manifest, made: Iterable[int]) -> bytes:
    """Return the manifest's bytes with the digests of the contents ``made`` left blank.

    A delta carries this: the client computes those digests from what it rebuilt, and the whole manifest's own signed
    digest proves them (new digests do not compress, so they would cost more than the change itself).
    """
    blank = {manifest.contents[number].sha256: number for number in made}
    blanked = plain(manifest)
    blanked["files"] = [
        msgspec.to_builtins(file) | {"sha256": blank[file.sha256]} if file.sha256 in blank else file
        for file in manifest.files
    ]
    return encode(blanked)


def complete(skeleton_bytes: bytes, digests: Mapping[int, str]) -> bytes:
    """Return a manifest's bytes from its skeleton and the digests of the contents that were left blank, by number.

    Raises ``VerificationError`` (BAD_METADATA) when the skeleton asks for a digest that ``digests`` lacks.
    """
    what = "The manifest in the delta"
    blanked = parse(skeleton_bytes, what=what, limit=MANIFEST_LIMIT)
    try:
        for file in blanked["files"]:
            if type(file["sha256"]) is int:
                file["sha256"] = digests[file["sha256"]]
    except (KeyError, TypeError) as error:
        raise bad(what, "it does not fit what the delta rebuilds") from error
    return encode_parsed(blanked)


def skeleton_contents(skeleton_bytes: bytes) -> tuple[tuple[str | None, int], ...]:
    """Return digest and size of each content of a skeleton, in order; None where the digest was left blank.

    Raises ``VerificationError`` (BAD_METADATA).
    """
    what = "The manifest in the delta"
    blanked = parse(skeleton_bytes, what=what, limit=MANIFEST_LIMIT)
    try:
        keys = dict.fromkeys((file["sha256"], file["size"]) for file in blanked["files"] if file["size"] != 0)
    except (KeyError, TypeError) as error:
        raise bad(what, "it is not a manifest") from error
    if any(type(size) is not int or size < 1 for _, size in keys):
        raise bad(what, "a size is not a positive number")
    if any(type(key) is int and key != number for number, (key, _) in enumerate(keys)):
        raise bad(what, "its blanks are out of order")
    if any(type(key) is not int and not (isinstance(key, str) and is_digest(key)) for key, _ in keys):
        raise bad(what, "it lists a content by neither a digest nor a number")
    return tuple((None if type(key) is int else key, size) for key, size in keys)


def _checked(manifest: Manifest, what: str) -> Manifest:
    paths = [file.path for file in manifest.files]
    check_paths(paths)
    if paths != sorted(paths):
        raise bad(what, "its files are not in path order")
    sizes: dict[str, int] = {}
    for file in manifest.files:
        if sizes.setdefault(file.sha256, file.size) != file.size:
            raise bad(what, "one digest has two sizes")
    return manifest


def check_holds(manifest: Manifest, pieces: Sequence[tuple[int, int, int]]) -> None:
    """Check that ``pieces`` (content, offset, length), of all packs together, cover every content exactly once.

    Raises ``ObjectError`` (BAD_PACK): a release that could not be installed from its packs must not be published.
    """
    ends = [0] * len(manifest.contents)
    for content, offset, length in sorted(pieces):
        if not 0 <= content < len(ends) or offset != ends[content] or length < 1:
            raise ObjectError("BAD_PACK", f"The packs do not hold content {content} exactly once.")
        ends[content] += length
    short = [number for number, content in enumerate(manifest.contents) if ends[number] != content.size]
    if short:
        raise ObjectError("BAD_PACK", f"The packs do not hold content {short[0]} whole.")

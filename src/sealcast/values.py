"""The small values that everything else is made of: digests, names, paths, times.

Each is checked once, where bytes enter the program; inside, a value that exists is a good one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from .errors import ConfigError, ObjectError, VerificationError

MAX_INTEGER = 2**53 - 1
"""The largest integer in a document: the last that every JSON reader holds exactly (RFC 8259, section 6)."""

Clock = Callable[[], datetime]
"""Returns the present instant, in UTC. Only the edges of the program own one."""

Progress = Callable[[int, int, str], None]
"""Told how far something long is: done, total (both in the same unit), and a few words on what."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_DRIVE = re.compile(r"[A-Za-z]:")
# Windows looks at what stands before the first dot, less its trailing spaces: "nul .tar.gz" is the null device.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_WINDOWS_FORBIDDEN = re.compile(r'[<>:"|?*\\]')
# Cc controls, Cf format and bidi characters, Cs lone surrogates, Co private use, Zl and Zp separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# What may stand in a path without a second thought, and the newline that stands between two.
_HARMLESS = bytes(sorted(set(range(0x20, 0x7F)) - set(b'<>:"|?*\\') | {0x0A}))
_DEVICE = re.compile(rb"/(?:con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9]|lpt[0-9]) *[./]")
_MAX_NAME = 64
_MAX_PATH = 1024
_MAX_COMPONENT = 255


class Content(NamedTuple):
    """Bytes known by their digest: ``sha256`` in lower-case hex, and ``size`` in bytes."""

    sha256: str
    size: int


def content_of(data: bytes) -> Content:
    """Return the digest and size of ``data``."""
    return Content(hashlib.sha256(data).hexdigest(), len(data))


def is_digest(text: str) -> bool:
    """Tell whether ``text`` is a SHA-256 digest in lower-case hex."""
    return _DIGEST.fullmatch(text) is not None


def object_path(sha256: str) -> str:
    """Return where the object of this digest lies in a site (DESIGN section 3).

    Raises ``VerificationError`` (BAD_METADATA) for anything but a digest: the result becomes a path.
    """
    if not is_digest(sha256):
        raise VerificationError("BAD_METADATA", f"{sha256[:80]!r} is not a SHA-256 digest in lower-case hex.")
    return f"objects/{sha256[:2]}/{sha256}"


def no_progress(done: int, total: int, what: str) -> None:
    """Take no notice: what stands in where nobody watches."""


def check_name(text: str, what: str) -> str:
    """Return ``text`` if it may name an app, a channel, a platform or a signing key.

    Raises ``ConfigError`` (UNSAFE_NAME). Names become parts of paths, so device names of Windows are refused too.
    """
    if len(text) > _MAX_NAME or not _NAME.fullmatch(text) or _RESERVED.fullmatch(text):
        raise ConfigError(
            "UNSAFE_NAME",
            f"{text[:80]!r} cannot name a {what}.",
            hint=f"Use lower-case letters, digits and inner hyphens, {_MAX_NAME} characters at most, and no name that "
            "Windows gives to a device (con, nul, com1).",
        )
    return text


def path_flaw(path: str) -> str | None:
    """Say why ``path`` may not stand in a manifest, or return None if it may.

    A path must mean the same file on every system: relative, NFC, separated by ``/``, free of what one of the file
    systems reads otherwise (Windows device names, drive letters, trailing dots) and of what a reader's eye cannot see
    (bidi controls, joiners: so no emoji that is joined from several).
    """
    if not path:
        return "is empty"
    if len(path) > _MAX_PATH or len(path.encode("utf-8", "surrogatepass")) > _MAX_PATH:
        return f"is longer than {_MAX_PATH} bytes"
    if path.startswith("/") or _DRIVE.match(path):
        return "is absolute"
    plain = path.isascii() and path.isprintable()  # most are, and asking about each character is slow
    if not plain and (flaw := _character_flaw(path)):
        return flaw
    if found := _WINDOWS_FORBIDDEN.search(path):
        return f"holds {found[0]!r}, which Windows forbids"
    if not plain and not unicodedata.is_normalized("NFC", path):
        return "is not in Unicode normal form C"
    for component in path.split("/"):
        if flaw := _component_flaw(component):
            return flaw
    return None


def _character_flaw(path: str) -> str | None:
    for character in path:
        number = ord(character)
        if unicodedata.category(character) in _REFUSED_CATEGORIES:
            return f"holds the control, format or private character U+{number:04X}"
        if number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF:
            return f"holds U+{number:04X}, which Unicode never gives a meaning"
    return None


@lru_cache(maxsize=4096)  # a release has few directories, and they stand in every path
def _component_flaw(component: str) -> str | None:
    if component == "":
        return "has an empty component"
    if component in {".", ".."}:
        return f"has the component {component!r}"
    if component.endswith((".", " ")) or component.startswith(" "):
        return "has a component with an outer space or a trailing dot"
    if len(component.encode()) > _MAX_COMPONENT:
        return f"has a component longer than {_MAX_COMPONENT} bytes"
    if _RESERVED.fullmatch(component):
        return f"has the component {component!r}, which names a device on Windows"
    return None


def check_paths(paths: Iterable[str]) -> None:
    """Check a whole release's paths, one by one and against each other.

    Raises ``ObjectError`` (UNSAFE_NAME): a flaw, two paths equal under case folding and normalisation, or a file
    where another path needs a directory.
    """
    listed = list(paths)
    if not _all_sound(listed):
        _check_one_by_one(listed)


def _check_one_by_one(paths: Iterable[str]) -> None:
    """Check paths as `check_paths` promises, and say which is wrong, and why."""
    files: dict[str, str] = {}
    directories: dict[str, str] = {}  # as first written, by their folded form
    entered: set[str] = {""}
    for path in paths:
        if flaw := path_flaw(path):
            raise _unsafe(path, flaw)
        directory = path.rpartition("/")[0]
        if directory not in entered:
            _enter(directory, path, files, directories)
            entered.add(directory)
        folded = _folded(path)
        if folded in files:
            raise _unsafe(path, f"is the same as {files[folded]!r} where case does not count")
        if folded in directories:
            raise _unsafe(path, "is a file where another path needs a directory")
        files[folded] = path


def _all_sound(paths: Sequence[str]) -> bool:
    """Tell whether a release's paths are beyond doubt: what is not may still pass when it is looked at one by one.

    The same rules, asked of all paths at once: a hundred thousand take a tenth of the time.
    """
    plain = [path for path in paths if path.isascii()]
    text = "/{}/".format("/\n/".join(plain)).lower().encode()  # every component stands between two slashes
    if max(map(len, plain), default=0) > _MAX_COMPONENT or text.count(b"\n") != max(len(plain) - 1, 0):
        return False
    if text.translate(None, _HARMLESS) or any(pair in text for pair in (b"//", b"/ ", b" /", b"./")):
        return False
    if _DEVICE.search(text):
        return False
    if any(path_flaw(path) for path in paths if not path.isascii()):
        return False
    directories = {path.rpartition("/")[0] for path in paths}
    above = directories
    while above := {path.rpartition("/")[0] for path in above} - directories:
        directories |= above
    files, folders = {_folded(path) for path in paths}, {_folded(path) for path in directories}
    return len(files) == len(paths) and len(folders) == len(directories) and files.isdisjoint(folders)


def _enter(directory: str, path: str, files: dict[str, str], directories: dict[str, str]) -> None:
    """Note ``directory``, which ``path`` needs, and each above it."""
    parts = directory.split("/")
    for depth in range(1, len(parts) + 1):
        above = "/".join(parts[:depth])
        folded = _folded(above)
        if folded in files:
            raise _unsafe(path, f"needs a directory where {files[folded]!r} is a file")
        if directories.setdefault(folded, above) != above:
            raise _unsafe(path, f"has a directory that differs from {directories[folded]!r} only in case")


def _folded(path: str) -> str:
    """Return what is equal for all paths that some file system takes for one (Unicode 3.13, definition D146)."""
    if path.isascii():
        return path.lower()
    folded = unicodedata.normalize("NFD", path).casefold()
    folded = unicodedata.normalize("NFKC", folded).casefold()
    return unicodedata.normalize("NFKC", folded)


def _unsafe(path: str, flaw: str) -> ObjectError:
    return ObjectError(
        "UNSAFE_NAME",
        f"The path {path[:200]!r} {flaw}.",
        hint="Rename the file: a release must mean the same on every system.",
        path=path[:200],
    )


def parse_time(text: str) -> datetime:
    """Return the instant that ``text`` (``2026-01-31T12:00:00Z``) names.

    Raises ``VerificationError`` (BAD_METADATA).
    """
    try:
        if _TIME.fullmatch(text):
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:  # a thirtieth of February: the pattern fits, the calendar does not
        pass
    raise VerificationError("BAD_METADATA", f"{text[:80]!r} is not a time such as 2026-01-31T12:00:00Z.")


def format_time(instant: datetime) -> str:
    """Return ``instant`` in UTC to the second, as documents hold it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def printable(text: str) -> str:
    """Return ``text`` with everything escaped that a terminal or a reader's eye could take for something else."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]  # controls and formats are not printable
        for character in text
    )

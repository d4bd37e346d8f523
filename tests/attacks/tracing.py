"""What a process asks of the system, as strace tells it: to count the changes it makes, and to fail any one of them.

Nothing of ours takes part: the calls of python-tuf, of libraries and of the interpreter are seen like our own.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

tracing = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

CHANGES = (
    *("write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat"),
    *("link", "linkat", "symlink", "symlinkat", "truncate", "ftruncate", "fallocate", "copy_file_range", "sendfile"),
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "utimensat", "setxattr", "fsetxattr"),
)
"""Calls that change what is on a disk, or bring it there. `openat` is one where it may write."""
MOVING = ("lseek", "read", "pread64", "dup", "dup2", "dup3", "close")
"""Calls that say where the next write goes."""

_UNFINISHED = " <unfinished ...>"
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(.*)")
_HANDLE = re.compile(r"(AT_FDCWD|\d+)<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Handle:
    """An open file: its number, and its path."""

    number: int
    path: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the how-many-th of its name in its thread, its arguments, and what came of it."""

    thread: int
    name: str
    number: int
    arguments: tuple[Handle | bytes | str, ...]
    result: int
    injected: bool

    @property
    def changes(self) -> bool:
        """Whether the call changes a disk, or may."""
        if self.name != "openat":
            return self.name in CHANGES
        return any(flag in str(self.arguments[2]) for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"))

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that the call names or acts on."""
        found, folder = [], ""
        for argument in self.arguments:
            if isinstance(argument, Handle):
                folder = argument.path
                if self.name not in _RELATIVE:
                    found.append(folder)
            elif isinstance(argument, bytes) and self.name not in _WRITING:
                found.append(os.path.join(folder, os.fsdecode(argument)))  # noqa: PTH118 - joins as the system does
        return tuple(found)

    def within(self, folder: Path) -> bool:
        """Tell whether the call is about something in ``folder``."""
        return any(path == str(folder) or path.startswith(f"{folder}/") for path in self.paths)


_WRITING = frozenset({"write", "pwrite64", "writev", "read", "pread64"})
_RELATIVE = frozenset({"openat", "mkdirat", "unlinkat", "renameat", "renameat2", "linkat", "symlinkat", "fchmodat"})


def options(log: Path, *, inject: str = "", moving: bool = False) -> list[str]:
    """Return what strace is called with: what to trace into ``log``, and what to fail."""
    names = ("openat", *CHANGES, *(MOVING if moving else ()))
    traced = ",".join(f"?{name}" for name in names)  # not every machine has every call
    failing = ["-e", f"inject={inject}"] if inject else []
    return ["-f", "-q", "-y", "-xx", "-s", "16777216", "-o", str(log), "-e", f"trace={traced}", *failing]


def calls(log: Path) -> Iterator[Call]:
    """Yield what a log tells, in the order in which it happened."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in _whole(log.read_text("latin-1").splitlines()):
        found = _LINE.match(line)
        if found is None:
            continue  # the end of a thread, or a signal
        thread, name, arguments, result, rest = found.groups()
        seen[thread, name] += 1
        number = seen[thread, name]
        given = tuple(_argument(word) for word in arguments.split(", "))
        if opened := _HANDLE.match(result + rest):
            given = (*given, Handle(int(result), _text(opened[2]).decode()))
        yield Call(int(thread), name, number, given, int(result), "INJECTED" in rest)


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Join the two halves of a call during which another process made one."""
    begun: dict[str, str] = {}
    for line in lines:
        thread = line.partition(" ")[0]
        if line.endswith(_UNFINISHED):
            begun[thread] = line.removesuffix(_UNFINISHED)
        elif " resumed>" in line and thread in begun:
            yield begun.pop(thread) + line.partition(" resumed>")[2]
        else:
            yield line


def _argument(word: str) -> Handle | bytes | str:
    if word.startswith('"'):
        return _text(word.strip('."'))
    if found := _HANDLE.fullmatch(word):
        return Handle(-1 if found[1] == "AT_FDCWD" else int(found[1]), os.fsdecode(_text(found[2])))
    return word


def _text(escaped: str) -> bytes:
    if not re.fullmatch(r"(?:\\x[0-9a-f]{2})*", escaped):
        return escaped.encode()  # what is no path: a socket, a pipe
    return bytes.fromhex(escaped.replace("\\x", ""))

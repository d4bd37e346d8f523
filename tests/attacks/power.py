"""What a disk may hold after the power was cut: made from the calls that a process made, as strace recorded them.

A write counts only once its file was flushed, a name only once its directory was: what was not flushed may be there or
not, in any combination, and bytes may be missing although the name is there. A rename happens whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.attacks.tracing import Call, Handle


@dataclass(slots=True)
class Node:
    """A file, folder or link, whatever it is called: what it held when the recording began, and its mode."""

    mode: int
    data: bytes = b""
    names: dict[str, int] | None = None
    """What a folder has, by number; None for a file."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes of a file; where there are none, its new length is ``offset``."""

    node: int
    offset: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Names:
    """One change of names, all at once: (folder, name, what it is now called for; None: nothing)."""

    entries: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Flush:
    """A file's bytes, or a folder's names, brought to the disk."""

    node: int


Operation = Write | Names | Flush


@dataclass
class Recording:
    """What was done to a folder, since it was as it lay there when this was made."""

    folder: Path
    nodes: list[Node] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._add(self.folder)
        self._now = [dict(node.names) if node.names is not None else None for node in self.nodes]
        self._lengths = [len(node.data) for node in self.nodes]
        self._open: dict[int, _Open] = {}

    def _add(self, path: Path) -> int:
        number, found = len(self.nodes), path.lstat()
        if stat.S_ISDIR(found.st_mode):
            node = Node(found.st_mode, names={})
            self.nodes.append(node)
            node.names = {child.name: self._add(child) for child in sorted(path.iterdir())}
        elif path.is_symlink():
            self.nodes.append(Node(found.st_mode, os.fsencode(path.readlink())))
        else:
            self.nodes.append(Node(found.st_mode, path.read_bytes()))
        return number

    def take(self, calls: Iterable[Call]) -> None:
        """Understand what one process did."""
        self._open = {}
        for call in calls:
            if call.result >= 0 and not call.injected:
                self._take(call)

    def _take(self, call: Call) -> None:
        name = call.name.removesuffix("at").removesuffix("at2")
        if name == "open":
            self._opened(call)
        elif name == "rename":
            self._renamed(*call.paths)
        elif name == "link":
            self._name(call.paths[1], self._find(call.paths[0]))
        elif name == "symlink":
            self._new(call.paths[1], Node(stat.S_IFLNK | 0o777, os.fsencode(call.paths[0].removeprefix("/"))))
        elif name in {"unlink", "rmdir"}:
            self._name(call.paths[0], None)
        elif name == "mkdir":
            self._new(call.paths[0], Node(stat.S_IFDIR | 0o755, names={}))
        else:
            self._worked_on(call)

    def _worked_on(self, call: Call) -> None:
        """Understand a call on an open file."""
        name, (first, *given) = call.name, call.arguments
        opened = self._open.get(first.number) if isinstance(first, Handle) else None
        if opened is None:
            assert not (call.changes and call.within(self.folder) and name not in _HARMLESS), call
        elif name == "close":
            del self._open[first.number]
        elif name in {"fsync", "fdatasync"}:
            self.operations.append(Flush(opened.node))
        elif name == "ftruncate":
            self._write(opened.node, int(str(given[0])), None)
        elif name == "lseek":
            opened.place = call.result
        elif name == "read":
            opened.place += call.result
        elif name == "write":
            place = self._lengths[opened.node] if opened.appends else opened.place
            self._write(opened.node, place, given[0][: call.result])
            opened.place = place + call.result
        else:
            assert not call.changes, call

    def _opened(self, call: Call) -> None:
        handle, flags = call.arguments[-1], str(call.arguments[2])
        assert isinstance(handle, Handle)
        path = handle.path  # of what was opened, through whatever link
        if not PurePosixPath(path).is_relative_to(self.folder):
            return
        node = self._find(path)
        if node is None:
            mode = int(str(call.arguments[3]), 8) & ~0o022
            node = self._new(path, Node(stat.S_IFREG | mode))
        elif "O_TRUNC" in flags:
            self._write(node, 0, None)
        self._open[call.result] = _Open(node, "O_APPEND" in flags)

    def _renamed(self, source: str, target: str) -> None:
        node = self._find(source)
        assert node is not None, source
        one, two = self._entry(source), self._entry(target)
        assert one
        assert two
        self._change(Names(((*one, None), (*two, node))))

    def _new(self, path: str, node: Node) -> int:
        number = len(self.nodes)
        self.nodes.append(Node(node.mode, node.data, None if node.names is None else {}))
        self._now.append(None if node.names is None else {})
        self._lengths.append(0)
        self._name(path, number)
        return number

    def _name(self, path: str, node: int | None) -> None:
        entry = self._entry(path)
        if entry is not None:
            self._change(Names(((*entry, node),)))

    def _change(self, names: Names) -> None:
        self.operations.append(names)
        for folder, name, node in names.entries:
            _set(self._now, folder, name, node)

    def _write(self, node: int, offset: int, data: bytes | None) -> None:
        self.operations.append(Write(node, offset, data))
        self._lengths[node] = offset if data is None else max(self._lengths[node], offset + len(data))

    def _entry(self, path: str) -> tuple[int, str] | None:
        folder = self._find(str(PurePosixPath(path).parent))
        return None if folder is None else (folder, PurePosixPath(path).name)

    def _find(self, path: str) -> int | None:
        pure = PurePosixPath(os.path.normpath(path))
        if not pure.is_relative_to(self.folder):
            return None
        node = 0
        for part in pure.relative_to(self.folder).parts:
            found = (self._now[node] or {}).get(part)
            if found is None:
                return None
            node = found
        return node

    def image(self, length: int, chosen: random.Random, style: Style) -> Image:
        """Return what may be there when the power is cut after ``length`` operations."""
        done = self.operations[:length]
        flushed: dict[int, int] = {}
        for place, operation in enumerate(done):
            if isinstance(operation, Flush):
                flushed[operation.node] = place
        names = [dict(node.names) if node.names is not None else None for node in self.nodes]
        data = [bytearray(node.data) for node in self.nodes]
        spoilt = {operation.node for operation in done if isinstance(operation, Write)}
        losses = {node: style.loss(chosen) for node in sorted(spoilt)}
        for place, operation in enumerate(done):
            if isinstance(operation, Names):
                sure = any(flushed.get(folder, -1) > place for folder, _, _ in operation.entries)
                if sure or style.keeps_name(chosen):
                    for folder, name, node in operation.entries:
                        _set(names, folder, name, node)
            elif isinstance(operation, Write):
                sure = flushed.get(operation.node, -1) > place
                _apply(data[operation.node], operation, "" if sure else losses[operation.node])
        return Image(self.nodes, names, data)


_HARMLESS = frozenset({"chmod", "fchmod", "fchmodat", "utimensat", "chown", "fchown"})


@dataclass(slots=True)
class _Open:
    node: int
    appends: bool
    place: int = 0


def _set(names: list[dict[str, int] | None], folder: int, name: str, node: int | None) -> None:
    known = names[folder]
    assert known is not None
    if node is None:
        known.pop(name, None)
    else:
        known[name] = node


def _apply(data: bytearray, write: Write, loss: str) -> None:
    """Do a write, or what is left of one that was not flushed: ``lost``, ``empty``, ``zeros`` or ``half``."""
    if loss == "lost":
        return
    if loss == "empty":
        data.clear()
        return
    if write.data is None:
        del data[write.offset :]
        return
    came = write.data
    if loss == "zeros":
        came = bytes(len(came))
    elif loss == "half":
        came = came[: len(came) // 2]
    data.extend(bytes(max(0, write.offset - len(data))))
    data[write.offset : write.offset + len(came)] = came


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of file system: how likely a name that was not flushed is there, and what becomes of such bytes."""

    names: float
    losses: tuple[str, ...]

    def keeps_name(self, chosen: random.Random) -> bool:
        return chosen.random() < self.names

    def loss(self, chosen: random.Random) -> str:
        return chosen.choice(self.losses)


KILLED = Style(1, ("",))
"""No power cut at all: everything that was asked for is there."""
NOTHING = Style(0, ("lost",))
"""Nothing that was not flushed is there."""
NAMES_FIRST = (Style(1, ("empty",)), Style(1, ("zeros",)), Style(1, ("half",)), Style(1, ("lost",)))
"""Names go to the disk at once, bytes when there is time: as ext4 and XFS do it."""
BYTES_FIRST = Style(0, ("",))
ANYHOW = Style(0.5, ("", "lost", "empty", "zeros", "half"))
"""Any name, and any bytes."""


class Image:
    """One state of a disk."""

    def __init__(self, nodes: list[Node], names: list[dict[str, int] | None], data: list[bytearray]) -> None:
        self._nodes, self._names, self._data = nodes, names, data

    def digest(self) -> str:
        """Tell images apart by what can be seen of them."""
        digest = hashlib.sha256()
        for path, node in self._reachable(0, ""):
            digest.update(f"{path}\0{len(self._data[node])}\0".encode())
            digest.update(self._data[node])
        return digest.hexdigest()

    def lay_out(self, folder: Path) -> None:
        """Write the image to a disk."""
        folder.mkdir()
        folder.chmod(stat.S_IMODE(self._nodes[0].mode))
        for path, node in self._reachable(0, ""):
            place = folder / path
            if stat.S_ISLNK(self._nodes[node].mode):
                place.symlink_to(os.fsdecode(bytes(self._data[node])))
                continue
            if self._names[node] is None:
                place.write_bytes(self._data[node])
            else:
                place.mkdir()
            place.chmod(stat.S_IMODE(self._nodes[node].mode))

    def _reachable(self, node: int, above: str) -> Iterator[tuple[str, int]]:
        for name, child in sorted((self._names[node] or {}).items()):
            path = f"{above}{name}"
            yield path, child
            if path.count("/") > 20:
                raise OSError(errno.ELOOP, "a folder is in itself", path)
            yield from self._reachable(child, f"{path}/")

"""Reads every byte of an installed release and tells what is not as it was signed. Changes nothing."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..errors import SealcastError
from ..files import hash_file
from ..model import File, Manifest, read_manifest
from ..values import content_of
from .record import Installed
from .shape import FILES, MANIFEST, RELEASE, STAMP, read_release


class Fault(StrEnum):
    """What can be wrong with a file. A foreign one is there without belonging to the release, and stops no start."""

    DAMAGED = "damaged"
    MISSING = "missing"
    FOREIGN = "foreign"


class Finding(Struct, frozen=True):
    """A file, by its path in the slot, that is not as it was signed, and one sentence on why."""

    path: str
    fault: Fault
    why: str


class Examined(Struct, frozen=True):
    """An installed release, how much of it was read, and what was found. ``embedded``: the one that the app ships."""

    version: str
    manifest: str
    folder: Path
    embedded: bool
    files: int
    size: int
    findings: tuple[Finding, ...]

    @property
    def damaged(self) -> tuple[Finding, ...]:
        """What a start would refuse, or a copy of the slot would lack."""
        return tuple(finding for finding in self.findings if finding.fault is not Fault.FOREIGN)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as one JSON object."""
        findings = [
            {"path": finding.path, "fault": str(finding.fault), "why": finding.why} for finding in self.findings
        ]
        return {
            "version": self.version,
            "manifest": self.manifest,
            "folder": str(self.folder),
            "embedded": self.embedded,
            "files": self.files,
            "bytes": self.size,
            "ok": not self.damaged,
            "findings": findings,
        }


def examine(folder: Path, release: Installed, *, embedded: bool = False) -> Examined:
    """Hash every file of the slot in ``folder``, which should hold ``release``, and look for files beside them."""
    findings: list[Finding] = []
    files: tuple[File, ...] = ()
    manifest = _manifest(folder, release.manifest)
    if isinstance(manifest, Finding):
        findings.append(manifest)
    else:
        files = manifest.files
        findings += [*faults(folder, manifest), *_foreign(folder, manifest)]
    if not embedded:
        findings += _release(folder, release)
    size = sum(file.size for file in files)
    return Examined(release.version, release.manifest, folder, embedded, len(files), size, tuple(findings))


def faults(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """Yield the files of a slot that are damaged or missing, in path order."""
    directories = {"": _is_directory(folder / FILES)}
    for file in manifest.files:
        if not _stands(folder / FILES, file.path.rpartition("/")[0], directories):
            yield _finding(file, Fault.MISSING, "a folder above it is missing, or a link")
        elif (found := _fault(folder / FILES / file.path, file)) is not None:
            yield found


def _stands(files: Path, directory: str, known: dict[str, bool]) -> bool:
    """Tell whether a directory and those above it are none of them links: they could lead out of the slot."""
    if directory not in known:
        known[directory] = _stands(files, directory.rpartition("/")[0], known) and _is_directory(files / directory)
    return known[directory]


def _fault(path: Path, file: File) -> Finding | None:
    try:
        found = hash_file(path)
        executable = bool(path.stat().st_mode & stat.S_IXUSR)
    except FileNotFoundError:
        return _finding(file, Fault.MISSING, "it is not there")
    except OSError as error:
        return _finding(file, Fault.DAMAGED, f"it cannot be read ({error.strerror})")
    if found != file.content:
        return _finding(file, Fault.DAMAGED, "it has other bytes")
    if sys.platform != "win32" and executable != file.executable:
        return _finding(file, Fault.DAMAGED, "it lost or won its executable bit")
    return None


def _finding(file: File, fault: Fault, why: str) -> Finding:
    return Finding(f"{FILES}/{file.path}", fault, why)


def _manifest(folder: Path, digest: str) -> Manifest | Finding:
    try:
        data = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return Finding(MANIFEST, Fault.MISSING, "it is not there")
    except OSError as error:
        return Finding(MANIFEST, Fault.DAMAGED, f"it cannot be read ({error.strerror})")
    if content_of(data).sha256 != digest:
        return Finding(MANIFEST, Fault.DAMAGED, "it is another one")
    return read_manifest(data)


def _release(folder: Path, release: Installed) -> Iterator[Finding]:
    """What the channel said of the release: only a copy of the slot needs it, to be embedded in an app."""
    try:
        if read_release(folder).manifest == release.manifest:
            return
    except SealcastError:
        pass
    yield Finding(RELEASE, Fault.DAMAGED, "it is missing, or not of this release")


def _foreign(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """Yield what is in the slot without belonging there, and follow no link."""
    known = {f"{FILES}/{file.path}" for file in manifest.files} | {MANIFEST, RELEASE, STAMP}
    for where, folders, files in os.walk(folder):
        linked = [name for name in folders if Path(where, name).is_symlink()]
        for name in sorted((*files, *linked)):
            path = Path(where, name).relative_to(folder).as_posix()
            if path not in known:
                yield Finding(path, Fault.FOREIGN, "it does not belong to the release")


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False

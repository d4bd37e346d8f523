"""The publisher's workspace: a site in the making, changed in single steps that a kill cannot tear.

A workspace holds the site's own layout (``metadata``, ``targets``, ``objects``), the catalogue of releases and the
configuration. Everything is written create-only and becomes true when ``timestamp.json`` is replaced; what a killed
command leaves behind is set aside, and its numbers are not used again.
"""

from __future__ import annotations

import copy
import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Root, Snapshot, TargetFile, Targets, Timestamp

from ..config import FILE_NAME, Config, read_config
from ..errors import RepositoryError
from ..files import TEMPORARY_PREFIX, create_durably, exclusive, hash_file, make_directory, write_durably
from ..model import LIFETIMES, kind_of
from ..model.roles import content_listed, listed, next_snapshot, next_timestamp, published_path, role_targets, target
from ..packs import ObjectStore
from ..values import content_of
from ..verify import check_metadata
from .signatory import Signatory
from .state import State, damaged, load_state, stored_numbers

MAX_STEP = 1000
"""How far a version may lie above the one committed before: killed commands use up numbers, one each."""

CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far the clocks of a publisher's machines may lie apart."""


class Workspace:
    """A folder with ``sealcast.toml``; see the module."""

    def __init__(self, folder: Path) -> None:
        """Open the workspace. Raises ``ConfigError`` (BAD_CONFIG)."""
        self.folder = folder
        self.config: Config = read_config(folder / FILE_NAME)
        self.metadata = folder / "metadata"
        self.objects = ObjectStore(folder)
        self.cache = folder / ".sealcast"
        self.kept = self.cache / "kept"
        self._abandoned = self.cache / "abandoned"
        self._settled = self.cache / "settled"

    def load(self, roots: Sequence[int] | None = None) -> State:
        """Return the committed state; ``roots`` are the numbers of roots that are stored, where the caller knows.

        Raises ``RepositoryError`` (WORKSPACE_DAMAGED).
        """
        return load_state(self.metadata, roots)

    @contextmanager
    def changing(self, recover: Callable[[State], None] | None = None) -> Iterator[State]:
        """Hold the workspace, with its committed state, for one change.

        Where the command before did not come to its end, or another workspace's files were brought here, what is left
        over is cleared away, and ``recover`` mends the rest: by the next command that can. Raises
        ``RepositoryError``: BUSY when another command holds the workspace, WORKSPACE_DAMAGED.
        """
        make_directory(self._abandoned)
        with exclusive(self.cache / "lock", busy):
            stored = stored_numbers(self.metadata)  # once: there are more every day
            state = self.load(stored.get("root", []))
            self._set_aside(state, stored)
            settled = self._is_settled(state)
            if not settled:
                self._sweep()
                if recover is not None:
                    recover(state)
            self._settled.unlink(missing_ok=True)
            yield state
            if settled or recover is not None:
                # Not durable, and it need not be: without the mark, or with an old one, the next command looks again.
                self._settled.write_bytes(hash_file(self.metadata / "timestamp.json").sha256.encode())

    def _is_settled(self, state: State) -> bool:
        """Tell whether the last command ended well, and left this very state."""
        try:
            return self._settled.read_bytes() == content_of(state.timestamp_bytes).sha256.encode()
        except OSError:
            return False

    def _set_aside(self, state: State, stored: Mapping[str, Sequence[int]]) -> None:
        """Set aside metadata that was signed and never committed: a later command must not publish it.

        Its numbers stay taken, since it may have been copied.
        """
        for role, numbers in stored.items():
            for number in numbers[bisect_right(numbers, state.version(role)) :]:
                name = f"{number}.{role}.json"
                (self.metadata / name).replace(self._abandoned / name)

    def _sweep(self) -> None:
        """Remove the unfinished files of a killed command."""
        left = list(self.folder.glob(f"{TEMPORARY_PREFIX}*"))
        for name in ("metadata", "targets", "objects", "releases", self.cache.name):
            left += (self.folder / name).rglob(f"{TEMPORARY_PREFIX}*")
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def read_target(self, entry: TargetFile) -> bytes:
        """Return the bytes of a target of this workspace. Raises ``RepositoryError`` (WORKSPACE_DAMAGED)."""
        path = self.folder / published_path(entry)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise damaged(f"{published_path(entry)} is missing or cannot be read") from error
        if content_of(data) != content_listed(entry):
            raise damaged(f"{published_path(entry)} is not the file that was signed")
        return data

    def add_target(self, path: str, data: bytes) -> TargetFile:
        """Store a target file under its digest and return its entry. Nothing refers to it yet."""
        return store_target(self.folder, path, data)

    def commit(
        self, state: State, changes: Mapping[str, Sequence[TargetFile]], signatory: Signatory, now: datetime
    ) -> State:
        """Sign the next version of each changed role, then snapshot and timestamp, and make it all true at once.

        ``changes`` gives each changed role its whole list of targets; the targets role keeps its delegations. Raises
        ``SigningError``, ``RepositoryError`` (CLOCK_BACK, VERSION_JUMP), ``VerificationError`` (TOO_LARGE).
        """
        now = _not_before(state.issued, now)
        meta = dict(state.snapshot.signed.meta)
        files: list[tuple[str, bytes]] = []
        for role, targets in changes.items():
            number, expires = self._next_number(state, role), now + self.lifetime(role)
            if role == "targets":
                renewed = copy.deepcopy(state.targets)
                renewed.version, renewed.expires = number, expires
                renewed.targets = {entry.path: entry for entry in targets}
            else:
                renewed = role_targets(number, targets, expires)
            data = _signed(role, renewed, state, signatory)
            meta[f"{role}.json"] = listed(number, data)
            files.append((f"{number}.{role}.json", data))
        number = self._next_number(state, "snapshot")
        snapshot = next_snapshot(number, meta, now + self.lifetime("snapshot"))
        data = _signed("snapshot", snapshot, state, signatory)
        files.append((f"{number}.snapshot.json", data))
        timestamp = next_timestamp(
            state.timestamp.signed.version + 1, listed(number, data), now, now + self.lifetime("timestamp")
        )
        last = _signed("timestamp", timestamp, state, signatory)
        for name, data in files:
            self._create(name, data)
        write_durably(self.metadata / "timestamp.json", last)
        return self.load(_roots(state.version("root")))

    def renew_timestamp(self, state: State, signatory: Signatory, now: datetime) -> State:
        """Sign the timestamp again over the same snapshot. Raises as `commit` does."""
        old, now = state.timestamp.signed, _not_before(state.issued, now)
        timestamp = next_timestamp(old.version + 1, old.snapshot_meta, now, now + self.lifetime("timestamp"))
        write_durably(self.metadata / "timestamp.json", _signed("timestamp", timestamp, state, signatory))
        return self.load(_roots(state.version("root")))

    def renew_root(self, state: State, signatory: Signatory, now: datetime) -> State:
        """Sign the next root: the same keys and thresholds, with a new expiry. Raises as `commit` does.

        It is true as soon as it is written: clients follow the chain of roots by its numbers alone.
        """
        root = copy.deepcopy(state.root.signed)
        root.version, root.expires = root.version + 1, _not_before(state.issued, now) + self.lifetime("root")
        self._create(f"{root.version}.root.json", _signed("root", root, state, signatory))
        return self.load(_roots(root.version))

    def lifetime(self, role: str) -> timedelta:
        """Return how long a new signature of ``role`` lasts."""
        kind = kind_of(role)
        days = self.config.lifetimes.get(kind.value)
        return timedelta(days=days) if days else LIFETIMES[kind]

    def _next_number(self, state: State, role: str) -> int:
        """Return the next free version of ``role``: above every number that was committed or set aside."""
        committed = state.version(role)
        abandoned = stored_numbers(self._abandoned, f".{role}.json").get(role, [])
        number = max([committed, *abandoned]) + 1
        if number > committed + MAX_STEP:
            raise RepositoryError(
                "VERSION_JUMP",
                f"The next version of the role {role} would be {number}, after {committed}: clients that saw it would "
                "refuse every version in between for ever.",
                hint=f"Remove {number - 1}.{role}.json from metadata/ and from .sealcast/abandoned/, and find out who "
                "put it there.",
            )
        return number

    def _create(self, name: str, data: bytes) -> None:
        if not create_durably(self.metadata / name, data):
            raise damaged(f"metadata/{name} appeared while it was being made")


def _roots(newest: int) -> Sequence[int]:
    return range(1, newest + 1)


def store_target(folder: Path, path: str, data: bytes) -> TargetFile:
    """Store a target file under its digest below ``folder`` and return its entry; a damaged one is replaced."""
    entry = target(path, content_of(data))
    place = folder / published_path(entry)
    make_directory(place.parent)
    if not create_durably(place, data) and place.read_bytes() != data:
        write_durably(place, data)
    return entry


def _signed(role: str, signed: Root | Snapshot | Targets | Timestamp, state: State, signatory: Signatory) -> bytes:
    """Return ``signed`` with its signatures, held to the rules that clients hold it to."""
    data = signatory.sign(role, signed, state.root.signed, state.targets)
    check_metadata(data, role)
    return data


def _not_before(issued: datetime, now: datetime) -> datetime:
    """Return ``now``, never before what was signed last: rollouts go by signed time, and it only runs forward.

    Raises ``RepositoryError`` (CLOCK_BACK) when the clock is too far behind for a difference between machines.
    """
    if now < issued - CLOCK_TOLERANCE:
        raise RepositoryError(
            "CLOCK_BACK",
            f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC, before {issued:%Y-%m-%d %H:%M}, when the timestamp "
            "was signed.",
            hint="Set the clock. If it was wrong when the timestamp was signed, wait until that time has come.",
        )
    return max(now, issued)


def busy() -> RepositoryError:
    """Return what is raised when another command holds the workspace."""
    return RepositoryError(
        "BUSY",
        "Another command is changing this workspace.",
        hint="Wait until it has ended, then run this one again.",
    )

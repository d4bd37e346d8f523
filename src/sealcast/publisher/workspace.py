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

from tuf.api.metadata import Metadata, TargetFile, Targets

from ..config import FILE_NAME, Config, read_config
from ..errors import RepositoryError
from ..files import TEMPORARY_PREFIX, create_durably, exclusive, hash_file, make_directory, write_durably
from ..model import LIFETIMES, kind_of
from ..model.roles import content_listed, next_timestamp, published_path, target
from ..packs import ObjectStore
from ..values import content_of
from .commit import Base, checked, not_before, prepare
from .signatory import Signatory
from .state import Ground, State, damaged, load_ground, load_state, not_begun, stored_numbers

MAX_STEP = 1000
"""How far a version may lie above the one committed before: killed commands use up numbers, one each."""


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
        self.mark = self.cache / "beginning"
        self._abandoned = self.cache / "abandoned"
        self._settled = self.cache / "settled"

    @property
    def has_begun(self) -> bool:
        """Whether snapshot and timestamp were ever signed here: before that, ceremonies have made all there is."""
        if (self.metadata / "timestamp.json").exists():
            return True
        # Without a timestamp it has not begun, unless that file was lost: somebody must be told then.
        lost = (self.folder / "releases").exists() or any(self.metadata.glob("*.snapshot.json"))
        return lost and not self.mark.exists()

    def load(self, roots: Sequence[int] | None = None) -> State:
        """Return the committed state; ``roots`` are the numbers of roots that are stored, where the caller knows.

        Raises ``RepositoryError``: WORKSPACE_DAMAGED; NO_ROOT or NOT_BEGUN where ceremonies have made all there is.
        """
        if not self.has_begun:
            raise not_begun(load_ground(self.metadata))
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
            self._set_aside(state.version, stored)
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

    @contextmanager
    def founding(self) -> Iterator[Ground | None]:
        """Hold a workspace whose repository has not begun, with what ceremonies have made; None before the first.

        Raises ``RepositoryError``: BUSY, also when it has begun meanwhile; WORKSPACE_DAMAGED.
        """
        make_directory(self._abandoned)
        with exclusive(self.cache / "lock", busy):
            if self.has_begun:
                raise busy()
            ground = load_ground(self.metadata)
            self._set_aside(ground.version if ground else lambda _: 0, stored_numbers(self.metadata))
            self._sweep()
            make_directory(self.metadata)
            yield ground

    def _is_settled(self, state: State) -> bool:
        """Tell whether the last command ended well, and left this very state."""
        try:
            return self._settled.read_bytes() == content_of(state.timestamp_bytes).sha256.encode()
        except OSError:
            return False

    def _set_aside(self, committed: Callable[[str], int], stored: Mapping[str, Sequence[int]]) -> None:
        """Set aside metadata that was signed and never committed: a later command must not publish it.

        Its numbers stay taken, since it may have been copied.
        """
        for role, numbers in stored.items():
            for number in numbers[bisect_right(numbers, committed(role)) :]:
                name = f"{number}.{role}.json"
                (self.metadata / name).replace(self._abandoned / name)

    def _sweep(self) -> None:
        """Remove the unfinished files of a killed command."""
        left = list(self.folder.glob(f"{TEMPORARY_PREFIX}*"))
        for name in ("holders", "metadata", "targets", "objects", "releases", self.cache.name):
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
        self,
        state: State,
        changes: Mapping[str, Sequence[TargetFile]],
        signatory: Signatory,
        now: datetime,
        *,
        targets: Metadata[Targets] | None = None,
    ) -> State:
        """Sign the next version of each changed role, then snapshot and timestamp, and make it all true at once.

        ``changes`` gives each changed role its whole list of targets; the targets role keeps its delegations, unless a
        ceremony made another: ``targets``, which then says who signs the others. Raises as `prepare` does.
        """
        base = Base.of(state)
        self.write(base.with_targets(targets) if targets else base, changes, signatory, now)
        return self.load(_roots(state.version("root")))

    def write(
        self, base: Base, changes: Mapping[str, Sequence[TargetFile]], signatory: Signatory, now: datetime
    ) -> None:
        """Sign and write what follows ``base``. Raises as `prepare` does."""
        commit = prepare(base, changes, signatory, now, number=self.next_number, lifetime=self.lifetime)
        for name, data in commit.files.items():
            self.create(name, data)
        write_durably(self.metadata / "timestamp.json", commit.timestamp)

    def renew_timestamp(self, state: State, signatory: Signatory, now: datetime) -> State:
        """Sign the timestamp again over the same snapshot. Raises as `commit` does."""
        old, now = state.timestamp.signed, not_before(state.issued, now)
        timestamp = next_timestamp(old.version + 1, old.snapshot_meta, now, now + self.lifetime("timestamp"))
        data = signatory.sign("timestamp", timestamp, state.root.signed, state.targets)
        write_durably(self.metadata / "timestamp.json", checked("timestamp", data))
        return self.load(_roots(state.version("root")))

    def renew_root(self, state: State, signatory: Signatory, now: datetime) -> State:
        """Sign the next root: the same keys and thresholds, with a new expiry. Raises as `commit` does.

        It is true as soon as it is written: clients follow the chain of roots by its numbers alone.
        """
        root = copy.deepcopy(state.root.signed)
        root.version, root.expires = root.version + 1, not_before(state.issued, now) + self.lifetime("root")
        data = signatory.sign("root", root, state.root.signed, state.targets)
        self.create(f"{root.version}.root.json", checked("root", data))
        return self.load(_roots(root.version))

    def lifetime(self, role: str) -> timedelta:
        """Return how long a new signature of ``role`` lasts."""
        kind = kind_of(role)
        days = self.config.lifetimes.get(kind.value)
        return timedelta(days=days) if days else LIFETIMES[kind]

    def next_number(self, role: str, committed: int) -> int:
        """Return the next free version of ``role``: above the ``committed`` one and every number that was set aside.

        Raises ``RepositoryError`` (VERSION_JUMP).
        """
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

    def abandoned(self, name: str) -> bytes | None:
        """Return a file of signed metadata that a stopped command never made true, or None."""
        try:
            return (self._abandoned / name).read_bytes()
        except FileNotFoundError:
            return None

    def create(self, name: str, data: bytes) -> None:
        """Write a new file of signed metadata. Raises ``RepositoryError`` (WORKSPACE_DAMAGED) when it is there."""
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


def busy() -> RepositoryError:
    """Return what is raised when another command holds the workspace."""
    return RepositoryError(
        "BUSY",
        "Another command is changing this workspace.",
        hint="Wait until it has ended, then run this one again.",
    )

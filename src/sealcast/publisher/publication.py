"""A publication: planned, shown, run. It is verified as a client would before it becomes live, and again after."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..audit import Report, audit
from ..errors import SealcastError, VerificationError
from ..fetch import FolderSource, Overlay, Source
from ..files import hash_file
from ..hosting import FolderStore, Plan, Store, Upload, plan_upload
from ..values import Clock, Content, Progress, no_progress
from ..verify import View
from .destination import check_destination, check_live, check_public
from .site_files import site_files
from .state import State, damaged
from .workspace import Workspace

PARALLEL_CHECKS = 4


@dataclass(frozen=True, slots=True)
class Publication:
    """What `sealcast publish` will do. ``plan`` says which files go up; `run` does it."""

    destination: str
    plan: Plan
    store: Store
    source: Source
    root: bytes
    clock: Clock

    def run(self, *, deep: bool = False, progress: Progress = no_progress) -> Report:
        """Upload, verify what is stored as a client would, commit, verify again; return the last report.

        What goes up is read back and hashed before the commit, and with ``deep`` so is all that was there before.
        Raises ``RepositoryError`` (WORKSPACE_DAMAGED, CONFLICT, STORE_CONFLICT), ``VerificationError`` (HASH_MISMATCH,
        …) or ``TransferError``.
        """
        sent = self._hash_uploads()

        def before_live(files: Mapping[str, bytes]) -> None:
            self._check_uploads(sent)
            self._verify(Overlay(self.source, files), deep=deep)

        self.plan.run(self.store, before_live, progress)
        return self._verify(self.source, deep=deep)

    def _hash_uploads(self) -> dict[str, Content]:
        """Return what goes up, hashed: a release is added without hashing again what was proved before (`Proofs`)."""
        sent = {}
        for upload in self.plan.uploads:
            content = sent[upload.path] = hash_file(upload.source)
            named = PurePosixPath(upload.path).name.partition(".")[0]
            if not upload.path.startswith("metadata/") and content.sha256 != named:
                raise damaged(f"{upload.path} is not what its name says")
        return sent

    def _check_uploads(self, sent: Mapping[str, Content]) -> None:
        """Read back what went up: a host may say that it stored what it did not."""
        with ThreadPoolExecutor(PARALLEL_CHECKS) as pool:
            checked = [upload for upload in self.plan.uploads if upload.stage < 2]
            for upload, stored in zip(checked, pool.map(self._stored, checked), strict=True):
                if stored != sent[upload.path]:
                    raise VerificationError(
                        "HASH_MISMATCH",
                        f"{upload.path} is not stored as it was sent.",
                        safe="Readers see the publication before this one.",
                        hint="Check the destination, and remove that file there. Then publish again.",
                        path=upload.path,
                    )

    def _stored(self, upload: Upload) -> Content:
        digest, size = hashlib.sha256(), 0
        for chunk in self.source.stream(upload.path, limit=upload.size):
            digest.update(chunk)
            size += len(chunk)
        return Content(digest.hexdigest(), size)

    def _verify(self, source: Source, *, deep: bool) -> Report:
        """Audit the site as it will be or is: as a client that saw what was live, where that can still be read."""
        with tempfile.TemporaryDirectory(prefix="sealcast-") as folder:
            if source is not self.source:
                with contextlib.suppress(SealcastError):  # what is live is empty, expired or broken: nobody reads it
                    View(self.source, root=self.root, folder=Path(folder))
            report = audit(source, root=self.root, folder=Path(folder), now=self.clock(), deep=deep)
        if report.findings:
            first = report.findings[0]
            raise VerificationError(
                first.code,
                f"What is stored does not verify: {first.what}",
                safe="Readers see the publication before this one, unless it was live already.",
                hint="Run `sealcast verify --deep` on the destination.",
            )
        return report


def plan_publication(workspace: Workspace, state: State, destination: str, clock: Clock) -> Publication:
    """Return the plan of bringing ``destination``, a folder, up to the workspace's committed state.

    Raises ``ConfigError`` (UNKNOWN_DESTINATION), ``RepositoryError`` (FOREIGN_REPOSITORY, OLDER_WORKSPACE,
    DIVERGED_WORKSPACE, VERSION_JUMP, SECRET_IN_OUTPUT, EXAMPLE_KEYS, STORE_CONFLICT, WORKSPACE_DAMAGED),
    ``ObjectError``, ``VerificationError`` (EXPIRED) or ``TransferError``.
    """
    folder = check_destination(destination, workspace, state)
    store = FolderStore(folder)
    files = site_files(workspace, state, clock())
    check_public(files)
    root = (workspace.metadata / "1.root.json").read_bytes()
    check_live(store, root, state)
    _check_workspace(workspace, state, root, clock)
    plan = plan_upload(files, state.timestamp_bytes, store)
    return Publication(destination, plan, store, FolderSource(folder), root, clock)


def _check_workspace(workspace: Workspace, state: State, root: bytes, clock: Clock) -> None:
    """Verify the workspace, which is laid out like a site, as a client would: before anything leaves it.

    Raises ``VerificationError`` (EXPIRED), ``RepositoryError`` (WORKSPACE_DAMAGED).
    """
    source = Overlay(FolderSource(workspace.folder), {"metadata/timestamp.json": state.timestamp_bytes})
    with tempfile.TemporaryDirectory(prefix="sealcast-") as folder:
        report = audit(source, root=root, folder=Path(folder), now=clock())
    for finding in report.findings:
        if finding.code == "EXPIRED":
            raise VerificationError(
                "EXPIRED",
                finding.what,
                safe="Nothing was published.",
                hint="Run `sealcast refresh`, then publish again.",
            )
        raise damaged(f"{finding.where}: {finding.what}")

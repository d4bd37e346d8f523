"""One change of channels: everything is looked up, checked and stored first, then signed and committed in one step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import msgspec
from tuf.api.metadata import TargetFile

from ..config import AppConfig
from ..documents import encode
from ..model import ChannelDocument, read_channel
from ..model.roles import role_name, role_prefix
from ..values import format_time
from .archive_targets import archive_paths, carried_archive, kept_archives
from .catalogue import Catalogue
from .current import Documents, channel_documents
from .deltas import known_deltas, with_deltas
from .refresh import ONLINE
from .signatory import Signatory
from .state import State
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Change:
    """A change under way at the instant ``now``: the workspace is held, and this is what it said when it began.

    A ``trial`` goes the same way to the end, and then signs and commits nothing.
    """

    workspace: Workspace
    signatory: Signatory
    state: State
    documents: Documents
    now: datetime
    trial: bool = False

    def require(self, roles: Iterable[str]) -> None:
        """Raise ``SigningError`` (MISSING_SIGNERS) unless ``roles`` can be signed here, and what makes them true."""
        self.signatory.require([*roles, *ONLINE], self.state.root.signed, self.state.targets)

    def with_deltas(self, document: ChannelDocument, sequence: int, settings: AppConfig) -> ChannelDocument:
        """Return ``document`` with deltas to this release from those before it, as the settings want them."""
        store = self.workspace.objects
        known = known_deltas(self.documents.values(), store)
        return with_deltas(document, sequence, count=settings.deltas, known=known, effort=settings.effort, store=store)

    def carried_archives(self, document: ChannelDocument, sequence: int) -> list[TargetFile]:
        """Return the archives that other channels list of this release, as targets of the document's channel.

        Raises ``RepositoryError`` (WORKSPACE_DAMAGED), ``OSError``.
        """
        found = (
            carried_archive(self.workspace, path, self.state.listed)
            for path, release in archive_paths(document).items()
            if release.sequence == sequence
        )
        return [entry for entry in found if entry is not None]

    def commit(
        self, documents: Iterable[ChannelDocument], archives: Iterable[TargetFile] = ()
    ) -> tuple[ChannelDocument, ...]:
        """Commit what is new of ``documents`` and ``archives``, each document under its next revision; return them.

        Raises as `Workspace.commit` does; ``ConfigError`` (NAME_TAKEN); ``VerificationError`` (TOO_LARGE).
        """
        added = {entry.path: entry for entry in archives}
        committed, changes = [], {}
        for document in documents:
            role = role_name(document.app, document.channel)
            prefix = role_prefix(document.app, document.channel)
            listed = self.state.roles[role].signed.targets
            entries = {entry.path: entry for entry in kept_archives(document, listed)}
            entries.update({path: entry for path, entry in added.items() if path.startswith(f"{prefix}/")})
            if document != self.documents[document.app, document.channel] or not entries.items() <= listed.items():
                document = msgspec.structs.replace(document, revision=document.revision + 1)
                data = encode(document)
                read_channel(data, app=document.app, channel=document.channel)  # what clients refuse is not signed
                changes[role] = [self.workspace.add_target(f"{prefix}/channel.json", data), *entries.values()]
            committed.append(document)
        if changes and not self.trial:
            self.workspace.commit(self.state, changes, self.signatory, self.now)
        return tuple(committed)


@contextmanager
def changing(
    workspace: Workspace, catalogue: Catalogue, signatory: Signatory, now: datetime, *, trial: bool = False
) -> Iterator[Change]:
    """Hold the workspace for a change, or for the trial of one, with what killed commands left put in order.

    Raises ``RepositoryError``: BUSY, WORKSPACE_DAMAGED.
    """
    with workspace.changing() as state:
        documents = channel_documents(workspace, state)
        catalogue.catch_up(documents.values(), format_time(now))
        yield Change(workspace, signatory, state, documents, now, trial)

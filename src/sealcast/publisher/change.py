"""One change of channels: everything is looked up, checked and stored first, then signed and committed in one step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import product

import msgspec
from tuf.api.metadata import TargetFile

from ..config import AppConfig
from ..documents import encode
from ..model import ChannelDocument, Release, read_channel
from ..model.roles import archive_path, role_name, role_prefix
from ..packs import MEMORY
from ..values import format_time
from .archive import KINDS
from .archive_targets import carry_archive, kept_archives
from .catalogue import Catalogue
from .current import Documents, channel_documents
from .deltas import DeltaMaker, delta_encoder, known_deltas, with_deltas
from .made import DeltaMemory, PackMemory, pack_encoder
from .manifests import Manifests
from .proofs import Proofs
from .refresh import ONLINE
from .signatory import Signatory
from .state import State
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Change:
    """A change under way at the instant ``now``: the workspace is held, and this is what it said when it began.

    A ``trial`` goes the same way to the end, and then signs and commits nothing. ``memory`` bytes are what making
    packs or a delta may take.
    """

    workspace: Workspace
    signatory: Signatory
    state: State
    documents: Documents
    now: datetime
    catalogue: Catalogue
    manifests: Manifests
    proofs: Proofs
    trial: bool = False
    memory: int = MEMORY

    def require(self, roles: Iterable[str]) -> None:
        """Raise ``SigningError`` (MISSING_SIGNERS) unless ``roles`` can be signed here, and what makes them true."""
        self.signatory.require([*roles, *ONLINE], self.state.root.signed, self.state.targets)

    def with_deltas(self, document: ChannelDocument, sequence: int, settings: AppConfig) -> ChannelDocument:
        """Return ``document`` with deltas to this release from those before it, as the settings want them."""
        place, effort = self.workspace.kept / "deltas.json", settings.effort
        maker = DeltaMaker(
            self.workspace.objects,
            self.manifests,
            known_deltas(other for other in self.documents.values() if other.app == document.app),
            DeltaMemory(place, self.proofs, delta_encoder(effort, self.memory)),
            effort,
            self.memory,
        )
        release = document.release(sequence)
        version = release.version if release else ""
        return with_deltas(
            document,
            sequence,
            count=settings.deltas,
            maker=maker,
            baselines=lambda platform: self.catalogue.baseline_builds(document.app, platform, version),
        )

    def packs(self, effort: str) -> PackMemory:
        """Return the packs that were made before, with this effort or for a release that had them."""
        place = self.workspace.kept / "packs.json"
        return PackMemory(place, self.workspace.objects, self.proofs, pack_encoder(effort))

    def carried_archive(self, document: ChannelDocument, version: str, platform: str, kind: str) -> TargetFile | None:
        """Return the archive that a channel of the app lists of this release, as a target of the document's channel.

        Raises ``RepositoryError`` (WORKSPACE_DAMAGED), ``OSError``.
        """
        for other in self.documents.values():
            release = other.by_version(version)
            if other.app == document.app and release is not None and platform in release.platforms:
                entry = self.state.listed.get(archive_path(other.app, other.channel, version, platform, kind))
                if entry is not None:
                    path = archive_path(document.app, document.channel, version, platform, kind)
                    return carry_archive(self.workspace, entry, path)
        return None

    def carried_archives(self, document: ChannelDocument, release: Release) -> list[TargetFile]:
        """Return all archives of ``release`` that another channel lists. Raises as `carried_archive` does."""
        wanted = product(release.platforms, KINDS)
        found = [self.carried_archive(document, release.version, platform, kind) for platform, kind in wanted]
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
    workspace: Workspace,
    catalogue: Catalogue,
    signatory: Signatory,
    now: datetime,
    *,
    trial: bool = False,
    memory: int = MEMORY,
) -> Iterator[Change]:
    """Hold the workspace for a change, or for the trial of one, with what killed commands left put in order.

    Raises ``RepositoryError``: BUSY, WORKSPACE_DAMAGED.
    """

    def catch_up(state: State) -> None:
        catalogue.catch_up(channel_documents(workspace, state).values(), format_time(now))

    with workspace.changing(catch_up) as state:
        documents = channel_documents(workspace, state)
        objects = workspace.objects
        proofs = Proofs(workspace.kept / "proofs.json", objects, now)
        yield Change(workspace, signatory, state, documents, now, catalogue, Manifests(objects), proofs, trial, memory)
        proofs.save()

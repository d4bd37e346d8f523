"""What a workspace does for the holders of root and targets: it proposes, and puts their signatures together.

It holds no key for that and is trusted with nothing: each holder computes what a proposal means (`sealcast.ceremony`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ..ceremony import Proposal, Review, review
from ..documents import encode
from ..values import Clock
from .combining import Combined, combine
from .proposing import Wish, propose
from .signatory import Signatory
from .state import load_ground
from .workspace import Workspace


class Ceremonies:
    """The ceremonies of one workspace."""

    def __init__(
        self, workspace: Workspace, signatory: Signatory, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        self._workspace = workspace
        self._signatory = signatory
        self._clock = clock
        self._random = random

    def plan(self, *, renew: Collection[str] = ()) -> Review | None:
        """Return what the holders of root and targets should sign, or None where nothing differs from what is wanted.

        It is reviewed as they will, from the newest root that is here. ``renew`` names the roles, of root and targets,
        to be signed again in any case. Raises ``ConfigError`` (NO_HOLDERS, NO_THRESHOLD, BAD_THRESHOLD, UNKNOWN_HOLDER,
        UNKNOWN_ROLE, DUPLICATE_KEY, NAME_TAKEN, ONLINE_KEYS), ``RepositoryError`` (WORKSPACE_DAMAGED, VERSION_JUMP),
        ``CeremonyError``.
        """
        workspace = self._workspace
        ground = workspace.load().ground if workspace.has_begun else load_ground(workspace.metadata)
        proposal = propose(workspace, ground, Wish(self._clock(), self._random, renew))
        if proposal is None:
            return None
        return review(proposal, encode(proposal.roots[-1]) if proposal.roots else None)

    def combine(self, proposal: Proposal, statements: Mapping[str, bytes]) -> Combined:
        """Make a proposal true that enough holders have signed; ``statements`` are by the names of their files.

        Raises ``CeremonyError`` (INCOMPLETE, OTHER_STATE, BAD_SIGNATURE, …), ``SigningError`` (MISSING_SIGNERS),
        ``ConfigError`` (ONLINE_KEYS), ``RepositoryError``.
        """
        return combine(self._workspace, proposal, statements, self._signatory, self._clock())

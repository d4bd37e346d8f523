"""What was made before, packs by what they hold and deltas by what they join: a run that was killed, a second run and a
second channel make nothing twice.

All that decides the bytes is part of a key, so what is found here is what would be made again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from .. import __version__
from ..documents import Document, Leaf
from ..model import Delta, Manifest
from ..packs import EFFORTS, BuiltPack, Identity, ObjectStore, encoder, known_packs
from ..values import Content, content_of
from .kept import keep, recall
from .proofs import Proofs

DELTAS = 512
PACKS = 4096
RELEASES = 64
"""How many are remembered: those that were made or used last."""


class MadeDelta(msgspec.Struct, frozen=True, omit_defaults=True):
    """A delta that was made, or None where it was not worth making."""

    key: str
    delta: Delta | None = None


class MadeDeltas(Document, frozen=True, kw_only=True):
    """The deltas that are remembered, the oldest first."""

    type: str = "sealcast/made-deltas/1"
    deltas: tuple[MadeDelta, ...]


class MadePack(Leaf, frozen=True, kw_only=False, array_like=True):
    """A pack that was made, or used again."""

    key: str
    sha256: str
    size: int


class MadePacks(Document, frozen=True, kw_only=True):
    """The packs that are remembered, and the releases all of whose packs are among them; the oldest first."""

    type: str = "sealcast/made-packs/1"
    packs: tuple[MadePack, ...]
    releases: tuple[str, ...]


class DeltaMemory:
    """Deltas by the manifests at both ends, under one ``encoder``: whatever else decides their bytes."""

    def __init__(self, path: Path, proofs: Proofs, encoder: Mapping[str, str]) -> None:
        self._path = path
        self._proofs = proofs
        self._encoder = dict(encoder)
        kept = recall(path, MadeDeltas)
        self._deltas = {made.key: made.delta for made in kept.deltas} if kept else {}

    def find(self, base: str, new: str, make: Callable[[], Delta | None]) -> Delta | None:
        """Return the delta between two manifests; ``make`` it unless that was done and its object is whole."""
        key = _key([base, new], self._encoder)
        if key in self._deltas:
            found = self._deltas[key]
            if found is None or self.is_whole(found):
                return found
            del self._deltas[key]
        delta = self._deltas[key] = make()
        newest = list(self._deltas.items())[-DELTAS:]
        keep(self._path, MadeDeltas(deltas=tuple(MadeDelta(*item) for item in newest)))
        return delta

    def is_whole(self, delta: Delta) -> bool:
        """Tell whether the delta's object is there, with the bytes that its name says."""
        return self._proofs.is_whole(Content(delta.sha256, delta.size))


class PackMemory(Mapping[Identity, Content]):
    """Packs by what they hold: those of earlier releases, whatever made them, and those that ``encoder`` made.

    What `build_packs` asks for and does not find, it makes, and keeps in the same order: `keep` remembers it.
    """

    def __init__(self, path: Path, store: ObjectStore, proofs: Proofs, encoder: Mapping[str, str]) -> None:
        self._path = path
        self._store = store
        self._proofs = proofs
        self._encoder = dict(encoder)
        self._missed: deque[Identity] = deque()
        kept = recall(path, MadePacks)
        self._packs = {made.key: Content(made.sha256, made.size) for made in kept.packs} if kept else {}
        self._releases = dict.fromkeys(kept.releases) if kept else {}

    def learn(self, sha256: str, load: Callable[[], Manifest]) -> None:
        """Take in the packs of an earlier release, whose manifest has this digest, unless that was done before.

        What is known already stays: it was used, or it would be made again. Raises as ``load`` does.
        """
        key = _key(sha256, self._encoder)
        if key not in self._releases:
            manifest = load()
            packs = known_packs(manifest.contents, [BuiltPack(pack.content, pack.holds) for pack in manifest.packs])
            for identity, content in packs.items():
                self._packs.setdefault(_key(identity, self._encoder), content)
            self.finish(sha256)

    def finish(self, sha256: str) -> None:
        """Note that all packs of the release whose manifest has this digest were asked for here, or learnt."""
        self._releases[_key(sha256, self._encoder)] = None
        self._save()

    def keep(self, data: bytes) -> Content:
        """Store a pack that was missed. Raises as `ObjectStore.put` does."""
        content = self._store.put(data)
        key = _key(self._missed.popleft(), self._encoder)
        self._packs.pop(key, None)
        self._packs[key] = content
        self._save()
        return content

    def __getitem__(self, identity: Identity) -> Content:
        """Return the pack that holds this, if it is there and whole."""
        content = self._packs.get(_key(identity, self._encoder))
        if content is not None and self._proofs.is_whole(content):
            return content
        self._missed.append(identity)
        raise KeyError(identity)

    def __iter__(self) -> Iterator[Identity]:
        """Yield nothing: what packs hold is known by its digest alone."""
        return iter(())

    def __len__(self) -> int:
        """Return how many packs are remembered."""
        return len(self._packs)

    def __bool__(self) -> bool:
        """Never empty: what is asked for in vain is remembered too."""
        return True

    def _save(self) -> None:
        packs = [MadePack(key, *content) for key, content in self._packs.items()]
        releases = tuple(self._releases)
        keep(self._path, MadePacks(packs=tuple(packs[-PACKS:]), releases=releases[-RELEASES:]))


def pack_encoder(effort: str) -> dict[str, str]:
    """Return what decides a pack's bytes besides what it holds."""
    return {**encoder(EFFORTS[effort].level), "sealcast": __version__}


def _key(parts: object, encoder: Mapping[str, str]) -> str:
    return content_of(msgspec.json.encode([parts, encoder], order="sorted")).sha256

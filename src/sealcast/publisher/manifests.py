"""The manifests that one command reads, each once."""

from __future__ import annotations

from collections import OrderedDict

from ..model import Build, Manifest, read_manifest
from ..packs import ObjectStore, read_single

FILES = 500_000
"""Files that the manifests in memory list together: some 300 MB. The one asked for last stays in any case."""


class Manifests:
    """Manifests from an object store; the last few stay in memory."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: OrderedDict[str, Manifest] = OrderedDict()

    def load(self, build: Build) -> Manifest:
        """Return the manifest of ``build``. Raises ``ObjectError`` (OBJECT_MISSING, HASH_MISMATCH)."""
        manifest = self._known.get(build.manifest.sha256)
        if manifest is None:
            data = read_single(self._store.read(build.manifest.pack.content), build.manifest.size)
            manifest = read_manifest(data)
        self.add(build, manifest)
        return manifest

    def add(self, build: Build, manifest: Manifest) -> None:
        """Take the manifest of a build that was just made."""
        self._known[build.manifest.sha256] = manifest
        self._known.move_to_end(build.manifest.sha256)
        while sum(len(known.files) for known in self._known.values()) > FILES and len(self._known) > 1:
            self._known.popitem(last=False)

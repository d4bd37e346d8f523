"""Real samples of everything that is parsed: of a small site with two releases, and of a device that follows it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from sealcast.model import Manifest, read_manifest
from sealcast.publisher import Repository
from tests.attacks.scene import Device, app_files, write_files
from tests.clocks import HandClock
from tests.servers import Server


@dataclass(frozen=True, slots=True)
class Samples:
    """Where they lie, and the two releases."""

    site: Path
    device: Path
    manifests: tuple[bytes, bytes]

    def of(self, pattern: str) -> list[bytes]:
        """Return the files of the site that match, none twice, the smallest first."""
        found = {path.read_bytes() for path in self.site.glob(pattern) if path.is_file()}
        assert found, pattern
        return sorted(found, key=len)

    def kept(self, *names: str) -> list[bytes]:
        """Return files of the device."""
        return [(self.device / name).read_bytes() for name in names]

    @property
    def releases(self) -> tuple[Manifest, Manifest]:
        one, two = self.manifests
        return read_manifest(one), read_manifest(two)

    def content(self, release: int, number: int) -> bytes:
        """Return a content of a release, by its number."""
        manifest = self.releases[release]
        version = manifest.version
        (path, *_) = manifest.paths[manifest.contents[number].sha256]
        return app_files(version)[path]


def make_samples(folder: Path) -> Samples:
    clock = HandClock()
    repository = Repository.create_solo(folder / "ws", app="demo", encrypted=False, clock=clock)
    manifests = []
    root = (folder / "ws" / "metadata" / "1.root.json").read_bytes()
    for version in ("1.0.0", "2.0.0"):
        repository.add_release(write_files(folder / "dist", app_files(version)), version=version)
        repository.plan_publish(folder / "site").run()
        with Server(folder / "site") as server:
            device = Device(folder / "device", server.url, root, clock)
            launch = device.take()
        slot = folder / "device" / "slots" / launch.manifest[:32]
        manifests.append((slot / "manifest.json").read_bytes())
    (slot,) = (path for path in (folder / "device" / "slots").iterdir() if path.name == launch.manifest[:32])
    (folder / "device" / "slot").symlink_to(slot)
    return Samples(folder / "site", folder / "device", (manifests[0], manifests[1]))


def opened(data: bytes) -> tuple[io.BytesIO, int]:
    """What readers take: a file and its size."""
    return io.BytesIO(data), len(data)

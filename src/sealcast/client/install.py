"""From a plan to a slot: objects fetched, the release assembled aside and proved, one rename.

A delta or an archive that cannot be used, whatever the reason, costs only its bytes: the packs come in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InstallError, ObjectError, SealcastError, VerificationError
from ..model import Build, Manifest, ManifestEntry, Pack, complete, read_manifest, skeleton_contents
from ..packs import DeltaReader, PackReader, Piece, pieces_from_runs, read_single
from ..values import Content, content_of
from .assemble import Assembly
from .download import Downloads
from .holdings import Held, Holdings
from .plan import Plan, Step
from .record import Installed
from .shape import write_release
from .slots import Slots, empty

Sized = Callable[[int, int], None]
"""Told how many bytes of how many came."""


class Installer:
    """Makes slots of one state directory. ``noted`` hears of what could not be used."""

    def __init__(
        self,
        slots: Slots,
        staging: Path,
        downloads: Downloads,
        held: Holdings,
        *,
        sized: Sized,
        noted: Callable[[SealcastError], None],
    ) -> None:
        self._slots = slots
        self._staging = staging
        self._downloads = downloads
        self._held = held
        self._sized = sized
        self._noted = noted
        self._came = 0

    def install(self, build: Build, plan: Plan) -> int:
        """Make the slot of ``build``, unless it is there and whole; return how many bytes came for it.

        Raises ``TransferError``, ``ObjectError`` (HASH_MISMATCH, INCOMPLETE_REPO, BAD_PACK, UNSAFE_NAME, …),
        ``VerificationError`` (BAD_METADATA, UNKNOWN_DOCUMENT), ``InstallError`` (UNSAFE_PATH) or ``OSError``.
        """
        digest = build.manifest.sha256
        if self._slots.is_intact(digest):
            return 0
        empty(self._staging)
        folder = self._by_steps(plan) or self._by_archive(build, plan) or self._by_packs(build)
        self._slots.install(folder, digest)
        return self._came

    def repair(self, release: Installed, manifest: bytes) -> int:
        """Make the slot of ``release`` anew from its trusted manifest; return how many bytes came for it.

        Everything good that is on this device is taken, the damaged slot's own files included; the rest comes by packs.
        Raises as `install` does.
        """
        empty(self._staging)
        folder = self._pack_by_pack(manifest)
        write_release(folder, release)
        self._slots.install(folder, release.manifest)
        return self._came

    def _by_steps(self, plan: Plan) -> Path | None:
        """Return the folder that the plan's deltas make, or None where there are none, or one cannot be used."""
        base = self._held.get(plan.base) if plan.steps else None
        if base is None:
            return None
        try:
            self._fetch(_delta_object(step) for step in plan.steps)
            for step in plan.steps:
                base = self._apply(base, step)
        except (ObjectError, VerificationError, InstallError) as error:
            if isinstance(error, InstallError) and error.code != "SLOT_CHANGED":
                raise
            self._noted(error)
            empty(self._staging)
            return None
        return base.folder

    def _apply(self, base: Held, step: Step) -> Held:
        """Return the release that one delta makes of ``base``."""
        wanted = _delta_object(step)
        with self._downloads.path(wanted).open("rb") as file:
            reader = DeltaReader(file, wanted.size, [content.size for content in base.manifest.contents])
            skeleton = reader.skeleton(base.manifest_bytes)
            with self._assembly(step.to, skeleton) as (assembly, manifest):
                pieces = reader.pieces([content.size for content in manifest.contents])
                for piece, data in reader.frames(pieces, base.read):
                    assembly.put(piece, data)
                self._take(assembly, base.digest)
                _finish(assembly, skeleton, step.to)
        return Held(assembly.folder, step.to.sha256)

    @contextmanager
    def _assembly(self, wanted: ManifestEntry, skeleton: bytes) -> Iterator[tuple[Assembly, Manifest]]:
        """Open the assembly of a release whose manifest lacks the digests that the skeleton leaves out."""
        blank = frozenset(number for number, (digest, _) in enumerate(skeleton_contents(skeleton)) if digest is None)
        # Digests that nothing has stand in for those to come: so every path is checked before one is written.
        manifest = read_manifest(complete(skeleton, {number: f"{number:064x}" for number in blank}))
        with Assembly(self._staging / wanted.sha256[:32], manifest, blank) as assembly:
            yield assembly, manifest

    def _by_archive(self, build: Build, plan: Plan) -> Path | None:
        """Return the folder that the plan's archive makes, or None where there is none, or it cannot be used."""
        if plan.archive is None:
            return None
        try:
            self._fetch([plan.archive.content], plan.archive.path)
            return self._unpack(build.manifest, self._downloads.path(plan.archive.content))
        except (ObjectError, VerificationError) as error:
            self._noted(error)
            empty(self._staging)
            return None

    def _unpack(self, wanted: ManifestEntry, archive: Path) -> Path:
        from ..packs.tar import Member, read_archive, read_list  # only now: few updates need it, every start would pay

        with archive.open("rb") as packed:
            skeleton = read_list(packed)
            with self._assembly(wanted, skeleton) as (assembly, manifest):
                numbers = {content.sha256: number for number, content in enumerate(manifest.contents)}
                members = [Member(file.path, file.size, file.executable) for file in manifest.files]
                packed.seek(0)
                made: dict[int, str] = {}
                for member, offset, part in read_archive(packed, members):
                    file = manifest.files[member]
                    number = numbers[file.sha256]
                    if made.setdefault(number, file.path) == file.path:  # it writes all files with these contents
                        assembly.put(Piece(number, offset, len(part)), part)
                _finish(assembly, skeleton, wanted)
        return assembly.folder

    def _by_packs(self, build: Build) -> Path:
        held = self._held.get(build.manifest.sha256)
        return self._pack_by_pack(held.manifest_bytes if held else self.fetch_manifest(build.manifest))

    def _pack_by_pack(self, data: bytes) -> Path:
        """Return the folder of the release with this manifest, made of what is here and of packs."""
        manifest = read_manifest(data)
        with Assembly(self._staging / content_of(data).sha256[:32], manifest) as assembly:
            self._take(assembly, "")
            packs = {pack.content: pack for pack in _packs_for(manifest, assembly.lacking)}
            sizes = [content.size for content in manifest.contents]
            for came in self._arriving(packs):  # one is unpacked while the next ones are on their way
                pieces = pieces_from_runs(packs[came].holds, sizes)
                with self._downloads.path(came).open("rb") as file:
                    # Chosen once: a content that grows over several pieces is lacking until its last.
                    for piece, part in PackReader(file, came.size).frames(pieces, wanted=set(assembly.lacking)):
                        assembly.put(piece, part)
            assembly.finish()
            assembly.seal(data)
        return assembly.folder

    def fetch_manifest(self, entry: ManifestEntry) -> bytes:
        """Return a manifest, from the object that carries it. Raises ``TransferError``, ``ObjectError``."""
        wanted = Content(entry.pack.sha256, entry.pack.size)
        self._fetch([wanted])
        data = read_single(self._downloads.path(wanted).read_bytes(), entry.size)
        if content_of(data) != Content(entry.sha256, entry.size):
            raise ObjectError(
                "HASH_MISMATCH",
                "The pack of the manifest holds another manifest than the one that was signed.",
                hint="Tell the publisher.",
            )
        return data

    def _take(self, assembly: Assembly, first: str) -> None:
        """Copy what other releases on this device have."""
        here = self._held.contents(first)
        for number, content in assembly.lacking.items():
            any(assembly.take(number, source) for source in here.get(content.sha256, ()))

    def _fetch(self, objects: Iterable[Content], path: str = "") -> None:
        """Fetch objects, or the one file that the site has at ``path``."""
        for _ in self._arriving(objects, path):
            pass

    def _arriving(self, objects: Iterable[Content], path: str = "") -> Iterator[Content]:
        wanted = tuple(objects)
        total = self._came + sum(content.size for content in wanted)

        def counted(count: int) -> None:
            self._came += count
            self._sized(self._came, total)

        return self._downloads.arriving(wanted, counted, path)


def _finish(assembly: Assembly, skeleton: bytes, wanted: ManifestEntry) -> None:
    """Complete the manifest with the digests of what was made; only if it is the signed one is the release whole."""
    data = complete(skeleton, assembly.finish())
    if content_of(data) != Content(wanted.sha256, wanted.size):
        raise ObjectError(
            "DELTA_MISMATCH",
            f"What was downloaded makes another release than the one that was signed ({wanted.sha256[:12]}).",
            hint="The packs are taken instead.",
        )
    assembly.seal(data)


def _delta_object(step: Step) -> Content:
    return Content(step.delta.sha256, step.delta.size)


def _packs_for(manifest: Manifest, lacking: Iterable[int]) -> list[Pack]:
    """Return the packs that hold a content in ``lacking``."""
    numbers = set(lacking)
    sizes = [content.size for content in manifest.contents]
    return [
        pack
        for pack in manifest.packs
        if any(piece.content in numbers for piece in pieces_from_runs(pack.holds, sizes))
    ]

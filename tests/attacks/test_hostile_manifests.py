"""Manifests that a channel's signer signed and that would write where, or what, no release may.

The names are those of ``tests/vectors/names``; whoever builds a release is held to the same corpus.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import pytest

from sealcast.client import Update
from sealcast.errors import ObjectError, SealcastError
from sealcast.packs.pack import EncodedFrame, write_pack
from sealcast.packs.zstandard import compress
from sealcast.values import content_of, path_flaw
from tests.attacks.forger import Json, manifest_of
from tests.attacks.scene import START, Device, Gallery, Scene, gallery, picture
from tests.names import FINE, HOSTILE, Hostile


def _kind(case: Hostile) -> str:
    """Return the flaw without what it quotes."""
    return re.sub(r"'.*'|\"|U\+\w+", "", case.flaw)


BODY = b"contents of a file that should not be\n"
PACK = write_pack([EncodedFrame("zstd", compress(BODY, b"", 3), 1)])
ENTRY = {**content_of(PACK)._asdict(), "holds": [[0, 1]]}


def listing(*paths: str) -> Json:
    return manifest_of([(path, BODY) for path in paths], ENTRY)


def edited(edit: Callable[[Json], object]) -> Json:
    manifest = listing("a.txt", "b.txt")
    edit(manifest)
    return manifest


def files_with(**fields: Json) -> Json:
    return edited(lambda manifest: manifest["files"][0].update(fields))


SHARE = tuple(case for _, cases in groupby(sorted(HOSTILE, key=_kind), _kind) for case in [*cases][:3])
"""Some of the corpus for each kind of flaw: a unit test holds the whole of it against the same check."""

REFUSED = ("UNSAFE_NAME", "BAD_METADATA", "UNKNOWN_DOCUMENT", "BAD_PACK", "TOO_LARGE")

MANIFESTS: dict[str, Json] = {
    "a size of 2 to the 53": files_with(size=2**53 - 1),
    "a size beyond it": files_with(size=2**53),
    "a negative size": files_with(size=-1),
    "a size of true": files_with(size=True),
    "a size of text": files_with(size="5"),
    "no size": edited(lambda manifest: manifest["files"][0].pop("size")),
    "an empty file with another digest": files_with(size=0),
    "one digest with two sizes": files_with(size=5),
    "a digest that no pack has": files_with(sha256="0" * 64),
    "a digest that is a path": files_with(sha256="../../../../etc/passwd"),
    "a digest in upper case": files_with(sha256=content_of(BODY).sha256.upper()),
    "a digest with a line's end": files_with(sha256=content_of(BODY).sha256 + "\n"),
    "an executable bit of text": files_with(executable="4755"),
    "files out of order": edited(lambda manifest: manifest["files"].reverse()),
    "one path twice": edited(lambda manifest: manifest["files"].append(manifest["files"][-1])),
    "no list of files": edited(lambda manifest: manifest.update(files={})),
    "packs that are none": edited(lambda manifest: manifest.update(packs=[None])),
    "a pack whose name is a path": edited(lambda manifest: manifest["packs"][0].update(sha256="../x")),
    "a pack of negative size": edited(lambda manifest: manifest["packs"][0].update(size=-1)),
    "a later version": edited(lambda manifest: manifest.update(type="sealcast/manifest/2")),
    "what must be understood": edited(lambda manifest: manifest.update(must_understand=["links"], links=[])),
    "100,000 lists": json.dumps(listing("a")).replace(
        '"files": [', '"x":' + "[" * 10**5 + "]" * 10**5 + ', "files": ['
    ),
    "a key twice": json.dumps(listing("a")).replace('"files": [', '"files": [], "files": ['),
    "NaN": json.dumps(listing("a")).replace('"files": [', '"x": NaN, "files": ['),
    "not UTF-8": json.dumps(listing("a")).replace('"demo"', '"\udcff"'),
}


APART = tuple(path for n, fine in enumerate(FINE) if path_flaw(path := f"{n}/{fine}") is None)
"""What is fine, each in a folder of its own, where none stands in the way of another."""


def as_bytes(manifest: Json) -> bytes:
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    return text.encode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def hostile(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with gallery(prepared, tmp_path_factory.mktemp("manifests")) as made:
        made.forger.put(PACK)
        for case, manifest in MANIFESTS.items():
            made.add(case, made.forger.build(as_bytes(manifest)))
        for names in SHARE:
            made.add(str(names.paths), made.forger.build(as_bytes(listing(*names.paths))))
        made.add("fine", made.forger.build(as_bytes(listing(*APART))))
        made.add("more than it needs", made.forger.build(as_bytes(MORE)))
        made.open()
        yield made


def refusal(device: Device, case: Hostile) -> SealcastError:
    """Return what an install of what is offered ends with; the look before it is good."""
    client = device.client()
    found = client.outlook()
    assert found.plan is not None
    try:
        client.install(Update(found, START))
    except SealcastError as error:
        return error
    raise AssertionError(f"{case.paths} was installed")


def test_every_hostile_name_is_refused_on_install(hostile: Gallery, tmp_path: Path) -> None:
    scene, device = hostile.device(tmp_path / "at", "fine")
    accepted = []
    with scene.unharmed(device, floor="not lowered"):
        for case in SHARE:
            hostile.follow(device, str(case.paths))
            error = refusal(device, case)
            # Half a character is no text at all, so it falls to the reader of JSON.
            half = any(0xD800 <= ord(character) <= 0xDFFF for path in case.paths for character in path)
            if error.code != ("BAD_METADATA" if half else "UNSAFE_NAME"):
                accepted.append((case.paths, error.code))
            assert not [path for path in (device.folder / "staging").rglob("*") if not path.is_dir()], case
    assert accepted == []
    assert len(SHARE) >= 30


def test_every_fine_name_is_installed_as_it_is(hostile: Gallery, tmp_path: Path) -> None:
    _, device = hostile.device(tmp_path / "at", "fine")
    assert device.update()
    files = device.start().files
    found = {path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()}
    assert found == set(APART)
    assert len(APART) > len(FINE) * 3 // 4


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_malformed_manifest(hostile: Gallery, tmp_path: Path, case: str) -> None:
    scene, device = hostile.device(tmp_path / "at", case)
    error = scene.refused(device, *REFUSED, floor="not lowered")
    assert error.exit_status in {6, 8}
    assert not list(device.folder.rglob("[ab].txt"))


MORE = edited(
    lambda manifest: manifest["files"][0].update(
        link="/etc/passwd", mode=0o4755, owner="root", device=[1, 3], xattr={"security.capability": "x"}
    )
)
"""Fields that no release may ask for, and that mean nothing to anybody."""


def test_only_files_directories_and_the_executable_bit_exist(hostile: Gallery, tmp_path: Path) -> None:
    _, device = hostile.device(tmp_path / "at", "more than it needs")
    device.update()
    files = device.start().files
    modes = {path.name: path.lstat().st_mode & 0o7777 for path in files.iterdir()}
    assert set(modes) == {"a.txt", "b.txt"}
    assert not [mode for mode in modes.values() if mode & 0o7133]
    assert not [path for path in files.iterdir() if path.is_symlink() or path.stat().st_nlink > 1]


def archive(paths: tuple[str, ...], place: Path) -> bool:
    """Write a tar of files with these paths; tell whether a tar can hold them."""
    with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            member = tarfile.TarInfo(path)
            member.size = len(BODY)
            tar.addfile(member, io.BytesIO(BODY))
    with tarfile.open(place) as tar:
        return tar.getnames() == list(paths) and not any(path.startswith("./") for path in paths)


def test_every_hostile_name_is_refused_at_build(scene: Scene) -> None:
    repository = scene.workspace()
    before = picture(scene.folder / "ws")
    refused = 0
    for case in SHARE:
        with suppress(UnicodeEncodeError):
            if archive(case.paths, scene.folder / "in.tar"):
                with pytest.raises(ObjectError) as caught:
                    repository.add_release(scene.folder / "in.tar", version="3.0.0")
                assert caught.value.code == "UNSAFE_NAME", case.paths
                refused += 1
    assert refused > len(SHARE) // 2
    after = picture(scene.folder / "ws")
    assert {path: what for path, what in after.items() if not path.startswith(".sealcast")} == {
        path: what for path, what in before.items() if not path.startswith(".sealcast")
    }

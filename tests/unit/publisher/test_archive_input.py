"""Archives as input: read member by member, never extracted; damaged or ambiguous ones refused."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import random
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sealcast.errors import ObjectError, SealcastError
from sealcast.packs.zstandard import zstd
from sealcast.publisher import archive_input
from sealcast.publisher.sources import open_input
from tests.names import FINE, HOSTILE

FILES = {"index.html": b"<h1>one</h1>", "assets/app.js": b"let x = 1;\n" * 3000, "empty": b"", "ein Name.txt": b"ae"}


def read(path: Path) -> dict[str, tuple[bytes, bool]]:
    with open_input(path, path.parent) as entries:
        return {entry.path: (b"".join(entry.chunks()), entry.executable) for entry in entries}


def refusal(path: Path) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        read(path)
    return caught.value


def member(name: str, data: bytes = b"", mode: int = 0o644, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar_of(files: Mapping[str, bytes], executable: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            tar.addfile(member(name, data, 0o755 if name == executable else 0o644), io.BytesIO(data))
    return buffer.getvalue()


def tar_with(*members: tarfile.TarInfo, data: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(files: Mapping[str, bytes], executable: str = "", kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = kind
            info.external_attr = (0o100755 if name == executable else 0o100644) << 16
            archive.writestr(info, data)
    return buffer.getvalue()


PACKED: dict[str, Callable[[], bytes]] = {
    "dist.zip": lambda: zip_of(FILES, "index.html"),
    "demo-1.0-py3-none-any.whl": lambda: zip_of(FILES, "index.html", zipfile.ZIP_STORED),
    "lzma.zip": lambda: zip_of(FILES, "index.html", zipfile.ZIP_LZMA),
    "bzip2.zip": lambda: zip_of(FILES, "index.html", zipfile.ZIP_BZIP2),
    "dist.tar": lambda: tar_of(FILES, "index.html"),
    "dist.tar.gz": lambda: gzip.compress(tar_of(FILES, "index.html")),
    "dist.tgz": lambda: gzip.compress(tar_of(FILES, "index.html")),
    "dist.tar.bz2": lambda: bz2.compress(tar_of(FILES, "index.html")),
    "dist.tar.xz": lambda: lzma.compress(tar_of(FILES, "index.html")),
    "dist.tar.zst": lambda: zstd.compress(tar_of(FILES, "index.html")),
    "no-suffix": lambda: zstd.compress(tar_of(FILES, "index.html")),  # its first bytes tell, not its name
}


@pytest.mark.parametrize("name", PACKED)
def test_every_kind_holds_the_same(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.write_bytes(PACKED[name]())
    found = read(place)
    assert list(found) == sorted(FILES)
    assert found == {path: (data, path == "index.html") for path, data in FILES.items()}
    assert list(tmp_path.iterdir()) == [place]  # what it was unpacked into is gone


def test_a_tar_is_not_taken_for_the_zip_at_its_end(tmp_path: Path) -> None:
    # zipfile looks for a zip's end near the file's: a wheel as the last member is found there.
    inner = zip_of({"inner.txt": b"wrong"}, kind=zipfile.ZIP_STORED)
    (tmp_path / "dist.tar").write_bytes(tar_of({"a.txt": b"right", "z.whl": inner}))
    assert zipfile.is_zipfile(tmp_path / "dist.tar")
    assert list(read(tmp_path / "dist.tar")) == ["a.txt", "z.whl"]


def test_what_tar_writes_for_a_dot_folder(tmp_path: Path) -> None:
    (tmp_path / "dist.tar").write_bytes(tar_with(member("./", type=tarfile.DIRTYPE), member("./a.txt")))
    assert list(read(tmp_path / "dist.tar")) == ["a.txt"]


def test_directories_are_no_entries(tmp_path: Path) -> None:
    (tmp_path / "dist.zip").write_bytes(zip_of({"folder/": b"", "folder/a.txt": b"a"}))
    assert list(read(tmp_path / "dist.zip")) == ["folder/a.txt"]


@pytest.mark.parametrize("name", ["empty.zip", "empty.tar", "empty.tar.gz"])
def test_an_archive_without_files(tmp_path: Path, name: str) -> None:
    data = {"empty.zip": zip_of({}), "empty.tar": tar_of({}), "empty.tar.gz": gzip.compress(tar_of({}))}[name]
    (tmp_path / name).write_bytes(data)
    assert refusal(tmp_path / name).code == "EMPTY_INPUT"


# ------------------------------------------------------------------------------------------------------- names


def test_every_fine_name_is_taken(tmp_path: Path) -> None:
    for number, name in enumerate(FINE):
        for suffix, data in (("zip", zip_of({name: b"x"})), ("tar", tar_of({name: b"x"}))):
            place = tmp_path / f"{number}.{suffix}"
            place.write_bytes(data)
            assert list(read(place)) == [name]


def tar_of_all(names: tuple[str, ...]) -> bytes:
    """A tar with these names to the letter, also twice."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogatepass") as tar:
        for name in names:
            tar.addfile(member("placeholder", pax_headers={"path": name}))
    return buffer.getvalue()


def zip_of_all(names: tuple[str, ...]) -> bytes:
    """A zip with these names to the letter, which zipfile itself would not write."""
    buffer = io.BytesIO()
    replaced = []
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, name in enumerate(names):
            encoded = name.encode("utf-8", "surrogatepass")
            stand_in = f"é{number}".encode().ljust(max(len(encoded), 3), b"_")  # é: so that it is marked as UTF-8
            archive.writestr(stand_in.decode(), b"")
            replaced.append((stand_in, encoded))
    data = buffer.getvalue()
    for stand_in, encoded in replaced:
        if len(encoded) < len(stand_in):
            return b""
        data = data.replace(stand_in, encoded)
    return data


@pytest.mark.parametrize("make", [tar_of_all, zip_of_all])
def test_every_hostile_name_is_refused(tmp_path: Path, make: Callable[[tuple[str, ...]], bytes]) -> None:
    tried, taken = 0, []
    for number, case in enumerate(HOSTILE):
        if any(path.startswith("./") or path.endswith("/") or not path for path in case.paths):
            continue  # what tar itself writes; a directory; no name
        try:
            data = make(case.paths)
        except UnicodeEncodeError:
            continue
        if not data:
            continue
        tried += 1
        place = tmp_path / str(number)
        place.write_bytes(data)
        try:
            read(place)
        except SealcastError as error:
            if error.code in {"UNSAFE_NAME", "BAD_ARCHIVE"}:  # the latter: half characters, which zipfile cannot read
                continue
        taken.append(case)
    assert tried > 200
    assert taken == []


def test_a_nul_in_a_zip_is_seen(tmp_path: Path) -> None:
    # zipfile cuts the name there; a reader that does not would write another file.
    (tmp_path / "dist.zip").write_bytes(zip_of({"page.html_exe": b"x"}).replace(b"page.html_exe", b"page.html\0exe"))
    assert refusal(tmp_path / "dist.zip").code == "UNSAFE_NAME"


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / f"dist.{kind}"
    if kind == "tar":
        place.write_bytes(tar_with(member("a.txt"), member("b.txt"), member("a.txt")))
    else:
        with zipfile.ZipFile(place, "w") as archive:
            for name in ("a.txt", "b.txt", "a.txt"):
                archive.writestr(name, name)
    error = refusal(place)
    assert isinstance(error, ObjectError)
    assert (error.code, error.data["path"]) == ("UNSAFE_NAME", "a.txt")


# ------------------------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    "info",
    [
        member("odd", type=tarfile.SYMTYPE, linkname="a.txt"),
        member("odd", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("odd", type=tarfile.LNKTYPE, linkname="a.txt"),
        member("odd", type=tarfile.FIFOTYPE),
        member("odd", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("odd", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
        member("odd", pax_headers={"GNU.sparse.major": "0", "GNU.sparse.map": "0,0", "GNU.sparse.size": "0"}),
    ],
    ids=["symlink", "symlink out", "hard link", "fifo", "character device", "block device", "sparse"],
)
def test_only_plain_files_in_a_tar(tmp_path: Path, info: tarfile.TarInfo) -> None:
    (tmp_path / "dist.tar").write_bytes(tar_with(member("a.txt"), info))
    error = refusal(tmp_path / "dist.tar")
    assert (error.code, error.data["path"]) == ("UNSAFE_TYPE", "odd")


def test_a_sparse_file_as_gnu_tar_writes_it(tmp_path: Path) -> None:
    # An old-style GNU header: type S, one extent, a real size.
    block = bytearray(tar_with(member("odd"))[:512])
    block[156:157] = tarfile.GNUTYPE_SPARSE
    block[257:265] = b"ustar  \0"
    block[386:410] = b"00000000000\0" * 2
    block[483:495] = b"00000000020\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "dist.tar").write_bytes(bytes(block) + bytes(10240 - 512))
    assert refusal(tmp_path / "dist.tar").code == "UNSAFE_TYPE"


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR | 0o600])
@pytest.mark.parametrize("name", ["odd", "odd/"])
def test_only_plain_files_in_a_zip(tmp_path: Path, mode: int, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "dist.zip", "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd" if name == "odd" else "")
    error = refusal(tmp_path / "dist.zip")
    assert (error.code, error.data["path"]) == ("UNSAFE_TYPE", name)


def test_a_zip_without_modes_holds_plain_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dist.zip", "w") as archive:
        info = zipfile.ZipInfo("a.txt")
        info.create_system, info.external_attr = 0, 0x20
        archive.writestr(info, "a")
    assert read(tmp_path / "dist.zip") == {"a.txt": (b"a", False)}


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a.txt": b"secret"}))
    data[6] |= 1  # the flag, in the member's header …
    data[data.index(b"PK\x01\x02") + 8] |= 1  # … and in the directory
    (tmp_path / "dist.zip").write_bytes(data)
    error = refusal(tmp_path / "dist.zip")
    assert error.code == "BAD_ARCHIVE"
    assert "encrypted" in error.what


# ------------------------------------------------------------------------------------------------------- lies


def patched_zip(name: str, data: bytes, *, size: int) -> bytes:
    """A zip whose member says it has ``size`` bytes."""
    packed = bytearray(zip_of({name: data}))
    directory = packed.index(b"PK\x01\x02")
    packed[22:26] = packed[directory + 24 : directory + 28] = size.to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.parametrize("size", [0, 10, 99_999, 100_001, 4_000_000_000])
def test_a_bomb_whose_size_lies_is_refused_and_never_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    written: list[int] = []
    copy = archive_input.shutil.copyfileobj

    def counting(source: io.BytesIO, target: io.BytesIO, length: int) -> None:
        before = target.tell()
        try:
            copy(source, target, length)
        finally:
            written.append(target.tell() - before)

    monkeypatch.setattr(archive_input.shutil, "copyfileobj", counting)
    (tmp_path / "bomb.zip").write_bytes(patched_zip("bomb", bytes(100_000), size=size))
    assert refusal(tmp_path / "bomb.zip").code == "BAD_ARCHIVE"
    assert sum(written) <= 100_000


def test_a_member_that_lies_about_its_digest(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a.txt": b"abc"}, kind=zipfile.ZIP_STORED))
    data[data.index(b"abc")] ^= 1
    (tmp_path / "dist.zip").write_bytes(data)
    assert refusal(tmp_path / "dist.zip").code == "BAD_ARCHIVE"


def test_a_tar_cut_at_a_member_is_not_a_shorter_release(tmp_path: Path) -> None:
    # tarfile, GNU tar and others take this for a whole archive with one file.
    whole = tar_with(member("a.txt", b"a" * 512), member("b.txt", b"b" * 512), data=b"a" * 512)
    (tmp_path / "dist.tar").write_bytes(whole[:1024])
    with tarfile.open(tmp_path / "dist.tar") as tar:
        assert tar.getnames() == ["a.txt"]
    assert refusal(tmp_path / "dist.tar").code == "BAD_ARCHIVE"


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    data = bytearray(tar_of({"a.txt": b"a", "b.txt": b"b"}))
    data[1024 + 150] ^= 0x15  # the checksum of the second header
    (tmp_path / "dist.tar").write_bytes(data)
    with tarfile.open(tmp_path / "dist.tar") as tar:
        assert tar.getnames() == ["a.txt"]
    assert refusal(tmp_path / "dist.tar").code == "BAD_ARCHIVE"


def test_an_archive_cut_anywhere_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "cut"
    for name, make in PACKED.items():
        data = make()
        # The last bytes of a tar are its end mark, twice and padded: without some of them it is still whole.
        last = len(data) if not name.endswith(".tar") else data.rindex(b"ae") + 510
        for length in {*range(0, last, max(1, last // 40)), last - 1}:
            place.write_bytes(data[:length])
            assert refusal(place).code == "BAD_ARCHIVE", (name, length)


def test_no_damage_gets_through_untyped_or_unseen(tmp_path: Path) -> None:
    # Whatever still opens must hold what was packed, or differ where nothing protects it (a tar has no checksum of
    # contents). What matters is that nothing but typed errors comes out, and that no file is silently left out.
    dice = random.Random(1)
    place = tmp_path / "damaged"
    for name, make in PACKED.items():
        original = make()
        for _ in range(60):
            data = bytearray(original)
            for _ in range(dice.choice((1, 1, 3))):
                data[dice.randrange(len(data))] = dice.randrange(256)
            place.write_bytes(data)
            with contextlib.suppress(SealcastError):  # and nothing else
                assert len(read(place)) == len(FILES), name


def test_a_directory_with_contents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dist.zip").write_bytes(zip_of({"a.txt": b"a", "folder/": b"what for?"}))
    assert refusal(tmp_path / "dist.zip").code == "BAD_ARCHIVE"


def test_a_zip_that_lost_members_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_of({"a.txt": b"a", "b.txt": b"b"}))
    comment = data.index(b"PK\x01\x02") + 32
    data[comment] = 46 + len("b.txt")  # the first one's comment swallows the second
    (tmp_path / "dist.zip").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "dist.zip") as archive:
        assert archive.namelist() == ["a.txt"]
    assert refusal(tmp_path / "dist.zip").code == "BAD_ARCHIVE"


def test_a_zip_with_a_comment(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dist.zip", "w") as archive:
        archive.writestr("a.txt", "a")
        archive.comment = b"made on a Monday"
    assert list(read(tmp_path / "dist.zip")) == ["a.txt"]


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x1f\x8b", b"not an archive", b"\x28\xb5\x2f\xfd!!", bytes(100)]
)
def test_what_is_no_archive(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "dist.zip").write_bytes(data)
    assert refusal(tmp_path / "dist.zip").code == "BAD_ARCHIVE"


def test_a_full_disk_is_not_taken_for_a_bad_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "dist.tar").write_bytes(tar_of(FILES))
    monkeypatch.setattr(archive_input.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space"):
        read(tmp_path / "dist.tar")


def test_a_message_of_the_archive_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J.zip").write_bytes(b"nothing")
    error = refusal(tmp_path / "\x1b[2J.zip")
    assert "\x1b" not in error.what + str(error.data)


@pytest.mark.skipif(os.name != "posix", reason="no fifo there")
def test_a_fifo_is_no_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").code == "NO_INPUT"


def test_the_readers_own_errors_are_known() -> None:
    assert zlib.error in archive_input._DAMAGE

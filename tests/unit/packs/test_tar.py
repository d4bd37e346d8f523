"""An archive is what everybody's tar would write, and is read by comparing, never by parsing."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.errors import ObjectError
from sealcast.packs import tar
from sealcast.packs.bounds import FRAME_OUTPUT_LIMIT, SKELETON_LIMIT
from sealcast.packs.tar import ARCHIVE_WINDOW_LOG, Member, compressed, read_archive, read_list
from sealcast.packs.zstandard import zstd
from sealcast.values import content_of
from tests.unit.packs.samples import MIB, noise

FILES = {
    "bin/run": b"#!/bin/sh\n",
    "empty": b"",
    "exact": bytes(512),
    "n" * 150 + "/long.txt": b"a long name",
    "\u00e4 \u00f6 \u6f22.txt": b"any script",
}
MEMBERS = [Member(path, len(data), path == "bin/run") for path, data in FILES.items()]


def plain(members: Sequence[Member] = MEMBERS, files: dict[str, bytes] = FILES) -> bytes:
    out = bytearray()
    for member in members:
        out += tar.header(member) + files[member.path] + tar.padding(member.size)
    return bytes(out + tar.end(len(out)))


def packed(data: bytes) -> io.BytesIO:
    out = io.BytesIO()
    with compressed(out, 3) as file:
        file.write(data)
    out.seek(0)
    return out


def read(data: bytes, members: Sequence[Member] = MEMBERS) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, offset, part in read_archive(packed(data), members):
        path = members[number].path
        assert offset == len(found.get(path, b""))
        found[path] = found.get(path, b"") + part
    return found


def test_it_is_what_tarfile_writes() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in MEMBERS:
            info = tarfile.TarInfo(member.path)
            info.size, info.mode = member.size, 0o755 if member.executable else 0o644
            archive.addfile(info, io.BytesIO(FILES[member.path]))
    assert plain() == out.getvalue()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300), st.integers(0, 2**40))
def test_headers_are_those_that_tarfile_writes(path: str, size: int) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o644
    assert tar.header(Member(path, size, False)) == info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def test_the_same_bytes_under_every_python() -> None:
    assert content_of(plain()).sha256 == "15325e7699cce7b3ec4cd83a7b5ebe2e9627003a93651f102a8ead505f73adcb"


GOOD = plain()
LIST = b"the list of files " * 20


def listed(data: bytes = LIST) -> io.BytesIO:
    return io.BytesIO(packed(GOOD).getvalue() + tar.list_frame(data, 19))


@pytest.mark.parametrize("data", [LIST, b"", noise(3000)])
def test_the_list_behind_an_archive_comes_back_and_disturbs_no_reader(data: bytes) -> None:
    file = listed(data)
    assert read_list(file) == data
    file.seek(0)
    assert [number for number, _, _ in read_archive(file, MEMBERS)] == [0, 2, 3, 4]
    assert zstd.decompress(file.getvalue()) == GOOD
    with (
        zstd.ZstdFile(io.BytesIO(file.getvalue())) as everybodys,
        tarfile.open(fileobj=everybodys, mode="r|") as archive,
    ):
        assert archive.getnames() == list(FILES)


def wrong_lists() -> Iterator[bytes]:
    good = listed().getvalue()
    start = len(packed(GOOD).getvalue())
    yield b""
    yield good[:11]
    yield good[:start]
    yield good[:-1]
    yield good + b"x"
    yield good[-11:]
    yield good[start:][8:]
    for place in (start, start + 3, start + 4, start + 8, *range(len(good) - 12, len(good))):
        yield good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
    yield good[:-12] + (2**32 - 1).to_bytes(4, "little") + good[-8:]
    yield good[:-8] + (2**32 - 1).to_bytes(4, "little") + good[-4:]
    yield good[:-8] + (3).to_bytes(4, "little") + good[-4:]


@pytest.mark.parametrize("data", list(wrong_lists()))
def test_a_list_that_is_damaged_or_missing_is_refused(data: bytes) -> None:
    with pytest.raises(ObjectError) as caught:
        read_list(io.BytesIO(data))
    assert caught.value.code in {"BAD_PACK", "TOO_LARGE"}


def test_a_list_that_grows_too_large_is_refused_before_it_is_unpacked() -> None:
    good = tar.list_frame(bytes(1000), 3)
    large = good[:-12] + (SKELETON_LIMIT + 1).to_bytes(4, "little") + good[-8:]
    with pytest.raises(ObjectError) as caught:
        read_list(io.BytesIO(large))
    assert caught.value.code == "TOO_LARGE"


def test_what_is_written_is_read() -> None:
    assert read(plain()) == {path: data for path, data in FILES.items() if data}
    assert read(plain([], {}), []) == {}


def test_large_members_come_in_steps() -> None:
    member = Member("large", FRAME_OUTPUT_LIMIT + 700, False)
    data = noise(MIB) * 16 + bytes(700)
    steps = list(read_archive(packed(plain([member], {"large": data})), [member]))
    assert [(number, offset, len(part)) for number, offset, part in steps] == [
        (0, 0, FRAME_OUTPUT_LIMIT),
        (0, FRAME_OUTPUT_LIMIT, 700),
    ]
    assert b"".join(part for _, _, part in steps) == data


LAST = MEMBERS[-1]


def damaged() -> Iterator[tuple[str, bytes, Sequence[Member]]]:
    yield "cut short", GOOD[:-1], MEMBERS
    yield "cut in a member", GOOD[:700], MEMBERS
    yield "nothing", b"", MEMBERS
    yield "more behind its end", GOOD + b"x", MEMBERS
    yield "another name", GOOD.replace(b"bin/run", b"bin/ruN"), MEMBERS
    yield "another mode", GOOD, [MEMBERS[0]._replace(executable=False), *MEMBERS[1:]]
    yield "a member more", GOOD, MEMBERS[:-1]
    yield "a member less", GOOD, [*MEMBERS, LAST]
    yield "another order", GOOD, MEMBERS[::-1]
    yield "a longer member", GOOD, [MEMBERS[0]._replace(size=11), *MEMBERS[1:]]
    yield "something between two members", GOOD[:522] + b"x" + GOOD[523:], MEMBERS
    yield "something at its end", GOOD[:-9] + b"x" + GOOD[-8:], MEMBERS


@pytest.mark.parametrize(("data", "members"), [case[1:] for case in damaged()], ids=[case[0] for case in damaged()])
def test_anything_else_is_refused(data: bytes, members: Sequence[Member]) -> None:
    with pytest.raises(ObjectError) as caught:
        read(data, members)
    assert caught.value.code == "BAD_PACK"


@pytest.mark.parametrize(
    "stored",
    [b"", b"no zstd", packed(GOOD).getvalue()[:-3], packed(GOOD).getvalue()[:40], packed(GOOD).getvalue() + b"x"],
)
def test_what_is_no_frame_of_zstandard_is_refused(stored: bytes) -> None:
    with pytest.raises(ObjectError) as caught:
        list(read_archive(io.BytesIO(stored), MEMBERS))
    assert caught.value.code == "BAD_PACK"


def test_an_archive_that_would_take_more_memory_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: ARCHIVE_WINDOW_LOG + 1}
    out = io.BytesIO()
    with zstd.ZstdFile(out, "wb", options=options) as file:
        file.write(GOOD)
    with pytest.raises(ObjectError, match="window"):
        list(read_archive(io.BytesIO(out.getvalue()), MEMBERS))

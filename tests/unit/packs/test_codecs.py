"""Codecs give back what they were given, to the byte, and nothing else within bounds."""

from __future__ import annotations

import importlib.util
import struct
import tracemalloc
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealcast.errors import ObjectError
from sealcast.files import CHUNK
from sealcast.packs import codecs
from sealcast.packs.zstandard import zstd
from tests.unit.packs.samples import MIB, frame_of, noise, words

TEXT = words(4000, seed=1)
DICTIONARY_MAGIC = b"\x37\xa4\x30\xec"


@given(st.binary(max_size=2000), st.binary(max_size=2000), st.sampled_from([1, 3, 9, 19]))
@settings(max_examples=60)
def test_what_is_encoded_is_decoded(data: bytes, inputs: bytes, level: int) -> None:
    body = codecs.encode("zstd-from", data, inputs=inputs, level=level)
    assert codecs.decode("zstd-from", body, inputs=inputs, length=len(data)) == data
    body = codecs.encode("zstd", data, level=level)
    assert codecs.decode("zstd", body, length=len(data)) == data


@pytest.mark.parametrize("inputs", [b"", b"x", b"1234567", b"12345678", DICTIONARY_MAGIC + b"no dictionary", TEXT])
@pytest.mark.parametrize("data", [b"", b"x", TEXT + b"!"])
def test_the_edges_of_inputs_and_output(inputs: bytes, data: bytes) -> None:
    body = codecs.encode("zstd-from", bytearray(data), inputs=bytearray(inputs), level=3)
    assert codecs.decode("zstd-from", body, inputs=inputs, length=len(data)) == data


def test_inputs_in_a_bytearray_are_let_go() -> None:
    inputs = bytearray(TEXT)
    body = codecs.encode("zstd-from", TEXT + b"!", inputs=inputs, level=3)
    assert inputs == TEXT
    assert codecs.decode("zstd-from", body, inputs=inputs, length=len(TEXT) + 1) == TEXT + b"!"
    assert inputs == b""


def test_large_frames_go_through_in_steps() -> None:
    for data in (noise(3 * MIB + 5), bytes(3 * MIB + 5), noise(MIB) + bytes(MIB) + noise(MIB)):
        body = codecs.encode("zstd", data, level=1)
        assert codecs.decode("zstd", body, length=len(data)) == data
        for wrong in (body[:-1], body[: len(body) // 2], body + b"x", body + noise(2 * MIB)):
            with pytest.raises(ObjectError) as error:
                codecs.decode("zstd", wrong, length=len(data))
            assert error.value.code == "BAD_PACK"


def test_bytes_behind_a_frame_that_ends_with_a_step_are_refused() -> None:
    data = noise(MIB - 33)
    body = codecs.encode("zstd", data, level=1)
    assert len(body) == CHUNK
    assert codecs.decode("zstd", body, length=len(data)) == data
    with pytest.raises(ObjectError) as error:
        codecs.decode("zstd", body + b"x", length=len(data))
    assert error.value.code == "BAD_PACK"


def test_inputs_are_used() -> None:
    data = noise(100_000)
    assert len(codecs.encode("zstd-from", data + b"!", inputs=data, level=3)) < 100


def test_the_same_bytes_whatever_the_number_of_workers() -> None:
    # What the format's determinism rests on: our frames are those of any number of workers but none.
    data, parameter = TEXT * 60, zstd.CompressionParameter
    options = {
        parameter.compression_level: 3,
        parameter.window_log: (len(data) - 1).bit_length(),
        parameter.enable_long_distance_matching: 1,
        parameter.checksum_flag: 0,
    }
    for workers in (1, 2, 4):
        compressor = zstd.ZstdCompressor(options={**options, parameter.nb_workers: workers})
        compressor.set_pledged_input_size(len(data))
        assert compressor.compress(data, mode=compressor.FLUSH_FRAME) == codecs.encode("zstd", data, level=3)


def test_a_frame_states_its_size_and_has_no_checksum() -> None:
    body = codecs.encode("zstd", TEXT, level=3)
    assert zstd.get_frame_info(body).decompressed_size == len(TEXT)
    assert not body[4] & 0b100  # RFC 8878, section 3.1.1.1.1: Content_Checksum_flag


def unstated(data: bytes) -> bytes:
    compressor = zstd.ZstdCompressor()
    return compressor.compress(data) + compressor.flush()


SKIPPABLE = struct.pack("<II", 0x184D2A50, 4) + b"skip"

BAD = {
    "empty": (b"", 5),
    "not Zstandard": (b"abcdefghij", 5),
    "header only": (frame_of(b"hello")[:5], 5),
    "cut short": (frame_of(TEXT)[:-1], len(TEXT)),
    "longer than said": (frame_of(b"hello!"), 5),
    "shorter than said": (frame_of(b"hell"), 5),
    "no size stated": (unstated(b"hello"), 5),
    "bytes behind it": (frame_of(b"hello") + b"x", 5),
    "a second frame": (frame_of(b"hello") + frame_of(b""), 5),
    "a skippable frame": (SKIPPABLE, 0),
    "a skippable frame before it": (SKIPPABLE + frame_of(b"hello"), 5),
    "flipped": (frame_of(TEXT)[:40] + bytes([frame_of(TEXT)[40] ^ 1]) + frame_of(TEXT)[41:], len(TEXT) + 1),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("codec", codecs.CODECS)
def test_a_body_that_is_not_one_whole_frame_of_that_length_is_refused(codec: str, what: str) -> None:
    body, length = BAD[what]
    with pytest.raises(ObjectError) as error:
        codecs.decode(codec, body, length=length)
    assert error.value.code == "BAD_PACK"


@given(st.integers(0, len(frame_of(TEXT[:500])) - 1), st.integers(0, 7))
def test_a_flipped_bit_gives_that_many_bytes_or_a_typed_error(place: int, bit: int) -> None:
    body = bytearray(frame_of(TEXT[:500]))
    body[place] ^= 1 << bit
    try:
        result: object = len(codecs.decode("zstd", bytes(body), length=500))
    except ObjectError as error:
        result = error.code
    assert result in {500, "BAD_PACK"}


def lying_bomb(stated: int) -> bytes:
    """64 MiB of zeros in a frame that states ``stated`` bytes."""
    body = bytearray(codecs.encode("zstd", bytes(64 * MIB), level=1))
    assert body[4] >> 5 == 0b101  # a single segment: no window byte, four bytes of size
    body[5:9] = struct.pack("<I", stated)
    return bytes(body)


def windowed(log: int, blocks: int = 16) -> bytes:
    """A frame that states 2 MiB and a window of 2 to the power of ``log`` bytes (RFC 8878, section 3.1.1).

    It holds as many blocks of 128 KiB of zeros: sixteen are what it states.
    """
    last = blocks - 1
    body = [(128 * 1024 << 3 | 0b010 | (number == last)).to_bytes(3, "little") + b"\0" for number in range(blocks)]
    start = b"\x28\xb5\x2f\xfd" + bytes([0b10000000, (log - 10) << 3]) + struct.pack("<I", 2 * MIB)
    return start + b"".join(body)


def test_a_window_above_the_limit_is_refused() -> None:
    assert codecs.decode("zstd", windowed(27), length=2 * MIB) == bytes(2 * MIB)
    for log in (28, 31, 41):
        with pytest.raises(ObjectError) as error:
            codecs.decode("zstd", windowed(log), length=2 * MIB)
        assert error.value.code == "BAD_PACK"


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (codecs.encode("zstd", bytes(64 * MIB), level=1), 1000),
        (lying_bomb(1000), 1000),
        (lying_bomb(128 * 1024), 128 * 1024),
        (lying_bomb(2 * MIB), 2 * MIB),
        (windowed(20, blocks=512), 2 * MIB),
    ],
    ids=["honest", "lying", "lying by a block", "lying beyond a step", "lying beyond its window"],
)
def test_a_decompression_bomb_stays_small(body: bytes, length: int) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ObjectError) as error:
            codecs.decode("zstd", body, length=length)
        assert tracemalloc.get_traced_memory()[1] < length + 4 * MIB
    finally:
        tracemalloc.stop()
    assert error.value.code == "BAD_PACK"


def test_an_unknown_codec_is_refused() -> None:
    for call in (
        lambda: codecs.decode("hdiffpatch", b"", length=1),
        lambda: codecs.encode("hdiffpatch", b"x", level=1),
        lambda: codecs.check_codec("hdiffpatch"),
    ):
        with pytest.raises(ObjectError) as error:
            call()
        assert error.value.code == "UNKNOWN_CODEC"


@pytest.fixture
def without_lzma(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The codecs of a Python that was built without lzma, beside those of this one."""
    assert codecs.__file__
    spec = importlib.util.spec_from_file_location("sealcast.packs.codecs_without_lzma", codecs.__file__)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "_lzma" else real(name))
    spec.loader.exec_module(made)
    return made


def test_a_python_without_lzma_takes_another_route(without_lzma: ModuleType) -> None:
    assert set(codecs.CODECS) - set(without_lzma.CODECS) == {"diff"}
    body = codecs.encode("diff", TEXT + b"!", inputs=TEXT, level=3)
    with pytest.raises(ObjectError) as error:
        without_lzma.decode("diff", body, inputs=TEXT, length=len(TEXT) + 1)
    assert error.value.code == "UNKNOWN_CODEC"
    codec, _ = without_lzma.encode_smallest(("zstd-from", "diff"), TEXT + b"!", inputs=TEXT, level=3)
    assert codec == "zstd-from"


def test_inputs_for_a_codec_without_are_refused() -> None:
    with pytest.raises(ObjectError) as error:
        codecs.decode("zstd", frame_of(b"hello"), inputs=b"some input", length=5)
    assert error.value.code == "BAD_PACK"


def test_the_encoder_names_what_decides_the_bytes() -> None:
    assert codecs.encoder(19) == {"zstd": zstd.zstd_version, "level": "19"}

"""The codec `diff`: whatever the copies say, the output comes back; whatever the body says, nothing else happens."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealcast.errors import ObjectError
from sealcast.packs import codecs, diff
from sealcast.packs.copies import Copy, search
from sealcast.packs.diff import COPIES_LIMIT
from sealcast.packs.streams import join_streams, varints
from tests.unit.packs.samples import MIB, noise, words

OLD = words(6000, seed=1)


def program(seed: int, size: int, moved: int) -> bytes:
    """Return what a linker makes: the same instructions with addresses that moved together."""
    chosen, out = random.Random(seed), bytearray()
    while len(out) < size:
        out += chosen.randbytes(12)
        out += (chosen.randrange(2**20) * 16 + moved).to_bytes(4, "little")
    return bytes(out[:size])


@st.composite
def copied(draw: st.DrawFn) -> tuple[bytes, bytes, list[Copy]]:
    """Draw inputs, an output, and copies between them that need not resemble each other at all."""
    inputs, output = draw(st.binary(max_size=300)), draw(st.binary(max_size=300))
    copies, position = [], 0
    for gap, length, source in draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 60), st.integers(0, 300)))):
        position += gap
        if position + length <= len(output) and source + length <= len(inputs):
            copies.append(Copy(source, position, length))
            position += length
    return inputs, output, copies


@given(copied(), st.booleans())
@settings(max_examples=200)
def test_what_is_encoded_is_decoded(drawn: tuple[bytes, bytes, list[Copy]], best: bool) -> None:
    inputs, output, copies = drawn
    body = diff.encode(output, inputs, copies, best=best)
    if body is None:  # copies that resemble nothing: its lists got longer than what they describe
        assert len(output) > 0
    else:
        assert diff.decode(body, inputs, len(output)) == output


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_with_what_the_library_finds(inputs: bytes, output: bytes) -> None:
    copies = search(inputs, output)
    assert copies is not None
    body = diff.encode(output, inputs, copies, best=False)
    assert body is not None
    assert diff.decode(body, inputs, len(output)) == output


def test_every_byte_can_become_every_other() -> None:
    inputs = bytes(range(256)) * 256
    output = bytes(new for new in range(256) for _ in range(256))
    body = diff.encode(output, inputs, [Copy(0, 0, len(output))], best=False)
    assert body is not None
    assert diff.decode(body, inputs, len(output)) == output


def test_a_program_whose_addresses_moved_is_smaller_than_under_zstandard() -> None:
    old, new = program(1, 400_000, 0), program(1, 400_000, 0x1230)
    sizes = {name: len(codecs.encode(name, new, inputs=old, level=19)) for name in ("diff", "zstd-from")}
    assert sizes["diff"] * 2 < sizes["zstd-from"]
    codec, body = codecs.encode_smallest(("zstd-from", "diff"), new, inputs=old, level=19)
    assert (codec, len(body)) == ("diff", sizes["diff"])
    assert codecs.decode("diff", body, inputs=old, length=len(new)) == new


def test_frames_of_several_steps() -> None:
    old = noise(2 * MIB)
    changed = bytearray(old[MIB:] + old[:MIB])
    for place in random.Random(5).sample(range(len(changed)), 3000):
        changed[place] ^= 0x81
    body = codecs.encode("diff", changed, inputs=old, level=12)
    assert len(body) < 20_000
    inputs = bytearray(old)
    assert codecs.decode("diff", body, inputs=inputs, length=len(changed)) == changed
    assert inputs == b"", "let go of, so that the output may take their place"


def test_stretches_without_changes_stay_as_they_are() -> None:
    old = noise(MIB)
    new = old[: MIB // 2] + b"?" + old[MIB // 2 + 1 :]
    body = codecs.encode("diff", new, inputs=old, level=12)
    assert len(body) < 100
    assert codecs.decode("diff", body, inputs=old, length=MIB) == new


def test_without_inputs_it_is_all_literals() -> None:
    body = codecs.encode("diff", OLD, level=12)
    assert codecs.decode("diff", body, length=len(OLD)) == OLD
    assert len(body) < len(OLD) / 2


def body_of(
    *, copies: tuple[tuple[int, ...], ...] = ((), (), ()), literals: bytes = b"", runs: tuple[bytes, ...] = (b"",) * 3
) -> bytes:
    return join_streams([b"".join(map(varints, copies)), literals, *runs], best=False)


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (body_of(), 5),
        (body_of(literals=b"hello!"), 5),
        (body_of(literals=b"hell"), 5),
        (body_of(copies=((0,), (5,), ()), literals=b""), 5),
        (body_of(copies=((0,), (6,), (0,))), 5),
        (body_of(copies=((0,), (5,), (1,))), 5),  # one before the inputs
        (body_of(copies=((0,), (5,), (2 * 6,))), 5),  # 6 to 11 of 10
        (body_of(copies=((0,), (5,), (2**34,))), 5),
        (body_of(copies=((0, 0), (5, 1), (0, 0))), 5),
        (body_of(copies=((3,), (2,), (0,)), literals=b"ab"), 5),
        (body_of(copies=((6,), (0,), (0,)), literals=b"abcdef"), 5),
        (body_of(literals=b"hello", runs=(b"\0", b"", b"")), 5),
        (body_of(literals=b"hello", runs=(b"\0", b"\1", b"")), 5),
        (body_of(literals=b"hello", runs=(b"\0", b"\1", b"ab")), 5),
        (body_of(literals=b"hello", runs=(b"\5", b"\1", b"a")), 5),
        (body_of(literals=b"hello", runs=(b"\4", b"\2", b"ab")), 5),
        (body_of(literals=b"hello", runs=(b"\6", b"\0", b"")), 5),
        (body_of(literals=b"hello", runs=(b"", b"", b"a")), 5),
        (join_streams([b"", b"hello", b"", b""], best=False), 5),
        (join_streams([b"", b"hello", b"", b"", b"", b""], best=False), 5),
        (b"", 0),
    ],
)
def test_what_is_malformed_is_refused(body: bytes, length: int) -> None:
    with pytest.raises(ObjectError) as caught:
        codecs.decode("diff", body, inputs=b"0123456789", length=length)
    assert caught.value.code == "BAD_PACK"


def test_the_checks_above_refuse_for_the_right_reason() -> None:
    assert codecs.decode("diff", body_of(literals=b"hello", runs=(b"\4", b"\1", b"\1")), length=5) == b"hellp"
    good = body_of(copies=((2, 0), (2, 1), (2 * 8, 1 + 2 * 9)), literals=b"ab")
    assert codecs.decode("diff", good, inputs=b"0123456789", length=5) == b"ab890"


def test_a_bit_that_flips_anywhere_gives_other_bytes_or_a_refusal() -> None:
    output = OLD[100:900] + b"between" + OLD[2000:2600]
    body = codecs.encode("diff", output, inputs=OLD, level=12)
    results: set[object] = set()
    for place in range(len(body)):
        for bit in (0x01, 0x80):
            damaged = bytearray(body)
            damaged[place] ^= bit
            try:
                results.add(len(codecs.decode("diff", bytes(damaged), inputs=OLD, length=len(output))))
            except ObjectError as error:
                results.add(error.code)
    assert results == {len(output), "BAD_PACK"}


def test_more_copies_than_a_reader_takes() -> None:
    count = COPIES_LIMIT + 1
    output = noise(count)
    copies = [Copy(0, place, 1) for place in range(count)]
    assert diff.encode(output, b"x", copies, best=False) is None
    body = body_of(copies=((0,) * count, (1,) * count, (0, *(1,) * (count - 1))), literals=bytes(count))
    with pytest.raises(ObjectError, match="not as many"):
        codecs.decode("diff", body, inputs=b"x", length=2 * count)


@pytest.mark.parametrize(
    ("copies", "times"), [((), 3.2), ((Copy(0, 0, MIB),), 4.2)], ids=["every byte new", "every byte changed"]
)
def test_it_needs_a_few_times_the_output(copies: tuple[Copy, ...], times: float) -> None:
    old = noise(MIB)
    new = old.translate(bytes((byte + 1) % 256 for byte in range(256)))
    body = diff.encode(new, old, copies, best=False)
    assert body is not None
    inputs = bytearray(old)
    tracemalloc.start()
    assert codecs.decode("diff", body, inputs=inputs, length=len(new)) == new
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < times * len(new)

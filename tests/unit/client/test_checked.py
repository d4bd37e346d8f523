from __future__ import annotations

from pathlib import Path

import pytest

from sealcast.client.checked import read_checked, write_checked


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_checked(tmp_path / "f", b"state\nmore")
    assert read_checked(tmp_path / "f", 1000) == b"state\nmore"


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    write_checked(tmp_path / "f", b"x")
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0


def test_what_is_missing_or_no_file_is_none(tmp_path: Path) -> None:
    assert read_checked(tmp_path / "f", 1000) is None
    assert read_checked(tmp_path, 1000) is None


@pytest.mark.parametrize("position", [0, 63, 64, 65, -1])
def test_a_flipped_bit_anywhere_is_found(tmp_path: Path, position: int) -> None:
    write_checked(tmp_path / "f", b"the state of a device")
    data = bytearray((tmp_path / "f").read_bytes())
    data[position] ^= 1
    (tmp_path / "f").write_bytes(data)
    assert read_checked(tmp_path / "f", 1000) is None


def test_truncation_at_every_length_is_found(tmp_path: Path) -> None:
    write_checked(tmp_path / "f", b"abc")
    data = (tmp_path / "f").read_bytes()
    for length in range(len(data)):
        (tmp_path / "f").write_bytes(data[:length])
        assert read_checked(tmp_path / "f", 1000) is None


def test_zeros_are_found(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(200))
    assert read_checked(tmp_path / "f", 1000) is None


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    write_checked(tmp_path / "f", b"12345")
    assert read_checked(tmp_path / "f", 5) == b"12345"
    assert read_checked(tmp_path / "f", 4) is None

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sealcast.client.disk import RESERVE, check_room, disk_error
from sealcast.errors import InstallError


def test_there_is_room_for_little(tmp_path: Path) -> None:
    check_room(tmp_path, 1)


def test_there_is_no_room_for_too_much(tmp_path: Path) -> None:
    with pytest.raises(InstallError) as caught:
        check_room(tmp_path, 2**60)
    assert caught.value.code == "NO_SPACE"
    assert caught.value.data["wanted"] == 2**60 + RESERVE


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "NO_SPACE"), (errno.EDQUOT, "NO_SPACE"), (errno.EIO, "DISK_FAILED"), (errno.EROFS, "DISK_FAILED")],
)
def test_what_the_disk_refuses_has_a_code(number: int, code: str) -> None:
    assert disk_error(OSError(number, "words", "a file")).code == code


def test_an_error_without_words_has_some() -> None:
    assert "strange" in disk_error(OSError("strange")).what

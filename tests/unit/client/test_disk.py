from __future__ import annotations

import errno

import pytest

from sealcast.client.disk import disk_error


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "NO_SPACE"), (errno.EDQUOT, "NO_SPACE"), (errno.EIO, "DISK_FAILED"), (errno.EROFS, "DISK_FAILED")],
)
def test_what_the_disk_refuses_has_a_code(number: int, code: str) -> None:
    assert disk_error(OSError(number, "words", "a file")).code == code


def test_an_error_without_words_has_some() -> None:
    assert "strange" in disk_error(OSError("strange")).what

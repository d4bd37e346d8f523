"""An overlay shows some files as they will be, under the same limits as any source."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealcast.errors import TransferError
from sealcast.fetch import FolderSource, Overlay


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "replaced").write_bytes(b"old")
    return Overlay(FolderSource(tmp_path), {"replaced": b"new", "added": b"more"})


def test_shows_what_will_be_there(overlay: Overlay) -> None:
    assert overlay.read("replaced", limit=9) == b"new"
    assert overlay.read("added", limit=9) == b"more"
    assert overlay.read("kept", limit=9) == b"kept"
    assert b"".join(overlay.stream("added", limit=9, start=1)) == b"ore"
    assert b"".join(overlay.stream("kept", limit=9)) == b"kept"


def test_names_where_the_rest_comes_from(overlay: Overlay, tmp_path: Path) -> None:
    assert overlay.location == FolderSource(tmp_path).location


def test_keeps_to_the_limit_and_the_length(overlay: Overlay) -> None:
    with pytest.raises(TransferError) as refused:
        overlay.read("added", limit=3)
    assert refused.value.code == "TOO_LARGE"
    with pytest.raises(TransferError) as refused:
        list(overlay.stream("added", limit=9, start=5))
    assert refused.value.code == "BAD_RANGE"

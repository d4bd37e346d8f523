"""The example keys: known to the tool one by one, and usable as the page beside them says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealcast.signing import EXAMPLE_KEYIDS, is_example, key_of, open_signer, read_record

FOLDER = Path(__file__).parents[3] / "keys.example"
RECORDS = sorted(FOLDER.glob("*.pub.json"))


class Example:
    def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
        return b"example"


def test_the_tool_knows_exactly_these() -> None:
    assert {read_record(path).keyid for path in RECORDS} == EXAMPLE_KEYIDS
    assert {path.name for path in FOLDER.glob("*.pem")} == {"root.pem", "online.pem", "channel.pem", "halt.pem"}


def test_any_other_key_is_no_example() -> None:
    assert all(is_example(keyid) for keyid in EXAMPLE_KEYIDS)
    assert not is_example("0" * 64)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_each_opens_where_its_record_says_even_with_the_mode_of_a_checkout(path: Path, tmp_path: Path) -> None:
    record = read_record(path)
    copy = shutil.copytree(FOLDER, tmp_path / "keys.example")
    (copy / f"{record.name}.pem").chmod(0o644)
    assert record.uri is not None
    signer = open_signer(record.uri, key_of(record), Example(), folder=tmp_path)
    key_of(record).verify_signature(signer.sign(b"data"), b"data")


def test_the_page_names_the_passphrase_and_every_key() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    assert "passphrase is `example`" in page
    assert all(f"`{path.name.removesuffix('.pub.json')}.pem`" in page for path in RECORDS)

"""Private key files: create-only, for their owner alone, replaced in one step."""

from __future__ import annotations

import os
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealcast.errors import ConfigError, SigningError
from sealcast.signing import (
    KEY_TYPES,
    GeneratedKey,
    change_passphrase,
    generate,
    is_encrypted,
    key_files,
    read_record,
    save_key,
)
from sealcast.signing.key_files import KEY_FILE_LIMIT, open_key_file, read_key_file
from sealcast.signing.records import record_bytes

pytestmark = pytest.mark.usefixtures("cheap_passphrases")

PASSPHRASE = b"canary-passphrase-5f0c9"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")


def made(name: str = "alice", passphrase: bytes | None = PASSPHRASE) -> GeneratedKey:
    return generate(name, KEY_TYPES["ed25519"], passphrase, random=os.urandom)


def never() -> bytes:
    raise AssertionError("nobody must be asked")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    return save_key(tmp_path, made())[0]


def refusal(path: Path) -> SigningError:
    with pytest.raises(SigningError) as caught:
        open_key_file(path, lambda: PASSPHRASE)
    return caught.value


def test_two_files_are_written(tmp_path: Path) -> None:
    generated = made()
    private, public = save_key(tmp_path / "new" / "keys", generated)
    assert (private.name, public.name) == ("alice.pem", "alice.pub.json")
    assert private.read_bytes() == generated.private_pem
    assert read_record(public) == generated.record
    assert sorted(path.name for path in private.parent.iterdir()) == ["alice.pem", "alice.pub.json"]


@posix_only
def test_the_private_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private, public = save_key(tmp_path / "keys", made())
    finally:
        os.umask(before)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(public.stat().st_mode) & 0o444 == 0o444


def test_a_generated_key_does_not_show_itself() -> None:
    generated = made(passphrase=None)
    assert "PRIVATE" not in repr(generated)
    assert "PRIVATE" not in str(generated)


def test_a_bad_name_is_refused_before_a_key_is_made() -> None:
    with pytest.raises(ConfigError) as caught:
        made("../alice")
    assert caught.value.code == "UNSAFE_NAME"


def test_an_empty_passphrase_makes_no_key() -> None:
    with pytest.raises(SigningError) as caught:
        made(passphrase=b"")
    assert caught.value.code == "EMPTY_PASSPHRASE"


@pytest.mark.parametrize("there", ["alice.pem", "alice.pub.json"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"mine")
    with pytest.raises(SigningError) as caught:
        save_key(tmp_path, made())
    assert caught.value.code == "KEY_EXISTS"
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_bytes() == b"mine"


def test_a_dangling_link_counts_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "alice.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SigningError) as caught:
        save_key(tmp_path, made())
    assert caught.value.code == "KEY_EXISTS"
    assert not (tmp_path / "elsewhere").exists()


def test_of_two_at_once_one_wins(tmp_path: Path) -> None:
    keys = [made(passphrase=None) for _ in range(8)]
    start = threading.Barrier(len(keys))

    def save(generated: GeneratedKey) -> str:
        start.wait()
        try:
            save_key(tmp_path, generated)
        except SigningError as error:
            return error.code
        return generated.record.keyid

    with ThreadPoolExecutor(len(keys)) as pool:
        results = list(pool.map(save, keys))
    winners = [result for result in results if result != "KEY_EXISTS"]
    assert [read_record(tmp_path / "alice.pub.json").keyid] == winners
    winner = next(generated for generated in keys if generated.record.keyid == winners[0])
    assert (tmp_path / "alice.pem").read_bytes() == winner.private_pem
    assert len(list(tmp_path.iterdir())) == 2


def test_a_record_that_appears_in_between_takes_the_private_key_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = key_files.create_durably

    def create(path: Path, data: bytes, *, mode: int = 0o644) -> bool:
        if path.suffix == ".pem":
            (tmp_path / "alice.pub.json").write_bytes(b"theirs")
        return real(path, data, mode=mode)

    monkeypatch.setattr(key_files, "create_durably", create)
    with pytest.raises(SigningError) as caught:
        save_key(tmp_path, made())
    assert caught.value.code == "KEY_EXISTS"
    assert [path.name for path in tmp_path.iterdir()] == ["alice.pub.json"]


def test_a_full_disk_leaves_no_half_of_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = key_files.create_durably

    def create(path: Path, data: bytes, *, mode: int = 0o644) -> bool:
        if path.suffix == ".json":
            raise OSError(28, "No space left on device")
        return real(path, data, mode=mode)

    monkeypatch.setattr(key_files, "create_durably", create)
    with pytest.raises(OSError, match="No space"):
        save_key(tmp_path, made())
    assert list(tmp_path.iterdir()) == []


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o610, 0o666])
def test_a_file_that_others_can_open(private: Path, mode: int) -> None:
    private.chmod(mode)
    error = refusal(private)
    assert error.code == "KEY_PERMISSIONS"
    assert f"{mode:04o}" in error.what
    assert f"chmod 600 {private}" in error.hint


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_that_only_the_owner_can_open(private: Path, mode: int) -> None:
    private.chmod(mode)
    assert open_key_file(private, lambda: PASSPHRASE)


@posix_only
def test_a_link_is_followed_only_to_a_file_that_passes(private: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(private)
    assert open_key_file(link, lambda: PASSPHRASE)
    private.chmod(0o644)
    assert refusal(link).code == "KEY_PERMISSIONS"


def test_what_everybody_has_may_be_readable(private: Path) -> None:
    private.chmod(0o644)
    assert read_key_file(private, public_knowledge=True)


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "bob.pem").code == "KEY_NOT_FOUND"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "KEY_NOT_FOUND"


@posix_only
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alice.pem", 0o600)
    error = refusal(tmp_path / "alice.pem")
    assert error.code == "BAD_KEY_FILE"
    assert "is not a file" in error.what


def test_a_file_without_end(tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    path.touch(0o600)
    path.write_bytes(b"-" * (KEY_FILE_LIMIT + 1))
    error = refusal(path)
    assert error.code == "BAD_KEY_FILE"
    assert str(KEY_FILE_LIMIT) in error.what


def test_garbage_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    path.touch(0o600)
    path.write_bytes(b"garbage")
    error = refusal(path)
    assert error.code == "BAD_KEY_FILE"
    assert error.data["path"] == str(path)


def test_whether_a_key_asks_for_a_passphrase(private: Path, tmp_path: Path) -> None:
    assert is_encrypted(private)
    assert not is_encrypted(save_key(tmp_path, made("bob", None))[0])
    private.chmod(0o644)
    assert is_encrypted(private, public_knowledge=True)


def test_a_new_passphrase(private: Path) -> None:
    change_passphrase(private, lambda: PASSPHRASE, lambda: b"another", random=os.urandom)
    assert refusal(private).code == "WRONG_PASSPHRASE"
    assert open_key_file(private, lambda: b"another")
    assert len(list(private.parent.iterdir())) == 2
    if sys.platform != "win32":
        assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_passphrase_is_taken_off_and_put_on(private: Path) -> None:
    change_passphrase(private, lambda: PASSPHRASE, lambda: None, random=os.urandom)
    assert open_key_file(private, never)
    change_passphrase(private, never, lambda: PASSPHRASE, random=os.urandom)
    assert open_key_file(private, lambda: PASSPHRASE)


def test_a_link_to_a_key_stays_a_link(private: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(private)
    change_passphrase(link, lambda: PASSPHRASE, lambda: b"another", random=os.urandom)
    assert link.is_symlink()
    assert open_key_file(private, lambda: b"another")


def test_the_new_passphrase_is_asked_only_when_the_old_one_was_right(private: Path) -> None:
    before = private.read_bytes()
    with pytest.raises(SigningError) as caught:
        change_passphrase(private, lambda: b"wrong", never, random=os.urandom)
    assert caught.value.code == "WRONG_PASSPHRASE"
    assert private.read_bytes() == before


def test_an_empty_new_passphrase_changes_nothing(private: Path) -> None:
    before = private.read_bytes()
    with pytest.raises(SigningError) as caught:
        change_passphrase(private, lambda: PASSPHRASE, lambda: b"", random=os.urandom)
    assert caught.value.code == "EMPTY_PASSPHRASE"
    assert private.read_bytes() == before
    assert len(list(private.parent.iterdir())) == 2


@pytest.mark.parametrize("written", [b"", b"another key"])
def test_the_old_file_stays_when_the_new_one_does_not_open(
    private: Path, monkeypatch: pytest.MonkeyPatch, written: bytes
) -> None:
    before = private.read_bytes()
    bad = made(passphrase=b"another").private_pem if written else b""
    monkeypatch.setattr(key_files.pem, "write_pem", lambda *_: bad)
    with pytest.raises(SigningError) as caught:
        change_passphrase(private, lambda: PASSPHRASE, lambda: b"another", random=os.urandom)
    assert caught.value.code == "KEY_NOT_WRITTEN"
    assert private.read_bytes() == before
    assert len(list(private.parent.iterdir())) == 2


def test_the_record_is_written_as_records_are(tmp_path: Path) -> None:
    generated = made()
    assert save_key(tmp_path, generated)[1].read_bytes() == record_bytes(generated.record)

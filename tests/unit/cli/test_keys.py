"""``sealcast key``: what it writes, what it prints, what it refuses; and that no passphrase ever shows."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sealcast.cli import main
from sealcast.signing import KEY_TYPES, is_encrypted, key_of, open_key_file, open_signer, pem, read_record

PASSPHRASE = "canary-passphrase-5f0c9"
SECOND = "second-canary-passphrase"
EXAMPLES = Path(__file__).parents[3] / "keys.example"


class Result(NamedTuple):
    """What a run left behind."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def code(self) -> str:
        found = re.search(r"error\[(\w+)\]", self.err)
        return found[1] if found else ""


class Shell:
    """Runs the command line in this process, with a given environment and no terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.setattr(sys, "stdin", io.StringIO())

    def __call__(self, *arguments: str, **environment: str) -> Result:
        with self.monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            status = main(arguments)
        result = Result(status, *self._capsys.readouterr())
        for secret in (PASSPHRASE, SECOND, "PRIVATE KEY"):
            assert secret not in result.out + result.err
        return result


@pytest.fixture
def sealcast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pem, "SCRYPT_COST", 16)
    return Shell(monkeypatch, capsys)


@pytest.fixture
def alice(sealcast: Shell) -> Path:
    assert sealcast("key", "new", "alice", "--dir", "keys", SEALCAST_PASSPHRASE=PASSPHRASE).status == 0
    return Path("keys/alice.pem")


def test_new_writes_a_private_file_and_a_public_record(sealcast: Shell) -> None:
    result = sealcast("key", "new", "alice", "--dir", "keys", SEALCAST_PASSPHRASE=PASSPHRASE)
    assert result.status == 0
    assert "Made the ed25519 key of alice." in result.out
    assert "keys/alice.pem" in result.out
    assert sorted(path.name for path in Path("keys").iterdir()) == ["alice.pem", "alice.pub.json"]
    record = read_record(Path("keys/alice.pub.json"))
    assert record.keyid in result.out
    assert record.created is not None

    class Answer:
        def passphrase(self, name: str, *, confirm: bool = False) -> bytes:
            return PASSPHRASE.encode()

    assert record.uri == "file:keys/alice.pem"
    assert open_signer(record.uri, key_of(record), Answer(), folder=Path())


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_new_makes_every_kind_and_says_which_not_every_client_reads(sealcast: Shell, kind: str) -> None:
    result = sealcast("key", "new", "alice", "--type", kind, "--json", SEALCAST_PASSPHRASE_ALICE=PASSPHRASE)
    assert result.status == 0
    assert result.document["type"] == kind
    assert result.document["encrypted"] is True
    assert result.document["key"] == json.loads(Path("keys/alice.pub.json").read_text())
    assert ("other TUF clients may refuse" in result.err) == (kind in {"ecdsa-p384", "ml-dsa-65"})


def test_new_takes_the_passphrase_from_a_file(sealcast: Shell) -> None:
    Path("secret").write_text(f"{PASSPHRASE}\n")
    assert sealcast("key", "new", "alice", "--passphrase-file", "secret").status == 0
    assert open_key_file(Path("keys/alice.pem"), PASSPHRASE.encode)


def test_new_without_passphrase_only_when_asked_so(sealcast: Shell) -> None:
    result = sealcast("key", "new", "alice", "--no-passphrase")
    assert result.status == 0
    assert "NOT encrypted" in result.out
    assert not is_encrypted(Path("keys/alice.pem"))


def test_new_warns_of_a_short_passphrase(sealcast: Shell) -> None:
    assert "soon guessed" in sealcast("key", "new", "alice", SEALCAST_PASSPHRASE="x" * 11).err
    assert "soon guessed" not in sealcast("key", "new", "bob", SEALCAST_PASSPHRASE="x" * 12).err


def test_new_asks_for_nothing_where_nobody_is(sealcast: Shell) -> None:
    result = sealcast("key", "new", "alice")
    assert (result.status, result.code) == (5, "NO_PASSPHRASE")
    assert "SEALCAST_PASSPHRASE_ALICE" in result.err
    assert not Path("keys").exists()


def test_new_overwrites_nothing_and_says_so_before_it_asks(sealcast: Shell, alice: Path) -> None:
    before = alice.read_bytes()
    result = sealcast("key", "new", "alice", "--dir", "keys")
    assert (result.status, result.code) == (5, "KEY_EXISTS")
    assert alice.read_bytes() == before


def test_new_as_a_dry_run_writes_nothing(sealcast: Shell) -> None:
    result = sealcast("key", "new", "alice", "--dry-run", "--json")
    assert result.status == 0
    assert result.document["private"] == str(Path("keys/alice.pem"))
    assert result.document["dry_run"] is True
    assert not Path("keys").exists()
    assert "Would write" in sealcast("key", "new", "alice", "--dry-run").out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("Alice",), "UNSAFE_NAME"),
        (("../alice",), "UNSAFE_NAME"),
        (("alice", "--type", "dsa"), "USAGE"),
        (("alice", "--no-passphrase", "--passphrase-file", "secret"), "USAGE"),
        (("alice", "--passphrase-file", "missing"), "BAD_PASSPHRASE_FILE"),
        ((), "USAGE"),
    ],
)
def test_new_refuses(sealcast: Shell, arguments: tuple[str, ...], code: str) -> None:
    result = sealcast("key", "new", *arguments)
    assert (result.status, result.code) == (2, code)
    assert not Path("keys").exists()


def test_list_shows_how_each_private_key_is_kept(sealcast: Shell, alice: Path) -> None:
    sealcast("key", "new", "bob", "--no-passphrase")
    sealcast("key", "new", "carol", "--no-passphrase")
    Path("keys/carol.pem").unlink()
    sealcast("key", "new", "dave", "--no-passphrase")
    Path("keys/dave.pem").write_text("garbage")
    result = sealcast("key", "list", "--dir", "keys", "--json")
    found = {one["key"]["name"]: one["private"] for one in result.document["keys"]}
    assert found == {"alice": "encrypted", "bob": "clear", "carol": "elsewhere", "dave": "unreadable"}
    assert result.document["keys"][0]["key"]["type"] == "sealcast/public-key/1"
    shown = sealcast("key", "list").out.splitlines()
    assert shown[0].split() == ["name", "type", "private", "key", "key", "id"]
    assert shown[1].split()[:3] == ["alice", "ed25519", "encrypted"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_list_shows_a_private_key_that_others_can_read(sealcast: Shell, alice: Path) -> None:
    alice.chmod(0o644)
    assert "open to others" in sealcast("key", "list").out


def test_list_shows_what_it_can_and_fails_for_the_rest(sealcast: Shell, alice: Path) -> None:
    record = json.loads(Path("keys/alice.pub.json").read_text())
    Path("keys/bob.pub.json").write_text(json.dumps(record | {"keyid": "0" * 64}))
    Path("keys/carol.pub.json").write_text("{")
    result = sealcast("key", "list", "--json")
    assert (result.status, result.code) == (6, "BAD_METADATA")
    assert [one["key"]["name"] for one in result.document["keys"]] == ["alice"]
    assert [one["code"] for one in result.document["problems"]] == ["KEYID_MISMATCH", "BAD_METADATA"]
    assert "KEYID_MISMATCH" in result.err


def test_list_of_nothing(sealcast: Shell) -> None:
    result = sealcast("key", "list", "--dir", "nowhere")
    assert (result.status, result.out) == (0, "")
    assert "No public key record" in result.err
    assert sealcast("key", "list", "--json").document == {"keys": [], "problems": []}


@pytest.mark.parametrize("file", ["alice.pub.json", "alice.pem"])
def test_show(sealcast: Shell, alice: Path, file: str) -> None:
    record = read_record(Path("keys/alice.pub.json"))
    result = sealcast("key", "show", f"keys/{file}")
    assert result.status == 0
    for text in ("alice", "ed25519, read by python-tuf", record.keyid, record.keyval.public, "file:keys/alice.pem"):
        assert text in result.out
    document = sealcast("key", "show", f"keys/{file}", "--json").document
    assert document["key"] == json.loads(Path("keys/alice.pub.json").read_text())
    assert document["example"] is False


def test_show_tells_an_example_from_a_key_of_ones_own(sealcast: Shell) -> None:
    result = sealcast("key", "show", str(EXAMPLES / "root.pub.json"))
    assert "Everybody can sign with it" in result.err
    assert "not recorded" in result.out


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [(None, 5, "KEY_NOT_FOUND"), ("{}", 6, "UNKNOWN_DOCUMENT"), ("\x1b[2J", 6, "BAD_METADATA")],
)
def test_show_refuses(sealcast: Shell, text: str | None, status: int, code: str) -> None:
    if text is not None:
        Path("bob.pub.json").write_text(text)
    result = sealcast("key", "show", "bob.pub.json")
    assert (result.status, result.code) == (status, code)
    assert "\x1b" not in result.err


def test_passwd(sealcast: Shell, alice: Path) -> None:
    result = sealcast("key", "passwd", str(alice), SEALCAST_PASSPHRASE=PASSPHRASE, SEALCAST_NEW_PASSPHRASE_ALICE=SECOND)
    assert result.status == 0
    assert "the new passphrase" in result.out
    assert open_key_file(alice, SECOND.encode)


def test_passwd_from_files(sealcast: Shell, alice: Path) -> None:
    Path("old").write_text(PASSPHRASE)
    Path("new").write_text(SECOND)
    result = sealcast("key", "passwd", str(alice), "--passphrase-file", "old", "--new-passphrase-file", "new", "--json")
    assert result.document == {"private": str(alice), "encrypted": True, "dry_run": False}
    assert open_key_file(alice, SECOND.encode)


def test_passwd_takes_a_passphrase_off(sealcast: Shell, alice: Path) -> None:
    result = sealcast("key", "passwd", str(alice), "--no-passphrase", SEALCAST_PASSPHRASE=PASSPHRASE)
    assert result.status == 0
    assert "no passphrase any more" in result.out
    assert not is_encrypted(alice)


def test_passwd_as_a_dry_run_tries_the_old_one(sealcast: Shell, alice: Path) -> None:
    before = alice.read_bytes()
    assert sealcast("key", "passwd", str(alice), "--dry-run", SEALCAST_PASSPHRASE=PASSPHRASE).status == 0
    result = sealcast("key", "passwd", str(alice), "--dry-run", SEALCAST_PASSPHRASE=SECOND)
    assert (result.status, result.code) == (5, "WRONG_PASSPHRASE")
    assert alice.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "code"),
    [
        ((), {"SEALCAST_PASSPHRASE": SECOND}, 5, "WRONG_PASSPHRASE"),
        ((), {"SEALCAST_PASSPHRASE": PASSPHRASE}, 5, "NO_PASSPHRASE"),
        ((), {}, 5, "NO_PASSPHRASE"),
        (("--no-passphrase", "--new-passphrase-file", "new"), {}, 2, "USAGE"),
    ],
)
def test_passwd_refuses_and_changes_nothing(
    sealcast: Shell, alice: Path, arguments: tuple[str, ...], environment: dict[str, str], status: int, code: str
) -> None:
    before = alice.read_bytes()
    result = sealcast("key", "passwd", str(alice), *arguments, **environment)
    assert (result.status, result.code) == (status, code)
    assert alice.read_bytes() == before


def test_a_full_disk_is_told_as_such(sealcast: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> bool:
        raise OSError(28, "No space left on device", "keys/alice.pem")

    monkeypatch.setattr("sealcast.signing.key_files.create_durably", full)
    result = sealcast("key", "new", "alice", SEALCAST_PASSPHRASE=PASSPHRASE)
    assert (result.status, result.code) == (3, "NO_SPACE")


@pytest.mark.parametrize("name", ["new", "list", "show", "passwd"])
def test_help_has_an_example_and_the_exit_statuses(sealcast: Shell, name: str) -> None:
    page = sealcast("key", name, "--help").out
    assert f"sealcast key {name}" in page.split("Examples:")[1]
    assert "a signing key cannot be used" in page.split("Exit status:")[1]
    assert "--json" in page


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_person_is_asked_twice_and_nothing_is_echoed(tmp_path: Path) -> None:
    """A real process on a real terminal: two matching answers after two that differ."""
    import pty

    program = (
        "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "from sealcast.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, "key", "new", "alice"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(theirs)
    impatience = threading.Timer(60, process.kill)  # a question that never comes ends the reading, too
    impatience.start()
    shown = b""
    for answer in (PASSPHRASE, SECOND, PASSPHRASE, PASSPHRASE):
        while not shown.endswith(b": "):  # the blank comes when the echo is off
            shown += os.read(ours, 4096)
        shown += b"|"
        os.write(ours, f"{answer}\n".encode())
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # Linux ends a closed terminal with EIO
            break
        if not data:
            break
        shown += data
    os.close(ours)
    impatience.cancel()
    assert process.wait(timeout=300) == 0
    text = shown.decode()
    assert text.count("New passphrase of alice") == 2
    assert PASSPHRASE not in text
    assert SECOND not in text
    assert open_key_file(tmp_path / "keys" / "alice.pem", PASSPHRASE.encode)
    assert stat.S_IMODE((tmp_path / "keys" / "alice.pem").stat().st_mode) == 0o600

"""``sealcast ceremony``, and the workspace of several holders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run, Said, write

ROLES = {
    "root": ("alice", "bob", "carol"),
    "targets": ("alice", "bob"),
    "snapshot": ("ci",),
    "timestamp": ("ci",),
    "demo-stable": ("ci",),
    "demo-halt": ("ci",),
}
HOLDERS = [
    word for role, names in ROLES.items() for name in names for word in ("--holder", f"{role}=keys/{name}.pub.json")
]
THRESHOLDS = ["--threshold", "root=2", "--threshold", "targets=2"]
SHARED = ["init", "ws", "--app", "demo", *HOLDERS, *THRESHOLDS]


@pytest.fixture
def desk(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with everybody's keys, and the current one."""
    monkeypatch.chdir(tmp_path)
    for name in ("alice", "bob", "carol", "ci", "dave"):
        assert run("key", "new", name, "--no-passphrase").status == 0
    write(tmp_path / "dist", {"index.html": "one"})
    return tmp_path


def sign(run: Run, proposal: str, name: str, *more: str | Path) -> Said:
    out = f"{proposal}-{name}"
    return run("ceremony", "sign", proposal, "--signer", f"file:keys/{name}.pem", "--out", out, "--yes", *more)


@pytest.fixture
def planned(run: Run, desk: Path) -> Path:
    assert run(*SHARED).status == 0
    assert run("-C", "ws", "ceremony", "plan", "--out", "first").status == 0
    return desk


@pytest.fixture
def founded(run: Run, planned: Path) -> Path:
    for name in ("alice", "bob"):
        assert sign(run, "first", name).status == 0
    assert run("-C", "ws", "ceremony", "combine", "first", "first-alice", "first-bob").status == 0
    return planned


@pytest.fixture
def begun(run: Run, founded: Path) -> Path:
    added = run("-C", "ws", "release", "add", "dist", "--version", "1.0.0", "--signer", "file:keys/ci.pem")
    assert added.status == 0, added.err
    return founded


def edit(old: str, new: str) -> None:
    place = Path("ws/sealcast.toml")
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))


# ------------------------------------------------------------------------------------------------- the workspace


def test_a_workspace_of_several_holders_has_no_keys_and_signs_nothing(run: Run, desk: Path) -> None:
    said = run(*SHARED, "--json")
    assert said.status == 0
    assert said.document == {"workspace": "ws", "app": "demo", "channels": ["stable"], "root": None}
    found = {path.relative_to(desk / "ws").as_posix() for path in (desk / "ws").rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith(".sealcast")} == {
        "sealcast.toml", "README.md", ".gitignore",
        *(f"holders/{name}.pub.json" for name in ("alice", "bob", "carol", "ci")),
    }  # fmt: skip
    assert 'root = ["alice", "bob", "carol"]' in (desk / "ws/sealcast.toml").read_text()
    assert "2  alice, bob, carol" in run("init", "other", *SHARED[2:]).out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([*SHARED, "--solo"], "USAGE"),
        ([*SHARED, "--no-passphrase"], "USAGE"),
        ([*SHARED[:4]], "NO_HOLDERS"),
        ([*SHARED[:4], *HOLDERS], "NO_THRESHOLD"),
        ([*SHARED, "--threshold", "root=4"], "BAD_THRESHOLD"),
        ([*SHARED, "--threshold", "root=0"], "BAD_CONFIG"),
        ([*SHARED, "--threshold", "root=two"], "USAGE"),
        ([*SHARED, "--threshold", "rot=2"], "UNKNOWN_ROLE"),
        ([*SHARED, "--holder", "root"], "USAGE"),
        ([*SHARED, "--holder", "x\n[apps]=keys/alice.pub.json"], "UNKNOWN_ROLE"),
        ([*SHARED, "--holder", "root=nobody.pub.json"], "KEY_NOT_FOUND"),
    ],
)
def test_what_cannot_be_held_is_refused(run: Run, desk: Path, words: list[str], code: str) -> None:
    assert run(*words).code == code
    assert not (desk / "ws").exists()


def test_one_key_is_no_two_holders(run: Run, desk: Path) -> None:
    record = json.loads((desk / "keys/alice.pub.json").read_text())
    (desk / "twin.pub.json").write_text(json.dumps(record | {"name": "twin"}))
    assert run(*SHARED, "--holder", "root=twin.pub.json").code == "DUPLICATE_KEY"
    other = json.loads((desk / "keys/dave.pub.json").read_text())
    (desk / "alice2.pub.json").write_text(json.dumps(other | {"name": "alice"}))
    assert run(*SHARED, "--holder", "root=alice2.pub.json").code == "NAME_TAKEN"
    assert not (desk / "ws").exists()


def test_before_its_first_root_a_workspace_says_what_is_missing(run: Run, planned: Path) -> None:
    for words in (["status"], ["refresh"], ["publish", "site", "--yes"], ["build", "site"], ["channel", "list"]):
        assert run("-C", "ws", *words).code == "NO_ROOT"
    said = run("-C", "ws", "release", "add", "dist", "--version", "1.0.0", "--signer", "file:keys/ci.pem")
    assert said.code == "NO_ROOT"
    assert "ceremony plan" in said.err


def test_before_its_first_release_a_workspace_says_who_must_sign(run: Run, founded: Path) -> None:
    for words in (["status"], ["refresh"], ["publish", "site", "--yes"], ["build", "site"]):
        said = run("-C", "ws", *words)
        assert said.code == "NOT_BEGUN"
        assert "demo-stable (ci)" in said.err
    add = ["-C", "ws", "release", "add", "dist", "--version", "1.0.0"]
    assert run(*add).code == "MISSING_SIGNERS"
    assert run(*add, "--signer", "file:keys/ci.pem", "--dry-run").code == "NOT_BEGUN"
    assert not (founded / "ws/metadata/timestamp.json").exists()
    assert run(*add, "--signer", "file:keys/ci.pem").status == 0
    assert "2 of alice, bob, carol" in run("-C", "ws", "status").out


# --------------------------------------------------------------------------------------------------------- planning


def test_a_plan_is_told_and_written(run: Run, planned: Path) -> None:
    said = run("-C", "ws", "ceremony", "plan", "--out", "again", "--json")
    facts = said.document["facts"]
    assert said.document["proposal"] == "again"
    assert facts["first"] is True
    assert [role["role"] for role in facts["roles"]] == list(ROLES)
    assert run("-C", "ws", "ceremony", "plan", "--out", "again").code == "FILE_EXISTS"
    assert (planned / "again").read_bytes().endswith(b"\n}\n")


def test_where_nothing_differs_there_is_nothing_to_sign(run: Run, begun: Path) -> None:
    said = run("-C", "ws", "ceremony", "plan", "--out", "next", "--json")
    assert said.document == {"proposal": None, "facts": None}
    assert not (begun / "next").exists()
    said = run("-C", "ws", "ceremony", "plan", "--out", "next", "--renew", "targets", "--json")
    assert said.document["facts"]["renewal"] is True
    assert [part["role"] for part in said.document["facts"]["parts"]] == ["targets"]
    assert "A renewal" in run("-C", "ws", "ceremony", "plan", "--out", "other", "--renew", "root").out


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('snapshot = ["ci"]', 'snapshot = ["bob"]', "ONLINE_KEYS"),
        ('timestamp = ["ci"]', 'timestamp = ["ci", "bob"]', "ONLINE_KEYS"),
        ('targets = ["alice", "bob"]', 'targets = ["alice", "zoe"]', "UNKNOWN_HOLDER"),
        ("targets = 2", "targets = 3", "BAD_THRESHOLD"),
        ("targets = 2", "targets = 0", "BAD_CONFIG"),
        ("targets = 2", "targets = true", "BAD_CONFIG"),
        ("targets = 2", "targts = 2", "UNKNOWN_ROLE"),
        ('channels = ["stable"]', 'channels = ["stable", "beta"]', "NO_HOLDERS"),
        ('channels = ["stable"]', 'channels = ["stable", "halt"]', "NAME_TAKEN"),
    ],
)
def test_what_cannot_be_proposed(run: Run, begun: Path, old: str, new: str, code: str) -> None:
    edit(old, new)
    assert run("-C", "ws", "ceremony", "plan", "--out", "next").code == code
    assert not (begun / "next").exists()


# ------------------------------------------------------------------------------------------------ showing, signing


def test_a_proposal_is_shown_as_it_is(run: Run, planned: Path) -> None:
    said = run("ceremony", "show", "first")
    assert said.status == 0
    assert "root: 2 of 3 must sign" in said.out
    assert "policy of demo: stable (clear)" in said.out
    assert said.out.count("unverified") == 9
    shown = run("ceremony", "show", "first", "--json", "--holders", "keys").document["facts"]
    assert {holder["standing"] for role in shown["roles"] for holder in role["added"]} == {"known"}
    assert len(shown["words"]) == 8
    assert shown["digest"] in said.out
    assert " ".join(shown["words"]) in said.out


def test_an_address_book_must_be_one(run: Run, planned: Path) -> None:
    assert run("ceremony", "show", "first", "--holders", "dist").code == "NO_HOLDERS"
    record = json.loads((planned / "keys/alice.pub.json").read_text())
    (planned / "keys/twin.pub.json").write_text(json.dumps(record | {"name": "twin"}))
    assert run("ceremony", "show", "first", "--holders", "keys").code == "DUPLICATE_KEY"
    (planned / "book").mkdir()
    (planned / "book/mallory.pub.json").write_text(json.dumps(record | {"name": "mallory"}))
    assert run("ceremony", "show", "first", "--holders", "book").code == "WRONG_HOLDER"


def test_what_is_no_proposal_is_refused(run: Run, planned: Path) -> None:
    assert run("ceremony", "show", "dist/index.html").code == "BAD_PROPOSAL"
    assert run("ceremony", "show", "nowhere").code == "NO_FILE"
    hostile = json.loads((planned / "first").read_text())
    for keyid in hostile["root"]["x-sealcast"]["holders"]:
        hostile["root"]["x-sealcast"]["holders"][keyid] = "\x1b[2J\u202eecila"
    (planned / "hostile").write_text(json.dumps(hostile))
    said = run("ceremony", "show", "hostile")
    assert said.status == 4
    assert "\x1b" not in said.out + said.err
    assert "\u202e" not in said.out + said.err


def test_nobody_signs_unasked(run: Run, planned: Path) -> None:
    words = ["ceremony", "sign", "first", "--signer", "file:keys/alice.pem", "--out", "alice"]
    said = run(*words)
    assert said.code == "NO_TERMINAL"
    assert "2 of 3 must sign" in said.out  # the facts come first
    assert not (planned / "alice").exists()
    done = run(*words, "--yes", "--json")
    assert done.document["signed"] == ["root", "targets"]
    assert done.document["facts"]["first"] is True
    assert run(*words, "--yes").code == "FILE_EXISTS"
    assert sign(run, "first", "ci").code == "NOT_A_HOLDER"
    assert run(*words[:3], "--signer", "file:keys/zoe.pem", "--out", "zoe", "--yes").code == "UNKNOWN_SIGNER"


def test_a_statement_that_appears_meanwhile_is_not_overwritten(
    run: Run, planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealcast.cli.ceremony._refuse_existing", _once((planned / "first-bob").touch))
    assert sign(run, "first", "bob").status == 2
    assert (planned / "first-bob").read_bytes() == b""


def _once(first: Callable[[], object]) -> Callable[[Path], None]:
    from sealcast.cli import ceremony

    real = ceremony._refuse_existing
    calls: list[Path] = []

    def refuse(path: Path) -> None:
        calls.append(path)
        if len(calls) == 1:
            first()
        else:
            real(path)

    return refuse


def test_the_terminal_is_asked(run: Run, planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealcast.cli.ask.can_ask", lambda session: True)
    words = ["ceremony", "sign", "first", "--signer", "file:keys/carol.pem", "--out", "carol"]
    monkeypatch.setattr("click.confirm", lambda question, err: "Sign root as carol?" not in question)
    assert run(*words).code == "DECLINED"
    monkeypatch.setattr("click.confirm", lambda question, err: "Sign root as carol?" in question)
    assert run(*words).status == 0


# --------------------------------------------------------------------------------------------------------- combining


def test_combining_says_who_is_missing_and_changes_nothing(run: Run, planned: Path) -> None:
    said = run("-C", "ws", "ceremony", "combine", "first", "--json")
    assert said.document["error"]["data"]["missing"] == {"root": ["alice", "bob", "carol"], "targets": ["alice", "bob"]}
    sign(run, "first", "carol")
    said = run("-C", "ws", "ceremony", "combine", "first", "first-carol")
    assert said.code == "INCOMPLETE"
    assert "root lacks 1 (alice, bob)" in said.err
    assert not list((planned / "ws/metadata").glob("*"))
    (planned / "first-carol").write_text("garbage")
    said = run("-C", "ws", "ceremony", "combine", "first", "first-carol")
    assert said.code == "BAD_STATEMENT"
    assert "first-carol" in said.err


def test_combining_again_does_nothing(run: Run, founded: Path) -> None:
    said = run("-C", "ws", "ceremony", "combine", "first", "first-alice", "first-bob", "--json")
    assert said.document == {"versions": {"root": 1, "targets": 1}, "signed": [], "changed": False}
    assert "Nothing to do" in run("-C", "ws", "ceremony", "combine", "first").out


def test_a_root_alone_needs_no_online_key(run: Run, begun: Path) -> None:
    assert run("-C", "ws", "ceremony", "plan", "--out", "next", "--renew", "root").status == 0
    own = begun / "ws/metadata/1.root.json"
    assert run("ceremony", "show", "next").code == "NO_OWN_ROOT"
    for name in ("carol", "bob"):
        assert sign(run, "next", name, "--root", own).status == 0
    said = run("-C", "ws", "ceremony", "combine", "next", "next-carol", "next-bob")
    assert "Made root 2" in said.out
    assert "publish" in said.out
    assert run("ceremony", "show", "next", "--root", begun / "ws/metadata/2.root.json").code == "OLD_PROPOSAL"


def test_a_new_targets_needs_the_online_keys(run: Run, begun: Path) -> None:
    edit('channels = ["stable"]', 'channels = ["stable", "beta"]')
    edit('demo-stable = ["ci"]', 'demo-stable = ["ci"]\ndemo-beta = ["ci"]')
    assert run("-C", "ws", "ceremony", "plan", "--out", "next").status == 0
    own = begun / "ws/metadata/1.root.json"
    for name in ("alice", "bob"):
        assert sign(run, "next", name, "--root", own).status == 0
    combine = ["-C", "ws", "ceremony", "combine", "next", "next-alice", "next-bob"]
    assert run(*combine).code == "MISSING_SIGNERS"
    assert not (begun / "ws/metadata/2.targets.json").exists()
    said = run(*combine, "--signer", "file:keys/ci.pem")
    assert "Signed demo-beta" in said.out
    assert "demo-beta" in run("-C", "ws", "status").out


def test_weaker_terms_must_be_meant(run: Run, begun: Path) -> None:
    edit("root = 2", "root = 1")
    edit("root = 365", "root = 3000")
    assert run("-C", "ws", "ceremony", "plan", "--out", "next").status == 0
    own = begun / "ws/metadata/1.root.json"
    assert sign(run, "next", "alice", "--root", own).code == "LOWER_THRESHOLD"
    assert sign(run, "next", "alice", "--root", own, "--allow-lower-threshold").code == "LONGER_LIFE"
    said = sign(run, "next", "alice", "--root", own, "--allow-lower-threshold", "--allow-longer-life")
    assert said.status == 0
    assert "lower threshold" in said.out


def test_every_change_has_its_line(run: Run, begun: Path) -> None:
    edit('targets = ["alice", "bob"]', 'targets = ["alice", "dave"]')
    edit('demo-halt = ["ci"]', 'demo-halt = ["dave"]')
    (begun / "ws/holders/dave.pub.json").write_bytes((begun / "keys/dave.pub.json").read_bytes())
    record = json.loads((begun / "keys/carol.pub.json").read_text())
    (begun / "ws/holders/caroline.pub.json").write_text(json.dumps(record | {"name": "caroline"}))
    edit('"carol"', '"caroline"')
    assert run("-C", "ws", "ceremony", "plan", "--out", "next").status == 0
    (begun / "book").mkdir()
    fake = json.loads((begun / "keys/ci.pub.json").read_text())
    (begun / "book/fake.pub.json").write_text(json.dumps(fake | {"name": "dave"}))
    assert run("ceremony", "show", "next", "--holders", "book", "--root", begun / "ws/metadata/1.root.json").code == (
        "WRONG_HOLDER"
    )
    said = run("ceremony", "show", "next", "--root", begun / "ws/metadata/1.root.json")
    assert "~ targets: 2 of 2 must sign" in said.out
    assert "is held by caroline from now on" in said.out
    assert "speaks for demo/halt/*" in said.out

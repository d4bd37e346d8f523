"""Where a passphrase comes from at the command line: the order of sources, and what each refuses."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealcast.cli.output import Output
from sealcast.cli.secrets import NEW_VARIABLE, Passphrases, passphrases
from sealcast.cli.session import Session
from sealcast.errors import ConfigError, SigningError


class Person:
    """Types one answer, and remembers the questions."""

    def __init__(self, answer: str = "typed") -> None:
        self._answer = answer
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, question: str, confirm: bool) -> str:
        self.asked.append((question, confirm))
        return self._answer


def source(
    environment: Mapping[str, str] | None = None,
    *,
    file: Path | None = None,
    person: Person | None = None,
) -> Passphrases:
    return Passphrases(environment or {}, prompt=person or Person(), can_ask=person is not None, file=file)


def session(environment: Mapping[str, str]) -> Session:
    output = Output(io.StringIO(), io.StringIO(), environment)
    return Session(output, lambda: datetime(2026, 1, 1, tzinfo=UTC), environment, io.StringIO())


def saved(tmp_path: Path, text: bytes) -> Path:
    path = tmp_path / "passphrase"
    path.write_bytes(text)
    return path


def test_the_order_of_the_sources(tmp_path: Path) -> None:
    file = saved(tmp_path, b"filed\n")
    every = {"SEALCAST_PASSPHRASE_ALICE": "hers", "SEALCAST_PASSPHRASE": "all"}
    person = Person()
    assert source(every, file=file, person=person).passphrase("alice") == b"hers"
    assert source(every, file=file, person=person).passphrase("bob") == b"filed"
    assert source(every, person=person).passphrase("bob") == b"all"
    assert person.asked == []
    assert source(person=person).passphrase("bob") == b"typed"
    assert person.asked == [("Passphrase of bob", False)]


def test_each_key_is_asked_for_once(tmp_path: Path) -> None:
    person = Person()
    secrets = source(person=person)
    for name in ("alice", "bob", "alice"):
        secrets.passphrase(name)
    assert [question for question, _ in person.asked] == ["Passphrase of alice", "Passphrase of bob"]


def test_a_new_passphrase_is_asked_for_twice_and_then_known() -> None:
    person = Person()
    secrets = source(person=person)
    secrets.passphrase("alice", confirm=True)
    secrets.passphrase("alice")
    assert person.asked == [("New passphrase of alice", True)]


def test_a_new_passphrase_is_asked_for_even_where_an_old_one_is_known() -> None:
    person = Person()
    secrets = source(person=person)
    secrets.passphrase("alice")
    secrets.passphrase("alice", confirm=True)
    assert [confirm for _, confirm in person.asked] == [False, True]


def test_a_name_cannot_write_to_the_terminal() -> None:
    person = Person()
    source(person=person).passphrase("a\x1b[2Jb")
    assert "\x1b" not in person.asked[0][0]


@pytest.mark.parametrize("environment", [{}, {"SEALCAST_PASSPHRASE": ""}])
def test_nobody_to_ask(environment: dict[str, str]) -> None:
    with pytest.raises(SigningError) as caught:
        source(environment).passphrase("ci-1")
    assert caught.value.code == "NO_PASSPHRASE"
    for answer in ("SEALCAST_PASSPHRASE_CI_1", "SEALCAST_PASSPHRASE,", "--passphrase-file"):
        assert answer in caught.value.hint


@pytest.mark.parametrize("text", [b"filed", b"filed\n", b"filed\r\n"])
def test_one_line_of_a_file(tmp_path: Path, text: bytes) -> None:
    assert source(file=saved(tmp_path, text)).passphrase("alice") == b"filed"


def test_blanks_belong_to_the_passphrase(tmp_path: Path) -> None:
    assert source(file=saved(tmp_path, b" a b \n")).passphrase("alice") == b" a b "


@pytest.mark.parametrize("text", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"x" * 4097])
def test_a_file_that_is_no_passphrase(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        source(file=saved(tmp_path, text)).passphrase("alice")
    assert caught.value.code == "BAD_PASSPHRASE_FILE"
    assert "two" not in str(caught.value.as_dict())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        source(file=tmp_path / "none").passphrase("alice")
    assert caught.value.code == "BAD_PASSPHRASE_FILE"


def test_nothing_of_it_shows() -> None:
    secrets = source({"SEALCAST_PASSPHRASE": "hidden"})
    secrets.passphrase("alice")
    assert "hidden" not in repr(secrets) + str(secrets)


def test_a_run_without_a_terminal_asks_nobody() -> None:
    with pytest.raises(SigningError) as caught:
        passphrases(session({}), None).passphrase("alice")
    assert caught.value.code == "NO_PASSPHRASE"


def test_a_run_answers_from_its_environment() -> None:
    given = session({NEW_VARIABLE: "fresh", "SEALCAST_PASSPHRASE": "old"})
    assert passphrases(given, None).passphrase("alice") == b"old"
    assert passphrases(given, None, variable=NEW_VARIABLE).passphrase("alice") == b"fresh"


def test_a_pin_comes_from_the_tokens_variable_the_common_one_or_the_person() -> None:
    every = {"SEALCAST_PIN_ROOT_B": "hers", "SEALCAST_PIN": "all"}
    person = Person("typed")
    assert source(every, person=person).pin("root-b") == "hers"
    assert source(every, person=person).pin("root-c") == "all"
    assert source({"SEALCAST_PIN": ""}, person=person).pin("root-b") == "typed"
    assert person.asked == [("PIN of the token root-b", False)]
    once = source(person=person)
    assert once.pin("a\x1b") == once.pin("a\x1b") == "typed"
    assert person.asked[1:] == [("PIN of the token a\\x1b", False)]


def test_no_pin_and_no_terminal() -> None:
    with pytest.raises(SigningError) as caught:
        source().pin("root-b")
    assert caught.value.code == "NO_PIN"
    assert "SEALCAST_PIN_ROOT_B or SEALCAST_PIN" in caught.value.hint

from __future__ import annotations

import io

import pytest

from sealcast.cli import ask, edge
from sealcast.cli.output import Output
from sealcast.cli.session import Session
from sealcast.errors import ConfigError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def session(stdin: io.StringIO) -> Session:
    return Session(Output(io.StringIO(), io.StringIO(), {}), edge.now, {}, stdin)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the user will type, shown or hidden."""
    answers: list[str] = []
    for function in ("visible_prompt_func", "hidden_prompt_func"):
        monkeypatch.setattr(f"click.termui.{function}", lambda _prompt="": answers.pop(0))
    return answers


def test_nobody_is_asked_without_a_terminal() -> None:
    for question in (
        lambda: ask.confirm(session(io.StringIO("y\n")), "Go on?", answered_by="--yes"),
        lambda: ask.secret(session(io.StringIO("x\n")), "Passphrase", answered_by="SEALCAST_PASSPHRASE"),
    ):
        with pytest.raises(ConfigError) as caught:
            question()
        assert caught.value.code == "NO_TERMINAL"
        assert "Answer with" in caught.value.hint


def test_yes_goes_on_and_no_does_not(typed: list[str]) -> None:
    typed += ["y", "n"]
    ask.confirm(session(Terminal()), "Go on?", answered_by="--yes")
    with pytest.raises(ConfigError) as caught:
        ask.confirm(session(Terminal()), "Go on?", answered_by="--yes")
    assert caught.value.code == "DECLINED"


def test_a_secret_is_asked_for_once_or_twice(typed: list[str], passphrase: str) -> None:
    typed += [passphrase, passphrase, "slip", passphrase, passphrase]
    assert ask.secret(session(Terminal()), "Passphrase", answered_by="X") == passphrase
    assert ask.secret(session(Terminal()), "New passphrase", answered_by="X", repeat=True) == passphrase
    assert typed == []

"""Questions to the person at the terminal. Where there is none, an error says what would answer."""

from __future__ import annotations

import click

from ..errors import ConfigError
from ..values import printable
from .session import Session


def can_ask(session: Session) -> bool:
    """Tell whether somebody is there to answer."""
    return session.stdin.isatty()


def confirm(session: Session, question: str, *, answered_by: str) -> None:
    """Go on only if the user says yes; ``answered_by`` is the option that says it beforehand, such as ``--yes``.

    Raises ``ConfigError``: NO_TERMINAL, or DECLINED.
    """
    _require_terminal(session, question, answered_by)
    session.output.flush()
    if not click.confirm(printable(question), err=True):
        raise ConfigError("DECLINED", "You said no.")


def secret(session: Session, question: str, *, answered_by: str, repeat: bool = False) -> str:
    """Return what the user types without showing it; ``repeat`` asks twice, for a secret that is new.

    Raises ``ConfigError`` (NO_TERMINAL).
    """
    _require_terminal(session, question, answered_by)
    session.output.flush()
    answer: str = click.prompt(printable(question), hide_input=True, confirmation_prompt=repeat, err=True)
    return answer


def _require_terminal(session: Session, question: str, answered_by: str) -> None:
    if not can_ask(session):
        raise ConfigError(
            "NO_TERMINAL",
            f"There is no terminal to ask on: {question}",
            hint=f"Answer with {answered_by}.",
        )

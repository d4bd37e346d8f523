"""``sealcast demo``: the guided tour."""

from __future__ import annotations

import secrets
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError
from . import words
from .command import command
from .output import Output, dim, good, name, strong
from .session import Session

if TYPE_CHECKING:
    from ..demo import Outcome, Pair

_INPUT = click.Path(exists=True, path_type=Path)


class _Told:
    """Tells the tour on the terminal; with ``--json``, beside the document."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._number = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self._number += 1
        self._line()
        self._line(strong(f"{self._number}. {title}"))

    def command(self, words: Sequence[str]) -> None:
        """Show a command that is run."""
        self._line(dim("   $ "), name(shlex.join(words)))

    def result(self, text: str) -> None:
        """Show what came of it."""
        for line in text.splitlines():
            self._line("     ", dim(line) if line.startswith(" ") else line)

    def _line(self, *pieces: object) -> None:
        tell = self._output.note if self._output.json else self._output.line
        tell(*pieces)  # type: ignore[arg-type]


@command(
    example="""
    sealcast demo
    sealcast demo app-1.0.zip app-1.1.zip
    sealcast demo dist-old dist-new --folder tour --json
    """,
    exits=(3,),
)
@click.argument("old", required=False, type=_INPUT)
@click.argument("new", required=False, type=_INPUT)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Work there, and leave everything to be looked at.  [a temporary folder]",
)
def demo(session: Session, old: Path | None, new: Path | None, folder: Path | None) -> object:
    """Ship two releases, watch a device follow, see attacks refused.

    OLD and NEW are two releases of your own, as folders or archives; without them, two versions of a real web package
    are downloaded, or the sample app is taken. Nothing outside the tour's folder is touched.
    """
    from .. import demo as guide

    if old and not new:
        raise click.UsageError("Give both releases, OLD and NEW, or none.")
    story = _Told(session.output)
    with _place(folder) as place:
        pair = _pair(old, new, place)
        session.output.line("Sealcast, shown on ", strong(pair.title), ".")
        outcome = guide.tour(pair, place, secrets.token_urlsafe(12), story)
    _tell_outcome(session, outcome, folder)
    return outcome


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    """Yield the folder of the tour: the one that was asked for, which must be new or empty, or one that goes away."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="sealcast-demo-") as temporary:
            yield Path(temporary)
        return
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError("FOLDER_NOT_EMPTY", f"{folder} is not empty.", hint="Give a new folder with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def _pair(old: Path | None, new: Path | None, place: Path) -> Pair:
    from ..demo import Pair, two_releases
    from ..publisher import template_folder

    if old and new:
        return Pair(f"{old.name} and {new.name}", old, "1.0.0", new, "2.0.0")
    return two_releases(place, Path(str(template_folder())))


def _tell_outcome(session: Session, outcome: Outcome, folder: Path | None) -> None:
    out = session.output
    out.line()
    out.line(good("Done."))
    share = outcome.update / outcome.first_install if outcome.first_install else 0
    requests = words.counted(outcome.update_requests, "request")
    out.fields(
        [
            ("first installation", words.size(outcome.first_install)),
            ("update", f"{words.size(outcome.update)} ({share:.1%}) in {requests}, by {outcome.update_route}"),
            *(("refused", f"{attack}: {code}") for attack, code in outcome.refused.items()),
        ]
    )
    out.line()
    out.line("Read on: ", name("docs/tutorial.md"), " for the same steps with your own app.")
    if folder is not None:
        out.line("Everything is in ", name(folder), ".")

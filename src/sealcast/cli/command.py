"""What each command of the tree is: arguments, help with examples and exit statuses, ``--json``.

Write a command as a function of the session and its parameters that returns what ``--json`` prints::

    @command(example="sealcast channel list", exits=(3,))
    @app_option
    def list_channels(session: Session, app: str | None) -> object:
        '''List the channels.'''
        channels = Repository.open(session.directory).channels(app)
        session.output.table(("channel", "revision"), ...)
        return {"channels": channels}

and give it a line in the table of `sealcast.cli.app`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from .session import Session

EXIT_STATUSES: Mapping[int, str] = {
    0: "done",
    1: "an error in Sealcast itself",
    2: "the arguments or the configuration must be corrected",
    3: "the workspace, or what goes into it, must be put right",
    4: "a proposal or a statement was refused",
    5: "a signing key cannot be used",
    6: "verification failed: the repository cannot be trusted",
    7: "something sealed cannot be opened, or may not be sealed so",
    8: "an object, manifest or pack is missing or damaged",
    9: "bytes could not be brought over",
    10: "the release cannot be installed or started on this device",
    130: "interrupted",
}
"""What each exit status means, by who must act (`sealcast.errors`)."""


class Command(click.Command):
    """A command that knows its examples and exit statuses, and prints what its function returns as ``--json``."""

    examples: tuple[str, ...] = ()
    exits: Mapping[int, str] = {}
    for_machines: bool = True

    def invoke(self, ctx: click.Context) -> None:
        """Run the command's function; with ``--json``, print what it returns."""
        session = ctx.find_object(Session)
        if session is None:
            raise AssertionError("`sealcast.cli.app.run` makes a session before anything else")
        document = super().invoke(ctx)
        if document is not None:
            session.output.document(document)
        if session.output.json and not session.output.document_written:
            raise AssertionError(f"{ctx.command_path} has no document")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the exit statuses."""
        del ctx
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), meaning) for status, meaning in self.exits.items()])


Decorator = Callable[[Callable[..., object]], Command]


def command(
    name: str | None = None,
    *,
    example: str,
    exits: Sequence[int] | Mapping[int, str] = (),
    machines: bool = True,
    **attributes: Any,
) -> Decorator:
    """Make a `Command` of a function whose first parameter is the `Session`.

    ``example`` holds one command a line. ``exits`` names the exit statuses beside 0 and 2, with the usual meaning or
    with one of their own. ``machines=False`` is for a command without a result: it has no ``--json``.
    """
    own = dict(exits) if isinstance(exits, Mapping) else {status: EXIT_STATUSES[status] for status in exits}
    meanings = {0: EXIT_STATUSES[0], 2: EXIT_STATUSES[2]} | own

    def make(function: Callable[..., object]) -> Command:
        made = click.command(name, cls=Command, **attributes)(click.pass_obj(function))
        made.examples = tuple(line.strip() for line in example.strip().splitlines())
        made.exits = dict(sorted(meanings.items()))
        made.for_machines = machines
        if machines:
            made.params.append(_json_option())
        return made

    return make


def _json_option() -> click.Option:
    return click.Option(
        ["--json"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_json,
        help="Print one JSON document on standard output, everything else on standard error.",
    )


def _set_json(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    session = context.find_object(Session)
    if value and session is not None:
        session.output.json = True


dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


class Entry(NamedTuple):
    """A command that is not loaded yet: ``module:attribute``, and the line that stands in the help of its group."""

    target: str
    summary: str


class LazyGroup(click.Group):
    """A group that knows its commands by a table, and loads only the one that runs."""

    def __init__(self, name: str, sections: Mapping[str, Mapping[str, Entry]], **attributes: Any) -> None:
        """``sections`` holds, by heading and in order, the commands by name."""
        super().__init__(name, **attributes)
        self.sections = sections
        self._entries = {command: entry for section in sections.values() for command, entry in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        del ctx
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command and return it, or None if there is none of this name."""
        del ctx
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, click.Command):
            raise AssertionError(f"{entry.target} is no command")  # a test loads the whole table
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments start with. Raises ``UsageError`` that names what is alike."""
        wanted = args[0]
        if wanted not in self._entries and not wanted.startswith("-") and not ctx.resilient_parsing:
            import difflib  # only a slip of the finger needs it

            alike = difflib.get_close_matches(wanted, self._entries)
            meant = f" Did you mean {' or '.join(alike)}?" if alike else ""
            raise click.UsageError(f"There is no command {wanted!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, from the table alone."""
        del ctx
        widest = max(len(name) for name in self._entries)
        for heading, section in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:{widest}}", entry.summary) for name, entry in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Complete a command's name from the table alone."""
        from click.shell_completion import CompletionItem

        names = [name for name in self._entries if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=self._entries[name].summary) for name in names] + options

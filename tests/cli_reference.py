"""Writes docs/reference/cli.md from the tree of commands: ``python -m tests.cli_reference``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from sealcast.cli.app import PROGRAM, ROOT
from sealcast.cli.command import EXIT_STATUSES

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
COLUMNS = 100

HEAD = """\
# Command line

Every command's `--help`, as the program prints it. This page is generated (`make docs`); a test notices when it is
stale.

- `-C DIR` before the command names the workspace; without it, it is looked for from the current folder upwards.
- `--json` prints one JSON document on standard output and everything else on standard error.
- `--dry-run` says what would be done, and does nothing.
- Nothing is asked where standard input is no terminal: the error names the option or variable that would answer.
- Passphrases come from a prompt, from `SEALCAST_PASSPHRASE`, from `SEALCAST_PASSPHRASE_<KEYNAME>` for one key, or from
  a file named by `--passphrase-file`; never from an argument.
- `NO_COLOR=1` or `--no-color` switches colours off.

## Exit statuses
"""


def commands(group: click.Group = ROOT, above: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Yield each command's whole name and its help, groups before what is in them."""
    context = _context(group, above, PROGRAM if above is None else group.name or "")
    yield context.command_path, group.get_help(context)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, context)
        else:
            own = _context(command, context, name)
            yield own.command_path, command.get_help(own)


def _context(command: click.Command, above: click.Context | None, name: str) -> click.Context:
    context = click.Context(command, parent=above, info_name=name, terminal_width=COLUMNS, max_content_width=COLUMNS)
    context.help_option_names = ["-h", "--help"]
    command._help_option = None  # click keeps the one it made first, maybe under the names of another context
    return context


def page() -> str:
    """Return the whole page."""
    statuses = ["| status | meaning |", "|---|---|"]
    statuses += [f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES.items()]
    found = list(commands())
    contents = [f"- [`{path}`](#{path.replace(' ', '-')})" for path, _ in found]
    sections = [f"## {path}\n\n```text\n{_stripped(text)}\n```" for path, text in found]
    return "\n\n".join(
        [HEAD.rstrip(), "\n".join(statuses), "What an error's code means: [errors](errors.md).", "## Contents",
         "\n".join(contents), *sections]
    ) + "\n"  # fmt: skip


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), "utf-8", newline="\n")


if __name__ == "__main__":
    main()

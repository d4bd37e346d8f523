"""The tree of commands, and the one place where a run starts and ends.

A command is one line in a table below: its name, where its `Command` is (``module:attribute``) and its summary, which
the help prints without loading the command. A test loads them all and compares the summaries.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from .. import __version__
from . import edge
from .command import Entry, LazyGroup
from .failure import as_error
from .output import Output
from .session import Session

PROGRAM = "sealcast"
COMPLETION_VARIABLE = "_SEALCAST_COMPLETE"
DEBUG_VARIABLE = "SEALCAST_DEBUG"

_HERE = "sealcast.cli"

KEY = LazyGroup(
    "key",
    {
        "Commands": {
            "new": Entry(f"{_HERE}.keys:new", "Make a signing key and its public record."),
            "import": Entry(f"{_HERE}.key_outside:import_key", "Record a key that a token or a service holds."),
            "list": Entry(f"{_HERE}.keys:list_keys", "List the signing keys in a folder."),
            "show": Entry(f"{_HERE}.keys:show", "Show one signing key: its id, type and holder."),
            "card": Entry(f"{_HERE}.key_card:card", "Print a public key to hand out: id, words, QR code."),
            "passwd": Entry(f"{_HERE}.keys:passwd", "Change the passphrase of a signing key."),
        }
    },
    help="Signing keys: what signs metadata.",
)
CEREMONY = LazyGroup(
    "ceremony",
    {
        "Commands": {
            "plan": Entry(f"{_HERE}.ceremony:plan", "Propose a root and targets that are as sealcast.toml wants them."),
            "show": Entry(f"{_HERE}.ceremony:show", "Show what a proposal would change, as this machine computes it."),
            "sign": Entry(f"{_HERE}.ceremony:sign", "Sign a proposal, after showing what it would change."),
            "combine": Entry(
                f"{_HERE}.ceremony:combine", "Put the holders' statements together, and make the proposal true."
            ),
        }
    },
    help="Ceremonies: what the holders of root and targets sign together.",
)
CLIENT = LazyGroup(
    "client",
    {
        "Commands": {
            "init": Entry(f"{_HERE}.client_init:init", "Make a client's directory, bound to a root and a channel."),
            "check": Entry(f"{_HERE}.client:check", "Say what an update would do, and why."),
            "update": Entry(f"{_HERE}.client:update", "Download, verify and stage what is due."),
            "run": Entry(f"{_HERE}.client:run", "Start the installed release."),
            "ready": Entry(f"{_HERE}.client:ready", "Report that the release works."),
            "fail": Entry(f"{_HERE}.client:fail", "Report that the release does not work."),
            "rollback": Entry(f"{_HERE}.client:rollback", "Go back to the release that worked before."),
            "verify": Entry(f"{_HERE}.client_repair:verify", "Read every installed byte, and say what is wrong."),
            "repair": Entry(f"{_HERE}.client_repair:repair", "Put right what is damaged."),
            "status": Entry(f"{_HERE}.client:status", "Show what is installed, staged and quarantined."),
            "explain": Entry(f"{_HERE}.client_explain:explain", "Say why this device is on this release."),
            "events": Entry(f"{_HERE}.client_events:events", "Show what happened on this device."),
        }
    },
    help="The client, on a device: check, install, start, go back.",
)

RELEASE = LazyGroup(
    "release",
    {
        "Commands": {
            "add": Entry(f"{_HERE}.release:add", "Add a release from a folder or an archive."),
            "list": Entry(f"{_HERE}.release:list_releases", "List the releases, the newest version first."),
            "show": Entry(f"{_HERE}.release:show", "Show one release: its builds, and the channels that offer it."),
            "diff": Entry(f"{_HERE}.release:diff", "Show which files differ between two releases."),
            "baseline": Entry(f"{_HERE}.release:baseline", "Say that native apps ship with a release."),
            "remove": Entry(f"{_HERE}.release:remove", "Forget a release that is live nowhere."),
        }
    },
    help="Releases: immutable versions of an app.",
)
CHANNEL = LazyGroup(
    "channel",
    {
        "Commands": {
            "list": Entry(f"{_HERE}.channel:list_channels", "List the channels and what they offer."),
            "show": Entry(f"{_HERE}.channel:show", "Show one channel: its releases, what they cost, what is recalled."),
            "promote": Entry(f"{_HERE}.channel:promote", "Make a release of one channel the stable one of another."),
        }
    },
    help="Channels: moving pointers to releases.",
)

PUBLISHER: Mapping[str, Entry] = {
    "init": Entry(f"{_HERE}.workspace:init", "Make a workspace: configuration, keys, first signed metadata."),
    "release": Entry(f"{_HERE}.app:RELEASE", "Add, list, show, compare and forget releases."),
    "channel": Entry(f"{_HERE}.app:CHANNEL", "List, show and promote: what channels point to."),
    "build": Entry(f"{_HERE}.publishing:build", "Write the site as a folder, and verify every byte of it."),
    "publish": Entry(f"{_HERE}.publishing:publish", "Bring a destination up to the workspace, in one switch."),
    "refresh": Entry(f"{_HERE}.workspace:refresh", "Sign again what is due."),
    "status": Entry(f"{_HERE}.workspace:status", "Show what is live, and which signatures are due."),
}
KEYS: Mapping[str, Entry] = {
    "key": Entry(f"{_HERE}.app:KEY", "Make, list and show signing keys; change a passphrase."),
    "ceremony": Entry(f"{_HERE}.app:CEREMONY", "Propose, show, sign and combine root and targets."),
}
DEVICE: Mapping[str, Entry] = {
    "client": Entry(f"{_HERE}.app:CLIENT", "Check, install, start and go back, on a device."),
}
ANYBODY: Mapping[str, Entry] = {
    "demo": Entry(f"{_HERE}.tour:demo", "Ship two releases, watch a device follow, see attacks refused."),
    "verify": Entry(f"{_HERE}.publishing:verify", "Walk a whole site as an auditor, trusting only a root."),
    "serve": Entry(f"{_HERE}.serve:serve", "Serve a site on this machine, for development."),
    "tuf": Entry(f"{_HERE}.tuf_client:tuf", "A generic TUF client, for any TUF repository."),
    "completion": Entry(f"{_HERE}.completion:completion", "Print the completion script for a shell."),
}

QUICK_START = """\
From nothing to a live site, for a lone maintainer:
  sealcast init updates --app demo --solo
  cd updates
  sealcast release add ../dist --version 1.0.0
  sealcast publish /srv/www/updates
  sealcast verify /srv/www/updates --root metadata/1.root.json
"""


class _Root(LazyGroup):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        formatter.write(f"\n{QUICK_START}")


def _show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo(f"{PROGRAM} {__version__}")
        context.exit()


@click.pass_context
def _enter(context: click.Context, directory: Path, no_color: bool) -> None:
    session: Session = context.obj
    session.output.plain |= no_color
    context.obj = session._replace(directory=directory)


ROOT = _Root(
    PROGRAM,
    {"Publisher": PUBLISHER, "Key holder": KEYS, "Device": DEVICE, "Anybody": ANYBODY},
    callback=_enter,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="COMMAND …",
    help="Signed updates from plain files: any host can serve them, no host is trusted.",
    params=[
        click.Option(
            ["-C", "directory"],
            metavar="DIR",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=".",
            help="Work in the workspace at DIR, or the nearest one above it.",
        ),
        click.Option(["--no-color"], is_flag=True, help="Use no colours, also on a terminal (as NO_COLOR=1 does)."),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Print the version.",
        ),
    ],
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status; the process's own arguments when none are given."""
    given = list(edge.arguments() if arguments is None else arguments)
    environment = edge.environment()
    stdin, stdout, stderr = edge.streams()
    session = Session(Output(stdout, stderr, environment), edge.now, environment, stdin)
    try:
        if instruction := environment.get(COMPLETION_VARIABLE):
            return _complete(instruction)
        status = _invoke(given, session)
        session.output.flush()
        return status
    except BrokenPipeError:
        # The reader has seen enough (`sealcast … | head`): no error, but not the whole result either.
        edge.drop_output()
        return 141
    except Exception as exception:  # noqa: BLE001 - the last line of defence
        return _fail(exception, given, session)
    except KeyboardInterrupt as exception:
        return _fail(exception, given, session)


def _invoke(arguments: Sequence[str], session: Session) -> int:
    try:
        # A copy: click takes words off the list that it parses.
        with ROOT.make_context(PROGRAM, [*arguments], obj=session) as context:
            ROOT.invoke(context)
    except click.exceptions.NoArgsIsHelpError as help_page:
        session.output.flush()
        click.echo(help_page.ctx.get_help(), err=True)
        return 2
    except click.exceptions.Exit as exit_request:
        return exit_request.exit_code
    return 0


def _complete(instruction: str) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(ROOT, {}, PROGRAM, COMPLETION_VARIABLE, instruction)


def _fail(exception: BaseException, arguments: Sequence[str], session: Session) -> int:
    """Print the error and return its exit status."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    session.output.json |= "--json" in own  # also when the arguments could not be parsed
    error = as_error(exception, on_device=_command_of(own) == "client")
    if session.environment.get(DEBUG_VARIABLE):
        traceback.print_exception(exception)
    try:
        session.output.error(error)
        session.output.flush()
    except OSError:
        edge.drop_output()  # nowhere to say it: the exit status is all that is left
    return error.exit_status


def _command_of(arguments: Sequence[str]) -> str:
    """Return the first word that is neither an option nor an option's value."""
    words = iter(arguments)
    for word in words:
        if word == "-C":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""

"""``sealcast client init``: what one client follows, and how it reaches the host."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import ConfigError
from .client_options import KEY_VARIABLE, clients_folder, floor_option
from .command import command
from .output import good, name, strong
from .session import Session
from .sizes import parse_size

_FILE = click.Path(exists=True, dir_okay=False)
_HOSTS = (
    click.option(
        "--mirror",
        "mirrors",
        multiple=True,
        metavar="URL",
        help="A further host of the site, asked when the first one fails. May be given several times.",
    ),
    click.option(
        "--pin",
        "pins",
        multiple=True,
        metavar="HOST=SHA256@DAY",
        help="A public key that HOST may prove to hold, until DAY: the SHA-256 of its SubjectPublicKeyInfo, in hex. "
        "Two for each host, at least.",
    ),
    click.option("--ca-bundle", type=_FILE, metavar="FILE", help="Authorities to trust instead of the system's: PEM."),
    click.option(
        "--client-cert",
        "client_certificate",
        type=_FILE,
        metavar="FILE",
        help="The certificate by which this device proves itself to the hosts: PEM.",
    ),
    click.option(
        "--client-key",
        type=_FILE,
        metavar="FILE",
        help=f"Its private key, if it is in another file. {KEY_VARIABLE} opens it at each use.",
    ),
    click.option(
        "--client-key-passphrase-file",
        "passphrase_file",
        type=_FILE,
        metavar="FILE",
        help="The file with that passphrase, read at each use.",
    ),
    click.option("--proxy", default="", metavar="URL", help="The proxy, or `none`.  [default: what the system says]"),
    click.option(
        "--proxy-credentials-file",
        type=_FILE,
        metavar="FILE",
        help="The file with the proxy's name:password, read at each use.",
    ),
)


def _options_of_hosts(function: Callable[..., object]) -> Callable[..., object]:
    for option in reversed(_HOSTS):
        function = option(function)
    return function


def _words(_context: click.Context, _parameter: click.Parameter, given: str) -> list[str]:
    try:
        return shlex.split(given)
    except ValueError as error:
        raise click.BadParameter(f"{str(error).lower()} in the command") from error


@command(
    example="""
    sealcast client init --url https://updates.example.org --root 1.root.json --app demo --channel stable
    sealcast client init … --mirror https://mirror.example.net --ca-bundle our-ca.pem --proxy http://proxy.example.org:3128
    """,
    exits=(9, 10),
)
@click.option("--url", required=True, metavar="URL", help="Where the site is: an https URL, or a folder.")
@click.option(
    "--root",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The trusted root, from the publisher and not from the host.",
)
@floor_option
@click.option("--app", required=True, metavar="NAME", help="The app to install.")
@click.option("--channel", required=True, metavar="NAME", help="The channel to follow.")
@click.option("--platform", metavar="NAME", help="The builds to take (default: this platform's, else `any`).")
@click.option("--device", metavar="ID", help="The device's id in rollouts (default: a random one).")
@click.option("--native", metavar="VERSION", default="", help="The version of the native app around the releases.")
@click.option(
    "--embedded",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder of the release that the app itself ships: a copy of a slot.",
)
@click.option(
    "--boot-limit",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How often a new release is started before it is given up.",
)
@click.option(
    "--ready-seconds",
    type=click.IntRange(0, 86_400),
    default=60,
    show_default=True,
    help="How soon a new release must report ready; 0: at any time.",
)
@click.option(
    "--quota",
    type=parse_size,
    metavar="SIZE",
    help="What releases and downloads may take together, such as 2GiB (default: what the disk has).",
)
@click.option("--report", metavar="URL", default="", help="Post to this https URL how updates end (default: nobody).")
@click.option(
    "--report-command",
    metavar="CMD",
    default="",
    callback=_words,
    help="Start this command with each such report as its standard input.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The client's directory, made for this user alone (default: in the user's data folder).",
)
@_options_of_hosts
def init(
    session: Session, root: Path, floor: Path | None, app: str, channel: str, directory: Path | None, **settings: Any
) -> object:
    """Make a client's directory, bound to a root and a channel.

    Everything that is downloaded later must lead back to this root. Nothing is fetched yet.
    """
    from ..client import Network, init_directory

    settings["quota"] = settings["quota"] or 0
    place = directory or clients_folder() / f"{app}-{channel}"
    reached = {name: given for name in Network.__struct_fields__ if (given := settings.pop(name))}
    reached["pins"] = _pins(reached.get("pins", ()))
    made = init_directory(
        place,
        root=root.read_bytes(),
        floor=floor.read_bytes() if floor else b"",
        app=app,
        channel=channel,
        network=Network(**reached),
        passphrase=session.environment.get(KEY_VARIABLE, ""),
        **settings,
    )
    out = session.output
    out.line(good("Made"), " a client of ", strong(f"{app}/{channel}"), " in ", name(place), ".")
    out.fields([("url", made.url), ("platform", made.platform), ("device", made.device)])
    out.line("Next: ", name(f"sealcast client update --dir {place}"))
    return {"directory": place, "url": made.url, "platform": made.platform, "device": made.device}


def _pins(words: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the pins by host. Raises ``ConfigError`` (BAD_PINS); what they say is checked by `init_directory`."""
    found: dict[str, dict[str, str]] = {}
    for word in words:
        host, equals, pin = word.partition("=")
        digest, at, day = pin.partition("@")
        if not (host and equals and digest and at and day):
            raise ConfigError(
                "BAD_PINS",
                f"{word[:200]!r} is no pin.",
                hint="It looks like updates.example.org=9f86d08…@2027-12-31.",
            )
        found.setdefault(host.lower(), {})[digest.lower()] = f"{day}T00:00:00Z"
    return found

"""What one client follows, and as which device: written once by `init_directory`, read at every run."""

from __future__ import annotations

import platform
import re
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from ..documents import Document, decode, encode
from ..errors import ConfigError, InstallError, SealcastError
from ..files import exclusive, remove_temporaries, write_durably
from ..values import MAX_INTEGER, check_name
from .directory import StateDirectory
from .network import Network, absolute, check_network
from .record import Record, Records

if TYPE_CHECKING:
    from .floor import Least

_LIMIT = 64 * 1024
_MAX_ROOT = 512_000
_MACHINES = {"amd64": "x86-64", "x86_64": "x86-64", "aarch64": "arm64", "i386": "x86", "i686": "x86"}
_SYSTEMS = {"darwin": "macos", "win32": "windows"}

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
_Short = Annotated[str, msgspec.Meta(max_length=256)]


class Reporting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is told how updates end (`sealcast.client.report`): an https URL, a command, or both.

    ``secret`` (hex) is made for this alone: reports carry a hash of it that is another one each day.
    """

    secret: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32,64}$")]
    url: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    command: tuple[_Text, ...] = ()


class Settings(Document, frozen=True, kw_only=True, omit_defaults=True):
    """What a client was made for.

    ``device`` decides its place in rollouts and is sent nowhere. A release on trial is started ``boot_limit`` times at
    most, and must report ready within ``ready_seconds`` of each start (0: without a limit). ``embedded`` is the folder
    of the release that the app itself ships, in the shape of a slot. Without ``report`` nobody is told anything.
    ``network`` says how hosts are reached. Releases and downloads together take at most ``quota`` bytes (0: any).
    """

    type: str = "sealcast/client/1"
    url: _Text
    app: _Short
    channel: _Short
    platform: _Short
    device: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    native: _Short = ""
    boot_limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    ready_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 60
    embedded: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    report: Reporting | None = None
    network: Network = Network()
    quota: Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)] = 0


def this_platform(system: str = sys.platform, machine: str | None = None) -> str:
    """Return the name of the platform that this is, such as ``linux-x86-64``, ``macos-arm64``, ``windows-x86-64``."""
    known = platform.machine() if machine is None else machine
    name = f"{_SYSTEMS.get(system, system)}-{_MACHINES.get(known.lower(), known.lower())}"
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


def init_directory(
    directory: Path,
    *,
    url: str,
    root: bytes,
    app: str,
    channel: str,
    platform: str | None = None,
    device: str | None = None,
    native: str = "",
    boot_limit: int = 3,
    ready_seconds: int = 60,
    embedded: Path | None = None,
    quota: int = 0,
    floor: bytes = b"",
    report: str = "",
    report_command: Sequence[str] = (),
    network: Network | None = None,
    passphrase: str = "",
    new_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> Settings:
    """Make ``directory`` the state directory of a client and return its settings.

    ``root`` is the trusted root, as the publisher hands it out, and ``floor`` the floor of that day, if the app carries
    one: nothing older is ever accepted, although this device has seen nothing yet. ``report`` is a URL,
    ``report_command`` the words of a command, that are told how updates end. ``passphrase`` opens the private key of
    the network's client certificate, and is kept nowhere. Raises ``InstallError`` (ALREADY_INITIALISED, UNSAFE_OWNER,
    BUSY), ``ConfigError`` (UNSAFE_NAME, BAD_ROOT, BAD_FLOOR, BAD_SETTINGS, and as `check_network`), or
    ``TransferError`` (BAD_URL, INSECURE_URL).
    """
    from .carried import carried_least, check_root

    network = absolute(network or Network())
    check_network(network, url, passphrase)
    settings = _checked(
        Settings(
            url=_absolute(url),
            app=check_name(app, "app"),
            channel=check_name(channel, "channel"),
            platform=check_name(platform or this_platform(), "platform"),
            device=device or new_id().hex,
            native=native,
            boot_limit=boot_limit,
            ready_seconds=ready_seconds,
            embedded=str(embedded.resolve()) if embedded else "",
            report=_reporting(report, report_command, new_id),
            network=network,
            quota=quota,
        )
    )
    check_root(root)
    least = carried_least(floor, root, app, channel)
    place = StateDirectory(directory)
    place.create()
    with exclusive(place.updater_lock, _already):
        if place.settings.exists():
            raise _already()
        remove_temporaries(place.path)  # of an earlier attempt that was killed
        _write(place, settings, root, least)
    return settings


def _write(place: StateDirectory, settings: Settings, root: bytes, least: Least) -> None:
    """Write everything that a client starts from; its settings last, since they say that it is whole."""
    from .floor import Floor, FloorStore

    write_durably(place.root, root, mode=0o600)
    FloorStore(place.path).create(Floor(least=least))
    Records(place.path).change(lambda _: Record(native_seen=settings.native))
    write_durably(place.settings, encode(settings) + b"\n", mode=0o600)


def read_settings(directory: Path) -> Settings:
    """Return the settings of the client in ``directory``.

    Raises ``InstallError``: NOT_INITIALISED, UNSAFE_OWNER, STATE_DAMAGED.
    """
    place = StateDirectory(directory)
    try:
        with place.settings.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InstallError(
            "NOT_INITIALISED",
            f"{str(directory)!r} is not the state directory of a client.",
            safe="Nothing was changed.",
            hint="Make one: sealcast client init --url URL --root FILE --app APP --channel CHANNEL --dir DIR",
            path=str(directory),
        ) from error
    place.check_owner()
    try:
        return decode(data, Settings, what=str(place.settings), limit=_LIMIT)
    except SealcastError as error:
        raise InstallError(
            "STATE_DAMAGED",
            f"The settings of this client are damaged. {error.what}",
            hint=f"Correct {place.settings}, or make the client again in a new directory.",
            path=str(place.settings),
        ) from error


def _absolute(url: str) -> str:
    """Return ``url``, checked; a folder as an absolute path, since the next run may start elsewhere."""
    from ..fetch import FolderSource, open_source

    return str(Path(url).resolve()) if isinstance(open_source(url), FolderSource) else url


def _reporting(url: str, command: Sequence[str], new_id: Callable[[], uuid.UUID]) -> Reporting | None:
    """Return where reports go, or None where nobody asked for any. Raises ``TransferError``: BAD_URL, INSECURE_URL."""
    if not url and not command:
        return None
    if url:
        from ..fetch import HttpSource

        HttpSource(url)  # refuses what is neither https nor on this machine
    return Reporting(secret=new_id().hex, url=url, command=tuple(command))


def _checked(settings: Settings) -> Settings:
    """Hold a new client's settings to what reading them will demand."""
    try:
        return decode(encode(settings), Settings, what="The client's settings", limit=_LIMIT)
    except SealcastError as error:
        raise ConfigError("BAD_SETTINGS", error.what) from error


def _already() -> InstallError:
    return InstallError(
        "ALREADY_INITIALISED",
        "This directory already belongs to a client.",
        safe="It was left as it is.",
        hint="Use it as it is, or choose another directory. To change a setting, edit client.json.",
    )

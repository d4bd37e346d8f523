"""The publisher's configuration, ``sealcast.toml``: wanted state and where signers are, never a secret."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from .errors import ConfigError
from .files import read_bounded

FILE_NAME = "sealcast.toml"
_LIMIT = 1024 * 1024
_PLACE = re.compile(r" - at `(?:key` in `)?\$\.?([^`]*)`")
_NAMED = re.compile(r"unknown field `([^`]+)`|'([^']*)' - at `key` in ")

Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]
Archive = Literal["tar.zst", "zip", "none"]
Effort = Literal["fast", "normal", "best"]
Kind = Literal["root", "targets", "channel", "halt", "snapshot", "timestamp"]


class AppConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One app: its channels, the first being the default, how its releases are published, and what its policy says.

    ``pins`` holds, by host, the digests of public keys and the day on which each stops counting.
    """

    channels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    keep: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    deltas: Annotated[int, msgspec.Meta(ge=0, le=32)] = 3
    archive: Archive = "tar.zst"
    effort: Effort = "normal"
    mirrors: tuple[str, ...] = ()
    pins: dict[str, dict[str, date]] = {}


class PublishConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where ``sealcast publish`` goes when no destination is given, and where readers find it."""

    destination: str = ""
    public_url: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of ``sealcast.toml``. ``signers`` maps key ids to signer URIs; ``lifetimes`` are in days by kind of role.

    ``holders`` and ``thresholds`` are wanted state: the names of those who shall hold each role, and how many of them
    must sign. A ceremony makes it so.
    """

    apps: dict[str, AppConfig]
    holders: dict[str, Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)]] = {}
    thresholds: dict[str, Annotated[int, msgspec.Meta(ge=1, le=100)]] = {}
    signers: dict[str, str] = {}
    lifetimes: dict[Kind, Days] = {}
    publish: PublishConfig = PublishConfig()

    def app(self, name: str | None) -> tuple[str, AppConfig]:
        """Return the app of this name, or the only one. Raises ``ConfigError`` (UNKNOWN_APP)."""
        if name is None and len(self.apps) == 1:
            name = next(iter(self.apps))
        if name is None or name not in self.apps:
            raise ConfigError(
                "UNKNOWN_APP",
                "Which app is meant?" if name is None else f"There is no app {name!r} in this workspace.",
                hint=f"Name one with --app: {', '.join(sorted(self.apps))}.",
            )
        return name, self.apps[name]


def find_workspace(start: Path) -> Path:
    """Return the nearest folder, from ``start`` upwards, that holds ``sealcast.toml``. Raises ``ConfigError``."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ConfigError(
        "NO_WORKSPACE",
        f"There is no {FILE_NAME} in {start} or above it.",
        hint="Make a workspace with `sealcast init DIR --app NAME --solo`, or name one with -C DIR.",
    )


def read_config(path: Path) -> Config:
    """Return the configuration at ``path``.

    Raises ``ConfigError`` (BAD_CONFIG) with line, column and what was expected.
    """
    data = b""
    try:
        data = read_bounded(path, _LIMIT, lambda: _broken(path, "it is larger than 1 MiB"))
        text = data.decode("utf-8-sig")  # some editors on Windows start a file with a byte order mark
        raw = tomllib.loads(text)
    except OSError as error:
        raise _broken(path, f"it cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _broken(path, f"line {line} is not UTF-8 text") from error
    except RecursionError as error:
        raise _broken(path, "it nests too deep") from error
    except ValueError as error:  # also an integer of thousands of digits, which tomllib leaves to Python
        raise _broken(path, _lower_first(str(error))) from error
    try:
        return msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise _broken(path, _located(str(error), raw, text)) from error


def _broken(path: Path, why: str) -> ConfigError:
    return ConfigError(
        "BAD_CONFIG",
        f"{path.name} cannot be used: {why}.",
        hint="Every setting and its default is explained in the file that `sealcast init` writes.",
        path=str(path),
    )


def _located(message: str, raw: Mapping[str, Any], text: str) -> str:
    """Return msgspec's ``message`` with the line and column of the key that it is about, where it can be found."""
    # msgspec writes [...] for the name of an app: which one it is, is found by asking about each alone.
    app = next((app for app in raw["apps"] if _fails(raw, app)), "") if "`$.apps[" in message else ""
    name = _key_in(message, app)
    message = _lower_first(message.replace("$.apps[...]", f"apps.{app}").replace("`$.", "`").replace(" - at ", " at "))
    if "enum value" in message:
        message += f", expected {' or '.join(get_args({'archive': Archive, 'effort': Effort}.get(name, Kind)))}"
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*apps\s*\.\s*[\"']?{re.escape(app)}[\"']?\s*\]")
    start = next((number for number, line in enumerate(lines) if app and header.match(line)), 0)
    key = re.compile(rf"(?<![\w-])[\"']?{re.escape(name)}[\"']?\s*(=|\])")
    for number, line in enumerate(lines[start:], start + 1):
        if name and (found := key.search(line)):
            return f"line {number}, column {found.start() + 1}: {message}"
    return message


def _key_in(message: str, app: str) -> str:
    """Return the key that a message of msgspec is about; for a key that is missing, the table that lacks it."""
    if named := _NAMED.search(message):
        return named[1] or named[2]
    place = _PLACE.search(message)
    if place is None:
        return ""
    return app if place[1] == "apps[...]" else re.sub(r"\[[^]]*\]", "", place[1]).rpartition(".")[2]


def _fails(raw: Mapping[str, Any], app: str) -> bool:
    try:
        msgspec.convert(raw["apps"][app], AppConfig)
    except msgspec.ValidationError:
        return True
    return False


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]

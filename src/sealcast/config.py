"""The publisher's configuration, ``sealcast.toml``: wanted state and where signers are, never a secret."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from .errors import ConfigError

FILE_NAME = "sealcast.toml"
_LIMIT = 1024 * 1024

Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]


class AppConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One app: its channels, the first being the default, and how its releases are published."""

    channels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    keep: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    deltas: Annotated[int, msgspec.Meta(ge=0, le=32)] = 3
    archive: Literal["tar.zst", "zip", "none"] = "tar.zst"
    effort: Literal["fast", "normal", "best"] = "normal"


class PublishConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where ``sealcast publish`` goes when no destination is given, and where readers find it."""

    destination: str = ""
    public_url: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of ``sealcast.toml``. ``signers`` maps key ids to signer URIs; ``lifetimes`` are in days by kind of role."""

    apps: dict[str, AppConfig]
    signers: dict[str, str] = {}
    lifetimes: dict[Literal["root", "targets", "channel", "halt", "snapshot", "timestamp"], Days] = {}
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
    try:
        data = path.read_bytes()[: _LIMIT + 1]
        text = data.decode("utf-8")
    except OSError as error:
        raise _broken(path, f"it cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _broken(path, f"line {line} is not UTF-8 text") from error
    if len(data) > _LIMIT:
        raise _broken(path, "it is larger than 1 MiB")
    try:
        return msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise _broken(path, _lower_first(str(error))) from error
    except msgspec.ValidationError as error:
        raise _broken(path, _located(str(error), text)) from error


def _broken(path: Path, why: str) -> ConfigError:
    return ConfigError(
        "BAD_CONFIG",
        f"{path.name} cannot be used: {why}.",
        hint="Every setting and its default is explained in the file that `sealcast init` writes.",
        path=str(path),
    )


def _located(message: str, text: str) -> str:
    """Return msgspec's ``message`` with the line and column of the key that it names, where it can be found."""
    key = re.search(r"unknown field `([^`]+)`", message)
    path = re.search(r" - at `(?:key in )?\$\.?([^`]*)`", message)
    name = key[1] if key else re.sub(r"\[[^]]*\]", "", path[1]).rpartition(".")[2] if path else ""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.search(rf"(?<![\w-])[\"']?{re.escape(name)}[\"']?\s*(=|\])", line) if name else None
        if found:
            return f"line {number}, column {found.start() + 1}: {_lower_first(message)}"
    return _lower_first(message)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]

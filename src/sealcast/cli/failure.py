"""Every way in which a run can fail, as one typed error: no traceback reaches a user."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path
from typing import ClassVar

import click

from ..errors import ConfigError, InstallError, RepositoryError, SealcastError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FILE = {errno.ENOENT, errno.ENOTDIR}


class InterruptError(SealcastError):
    """The user stopped the run. 130 is what shells report for that."""

    exit_status: ClassVar[int] = 130
    default_safe = "What was finished is kept; the next run goes on from there."


def as_error(exception: BaseException, *, on_device: bool) -> SealcastError:
    """Return ``exception`` as the error to print. ``on_device`` tells a client's command from a publisher's."""
    if isinstance(exception, SealcastError):
        return exception
    if isinstance(exception, click.UsageError):
        return _usage(exception)
    if isinstance(exception, click.ClickException):
        return ConfigError("USAGE", exception.format_message())
    if isinstance(exception, (KeyboardInterrupt, click.Abort)):
        return InterruptError("INTERRUPTED", "Stopped before the end.")
    if isinstance(exception, OSError):
        return _system(exception, InstallError if on_device else RepositoryError)
    return _unknown(exception)


def _usage(error: click.UsageError) -> ConfigError:
    path = error.ctx.command_path if error.ctx else "sealcast"
    message = error.format_message().rstrip()
    return ConfigError(
        "USAGE",
        message if message.endswith((".", "?")) else f"{message}.",
        hint=f"See `{path} --help` for what it takes, with examples.",
    )


def _system(error: OSError, family: type[SealcastError]) -> SealcastError:
    """Return what the system refused. Both families keep what was there: files are replaced in one step or not."""
    place = f" ({error.filename})" if error.filename is not None else ""
    reason = f"{error.strerror or type(error).__name__}{place}."
    if error.errno in _NO_SPACE:
        return family("NO_SPACE", f"The disk is full: {reason}", hint="Make room, then run the command again.")
    if error.errno in _NO_PERMISSION:
        return family("NO_PERMISSION", f"The system does not allow it: {reason}", hint="Check owner and permissions.")
    if error.errno in _NO_FILE:
        return family("NO_FILE", f"A file is missing: {reason}", hint="Check the path.")
    return family("SYSTEM", f"The system reports an error: {reason}", hint="See what the system's log says about it.")


def _unknown(exception: BaseException) -> SealcastError:
    """Return an error that names the place and kind, never the message: it could hold a secret."""
    frames = traceback.extract_tb(exception.__traceback__)
    place = f"{'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}" if frames else "an unknown place"
    return SealcastError(
        "INTERNAL",
        f"Sealcast met a case that its authors did not see ({type(exception).__name__} at {place}).",
        safe="Files are replaced whole or not at all: run `sealcast status` to see where things stand.",
        hint="Run it again with SEALCAST_DEBUG=1 and report what it prints, after removing what is secret.",
    )

from __future__ import annotations

import errno
import os

import click
import pytest

from sealcast.cli.failure import as_error
from sealcast.errors import InstallError, RepositoryError, SealcastError, VerificationError


def test_our_own_errors_stay_what_they_are() -> None:
    error = VerificationError("EXPIRED", "Too old.")
    assert as_error(error, on_device=False) is error


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "NO_SPACE"),
        (errno.EDQUOT, "NO_SPACE"),
        (errno.EACCES, "NO_PERMISSION"),
        (errno.EROFS, "NO_PERMISSION"),
        (errno.ENOENT, "NO_FILE"),
        (errno.ENOTDIR, "NO_FILE"),
        (errno.EIO, "SYSTEM"),
    ],
)
def test_what_the_system_refuses_has_a_code(number: int, code: str) -> None:
    exception = OSError(number, os.strerror(number), "a/file")
    error = as_error(exception, on_device=False)
    assert (type(error), error.code) == (RepositoryError, code)
    assert "a/file" in error.what
    assert error.hint
    assert type(as_error(exception, on_device=True)) is InstallError


def test_a_system_error_that_says_nothing() -> None:
    assert as_error(TimeoutError(), on_device=False).what == "The system reports an error: TimeoutError."


def test_a_wrong_command_line() -> None:
    context = click.Context(click.Command("build"), info_name="build")
    error = as_error(click.UsageError("Missing argument 'DIR'.", context), on_device=False)
    assert (error.code, error.exit_status) == ("USAGE", 2)
    assert error.what == "Missing argument 'DIR'."
    assert "`build --help`" in error.hint
    assert as_error(click.UsageError("No such thing"), on_device=False).what == "No such thing."
    assert as_error(click.FileError("x", "gone"), on_device=False).code == "USAGE"


@pytest.mark.parametrize("exception", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption(exception: BaseException) -> None:
    error = as_error(exception, on_device=False)
    assert (error.code, error.exit_status) == ("INTERRUPTED", 130)


def test_anything_else_is_told_without_its_message(passphrase: str) -> None:
    def burst() -> None:
        raise KeyError(passphrase)

    with pytest.raises(KeyError) as caught:
        burst()
    error = as_error(caught.value, on_device=False)
    assert (type(error), error.code, error.exit_status) == (SealcastError, "INTERNAL", 1)
    assert "KeyError at cli/test_failure.py:" in error.what
    assert passphrase not in str(error.as_dict())
    assert "an unknown place" in as_error(KeyError(), on_device=False).what

"""Ends a run, or fails it, at one chosen step of all that change the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMING = ("link", "replace", "rename", "mkdir", "rmdir")
"""What gives files and folders their names: between two of these, a kill leaves something else behind."""

EVERYTHING = (*NAMING, "unlink", "fsync")


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


class Steps:
    """Counts the steps of a run, and interferes with one."""

    def __init__(self, interfere: Callable[[], None], at: int | None) -> None:
        self.count = 0
        self.hit = False
        self.dead = False
        self._interfere = interfere
        self._at = at

    def step(self) -> None:
        if self.dead:
            raise Killed  # a process that is gone changes nothing any more, in no `finally` either
        if self.count == self._at:
            self.hit = True
            self.count += 1
            self._interfere()
        self.count += 1


def _patched(patch: pytest.MonkeyPatch, names: tuple[str, ...], steps: Steps) -> None:
    for name in names:
        real = getattr(os, name)

        def before(*given: Any, real: Callable[..., Any] = real, **named: Any) -> Any:
            steps.step()
            return real(*given, **named)

        patch.setattr(os, name, before)


@contextmanager
def killed_at(at: int | None, names: tuple[str, ...] = NAMING) -> Iterator[Steps]:
    """Kill the run inside before its step ``at`` (None: count only). What ends it is caught here."""

    def kill() -> None:
        steps.dead = True
        raise Killed

    steps = Steps(kill, at)
    with pytest.MonkeyPatch.context() as patch:
        _patched(patch, names, steps)
        try:
            yield steps
        except Killed:
            assert steps.hit


@contextmanager
def full_at(at: int | None, names: tuple[str, ...] = EVERYTHING) -> Iterator[Steps]:
    """Let the disk be full at step ``at``, and at that one alone."""

    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    steps = Steps(fail, at)
    with pytest.MonkeyPatch.context() as patch:
        _patched(patch, names, steps)
        yield steps

"""Which native builds a release fits: a list of bounds on a SemVer version, such as ``>=3.2.0,<4.0.0``."""

from __future__ import annotations

import re

from ..errors import ConfigError

_BOUND = re.compile(r"(>=|<=|>|<|==|!=)\s*(\d+(?:\.\d+){0,2}\S*)")


def admits(constraint: str, native: str) -> bool:
    """Tell whether the native build ``native`` satisfies every bound of ``constraint``.

    A device that does not know its native build, or names it by something that is no version, satisfies nothing.
    Raises ``ConfigError`` (BAD_VERSION) when the constraint itself cannot be read.
    """
    bounds = parse_constraint(constraint)
    import semver

    try:
        version = semver.Version.parse(_padded(native))
    except ValueError:
        return False
    return all(version.match(bound) for bound in bounds)


def parse_constraint(constraint: str) -> tuple[str, ...]:
    """Return the bounds of ``constraint``, each with a whole version. Raises ``ConfigError`` (BAD_VERSION)."""
    import semver

    bounds = []
    for part in constraint.split(","):
        found = _BOUND.fullmatch(part.strip())
        if found is None:
            raise _unreadable(constraint)
        try:
            semver.Version.parse(_padded(found[2]))
        except ValueError as error:
            raise _unreadable(constraint) from error
        bounds.append(found[1] + _padded(found[2]))
    return tuple(bounds)


def _padded(version: str) -> str:
    """Return ``version`` with the parts that people leave out: 3.2 is 3.2.0."""
    found = re.fullmatch(r"(\d+(?:\.\d+)*)(.*)", version)
    if found is None:
        return version
    return found[1] + ".0" * (2 - found[1].count(".")) + found[2]


def _unreadable(constraint: str) -> ConfigError:
    return ConfigError(
        "BAD_VERSION",
        f"{constraint[:80]!r} is not a list of version bounds.",
        hint='Write it as ">=3.2.0,<4.0.0".',
    )

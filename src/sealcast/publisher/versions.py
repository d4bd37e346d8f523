"""What people read as newer: SemVer 2.0.0. Machines go by a channel's signed sequence instead."""

from __future__ import annotations

import semver

from ..errors import ConfigError


def parse_version(text: str) -> semver.Version:
    """Return the SemVer version that ``text`` writes. Raises ``ConfigError`` (BAD_VERSION)."""
    try:
        # The library also takes digits of other scripts: two texts would be one version.
        if len(text) <= 128 and text.isascii():
            return semver.Version.parse(text)
    except ValueError:
        pass  # answered below, with what was expected
    raise ConfigError(
        "BAD_VERSION",
        f"{text[:80]!r} is not a version.",
        hint="Use semantic versioning: 1.4.0, 2.0.0-beta.1, 1.4.0+build7 (semver.org).",
    )

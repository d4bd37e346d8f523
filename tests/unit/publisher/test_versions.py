"""Versions are SemVer, and one version has one spelling."""

from __future__ import annotations

import pytest

from sealcast.errors import ConfigError
from sealcast.publisher.versions import parse_version


@pytest.mark.parametrize("text", ["1.4.0", "2.0.0-beta.1", "1.4.0+build7", "0.0.0", "1.0.0-rc.1+exp.sha.5114f85"])
def test_versions(text: str) -> None:
    assert str(parse_version(text)) == text


NO_VERSIONS = (
    "", "1", "1.4", "v1.4.0", "1.4.0 ", "01.4.0", "1.4.0-", "1.4.0-01", "../1.4.0", "1.4.0\n", "1٣.0.0", "1.4.0-é",
    "1.0.0-" + "a" * 200,
)  # fmt: skip


@pytest.mark.parametrize("text", NO_VERSIONS)
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_version(text)
    assert caught.value.code == "BAD_VERSION"

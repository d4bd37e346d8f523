"""Which native builds a release fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.errors import ConfigError
from sealcast.model import admits, parse_constraint


@pytest.mark.parametrize(
    ("constraint", "native", "fits"),
    [
        (">=3.2.0", "3.2.0", True),
        (">=3.2.0", "3.1.9", False),
        (">=3.2.0", "10.0.0", True),
        (">3.2.0", "3.2.0", False),
        ("<=3.2.0", "3.2.0", True),
        ("<3.2.0", "3.2.0", False),
        ("==3.2.0", "3.2.0", True),
        ("==3.2.0", "3.2.1", False),
        ("!=3.2.0", "3.2.0", False),
        ("!=3.2.0", "3.2.1", True),
        (">=3.2.0,<4.0.0", "3.9.9", True),
        (">=3.2.0,<4.0.0", "4.0.0", False),
        (">=3.2.0,<4.0.0", "3.1.0", False),
        (" >= 3.2.0 , < 4.0.0 ", "3.5.0", True),
        (">=3", "3.0.0", True),
        (">=3.2", "3.2.0", True),
        (">=3.2", "3.1.9", False),
        (">=3.2.0", "3.2", True),
        (">=3.2.0", "3", False),
        ("<3.2.0", "3", True),
        (">=3.2.0-rc.1", "3.2.0-rc.2", True),
        (">=3.2.0", "3.2.0-rc.2", False),  # a preview of 3.2.0 comes before it (semver.org, rule 11)
        ("<4.0.0", "4.0.0-beta", True),
        (">=3.2-rc.1", "3.2.0-rc.1", True),
        (">=1.0.0+build5", "1.0.0+build9", True),  # what stands after the plus does not count
        (">=1.0.0,<2.0.0,!=1.5.0", "1.5.0", False),
    ],
)
def test_a_native_build_is_held_against_every_bound(constraint: str, native: str, fits: bool) -> None:
    assert admits(constraint, native) is fits


@pytest.mark.parametrize("native", ["", "unknown", "v3.2.0", "3.2.0.1", "03.2.0", "3..2", "-1", "3.2.0 ", "9" * 5000])
def test_a_device_that_does_not_know_its_build_satisfies_nothing(native: str) -> None:
    assert admits(">=0.0.0", native) is False
    assert admits("!=9.9.9", native) is False


@pytest.mark.parametrize(
    "constraint",
    [
        *("", ",", ">=", ">=x", "3.2.0", "~3.2.0", "^3.2.0", "=3.2.0", "=>3.2.0", ">=3.2.0,", ">=3.2.0;<4", ">=3.2.x"),
        *(">=3.2.0.1", ">=03.2.0", ">= 3.2.0 <4.0.0", "*", "latest", ">=3.2.0||<2.0.0", ">=-1", ">=" + "9" * 5000),
    ],
)
def test_what_cannot_be_read_is_refused(constraint: str) -> None:
    for read in (lambda: parse_constraint(constraint), lambda: admits(constraint, "3.2.0")):
        with pytest.raises(ConfigError, match="is not a list of version bounds") as caught:
            read()
        assert caught.value.code == "BAD_VERSION"
        assert caught.value.hint == 'Write it as ">=3.2.0,<4.0.0".'
        assert len(caught.value.what) < 150


def test_bounds_are_given_whole_versions() -> None:
    assert parse_constraint(">=3, < 4.1 ,!=3.5.2-rc.1") == (">=3.0.0", "<4.1.0", "!=3.5.2-rc.1")


_NUMBER = st.integers(0, 20)


@given(st.tuples(_NUMBER, _NUMBER, _NUMBER), st.tuples(_NUMBER, _NUMBER, _NUMBER))
def test_versions_compare_as_numbers(bound: tuple[int, int, int], native: tuple[int, int, int]) -> None:
    one, other = ".".join(map(str, bound)), ".".join(map(str, native))
    assert admits(f">={one}", other) is (native >= bound)
    assert admits(f"<{one}", other) is (native < bound)
    assert admits(f"=={one}", other) is (native == bound)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_answered_or_refused(constraint: str, native: str) -> None:
    try:
        assert admits(constraint, native) in {True, False}
    except ConfigError as error:
        assert error.code == "BAD_VERSION"  # noqa: PT017 - either outcome is right

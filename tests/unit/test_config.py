"""``sealcast.toml``: what is wrong is named by line, column and what was expected."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealcast.config import FILE_NAME, AppConfig, Config, find_workspace, read_config
from sealcast.errors import ConfigError
from sealcast.model import LIFETIMES

APP = '[apps.demo]\nchannels = ["stable"]\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def refused(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    error = caught.value
    assert (error.code, error.exit_status, error.data) == ("BAD_CONFIG", 2, {"path": str(path)})
    assert error.hint
    prefix = "sealcast.toml cannot be used: "
    assert error.what.startswith(prefix)
    assert error.what.endswith(".")
    return error.what.removeprefix(prefix).removesuffix(".")


def test_a_small_configuration_has_defaults(path: Path) -> None:
    path.write_text(APP)
    config = read_config(path)
    assert config == Config(apps={"demo": AppConfig(channels=("stable",))})
    app = config.apps["demo"]
    assert (app.keep, app.deltas, app.archive, app.effort) == (3, 3, "tar.zst", "normal")
    assert (config.signers, config.lifetimes, config.publish.destination, config.publish.public_url) == ({}, {}, "", "")


def test_a_whole_configuration_is_read(path: Path) -> None:
    path.write_text(
        """
        [apps.demo]
        channels = ["stable", "beta"]
        keep = 5
        deltas = 0
        archive = "zip"
        effort = "best"
        [apps.other]
        channels = ["nightly"]
        [signers]
        abc = "file:keys/a.pem"
        [lifetimes]
        timestamp = 3
        channel = 30
        [publish]
        destination = "site"
        public_url = "https://updates.example.org"
        """
    )
    config = read_config(path)
    assert config.apps["demo"] == AppConfig(channels=("stable", "beta"), keep=5, deltas=0, archive="zip", effort="best")
    assert config.apps["other"].channels == ("nightly",)
    assert config.signers == {"abc": "file:keys/a.pem"}
    assert config.lifetimes == {"timestamp": 3, "channel": 30}
    assert (config.publish.destination, config.publish.public_url) == ("site", "https://updates.example.org")


def test_a_byte_order_mark_is_no_fault(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + APP.encode())
    assert list(read_config(path).apps) == ["demo"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        # what TOML itself refuses
        (f"{APP}keep = \n", "invalid value (at line 3, column 8)"),
        (f"{APP}channels = []", "cannot overwrite a value (at end of document)"),
        ("[apps.demo\n", "expected ']' at the end of a table declaration (at line 1, column 11)"),
        (f"{APP}[apps.demo]\n", "cannot declare ('apps', 'demo') twice (at line 3, column 11)"),
        ('apps = "a\n"', "illegal character '\\n' (at line 1, column 10)"),
        # wrong types and values
        (f'{APP}keep = "x"', "line 3, column 1: expected `int`, got `str` at `apps.demo.keep`"),
        (f"{APP}keep = 1.0", "line 3, column 1: expected `int`, got `float` at `apps.demo.keep`"),
        (f"{APP}keep = true", "line 3, column 1: expected `int`, got `bool` at `apps.demo.keep`"),
        (f"{APP}keep = 0", "line 3, column 1: expected `int` >= 1 at `apps.demo.keep`"),
        (f"{APP}keep = 1001", "line 3, column 1: expected `int` <= 1000 at `apps.demo.keep`"),
        (f"{APP}keep = 99999999999999999999", "line 3, column 1: expected `int` <= 1000 at `apps.demo.keep`"),
        (f"{APP}deltas = -1", "line 3, column 1: expected `int` >= 0 at `apps.demo.deltas`"),
        (f"{APP}  deltas = 33", "line 3, column 3: expected `int` <= 32 at `apps.demo.deltas`"),
        ("[apps.demo]\nchannels = []", "line 2, column 1: expected `array` of length >= 1 at `apps.demo.channels`"),
        ('[apps.demo]\nchannels = "s"', "line 2, column 1: expected `array`, got `str` at `apps.demo.channels`"),
        ('[apps.demo]\nchannels = ["s", 3]', "line 2, column 1: expected `str`, got `int` at `apps.demo.channels[1]`"),
        ("apps = 3", "line 1, column 1: expected `object`, got `int` at `apps`"),
        ("[apps]\ndemo = 3", "line 2, column 1: expected `object`, got `int` at `apps.demo`"),
        (
            f'{APP}archive = "rar"',
            "line 3, column 1: invalid enum value 'rar' at `apps.demo.archive`, expected tar.zst or zip or none",
        ),
        (
            f'{APP}effort = "most"',
            "line 3, column 1: invalid enum value 'most' at `apps.demo.effort`, expected fast or normal or best",
        ),
        (f"{APP}[lifetimes]\nroot = 0", "line 3, column 2: expected `int` >= 1 at `lifetimes[...]`"),
        (f"{APP}[signers]\nabc = 3", "line 3, column 2: expected `str`, got `int` at `signers[...]`"),
        # typing errors in names
        (f"{APP}keeep = 1", "line 3, column 1: object contains unknown field `keeep` at `apps.demo`"),
        (f"{APP}[tpyo]\na = 1", "line 3, column 2: object contains unknown field `tpyo`"),
        (
            f'{APP}[publish]\ndestnation = "x"',
            "line 4, column 1: object contains unknown field `destnation` at `publish`",
        ),
        (
            f"{APP}[lifetimes]\nrooot = 3",
            "line 4, column 1: invalid enum value 'rooot' at `key` in `lifetimes`, expected "
            + " or ".join(LIFETIMES),  # the kinds of roles
        ),
        # what is missing
        ("", "object missing required field `apps`"),
        ('[publish]\ndestination = "x"', "object missing required field `apps`"),
        (f"{APP}[apps.other]\n", "line 3, column 7: object missing required field `channels` at `apps.other`"),
        # the right one of two
        (
            f'{APP}keep = 3\n[apps.b]\nchannels = ["s"]\nkeep = "x"',
            "line 6, column 1: expected `int`, got `str` at `apps.b.keep`",
        ),
        (
            f'[apps."b c"]\nchannels = ["s"]\nkeep = 1\n{APP}keep = "x"',
            "line 6, column 1: expected `int`, got `str` at `apps.demo.keep`",
        ),
        (
            f'{APP}keeping = 1\nkeep = "x"\n',
            "line 3, column 1: object contains unknown field `keeping` at `apps.demo`",
        ),
        # other ways to write the same
        (
            'apps.demo.keep = "x"\napps.demo.channels = ["s"]',
            "line 1, column 11: expected `int`, got `str` at `apps.demo.keep`",
        ),
        (
            'apps = {demo = {channels = ["a"], keep = "x"}}',
            "line 1, column 35: expected `int`, got `str` at `apps.demo.keep`",
        ),
        (
            f'{APP}"keep" = "x"',
            "line 3, column 1: expected `int`, got `str` at `apps.demo.keep`",
        ),
    ],
)
def test_a_fault_is_named_by_line_column_and_what_was_expected(path: Path, text: str, why: str) -> None:
    assert refused(path, text).lower() == why.lower()


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"\xff", 1), (APP.encode() + b"# \xe9t\xe9\n", 3), (b"\n\n\n\xc3", 4), ("[a]".encode("utf-16"), 1)],
)
def test_other_encodings_are_named_by_line(path: Path, data: bytes, line: int) -> None:
    assert refused(path, data) == f"line {line} is not UTF-8 text"


def test_size_is_bounded(path: Path) -> None:
    padding = 1024 * 1024 - len(APP)
    path.write_text(APP + "#" * padding)
    assert read_config(path).apps
    assert refused(path, APP + "#" * (padding + 1)) == "it is larger than 1 MiB"
    # What is cut off at the limit is too large, not badly encoded.
    assert refused(path, APP + "#" * (padding - 1) + "é" * 10) == "it is larger than 1 MiB"


@pytest.mark.skipif(os.name != "posix", reason="no endless files")
def test_an_endless_file_is_not_read_to_its_end(path: Path) -> None:
    path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_config(path)


def test_what_cannot_be_read_says_why(path: Path, tmp_path: Path) -> None:
    for place in (path, tmp_path):
        with pytest.raises(ConfigError, match="cannot be read") as caught:
            read_config(place)
        assert caught.value.code == "BAD_CONFIG"


def test_depth_and_digits_are_bounded(path: Path) -> None:
    started = time.process_time()
    assert refused(path, "a=" + "[" * 100_000) == "it nests too deep"
    assert "digits" in refused(path, "a=" + "9" * 500_000)
    assert time.process_time() - started < 5


@given(st.binary(max_size=80), st.integers(0, 60))
def test_any_damage_is_a_typed_error(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    path = tmp_path_factory.mktemp("noise") / FILE_NAME
    good = (APP + "keep = 3\n[lifetimes]\nroot = 3\n").encode()
    path.write_bytes(good[:place] + noise + good[place + len(noise) // 2 :])
    try:
        assert isinstance(read_config(path), Config)
    except ConfigError as error:
        assert error.code == "BAD_CONFIG"  # noqa: PT017 - either outcome is right


# ---------------------------------------------------------------------------------------------------- apps


def test_the_only_app_needs_no_name() -> None:
    one = Config(apps={"demo": AppConfig(channels=("stable",))})
    two = Config(apps={"b": AppConfig(channels=("x",)), "a": AppConfig(channels=("y",))})
    assert one.app(None) == one.app("demo") == ("demo", one.apps["demo"])
    assert two.app("a") == ("a", two.apps["a"])
    for config, name, what in (
        (two, None, "Which app is meant?"),
        (one, "other", "There is no app 'other' in this workspace."),
        (two, "", "There is no app '' in this workspace."),
    ):
        with pytest.raises(ConfigError) as caught:
            config.app(name)
        assert (caught.value.code, caught.value.what) == ("UNKNOWN_APP", what)
    assert caught.value.hint == "Name one with --app: a, b."


# ---------------------------------------------------------------------------------------------------- workspace


def test_a_workspace_is_found_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "ws" / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "ws" / FILE_NAME).write_text("")
    assert find_workspace(inner) == find_workspace(tmp_path / "ws") == tmp_path / "ws"
    (inner / FILE_NAME).write_text("")
    assert find_workspace(inner) == inner
    assert find_workspace(inner.parent) == tmp_path / "ws"


def test_a_folder_of_that_name_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "ws" / FILE_NAME).mkdir(parents=True)
    with pytest.raises(ConfigError) as caught:
        find_workspace(tmp_path / "ws")
    assert caught.value.code == "NO_WORKSPACE"
    assert str(tmp_path / "ws") in caught.value.what
    assert "sealcast init" in caught.value.hint

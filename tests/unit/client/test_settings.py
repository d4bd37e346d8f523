from __future__ import annotations

import json
from uuid import UUID

import pytest

from sealcast.client import Settings, init_directory, read_settings, this_platform
from sealcast.client.floor import Floor, FloorStore
from sealcast.client.record import Record, Records
from sealcast.client.settings import Reporting
from sealcast.errors import ConfigError, InstallError, SealcastError, TransferError
from sealcast.files import exclusive
from tests.unit.client.sites import Site


def make(site: Site, name: str = "d", **more: object) -> Settings:
    fields: dict[str, object] = {"url": site.url, "root": site.root, "app": "demo", "channel": "stable"}
    return init_directory(site.folder / name, **{**fields, **more})  # type: ignore[arg-type]


def test_a_new_client_has_everything_that_it_starts_from(site: Site) -> None:
    made = make(site, native="3.1", new_id=lambda: UUID(int=5))
    place = site.folder / "d"
    assert read_settings(place) == made
    assert made.device == f"{5:032x}"
    assert made.platform == this_platform()
    assert (place / "root.json").read_bytes() == site.root
    assert Records(place).read() == Record(generation=1, native_seen="3.1")
    assert FloorStore(place).read() == Floor()


def test_what_is_given_is_kept(site: Site) -> None:
    made = make(
        site, platform="plan9", device="kiosk-7", boot_limit=5, ready_seconds=0, embedded=site.folder / "ws" / ".."
    )
    assert (made.platform, made.device, made.boot_limit, made.ready_seconds) == ("plan9", "kiosk-7", 5, 0)
    assert made.embedded == str(site.folder.resolve())


def test_reports_go_to_a_url_a_command_or_both(site: Site) -> None:
    """Whoever is told, the secret behind the hash in reports is made for this device."""
    url, words = "https://reports.example.org", ["tell", "us"]
    for name, given in (
        ("u", {"report": url}),
        ("c", {"report_command": words}),
        ("b", {"report": url, "report_command": words}),
    ):
        made = make(site, name, new_id=lambda: UUID(int=7), **given)
        assert made.report == Reporting(
            secret=f"{7:032x}", url=given.get("report", ""), command=tuple(given.get("report_command", ()))
        )
        assert read_settings(site.folder / name) == made
    assert make(site, "n").report is None


def test_a_folder_is_kept_as_an_absolute_path(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.folder)
    assert make(site, url="site").url == str((site.folder / "site").resolve())
    assert make(site, "e", url="https://updates.example.org/x").url == "https://updates.example.org/x"


def test_a_client_is_made_once(site: Site) -> None:
    first = make(site)
    with pytest.raises(InstallError) as caught:
        make(site, channel="beta")
    assert caught.value.code == "ALREADY_INITIALISED"
    assert read_settings(site.folder / "d") == first


def test_of_two_at_once_one_makes_it(site: Site) -> None:
    (site.folder / "d").mkdir(mode=0o700)
    with exclusive(site.folder / "d" / "updater.lock", AssertionError), pytest.raises(InstallError) as caught:
        make(site)
    assert caught.value.code == "ALREADY_INITIALISED"
    assert make(site).app == "demo"


@pytest.mark.parametrize(
    ("more", "kind", "code"),
    [
        ({"app": "../x"}, ConfigError, "UNSAFE_NAME"),
        ({"channel": "A"}, ConfigError, "UNSAFE_NAME"),
        ({"platform": "a/b"}, ConfigError, "UNSAFE_NAME"),
        ({"url": "ftp://example.org"}, TransferError, None),
        ({"url": "http://example.org"}, TransferError, "INSECURE_URL"),
        ({"boot_limit": 0}, ConfigError, "BAD_SETTINGS"),
        ({"ready_seconds": -1}, ConfigError, "BAD_SETTINGS"),
        ({"device": "x" * 200}, ConfigError, "BAD_SETTINGS"),
        ({"root": b"{}"}, ConfigError, "BAD_ROOT"),
        ({"root": b"<html>"}, ConfigError, "BAD_ROOT"),
    ],
)
def test_what_cannot_be_right_is_refused_and_leaves_nothing(
    site: Site, more: dict[str, object], kind: type[SealcastError], code: str | None
) -> None:
    with pytest.raises(kind) as caught:
        make(site, **more)
    assert code in {None, caught.value.code}
    assert not (site.folder / "d").exists()


def test_a_root_that_did_not_sign_itself_is_refused(site: Site) -> None:
    altered = json.loads(site.root)
    altered["signed"]["expires"] = "2099-01-01T00:00:00Z"
    with pytest.raises(ConfigError) as caught:
        make(site, root=json.dumps(altered).encode())
    assert caught.value.code == "BAD_ROOT"


def test_other_metadata_is_no_root(site: Site) -> None:
    with pytest.raises(ConfigError) as caught:
        make(site, root=(site.folder / "site" / "metadata" / "timestamp.json").read_bytes())
    assert caught.value.code == "BAD_ROOT"


@pytest.mark.parametrize("where", ["missing", "client.json/below"])
def test_a_directory_without_a_client(site: Site, where: str) -> None:
    make(site)
    with pytest.raises(InstallError) as caught:
        read_settings(site.folder / "d" / where)
    assert caught.value.code == "NOT_INITIALISED"


@pytest.mark.parametrize("data", [b"", b"{", b'{"type":"sealcast/client/2"}', b'{"type":"sealcast/client/1"}'])
def test_damaged_settings_are_named(site: Site, data: bytes) -> None:
    make(site)
    (site.folder / "d" / "client.json").write_bytes(data)
    with pytest.raises(InstallError) as caught:
        read_settings(site.folder / "d")
    assert caught.value.code == "STATE_DAMAGED"


def test_a_directory_that_others_may_write_to_is_not_started_from(site: Site) -> None:
    make(site)
    (site.folder / "d").chmod(0o777)
    with pytest.raises(InstallError) as caught:
        read_settings(site.folder / "d")
    assert caught.value.code == "UNSAFE_OWNER"


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", "linux-x86-64"),
        ("darwin", "arm64", "macos-arm64"),
        ("win32", "AMD64", "windows-x86-64"),
        ("linux", "aarch64", "linux-arm64"),
        ("linux", "armv7l", "linux-armv7l"),
        ("freebsd14", "Weird_CPU!", "freebsd14-weird-cpu"),
    ],
)
def test_the_platform_has_one_name_everywhere(system: str, machine: str, name: str) -> None:
    assert this_platform(system, machine) == name

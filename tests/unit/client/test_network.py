"""What a client's settings say of its network, and what is refused while somebody is there to correct it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealcast.client.network import Network, absolute, check_network, http_options
from sealcast.errors import ConfigError, SealcastError
from sealcast.fetch import HttpOptions
from tests.authority import Authority

URL = "https://updates.example.org"
LATE = "2099-01-01T00:00:00Z"
PINS = {"updates.example.org": {"a" * 64: LATE, "b" * 64: LATE}}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def refusal(network: Network, url: str = URL, passphrase: str = "") -> str:
    with pytest.raises(SealcastError) as caught:
        check_network(network, url, passphrase)
    return caught.value.code


def test_without_a_word_everything_is_as_the_system_has_it() -> None:
    options = http_options(Network())
    assert (options.ca_bundle, options.client_certificate, options.proxy) == (None, None, HttpOptions().proxy)


def test_paths_do_not_depend_on_where_the_next_run_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = absolute(Network(ca_bundle="ca.pem", client_key="k.pem", mirrors=(URL,)))
    assert made == Network(ca_bundle=str(tmp_path / "ca.pem"), client_key=str(tmp_path / "k.pem"), mirrors=(URL,))


def test_everything_that_can_be_used_is_taken(tmp_path: Path, authority: Authority) -> None:
    pem = authority.issue("device-7", passphrase=b"sesame")
    network = Network(
        mirrors=("https://mirror.example.net", str(tmp_path)),
        pins=PINS,
        ca_bundle=str(authority.bundle),
        client_certificate=str(pem),
        client_key=str(pem),
        passphrase_file=written(tmp_path / "secret", "sesame\n"),
        proxy="http://proxy.example.org:3128",
        proxy_credentials_file=written(tmp_path / "proxy", "me:p@ss:word/"),
    )
    check_network(network, URL, "")
    options = http_options(network)
    assert options.ca_bundle == authority.bundle
    assert options.client_certificate is not None
    assert options.client_certificate.passphrase == "sesame"
    assert options.proxy == "http://me:p%40ss%3Aword%2F@proxy.example.org:3128"
    assert "p%40ss" not in repr(options)


def test_a_passphrase_of_the_environment_opens_the_private_key(authority: Authority) -> None:
    network = Network(client_certificate=str(authority.issue("device-7", passphrase=b"sesame")))
    check_network(network, URL, "sesame")
    assert refusal(network) == "BAD_CLIENT_CERTIFICATE"


def test_no_proxy_can_be_said() -> None:
    assert http_options(Network(proxy="none")).proxy == ""


CASES: dict[str, tuple[Callable[[Path], Network], str]] = {
    "no bundle": (lambda folder: Network(ca_bundle=str(folder / "none")), "BAD_CA_BUNDLE"),
    "no certificate": (lambda folder: Network(client_certificate=str(folder / "none")), "BAD_CLIENT_CERTIFICATE"),
    "a secret on the command line": (lambda _: Network(proxy="http://me:pw@proxy.example.org"), "BAD_PROXY"),
    "no proxy": (lambda _: Network(proxy="socks5://proxy.example.org"), "BAD_PROXY"),
    "no credentials": (
        lambda folder: Network(proxy="http://p", proxy_credentials_file=str(folder / "none")),
        "BAD_PASSPHRASE_FILE",
    ),
    "an insecure mirror": (lambda _: Network(mirrors=("http://mirror.example.net",)), "INSECURE_URL"),
    "no mirror": (lambda _: Network(mirrors=("",)), "BAD_URL"),
    "one pin": (lambda _: Network(pins={"h": {"a" * 64: LATE}}), "BAD_PINS"),
    "no digest": (lambda _: Network(pins={"h": {"a" * 64: LATE, "B" * 64: LATE}}), "BAD_PINS"),
    "no day": (lambda _: Network(pins={"h": {"a" * 64: LATE, "b" * 64: "2099-02-30T00:00:00Z"}}), "BAD_PINS"),
    "no host": (lambda _: Network(pins={"https://h": {"a" * 64: LATE, "b" * 64: LATE}}), "BAD_PINS"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_used_is_refused_at_once(tmp_path: Path, name: str) -> None:
    make, code = CASES[name]
    assert refusal(make(tmp_path)) == code


def test_the_url_is_checked_with_the_rest() -> None:
    assert refusal(Network(), "http://updates.example.org") == "INSECURE_URL"


def test_secrets_stand_in_files_of_their_own(tmp_path: Path) -> None:
    fields: Any = Network.__struct_fields__
    assert not {"passphrase", "password", "credentials"} & set(fields)
    for text in ("", "two\nlines"):
        network = Network(client_certificate=str(tmp_path), passphrase_file=written(tmp_path / "secret", text))
        with pytest.raises(ConfigError) as caught:
            http_options(network)
        assert caught.value.code == "BAD_PASSPHRASE_FILE"

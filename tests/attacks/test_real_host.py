"""The client against a real web server: nginx, TLS 1.3, an authority of our own, client certificates, pins, a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from sealcast.client import Client, Events, Network
from sealcast.client.network import http_options
from sealcast.errors import ConfigError
from sealcast.fetch import HttpOptions
from sealcast.fetch.pins import key_digest
from sealcast.values import format_time, object_path
from tests.attacks.conftest import Said
from tests.attacks.scene import START, Device, Scene
from tests.authority import Authority
from tests.nginx import COMMAND, Nginx
from tests.servers import Server, answer, tunnel

pytestmark = pytest.mark.skipif(COMMAND is None, reason="nginx is not installed")

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx")) as running:
        yield running


@pytest.fixture
def hosted(scene: Scene, nginx: Nginx) -> Scene:
    """The newest site, on nginx."""
    nginx.serve(scene.site)
    return scene


class RealDevice(Device):
    """Runs release 1, and reaches nginx as its settings say."""

    passphrase = ""

    def client(self, **more: Any) -> Client:
        return Client(directory=self.folder, clock=self.clock, passphrase=self.passphrase, **more)


@pytest.fixture
def device(hosted: Scene, nginx: Nginx) -> RealDevice:
    old = hosted.device(1)
    made = RealDevice(old.folder, nginx.url(), old.root, old.clock)
    reach(made, nginx)
    return made


def reach(device: Device, nginx: Nginx, server: str = "plain", host: str = HOST, **network: object) -> None:
    given = {"ca_bundle": str(nginx.authority.bundle), "proxy": "none", **network}
    device.set_settings(url=nginx.url(server, host), network=given)


def digest(certificate: Path) -> str:
    return key_digest(ssl.PEM_cert_to_DER_cert(certificate.read_text().partition("-----BEGIN PRIVATE")[0]))


def pins(*certificates: Path | str, days: int = 30) -> dict[str, dict[str, str]]:
    """Return pins of the keys of these certificates (and of a spare one) that end in some days."""
    until = format_time(START + timedelta(days=days))
    keys = [digest(one) if isinstance(one, Path) else one for one in certificates]
    return {HOST: dict.fromkeys([*keys, "0" * 64], until)}


# ---------------------------------------------------------------------------------------------------------------- TLS


def test_an_update_over_tls_1_3_in_plain_bytes(hosted: Scene, nginx: Nginx, device: RealDevice) -> None:
    """Nginx would compress everything for whoever takes it."""
    assert device.take().version == "2.0.0"
    found = nginx.seen()
    assert {one.protocol for one in found} == {"TLSv1.3"}
    assert {one.encoding for one in found} == {""}
    assert 4 < len(found) < 12
    context = ssl.create_default_context(cafile=nginx.authority.bundle)
    request = Request(f"{nginx.url()}/metadata/timestamp.json", headers={"Accept-Encoding": "gzip"})
    with urlopen(request, context=context, timeout=30) as other:
        assert other.headers["Content-Encoding"] == "gzip"


def test_a_host_of_our_own_authority_is_a_stranger_to_the_system(
    hosted: Scene, nginx: Nginx, device: RealDevice, tmp_path: Path
) -> None:
    for bundle in ("", str(Authority(tmp_path, "Other").bundle)):
        reach(device, nginx, ca_bundle=bundle)
        hosted.refused(device, "TLS_FAILED")
    assert nginx.seen() == []
    reach(device, nginx)
    assert device.take().version == "2.0.0"


def test_a_host_that_knows_its_clients(hosted: Scene, nginx: Nginx, device: RealDevice, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "Other").issue("device-7")
    for own in ({}, {"client_certificate": str(stranger)}):
        reach(device, nginx, "clients", **own)
        assert hosted.refused(device, "HTTP_STATUS").data["status"] == 400  # which is how nginx says it
    pem = nginx.authority.issue("device-7", passphrase=b"sesame-7")
    reach(device, nginx, "clients", client_certificate=str(pem))
    with pytest.raises(ConfigError) as caught:
        device.client().check()
    assert caught.value.code == "BAD_CLIENT_CERTIFICATE"
    device.passphrase = "sesame-7"
    assert device.take().version == "2.0.0"
    assert "sesame-7" not in (device.folder / "client.json").read_text()


# --------------------------------------------------------------------------------------------------------------- pins


@pytest.fixture
def certificates(nginx: Nginx) -> Iterator[list[Path]]:
    """The certificate in use, and the next one; the one in use comes back afterwards."""
    found = [nginx.authority.issue(HOST), nginx.authority.issue(HOST)]
    nginx.present(found[0])
    yield found
    nginx.present(found[0])


def test_a_pinned_key_is_rotated_and_the_download_never_stops(
    hosted: Scene, nginx: Nginx, device: RealDevice, certificates: list[Path]
) -> None:
    now, later = certificates
    hosted.forger().policy(lambda policy: policy.update(pins=pins(now, digest(later))))
    assert device.take().version == "2.0.0"
    nginx.present(later)
    hosted.forger().ship("3.0.0", {"app.py": b"print('3.0.0')"})
    assert device.take().version == "3.0.0"


def test_a_key_that_is_not_pinned_gets_no_object_until_new_pins_arrive(
    hosted: Scene, nginx: Nginx, device: RealDevice, certificates: list[Path]
) -> None:
    now, _ = certificates
    hosted.forger().policy(lambda policy: policy.update(pins=pins("1" * 64)))
    error = hosted.refused(device, "PIN_MISMATCH", floor="not lowered")
    assert error.data["found"] == digest(now)
    assert not [one for one in nginx.seen() if one.path.startswith("/objects/")]
    assert device.client().outlook().version == "2.0.0"  # metadata still comes, and is believed
    hosted.forger().policy(lambda policy: policy.update(pins=pins(now)))
    assert device.take().version == "2.0.0"


def test_pins_that_the_application_brought_bind_until_the_policy_has_its_own(
    hosted: Scene, nginx: Nginx, device: RealDevice, certificates: list[Path]
) -> None:
    reach(device, nginx, pins=pins("1" * 64))
    hosted.refused(device, "PIN_MISMATCH", floor="not lowered")
    hosted.forger().policy(lambda policy: policy.update(pins=pins(certificates[0])))
    assert device.take().version == "2.0.0"


def test_pins_that_ended_lock_nobody_out(hosted: Scene, nginx: Nginx, device: RealDevice) -> None:
    hosted.forger().policy(lambda policy: policy.update(pins=pins("1" * 64, days=-1)))
    assert device.take().version == "2.0.0"
    told = [event for event in Events(device.folder, device.clock).read() if event.why == "pins-expired"]
    assert HOST in told[0].detail


def test_a_pinned_host_that_somebody_stands_before_is_passed_by(
    hosted: Scene, nginx: Nginx, device: RealDevice
) -> None:
    """The mirror, unpinned and on plain loopback here, brings the objects."""
    hosted.forger().policy(lambda policy: policy.update(pins=pins("1" * 64), mirrors=[hosted.server.url]))
    assert device.take().version == "2.0.0"
    assert not [one for one in nginx.seen() if one.path.startswith("/objects/")]
    assert all(request.path.startswith("/objects/") for request in hosted.server.requests)


# -------------------------------------------------------------------------------------------------- what a host sends


def test_a_download_is_continued_where_it_stopped(hosted: Scene, nginx: Nginx, device: RealDevice) -> None:
    client = device.client()
    found = client.check()
    assert found is not None
    assert found.outlook.plan is not None
    (step,) = found.outlook.plan.steps
    data = (hosted.site / object_path(step.delta.sha256)).read_bytes()
    half = len(data) // 2
    (device.folder / "downloads" / f"{step.delta.sha256}.part").write_bytes(data[:half])
    client.install(found)
    (one,) = [one for one in nginx.seen() if one.path.startswith("/objects/")]
    assert (one.status, one.range) == (206, f"bytes={half}-")
    assert device.start().version == "2.0.0"


@pytest.mark.parametrize("place", ["plain", "forbids"])
def test_no_next_root_is_the_end_of_the_chain(hosted: Scene, nginx: Nginx, device: RealDevice, place: str) -> None:
    reach(device, nginx, place)
    assert device.take().version == "2.0.0"
    asked = [one.status for one in nginx.seen(place) if one.path == "/metadata/2.root.json"]
    assert set(asked) == {403 if place == "forbids" else 404}


def test_a_redirect_is_followed_on_the_host_and_never_off_it(hosted: Scene, nginx: Nginx, device: RealDevice) -> None:
    reach(device, nginx, "leads away")
    hosted.refused(device, "REDIRECT_REFUSED")
    reach(device, nginx, "moves")
    assert device.take().version == "2.0.0"
    assert "/moved/metadata/timestamp.json" in [one.path for one in nginx.seen("moves")]


# -------------------------------------------------------------------------------------------------------------- proxy


def test_through_a_proxy_that_wants_a_password(hosted: Scene, nginx: Nginx, device: RealDevice, tmp_path: Path) -> None:
    """The name is looked up by the proxy alone, and TLS runs through it, unread."""
    name = "updates.example"
    nginx.present(nginx.authority.issue(name))
    credentials = tmp_path / "proxy-credentials"
    with Server() as proxy:
        place = f"{name}:{nginx.ports['plain']}"

        def guard(exchange: Any) -> None:
            known = exchange.request.headers.get("proxy-authorization") == "Basic bWU6b3BlbiBzZXNhbWU="
            (tunnel if known else answer(b"", 407, proxy_authenticate="Basic"))(exchange)

        proxy.script(place, guard)
        reach(device, nginx, host=name, proxy=proxy.url)
        hosted.refused(device, "PROXY_AUTH")
        assert nginx.seen() == []
        credentials.write_text("me:open sesame\n")
        reach(device, nginx, host=name, proxy=proxy.url, proxy_credentials_file=str(credentials))
        assert device.take().version == "2.0.0"
        assert {request.path for request in proxy.requests} == {place}
        assert "sesame" not in (device.folder / "client.json").read_text()
    nginx.present(nginx.authority.issue(HOST))


# -------------------------------------------------------------------------------------------------- the command line


def test_everything_can_be_said_on_the_command_line(
    hosted: Scene, nginx: Nginx, tmp_path: Path, sealcast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = nginx.authority.issue("device-7", passphrase=b"sesame-7")
    root = tmp_path / "root.json"
    root.write_bytes(hosted.root)
    words = (
        *("client", "init", "--url", nginx.url("clients"), "--root", root, "--app", "demo", "--channel", "stable"),
        *("--mirror", nginx.url(), "--ca-bundle", nginx.authority.bundle, "--client-cert", pem, "--proxy", "none"),
        *("--platform", "any"),
    )
    place = tmp_path / "device"
    said: Said = sealcast(*words, "--dir", place)
    assert (said.status, said.code) == (2, "BAD_CLIENT_CERTIFICATE")
    monkeypatch.setenv("SEALCAST_CLIENT_KEY_PASSPHRASE", "sesame-7")
    assert sealcast(*words, "--dir", place).status == 0
    assert sealcast("client", "update", "--dir", place).status == 0
    assert {one.status for one in nginx.seen("clients")} == {200, 404}
    secret = tmp_path / "passphrase"
    secret.write_text("sesame-7\n")
    monkeypatch.delenv("SEALCAST_CLIENT_KEY_PASSPHRASE")
    again = tmp_path / "again"
    assert sealcast(*words, "--client-key-passphrase-file", secret, "--dir", again).status == 0
    assert sealcast("client", "check", "--dir", again).status == 0
    assert "sesame" not in (place / "client.json").read_text() + (again / "client.json").read_text()


@pytest.mark.parametrize("pin", ["x", "h=1@", "h=@2027-01-01", "h=1", "=1@2027-01-01"])
def test_what_is_no_pin_is_refused(hosted: Scene, tmp_path: Path, sealcast: Any, pin: str) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(hosted.root)
    words = ("client", "init", "--url", "https://h", "--root", root, "--app", "demo", "--channel", "stable")
    for more in ((pin,), ("h=" + "a" * 64 + "@2027-01-01",)):
        given = [word for one in more for word in ("--pin", one)]
        assert sealcast(*words, *given, "--dir", tmp_path / "device").code == "BAD_PINS"
    good = ["--pin", "H=" + "A" * 64 + "@2027-01-01", "--pin", "h=" + "b" * 64 + "@2028-01-01"]
    assert sealcast(*words, *good, "--dir", tmp_path / "device").status == 0


def test_options_that_the_application_gives_take_the_place_of_the_settings(nginx: Nginx, device: RealDevice) -> None:
    reach(device, nginx, ca_bundle="")
    network = Network(ca_bundle=str(nginx.authority.bundle), proxy="none")
    assert device.client(network=network).check() is not None
    assert device.client(http=http_options(network)).check() is not None
    assert isinstance(http_options(network), HttpOptions)

"""Pins: which keys they are the digests of, and what is no key."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealcast.errors import TransferError
from sealcast.fetch import HttpOptions, HttpSource, Limits
from sealcast.fetch.pins import check_pin, key_digest
from tests.authority import Authority
from tests.servers import Server

LIMITS = Limits(backoff_seconds=0.001)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def der(pem: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.read_text().partition("-----BEGIN PRIVATE")[0])


def test_a_pin_is_the_digest_of_the_public_key_and_of_nothing_else(authority: Authority) -> None:
    first, second = der(authority.issue("a")), der(authority.issue("b"))
    public = x509.load_der_x509_certificate(first).public_key()
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key_digest(first) == hashlib.sha256(encoded).hexdigest()
    assert key_digest(first) != key_digest(second)


def test_no_request_is_sent_over_a_connection_without_a_pinned_key(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "f").write_bytes(b"fine")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = authority.issue("127.0.0.1")
    context.load_cert_chain(pem)
    good = frozenset({"0" * 64, key_digest(der(pem))})
    with Server(tmp_path, tls=context) as server:
        options = HttpOptions(ca_bundle=authority.bundle, proxy="", limits=LIMITS)
        plain = HttpSource(server.url, options)
        assert plain.read("f", limit=4) == b"fine"
        with pytest.raises(TransferError) as caught:
            list(plain.pinned(frozenset({"0" * 64})).stream("f", limit=4))
        assert caught.value.code == "PIN_MISMATCH"
        assert caught.value.data["found"] == key_digest(der(pem))
        assert len(server.requests) == 1
        pinned = plain.pinned(good)
        assert [b"".join(pinned.stream("f", limit=4)) for _ in range(2)] == [b"fine"] * 2
        assert len({request.connection for request in server.requests[1:]}) == 1


def test_a_pinned_key_needs_a_certificate_that_is_trusted_all_the_same(tmp_path: Path, authority: Authority) -> None:
    pem = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Server(tmp_path, tls=context) as server:
        source = HttpSource(server.url, HttpOptions(proxy="", limits=LIMITS, pins=frozenset({key_digest(der(pem))})))
        with pytest.raises(TransferError) as caught:
            source.read("f", limit=4)
        assert caught.value.code == "TLS_FAILED"
        assert server.requests == []


@pytest.mark.parametrize("certificate", [None, b"", b"\x30\x03\x02\x01\x00", b"junk" * 100])
def test_what_is_no_certificate_has_no_pinned_key(certificate: bytes | None) -> None:
    with pytest.raises(TransferError) as caught:
        check_pin(certificate, frozenset({"0" * 64}), "https://h/x")
    assert caught.value.data == {"url": "https://h/x", "found": "none that can be read"}


def test_a_key_of_an_unknown_kind_is_no_pinned_key(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: bytes) -> x509.Certificate:
        raise UnsupportedAlgorithm("of tomorrow")

    certificate = der(authority.issue("a"))
    monkeypatch.setattr(x509, "load_der_x509_certificate", unknown)
    with pytest.raises(TransferError) as caught:
        check_pin(certificate, frozenset({"0" * 64}), "https://h/x")
    assert caught.value.code == "PIN_MISMATCH"


def test_the_command_of_the_guide_gives_the_same_pin(tmp_path: Path, authority: Authority) -> None:
    pem = authority.issue("a")
    command = f"openssl x509 -in {pem} -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256"
    try:
        said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no openssl command here")
    assert said.stdout.split()[-1] == key_digest(der(pem))


def test_a_client_without_pins_loads_no_cryptography_for_them() -> None:
    code = "import sys, sealcast.fetch, sealcast.fetch.wire; sys.exit('cryptography.x509' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

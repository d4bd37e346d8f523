"""Tokens and services for tests: SoftHSM keeps a PKCS#11 token in a folder, moto speaks for AWS, a stub for Vault.

What they need is installed apart (``requirements/signers.lock``): securesystemslib imports what it finds, and every
process would pay for that.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

PACKAGES = Path(sys.prefix) / "signers"
PIN = "canary-passphrase-5f0c9"
"""The PIN of every token here: a test that lets it show fails."""

_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def offer(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Let this process find the packages, and these modules of securesystemslib look for theirs again."""
    if not PACKAGES.is_dir():
        pytest.skip(f"{PACKAGES} is not here: make installs it")
    monkeypatch.setattr(sys, "path", [*sys.path, str(PACKAGES)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in modules:
            importlib.reload(importlib.import_module(f"securesystemslib.signer._{module}_signer"))


class Tokens:
    """A folder of tokens, and the environment in which they are found."""

    def __init__(self, folder: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "tokens"
        self.module = module
        self.folder.mkdir()
        settings = folder / "softhsm2.conf"
        settings.write_text(f"directories.tokendir = {self.folder}\nobjectstore.backend = file\nlog.level = ERROR\n")
        monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
        monkeypatch.setenv("SEALCAST_PKCS11_MODULE", module)
        monkeypatch.delenv("PYKCS11LIB", raising=False)

    def make(self, label: str) -> str:
        """Make a token with this label; return the URI of the key 02 in it."""
        self._run("--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN)
        return f"pkcs11:{label}?id=02"

    def bring(self, label: str, identity: str, pem: Path, name: str = "brought") -> None:
        """Put a private key from a PKCS#8 file into a token."""
        place = ("--token", label, "--pin", PIN)
        self._run("--import", str(pem), *place, "--label", name, "--id", identity, "--force")

    def take_away(self) -> Path:
        """Take all tokens away; return where they are."""
        away = self.folder.with_name("away")
        self.folder.rename(away)
        self.folder.mkdir()
        return away

    def unload(self) -> None:
        """Let the module go: it knows what was there when it was loaded."""
        pkcs11: Any = importlib.import_module("pkcs11")
        pkcs11.unload(self.module)

    def _run(self, *arguments: str) -> None:
        self.unload()
        done = subprocess.run(["softhsm2-util", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def tokens(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tokens]:
    """An empty drawer for tokens, and PKCS#11 at work in this process."""
    module = next(filter(os.path.exists, _MODULES), None)
    if module is None or not shutil.which("softhsm2-util"):
        pytest.skip("softhsm2 is not here")
    offer(monkeypatch, "hsm")
    drawer = Tokens(tmp_path_factory.mktemp("hsm"), module, monkeypatch)
    yield drawer
    drawer.unload()  # the next test's tokens are in another folder


class Vault(BaseHTTPRequestHandler):
    """The two answers of HashiCorp Vault's transit engine that a signer needs, as its API documents them."""

    key = ed25519.Ed25519PrivateKey.generate()

    def do_GET(self) -> None:
        """Tell the public key's versions."""
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        old = base64.b64encode(bytes(32)).decode()
        self._answer("/v1/transit/keys/ci", {"keys": {"9": {"public_key": old}, "10": {"public_key": public}}})

    def do_PUT(self) -> None:
        """Sign."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        signature = self.key.sign(base64.b64decode(asked["input"] if "input" in asked else asked["hash_input"]))
        word = f"vault:v{asked['key_version']}:{base64.b64encode(signature).decode()}"
        self._answer("/v1/transit/sign/ci", {"signature": word})

    do_POST = do_PUT

    def _answer(self, path: str, data: object) -> None:
        status = 403 if self.headers["X-Vault-Token"] != PIN else 200 if self.path.startswith(path) else 404
        body = json.dumps({"data": data} if status == 200 else {"errors": ["no"]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """HashiCorp Vault on loopback, and a token for it."""
    offer(monkeypatch, "vault")
    with ThreadingHTTPServer(("127.0.0.1", 0), Vault) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("VAULT_TOKEN", PIN)
        yield
        server.shutdown()


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    """AWS KMS on loopback, and credentials for it; returns a client that can make keys."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        offer(patch, "aws")
        moto: Any = importlib.import_module("moto.server")
        boto3: Any = importlib.import_module("boto3")
        kinds: Any = importlib.import_module("moto.kms.utils")
        patch.setattr(kinds.ECDSAPrivateKey, "sign", _sign_digest)
        patch.setattr(kinds.RSAPrivateKey, "sign", _sign_digest)
        server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": PIN,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }.items():
            patch.setenv(name, value)
        yield boto3.client("kms")
        server.stop()


def _sign_digest(key: Any, message: bytes, algorithm: str) -> bytes:
    """Sign as AWS documents it for the message type DIGEST, which moto takes for a message to be hashed once more."""
    kind = {"256": hashes.SHA256, "384": hashes.SHA384}[algorithm[-3:]]()
    assert len(message) == kind.digest_size
    if algorithm.startswith("ECDSA"):
        return bytes(key.private_key.sign(message, ec.ECDSA(Prehashed(kind))))
    assert algorithm == "RSASSA_PSS_SHA_256"
    pad = padding.PSS(padding.MGF1(kind), kind.digest_size)
    return bytes(key.private_key.sign(message, pad, Prehashed(kind)))

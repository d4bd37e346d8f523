"""Keys in services: AWS KMS for real, against a server on loopback; the others as far as no account is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from securesystemslib.signer import AzureSigner, SSlibKey, VaultSigner

from sealcast.errors import SealcastError, SigningError
from sealcast.signing import KEY_TYPES, EnvironmentSecrets, absent, cloud, locate, open_signer
from tests.tokens import PIN, aws, offer, vault

__all__ = ["aws", "vault"]

NOBODY = EnvironmentSecrets({})
HERE = Path()
# What a service's own spelling of a key may look like: no newline at the end, lines of another length.
URIS = {
    "awskms": ("awskms:alias/ci", "boto3", "aws"),
    "gcpkms": ("gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", "google", "gcp"),
    "azurekms": ("azurekms://v.vault.azure.net/keys/k/1", "azure", "azure"),
    "hv": ("hv:ci/1", "hvac", "vault"),
    "vault": ("vault:ci/1", "hvac", "vault"),
}


def refusal(action: Any) -> SealcastError:
    with pytest.raises(SealcastError) as caught:
        action()
    assert PIN not in str(caught.value.as_dict())
    return caught.value


def some_key(kind: str = "ecdsa-p256") -> SSlibKey:
    return SSlibKey.from_crypto(KEY_TYPES[kind].generate().public_key())  # type: ignore[arg-type]


@pytest.mark.parametrize(("uri", "package", "extra"), URIS.values(), ids=URIS)
def test_a_missing_package(uri: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    for action in (
        lambda: locate(uri, NOBODY, folder=HERE),
        lambda: open_signer(uri, some_key(), NOBODY, folder=HERE),
    ):
        error = refusal(action)
        assert error.code == "MISSING_PACKAGE"
        assert error.hint == f"Run: python3 -m pip install 'sealcast[{extra}]'"
    away = absent(uri, NOBODY, folder=HERE)
    assert away is not None
    assert away.code == "MISSING_PACKAGE"


@pytest.mark.parametrize(
    ("spec", "kind"),
    [("ECC_NIST_P256", "ecdsa-p256"), ("ECC_NIST_P384", "ecdsa-p384"), ("RSA_3072", "rsa-3072")],
)
def test_aws_signs(aws: Any, spec: str, kind: str) -> None:
    made = aws.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    aws.create_alias(AliasName=f"alias/{kind}", TargetKeyId=made["KeyId"])
    for uri in (f"awskms:{made['KeyId']}", f"awskms:{made['Arn']}", f"awskms:alias/{kind}"):
        located = locate(uri, NOBODY, folder=HERE)
        assert located.uri == uri
        assert located.key.scheme == KEY_TYPES[kind].scheme
        signer = open_signer(uri, located.key, NOBODY, folder=HERE)
        located.key.verify_signature(signer.sign(b"metadata"), b"metadata")
    assert absent(uri, NOBODY, folder=HERE) is None
    # Another key of the same kind: what AWS signs does not verify with it, and is refused when it is made.
    error = refusal(lambda: open_signer(uri, some_key(kind), NOBODY, folder=HERE).sign(b"metadata"))
    assert error.code == "SIGNING_FAILED"
    assert "does not verify" in error.what


def test_aws_has_no_such_key(aws: Any, caplog: pytest.LogCaptureFixture) -> None:
    for uri in ("awskms:alias/nobody", "awskms:12345678-1234-1234-1234-123456789012"):
        assert refusal(lambda uri=uri: locate(uri, NOBODY, folder=HERE)).code == "KEY_NOT_FOUND"
    signer = open_signer("awskms:alias/nobody", some_key(), NOBODY, folder=HERE)
    assert refusal(lambda: signer.sign(b"x")).code == "KEY_NOT_FOUND"


def test_aws_keys_that_do_not_fit(aws: Any) -> None:
    encrypting = aws.create_key()["KeyMetadata"]["KeyId"]
    assert isinstance(refusal(lambda: locate(f"awskms:{encrypting}", NOBODY, folder=HERE)), SigningError)
    weak = aws.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert refusal(lambda: locate(f"awskms:{weak}", NOBODY, folder=HERE)).code == "BAD_PUBLIC_KEY"
    curve = aws.create_key(KeySpec="ECC_NIST_P521", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert refusal(lambda: locate(f"awskms:{curve}", NOBODY, folder=HERE)).code == "SIGNING_FAILED"
    # Ed25519 is a type of ours, and none that this signer knows.
    error = refusal(lambda: open_signer(f"awskms:{curve}", some_key("ed25519"), NOBODY, folder=HERE))
    assert error.code == "SIGNING_FAILED"


def test_aws_without_credentials_region_or_network(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers credentials
    assert refusal(lambda: locate("awskms:alias/ci", NOBODY, folder=HERE)).code == "SERVICE_UNREACHABLE"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    error = refusal(lambda: locate("awskms:alias/ci", NOBODY, folder=HERE))
    assert error.code == "NO_CREDENTIALS"
    assert "aws configure" in error.hint
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    for action in (
        lambda: locate("awskms:alias/ci", NOBODY, folder=HERE),
        lambda: open_signer("awskms:alias/ci", some_key(), NOBODY, folder=HERE),
    ):
        assert refusal(action).code == "NO_CREDENTIALS"


def test_aws_says_who_may_not(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto checks no permissions: its answer is replaced by the one that AWS documents."""
    assert aws
    import botocore.exceptions as botocore  # type: ignore[import-not-found, import-untyped, unused-ignore]

    for code, told in (
        ("AccessDeniedException", "ACCESS_DENIED"),
        ("UnrecognizedClientException", "NO_CREDENTIALS"),
        ("ExpiredTokenException", "NO_CREDENTIALS"),
        ("DisabledException", "SIGNING_FAILED"),
    ):
        error = cloud.KINDS["awskms"] and botocore.ClientError({"Error": {"Code": code, "Message": "no"}}, "Sign")
        assert cloud._AWS.told(error).code == told
    assert "kms:Sign" in cloud._AWS.told(botocore.ClientError({"Error": {"Code": "AccessDenied"}}, "Sign")).hint


def test_other_services_answers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that their libraries give to exceptions, and by HTTP statuses."""

    def raised(name: str, **facts: object) -> SigningError:
        error = type(name, (Exception,), {})("first line\nsecond")
        for fact, value in facts.items():
            setattr(error, fact, value)
        return cloud._GCP.told(error)

    assert monkeypatch
    assert raised("DefaultCredentialsError").code == "NO_CREDENTIALS"
    assert raised("PermissionDenied").code == "ACCESS_DENIED"
    assert raised("HttpResponseError", status_code=403).code == "ACCESS_DENIED"
    assert raised("HttpResponseError", status_code=404).code == "KEY_NOT_FOUND"
    assert raised("InvalidPath").code == "KEY_NOT_FOUND"
    assert raised("VaultDown").code == "SERVICE_UNREACHABLE"
    odd = raised("Odd", response=SimpleNamespace())
    assert (odd.code, odd.what) == (
        "SIGNING_FAILED",
        "Google Cloud KMS did not sign, or did not give the key: Odd: first line.",
    )
    assert cloud._GCP.told(odd) is odd


def test_azure_uris(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "require", lambda *_: None)
    asked: list[tuple[str, str]] = []
    key = some_key()

    def stand_in(vault: str, name: str) -> tuple[str, SSlibKey]:
        asked.append((vault, name))
        return f"azurekms://{vault}.vault.azure.net/keys/{name}/7f", key

    monkeypatch.setattr(AzureSigner, "import_", stand_in)
    for uri in ("azurekms://safe.vault.azure.net/keys/ci", "azurekms://safe.vault.azure.net/keys/ci/7f"):
        assert locate(uri, NOBODY, folder=HERE).uri == "azurekms://safe.vault.azure.net/keys/ci/7f"
    assert asked == [("safe", "ci")] * 2
    assert refusal(lambda: locate("azurekms://safe.vault.azure.net/keys/ci/66", NOBODY, folder=HERE)).code == (
        "KEY_NOT_FOUND"
    )
    for uri in ("azurekms:safe", "azurekms://evil.example/keys/ci", "azurekms://safe.vault.azure.net/secrets/ci"):
        assert refusal(lambda uri=uri: locate(uri, NOBODY, folder=HERE)).code == "BAD_SIGNER"


def test_a_key_is_spelled_as_we_spell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One key has one id, also where a service breaks the lines of its PEM in another way."""
    monkeypatch.setattr(cloud, "require", lambda *_: None)
    for kind in ("ecdsa-p256", "ed25519"):
        key = some_key(kind)
        text = str(key.keyval["public"])
        strange = SSlibKey("f" * 64, key.keytype, key.scheme, {"public": text + "\n" if "BEGIN" in text else text})
        if kind == "ed25519":
            strange.keyid = key.keyid
        monkeypatch.setattr(VaultSigner, "import_", lambda _, strange=strange: ("hv:ci/2", strange))
        located = locate("vault:ci", NOBODY, folder=HERE)
        assert (located.key, located.uri) == (key, "hv:ci/2")


def test_vault_signs(vault: None, monkeypatch: pytest.MonkeyPatch) -> None:
    located = locate("vault:ci", NOBODY, folder=HERE)
    assert located.uri == "hv:ci/10"
    for uri in ("hv:ci/10", "vault:ci/10"):
        signer = open_signer(uri, located.key, NOBODY, folder=HERE)
        located.key.verify_signature(signer.sign(b"metadata"), b"metadata")
    assert refusal(lambda: locate("hv:ci/9", NOBODY, folder=HERE)).code == "KEY_NOT_FOUND"
    assert refusal(lambda: locate("hv:nobody", NOBODY, folder=HERE)).code == "KEY_NOT_FOUND"
    assert refusal(lambda: open_signer("hv:ci", located.key, NOBODY, folder=HERE)).code == "SIGNING_FAILED"
    monkeypatch.setenv("VAULT_TOKEN", "another")
    error = refusal(lambda: locate("hv:ci", NOBODY, folder=HERE))
    assert error.code == "ACCESS_DENIED"
    assert "transit/sign/KEY" in error.hint
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    assert refusal(lambda: locate("hv:ci", NOBODY, folder=HERE)).code == "SERVICE_UNREACHABLE"


@pytest.mark.long
def test_google_and_azure_without_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that can be run without one: their libraries are there, look for credentials, and find none."""
    offer(monkeypatch, "gcp", "azure")
    for name in ("HOME", "APPDATA"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for uri, hint in ((URIS["gcpkms"][0], "gcloud auth"), (URIS["azurekms"][0], "az login")):
        error = refusal(lambda uri=uri: locate(uri, NOBODY, folder=HERE))
        assert error.code in {"NO_CREDENTIALS", "SERVICE_UNREACHABLE"}
        assert hint in error.hint or error.code == "SERVICE_UNREACHABLE"
        error = refusal(lambda uri=uri: open_signer(uri, some_key(), NOBODY, folder=HERE).sign(b"x"))
        assert error.code in {"NO_CREDENTIALS", "SERVICE_UNREACHABLE"}

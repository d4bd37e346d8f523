"""Signing keys in services: AWS KMS, Google Cloud KMS, Azure Key Vault, HashiCorp Vault.

securesystemslib's signers do the work, with the credentials that each service's own tools use. Here is what they lack:
public keys in TUF's spelling, and every failure in one sentence that says what to install, log into or permit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import AWSSigner, AzureSigner, GCPSigner, Signer, SSlibKey, VaultSigner

from ..errors import SigningError
from ..values import printable
from .key_types import checked
from .kinds import Kind, Located, Place
from .outside import OutsideSigner, missing, require

# One of the signers logs an error before it raises it: without a handler Python would print that.
logging.getLogger("securesystemslib").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Service:
    """One service: what to call it, what it needs installed, and what to check when it refuses.

    ``fetch`` asks it for the public key at a URI and returns the URI to keep with it.
    """

    name: str
    extra: str
    package: str
    login: str
    permission: str
    signer: type[Signer]
    fetch: Callable[[str], tuple[str, SSlibKey]]

    def kind(self, prefix: str) -> Kind:
        """Return how signers of this service are opened, under URIs that securesystemslib starts with ``prefix``."""

        def open_(place: Place, key: SSlibKey) -> Signer:
            self._require()
            try:
                signer = self.signer.from_priv_key_uri(f"{prefix}:{place.rest}", key)
            except Exception as error:  # noqa: BLE001 - securesystemslib: signers may raise anything
                raise self.told(error) from None
            return OutsideSigner(signer, self.told)

        def locate(place: Place) -> Located:
            self._require()
            try:
                uri, key = self.fetch(place.rest)
            except Exception as error:  # noqa: BLE001 - as above
                raise self.told(error) from None
            return Located(uri, _spelled(key))

        return Kind(open_, locate, lambda _: missing(self.package, self.extra, self.name))

    def _require(self) -> None:
        require(self.package, self.extra, self.name)

    def told(self, error: Exception) -> SigningError:
        """Return what an exception of the service's library means."""
        if isinstance(error, SigningError):
            return error
        if refusal := _refusal(error):
            code, sentence = refusal
            hints = {"NO_CREDENTIALS": self.login, "ACCESS_DENIED": self.permission}
            hint = hints.get(code, "Check the key's URI, and that this machine reaches the service.")
            return SigningError(code, sentence.format(self.name), hint=hint)
        words = printable(next(iter(str(error).splitlines()), "")[:200]).rstrip(".")
        return SigningError(
            "SIGNING_FAILED",
            f"{self.name} did not sign, or did not give the key: {type(error).__name__}{words and f': {words}'}.",
            hint="Check the key's URI, its kind and its state in the service.",
        )


_REFUSALS = (
    (
        "NO_CREDENTIALS",
        "{} was given no credentials that it accepts.",
        """
        NoCredentialsError PartialCredentialsError CredentialRetrievalError ProfileNotFound NoRegionError
        UnrecognizedClientException InvalidClientTokenId InvalidSignatureException ExpiredTokenException
        DefaultCredentialsError RefreshError Unauthenticated
        ClientAuthenticationError CredentialUnavailableError Unauthorized 401
        """,
    ),
    (
        "ACCESS_DENIED",
        "{} does not let this account use the key.",
        "AccessDeniedException AccessDenied PermissionDenied Forbidden 403",
    ),
    (
        "KEY_NOT_FOUND",
        "{} has no such key.",
        "NotFoundException NotFound ResourceNotFoundError InvalidPath InvalidArnException 404",
    ),
    (
        "SERVICE_UNREACHABLE",
        "{} cannot be reached.",
        """
        EndpointConnectionError ConnectTimeoutError ReadTimeoutError ConnectionClosedError
        ServiceUnavailable DeadlineExceeded RetryError
        ServiceRequestError ServiceResponseError ConnectionError ConnectTimeout ReadTimeout VaultDown
        """,
    ),
)
"""Code, sentence, and causes: an exception's name, AWS's name of an error, or an HTTP status."""


def _refusal(error: Exception) -> tuple[str, str] | None:
    for name in _names(error):
        for code, sentence, causes in _REFUSALS:
            if name in causes.split():
                return code, sentence
    return None


def _names(error: Exception) -> list[str]:
    """Return by what an exception of any of the libraries can be known, the most telling first."""
    response = getattr(error, "response", None)
    said = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return [str(said), str(getattr(error, "status_code", "")), *(cls.__name__ for cls in type(error).__mro__)]


def _spelled(key: SSlibKey) -> SSlibKey:
    """Return ``key`` spelled as Sealcast spells keys: a service's PEM may be broken into lines as it likes."""
    if key.keytype == "ed25519":
        return checked(key)
    public = load_pem_public_key(str(key.keyval["public"]).encode())
    return checked(SSlibKey.from_crypto(public, scheme=key.scheme))


def _azure_key(rest: str) -> tuple[str, SSlibKey]:
    parts = urlsplit(f"azurekms:{rest}")
    host, path = parts.hostname or "", parts.path.strip("/").split("/")
    if not host.endswith(".vault.azure.net") or len(path) not in {2, 3} or path[0] != "keys":
        raise SigningError(
            "BAD_SIGNER",
            "The URI names no key of Azure Key Vault.",
            hint="It is azurekms://VAULT.vault.azure.net/keys/KEY, with /VERSION for one that is not the newest.",
        )
    uri, key = AzureSigner.import_(host.removesuffix(".vault.azure.net"), path[1])
    return _newest(uri, key, path[2] if len(path) == 3 else "")


def _vault_key(rest: str) -> tuple[str, SSlibKey]:
    name, _, version = rest.partition("/")
    uri, key = VaultSigner.import_(name)
    return _newest(uri, key, version)


def _newest(uri: str, key: SSlibKey, version: str) -> tuple[str, SSlibKey]:
    # Both libraries read the newest version only.
    if version and not uri.endswith(f"/{version}"):
        raise SigningError(
            "KEY_NOT_FOUND",
            f"The newest version of the key is {printable(uri.rpartition('/')[2])}, not {printable(version)}.",
            hint="Name the newest one, or none. Signers that are recorded already keep their version.",
        )
    return uri, key


_AWS = Service(
    "AWS KMS",
    "aws",
    "boto3",
    "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION, or run: aws configure",
    "Allow kms:GetPublicKey and kms:Sign on the key.",
    AWSSigner,
    AWSSigner.import_,
)
_GCP = Service(
    "Google Cloud KMS",
    "gcp",
    "google.cloud.kms",
    "Set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
    "Grant roles/cloudkms.publicKeyViewer and roles/cloudkms.signer on the key.",
    GCPSigner,
    GCPSigner.import_,
)
_AZURE = Service(
    "Azure Key Vault",
    "azure",
    "azure.keyvault.keys",
    "Set AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID, or run: az login",
    "Grant the role Key Vault Crypto User on the vault.",
    AzureSigner,
    _azure_key,
)
_VAULT = Service(
    "HashiCorp Vault",
    "vault",
    "hvac",
    "Set VAULT_ADDR and VAULT_TOKEN, or run: vault login",
    "Grant read on transit/keys/KEY and update on transit/sign/KEY.",
    VaultSigner,
    _vault_key,
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "awskms": _AWS.kind("awskms"),
        "gcpkms": _GCP.kind("gcpkms"),
        "azurekms": _AZURE.kind("azurekms"),
        "hv": _VAULT.kind("hv"),
        "vault": _VAULT.kind("hv"),
    }
)
"""The services, by the scheme of their URIs; ``vault:`` is another word for ``hv:``.

Opening and locating raise ``SigningError``: MISSING_PACKAGE, BAD_SIGNER, NO_CREDENTIALS, ACCESS_DENIED, KEY_NOT_FOUND,
SERVICE_UNREACHABLE, SIGNING_FAILED.
"""

"""How one client reaches its hosts: what `init_directory` wrote down, and the transfer options that this makes.

No secret stands in the settings: passphrases and proxy credentials lie in files of their own, named here, or come from
whoever starts the process.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from ..documents import encode
from ..errors import ConfigError, VerificationError
from ..files import read_secret

if TYPE_CHECKING:
    from ..fetch import HttpOptions

NO_PROXY = "none"

_Text = Annotated[str, msgspec.Meta(max_length=4096)]


class Network(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How hosts are reached. Paths are of PEM files, but for the two that hold one line with a secret.

    ``mirrors`` are asked after the site's own host and before those that the policy names. ``pins`` are, by host, the
    digests of public keys and when each stops counting, as in a policy, which takes their place for the hosts that it
    pins itself. ``proxy`` is a URL without credentials, ``none``, or empty for what the system says.
    """

    mirrors: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=8)] = ()
    pins: dict[str, dict[str, str]] = {}
    ca_bundle: _Text = ""
    client_certificate: _Text = ""
    client_key: _Text = ""
    passphrase_file: _Text = ""
    proxy: _Text = ""
    proxy_credentials_file: _Text = ""


def absolute(network: Network) -> Network:
    """Return ``network`` with its paths made absolute, since the next run may start elsewhere."""
    names = ("ca_bundle", "client_certificate", "client_key", "passphrase_file", "proxy_credentials_file")
    paths = {name: str(Path(path).absolute()) for name in names if (path := getattr(network, name))}
    return msgspec.structs.replace(network, **paths)


def http_options(network: Network, *, passphrase: str = "") -> HttpOptions:
    """Return the transfer options that ``network`` makes.

    ``passphrase`` opens the private key of the client certificate, unless a file holds one. Raises ``ConfigError``:
    BAD_PROXY, BAD_PASSPHRASE_FILE.
    """
    from ..fetch import ClientCertificate, HttpOptions

    certificate = None
    if network.client_certificate:
        certificate = ClientCertificate(
            Path(network.client_certificate),
            Path(network.client_key) if network.client_key else None,
            read_secret(Path(network.passphrase_file)) if network.passphrase_file else passphrase,
        )
    return HttpOptions(
        ca_bundle=Path(network.ca_bundle) if network.ca_bundle else None,
        client_certificate=certificate,
        proxy=_proxy(network),
    )


def check_network(network: Network, url: str, passphrase: str) -> None:
    """Refuse what cannot be used, while the person who gave it is there to give another. Asks no host.

    Raises ``ConfigError`` (BAD_CA_BUNDLE, BAD_CLIENT_CERTIFICATE, BAD_PROXY, BAD_PASSPHRASE_FILE, BAD_PINS), or
    ``TransferError`` (BAD_URL, INSECURE_URL).
    """
    from ..fetch import HttpSource, open_source
    from ..model import Policy, read_policy

    options = http_options(network, passphrase=passphrase)
    for place in (url, *network.mirrors):
        source = open_source(place, options)
        if network != Network() and isinstance(source, HttpSource):
            source.prepare()
    try:
        read_policy(encode(Policy(app="x", channels={}, pins=network.pins)), app="x")
    except VerificationError as error:
        raise ConfigError(
            "BAD_PINS",
            f"The pins cannot be used: {error.what.rpartition('read: ')[2]}",
            hint="Give each host two or more: the SHA-256 of its public key, and the last day on which it counts.",
        ) from error


def _proxy(network: Network) -> str | None:
    """Return the proxy's URL with its credentials; None for what the system says, empty for none."""
    if not network.proxy:
        return None
    if network.proxy == NO_PROXY:
        return ""
    if "@" in network.proxy:
        raise ConfigError(
            "BAD_PROXY",
            "The proxy's URL holds a name or password.",
            hint="Put them, as name:password, into a file of their own, and name that.",
        )
    if not network.proxy_credentials_file:
        return network.proxy
    from urllib.parse import quote

    name, colon, password = read_secret(Path(network.proxy_credentials_file)).partition(":")
    scheme, slashes, place = network.proxy.partition("://")
    return f"{scheme}{slashes}{quote(name, safe='')}{colon}{quote(password, safe='')}@{place}"

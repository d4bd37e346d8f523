"""Signs roles with the signers that this machine can reach, and says plainly who else must."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from securesystemslib.signer import Key, Signer
from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from ..errors import SigningError
from ..signing import Secrets, absent, locate, open_signer
from .state import holder_names


class _Holders(NamedTuple):
    """Who may sign a role: the keys by id, how many of them must, and the role that says so."""

    keys: Mapping[str, Key]
    threshold: int
    delegator: Root | Targets


class Signatory:
    """The signers of one workspace: URIs by key id, opened when first used."""

    def __init__(self, uris: Mapping[str, str], secrets: Secrets, folder: Path) -> None:
        self._uris = dict(uris)
        self._secrets = secrets
        self._folder = folder
        self._open: dict[str, Signer] = {}
        self._away: dict[str, SigningError | None] = {}

    def add(self, uri: str) -> None:
        """Take one more signer, known by the record beside its key file, or by asking the token or service.

        A relative path starts at the current folder, as everywhere on a command line. Raises ``SigningError`` as
        `sealcast.signing.locate` does.
        """
        located = locate(uri, self._secrets, folder=Path())
        self._uris[located.key.keyid] = located.uri

    def require(self, roles: Iterable[str], root: Root, targets: Targets) -> None:
        """Raise ``SigningError`` (MISSING_SIGNERS) unless enough signers of every role are at hand."""
        for role in roles:
            if not self.can_sign(role, root, targets):
                raise self._missing(role, root, _holders(role, root, targets))

    def can_sign(self, role: str, root: Root, targets: Targets) -> bool:
        """Tell whether enough signers of ``role`` are at hand: named, and neither file nor token elsewhere."""
        holders = _holders(role, root, targets)
        return sum(map(self._at_hand, holders.keys)) >= holders.threshold

    def unlock(self, role: str, root: Root, targets: Targets) -> None:
        """Open the signers of ``role`` that are at hand, which may ask for passphrases.

        Raises ``SigningError`` as `sealcast.signing.open_signer` does.
        """
        for keyid, key in _holders(role, root, targets).keys.items():
            if self._at_hand(keyid):
                self._signer(keyid, key)

    def sign(self, role: str, signed: Root | Snapshot | Targets | Timestamp, root: Root, targets: Targets) -> bytes:
        """Return ``signed`` as the bytes of signed metadata, with a signature of every holder that is at hand.

        Raises ``SigningError``: MISSING_SIGNERS, SIGNING_FAILED when a signer fails or signs wrongly, or as
        `sealcast.signing.open_signer` does.
        """
        holders = _holders(role, root, targets)
        metadata: Metadata[Any] = Metadata(signed)
        try:
            for keyid, key in holders.keys.items():
                if self._at_hand(keyid):
                    metadata.sign(self._signer(keyid, key), append=True)
            if len(metadata.signatures) < holders.threshold:
                raise self._missing(role, root, holders)
            # Hardware can fail without saying so. What nobody could verify must not be kept.
            holders.delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except tuf_errors.UnsignedMetadataError as error:
            if isinstance(error.__cause__, SigningError):  # a signer that can say itself what went wrong
                raise error.__cause__ from None
            raise SigningError(
                "SIGNING_FAILED",
                f"A signer of the role {role} failed, or made a signature that does not verify.",
                hint="Check the device or service that holds the key, then run the command again.",
                role=role,
            ) from error
        return metadata.to_bytes(JSONSerializer(compact=True))

    def _at_hand(self, keyid: str) -> bool:
        return keyid in self._uris and self._absent(keyid) is None

    def _absent(self, keyid: str) -> SigningError | None:
        # A workspace is shared: its configuration names the keys of everybody's machines.
        if keyid not in self._away:
            self._away[keyid] = absent(self._uris[keyid], self._secrets, folder=self._folder)
        return self._away[keyid]

    def _signer(self, keyid: str, key: Key) -> Signer:
        if keyid not in self._open:
            self._open[keyid] = open_signer(self._uris[keyid], key, self._secrets, folder=self._folder)
        return self._open[keyid]

    def _missing(self, role: str, root: Root, holders: _Holders) -> SigningError:
        away = [keyid for keyid in holders.keys if not self._at_hand(keyid)]
        wanted = holder_names(root, away)
        # Of a file that is elsewhere there is nothing to say; a package that is missing can be installed.
        reasons = [why for why in map(self._absent, self._uris.keys() & away) if why and why.code != "KEY_NOT_FOUND"]
        return SigningError(
            "MISSING_SIGNERS",
            f"The role {role} needs {holders.threshold} signatures, and this machine does not hold enough of its "
            "signers.",
            hint=f"These can sign: {', '.join(wanted)}. Name a signer with --signer or under [signers]."
            + "".join(sorted({f" {why.what} {why.hint}" for why in reasons})),
            role=role,
        )


def _holders(role: str, root: Root, targets: Targets) -> _Holders:
    if role in root.roles:
        entry = root.roles[role]
        return _Holders({keyid: root.keys[keyid] for keyid in entry.keyids}, entry.threshold, root)
    delegations = targets.delegations
    if delegations is None or not delegations.roles or role not in delegations.roles:
        raise SigningError("UNKNOWN_ROLE", f"Nobody is named to sign the role {role}.")
    delegated = delegations.roles[role]
    return _Holders({keyid: delegations.keys[keyid] for keyid in delegated.keyids}, delegated.threshold, targets)

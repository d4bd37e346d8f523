"""Signs roles with the signers that this machine can reach, and says plainly who else must."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from ..errors import SigningError
from ..model.roles import EXTENSION
from ..signing import RECORD_SUFFIX, Secrets, open_signer, read_record


class Signatory:
    """The signers of one workspace: URIs by key id, opened when first used."""

    def __init__(self, uris: Mapping[str, str], secrets: Secrets, folder: Path) -> None:
        self._uris = dict(uris)
        self._secrets = secrets
        self._folder = folder
        self._open: dict[str, Signer] = {}

    def add(self, uri: str) -> None:
        """Take one more signer, found by the public record that lies beside its key file.

        A relative path starts at the current folder, as everywhere on a command line. Raises ``SigningError``
        (UNKNOWN_SIGNER) when there is no such record.
        """
        scheme, _, rest = uri.partition(":")
        place = Path(rest).absolute()
        record = place.with_suffix(RECORD_SUFFIX)
        if scheme != "file" or not record.is_file():
            raise SigningError(
                "UNKNOWN_SIGNER",
                f"The signer {uri!r} has no public record beside it ({record.name}).",
                hint="Keep NAME.pub.json beside NAME.pem, as `sealcast key new` writes them.",
            )
        self._uris[read_record(record).keyid] = f"{scheme}:{place}"

    def require(self, roles: Iterable[str], root: Root, targets: Targets) -> None:
        """Raise ``SigningError`` (MISSING_SIGNERS) unless enough signers of every role are configured here."""
        for role in roles:
            if not self.can_sign(role, root, targets):
                raise self._missing(role, root, *_holders(role, root, targets))

    def can_sign(self, role: str, root: Root, targets: Targets) -> bool:
        """Tell whether enough signers of ``role`` are configured here."""
        keys, threshold = _holders(role, root, targets)
        return sum(keyid in self._uris for keyid in keys) >= threshold

    def sign(self, role: str, signed: Root | Snapshot | Targets | Timestamp, root: Root, targets: Targets) -> bytes:
        """Return ``signed`` as the bytes of signed metadata, with a signature of every holder that is reachable.

        Raises ``SigningError``: MISSING_SIGNERS, or as the signers do.
        """
        keys, threshold = _holders(role, root, targets)
        metadata: Metadata[Any] = Metadata(signed)
        for keyid, key in keys.items():
            if keyid in self._uris:
                metadata.sign(self._signer(keyid, key), append=True)
        if len(metadata.signatures) < threshold:
            raise self._missing(role, root, keys, threshold)
        return metadata.to_bytes(JSONSerializer(compact=True))

    def _signer(self, keyid: str, key: Key) -> Signer:
        if keyid not in self._open:
            self._open[keyid] = open_signer(self._uris[keyid], key, self._secrets, folder=self._folder)
        return self._open[keyid]

    def _missing(self, role: str, root: Root, keys: Mapping[str, Key], threshold: int) -> SigningError:
        ours = root.unrecognized_fields.get(EXTENSION)
        names = ours.get("holders", {}) if isinstance(ours, dict) else {}
        wanted = [str(names.get(keyid, keyid[:16])) for keyid in keys if keyid not in self._uris]
        return SigningError(
            "MISSING_SIGNERS",
            f"The role {role} needs {threshold} signatures, and this machine does not hold enough of its signers.",
            hint=f"These can sign: {', '.join(wanted)}. Name a signer with --signer or under [signers].",
            role=role,
        )


def _holders(role: str, root: Root, targets: Targets) -> tuple[dict[str, Key], int]:
    """Return the keys that may sign ``role``, by id, and how many of them must."""
    if role in root.roles:
        entry = root.roles[role]
        return {keyid: root.keys[keyid] for keyid in entry.keyids}, entry.threshold
    delegations = targets.delegations
    if delegations is None or not delegations.roles or role not in delegations.roles:
        raise SigningError("UNKNOWN_ROLE", f"Nobody is named to sign the role {role}.")
    delegated = delegations.roles[role]
    return {keyid: delegations.keys[keyid] for keyid in delegated.keyids}, delegated.threshold

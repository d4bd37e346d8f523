"""A workspace whose roles are held by keys of one's choice, as if they had held them from the first root on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from securesystemslib.signer import Key

from sealcast.model.roles import listed, next_snapshot, next_timestamp
from sealcast.publisher import Repository
from sealcast.publisher.signatory import Signatory
from sealcast.signing import Located, Secrets


def held_by(
    folder: Path, holders: Mapping[str, Sequence[Located]], secrets: Secrets, threshold: int | None = None
) -> Repository:
    """Make a workspace in ``folder``. All holders of a role sign it, and must, unless ``threshold`` asks for fewer.

    A role that is not named keeps its lone maintainer.
    """
    state = Repository.create_solo(folder, app="demo", encrypted=False).workspace.load()
    root, targets = state.root.signed, state.targets
    for role, held in holders.items():
        delegator = root if role in root.roles else targets
        entry = delegator.get_delegated_role(role)
        for keyid in list(entry.keyids):
            delegator.revoke_key(keyid, role)
        for located in held:
            delegator.add_key(Key.from_dict(located.key.keyid, located.key.to_dict()), role)
        entry.threshold = threshold or len(held)
    uris = {one.key.keyid: one.uri for held in holders.values() for one in held}
    kept = Repository.open(folder).workspace.config.signers
    signatory = Signatory({**kept, **uris}, secrets, folder)
    metadata, meta = folder / "metadata", {}
    for role, signed in state.roles.items():
        data = signatory.sign(role, signed.signed, root, targets)
        (metadata / f"1.{role}.json").write_bytes(data)
        meta[f"{role}.json"] = listed(1, data)
    snapshot = signatory.sign("snapshot", next_snapshot(1, meta, state.snapshot.signed.expires), root, targets)
    (metadata / "1.snapshot.json").write_bytes(snapshot)
    timestamp = next_timestamp(1, listed(1, snapshot), state.issued, state.timestamp.signed.expires)
    (metadata / "timestamp.json").write_bytes(signatory.sign("timestamp", timestamp, root, targets))
    (metadata / "1.root.json").write_bytes(signatory.sign("root", root, root, targets))
    config = folder / "sealcast.toml"
    lines = "".join(f'"{keyid}" = "{uri}"\n' for keyid, uri in uris.items())
    config.write_text(config.read_text().replace("[signers]\n", f"[signers]\n{lines}", 1))
    return Repository.open(folder, secrets=secrets)

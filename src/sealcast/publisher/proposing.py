"""What the holders of root and targets are asked to sign: computed from the wanted state in ``sealcast.toml``.

Versions and expiries are computed, and what does not differ from what is signed now is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Role, Root, TargetFile, Targets

from ..ceremony import Proposal
from ..documents import encode
from ..errors import ConfigError
from ..model import ChannelPolicy, Policy, read_policy
from ..model.roles import (
    RESERVED_CHANNEL,
    TOP_LEVEL,
    check_role_names,
    first_root,
    first_targets,
    own_fields,
    role_name,
    target,
)
from ..values import content_of
from .holders import FOLDER, Terms, current_terms, wanted_terms
from .policies import wanted_policy
from .refresh import ONLINE
from .state import Ground
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Wish:
    """When a proposal is made, and which of root and targets shall be signed again although nothing differs."""

    now: datetime
    random: Callable[[int], bytes]
    renew: Collection[str] = ()


def propose(workspace: Workspace, ground: Ground | None, wish: Wish) -> Proposal | None:
    """Return the proposal that makes the wanted state true, or None where nothing differs.

    ``ground`` is what is signed now. Raises ``ConfigError`` as `wanted_terms` does, NAME_TAKEN, UNSAFE_NAME,
    BAD_CONFIG, ONLINE_KEYS; ``RepositoryError`` (WORKSPACE_DAMAGED, VERSION_JUMP).
    """
    channels = [(app, channel) for app, settings in workspace.config.apps.items() for channel in settings.channels]
    check_role_names(channels)
    folders = [*channels, *((app, RESERVED_CHANNEL) for app in workspace.config.apps)]
    roles = [*TOP_LEVEL, *(role_name(*folder) for folder in folders)]
    terms = wanted_terms(workspace.config, roles, workspace.folder / FOLDER, current_terms(ground))
    files = _policies(workspace, ground)
    root = _root(workspace, ground, terms, wish)
    targets = _targets(workspace, ground, {folder: terms[role_name(*folder)] for folder in folders}, files, wish)
    new_root = ground is None or "root" in wish.renew or _says(root) != _says(ground.root.signed)
    new_targets = ground is None or "targets" in wish.renew or _says(targets) != _says(ground.targets.signed)
    if ground is not None:
        check_online(workspace, ground.root.signed, root)
        # What the new holders did not sign, devices would refuse as soon as they see the new root.
        new_targets |= _held(root.roles["targets"]) != _held(ground.root.signed.roles["targets"])
    if not new_root and not new_targets:
        return None
    return Proposal(
        repository=own_fields(root)["repository"],
        roots=tuple(_stored(workspace, f"{number}.root.json") for number in range(1, root.version)),
        current=_stored(workspace, f"{ground.targets.signed.version}.targets.json") if ground else {},
        root=root.to_dict() if new_root else {},
        targets=targets.to_dict() if new_targets else {},
        files={path: data.decode() for path, data in files.items()} if new_targets else {},
    )


def check_online(workspace: Workspace, before: Root, after: Root) -> None:
    """Refuse to change who signs snapshot and timestamp once they have. Raises ``ConfigError`` (ONLINE_KEYS)."""
    if workspace.has_begun and any(_held(before.roles[role]) != _held(after.roles[role]) for role in ONLINE):
        raise ConfigError(
            "ONLINE_KEYS",
            "The keys of snapshot and timestamp would change, and this version cannot take devices along to new ones.",
            hint="Leave these roles as they are: under [holders] and [thresholds], and their records in holders/.",
        )


def _root(workspace: Workspace, ground: Ground | None, terms: Mapping[str, Terms], wish: Wish) -> Root:
    before = ground.root.signed if ground else None
    root = first_root(
        {role: terms[role].keys for role in TOP_LEVEL},
        {role: terms[role].threshold for role in TOP_LEVEL},
        {held.key.keyid: held.name for one in terms.values() for held in one.holders},
        own_fields(before)["repository"] if before else wish.random(16).hex(),
        wish.now + workspace.lifetime("root"),
    )
    root.version = before.version + 1 if before else 1
    return root


def _targets(
    workspace: Workspace,
    ground: Ground | None,
    delegations: Mapping[tuple[str, str], Terms],
    files: Mapping[str, bytes],
    wish: Wish,
) -> Targets:
    held: dict[tuple[str, str], tuple[list[Key], int]] = {
        folder: (terms.keys, terms.threshold) for folder, terms in delegations.items()
    }
    entries = [target(path, content_of(data)) for path, data in files.items()]
    targets = first_targets(held, entries, wish.now + workspace.lifetime("targets"))
    if ground is not None:
        targets.version = workspace.next_number("targets", ground.targets.signed.version)
    return targets


def _policies(workspace: Workspace, ground: Ground | None) -> dict[str, bytes]:
    """Return the policy of each app by its target path: what it was, with what is wanted now."""
    listed: Mapping[str, TargetFile] = ground.targets.signed.targets if ground else {}
    policies = {}
    for app, settings in workspace.config.apps.items():
        path = f"{app}/policy.json"
        before = Policy(app=app, channels={})
        if path in listed:
            before = read_policy(workspace.read_target(listed[path]), app=app)
        channels = {channel: before.channels.get(channel, ChannelPolicy()) for channel in settings.channels}
        policies[path] = encode(wanted_policy(msgspec.structs.replace(before, channels=channels), settings))
    return policies


def _says(signed: Root | Targets) -> object:
    """Return what a root or a targets says, but for version and expiry: the order of keys and roles means nothing."""
    if isinstance(signed, Root):
        names = own_fields(signed)["holders"]
        return {role: _held(one) for role, one in signed.roles.items()}, {one: names.get(one) for one in signed.keys}
    roles = signed.delegations.roles or {} if signed.delegations else {}
    return {name: (_held(role), role.paths) for name, role in roles.items()}, signed.targets


def _held(role: Role | DelegatedRole) -> object:
    return frozenset(role.keyids), role.threshold


def _stored(workspace: Workspace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace.metadata / name).read_bytes())
    return found

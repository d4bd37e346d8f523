"""The app's policy as the configuration wants it: mirrors and pins, which the targets role signs."""

from __future__ import annotations

from msgspec.structs import replace
from tuf.api.metadata import TargetFile

from ..config import FILE_NAME, AppConfig
from ..documents import encode
from ..errors import ConfigError, TransferError, VerificationError
from ..fetch import HttpSource
from ..model import Policy, read_policy
from .current import policies
from .state import State
from .workspace import Workspace


def changed_policies(workspace: Workspace, state: State) -> dict[str, Policy]:
    """Return, by app, the policies that do not say what the configuration does, as they should be.

    Raises ``RepositoryError`` (WORKSPACE_DAMAGED), ``ConfigError`` (BAD_CONFIG).
    """
    known = policies(workspace, state)
    wanted = {
        app: wanted_policy(known[app], settings) for app, settings in workspace.config.apps.items() if app in known
    }
    return {app: policy for app, policy in wanted.items() if policy != known[app]}


def targets_with(workspace: Workspace, state: State, changed: dict[str, Policy]) -> list[TargetFile]:
    """Return what the targets role is to list: as before, with the ``changed`` policies stored."""
    entries = dict(state.targets.targets)
    for app, policy in changed.items():
        path = f"{app}/policy.json"
        entries[path] = workspace.add_target(path, encode(policy))
    return list(entries.values())


def wanted_policy(policy: Policy, settings: AppConfig) -> Policy:
    """Return ``policy`` with the mirrors and pins of the configuration. Raises ``ConfigError`` (BAD_CONFIG)."""
    pins = {
        host: {digest: f"{day.isoformat()}T00:00:00Z" for digest, day in keys.items()}
        for host, keys in settings.pins.items()
    }
    wanted = replace(policy, mirrors=settings.mirrors, pins=pins)
    try:
        for mirror in wanted.mirrors:
            HttpSource(mirror)
        read_policy(encode(wanted), app=policy.app)  # what clients refuse is not signed
    except (TransferError, VerificationError) as error:
        raise ConfigError(
            "BAD_CONFIG",
            f"{FILE_NAME} cannot be used: of the mirrors and pins of {policy.app}, {error.what}",
            hint="A mirror is an https URL. A host has two pins or more: the SHA-256 of a key in lower-case hex, "
            "and the day on which it stops counting.",
        ) from error
    return wanted

"""What the workspace says now: the policy of each app, and the document of each channel."""

from __future__ import annotations

from collections.abc import Mapping

from tuf.api.metadata import TargetFile

from ..errors import ConfigError
from ..model import ChannelDocument, Policy, read_channel, read_policy
from ..model.roles import role_name, role_prefix
from .state import State, damaged
from .workspace import Workspace

Documents = Mapping[tuple[str, str], ChannelDocument]
"""Channel documents by app and channel."""


def policies(workspace: Workspace, state: State) -> dict[str, Policy]:
    """Return the policy of each app, by name. Raises ``RepositoryError`` (WORKSPACE_DAMAGED)."""
    suffix = "/policy.json"
    apps = {path.removesuffix(suffix): entry for path, entry in state.targets.targets.items() if path.endswith(suffix)}
    return {app: read_policy(workspace.read_target(entry), app=app) for app, entry in apps.items()}


def channel_documents(workspace: Workspace, state: State) -> Documents:
    """Return the current document of each channel that a policy names.

    Raises ``RepositoryError`` (WORKSPACE_DAMAGED).
    """
    documents = {}
    for app, policy in policies(workspace, state).items():
        for channel in policy.channels:
            entry = _document(state, app, channel)
            documents[app, channel] = read_channel(workspace.read_target(entry), app=app, channel=channel)
    return documents


def _document(state: State, app: str, channel: str) -> TargetFile:
    role, path = role_name(app, channel), f"{role_prefix(app, channel)}/channel.json"
    if role not in state.roles or path not in state.roles[role].signed.targets:
        raise damaged(f"the policy of {app} names the channel {channel}, and no role signs its document")
    return state.roles[role].signed.targets[path]


def document_of(documents: Documents, app: str, channel: str) -> ChannelDocument:
    """Return a channel's document. Raises ``ConfigError`` (UNKNOWN_CHANNEL) where the repository has none."""
    if (app, channel) not in documents:
        raise ConfigError(
            "UNKNOWN_CHANNEL",
            f"The channel {channel} of {app} is in sealcast.toml, and the repository does not have it.",
            hint="A new channel is signed into being by the holders of the targets role: take it out again.",
        )
    return documents[app, channel]

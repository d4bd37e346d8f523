"""What verified roles tell: who may speak for which channel, and the documents that they sign."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from functools import cached_property

from tuf.api.metadata import DelegatedRole, Root, Snapshot, TargetFile, Targets, Timestamp

from ..errors import VerificationError
from ..model import ChannelDocument, HaltDocument, Policy, read_channel, read_halt, read_policy
from ..model.roles import RESERVED_CHANNEL, own_fields, role_name, role_prefix
from ..values import parse_time


class Roles(ABC):
    """Verified roles that are one consistent snapshot, and the documents that they sign."""

    root: Root
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets

    def __init__(self) -> None:
        self._verified: dict[tuple[str, str], Targets] = {}

    @property
    def issued(self) -> datetime:
        """When the timestamp was signed, as it says itself. Raises ``VerificationError`` (BAD_METADATA)."""
        issued = own_fields(self.timestamp).get("issued")
        if not isinstance(issued, str):
            raise VerificationError(
                "BAD_METADATA",
                "The timestamp does not say when it was signed.",
                hint="The site was not made by Sealcast, or by a tool that re-signed it without its fields.",
            )
        return parse_time(issued)

    @property
    def apps(self) -> tuple[str, ...]:
        """The apps that have a policy, in order."""
        suffix = "/policy.json"
        return tuple(sorted(path.removesuffix(suffix) for path in self.targets.targets if path.endswith(suffix)))

    def policy(self, app: str) -> Policy:
        """Return the app's policy, which only the targets role can sign.

        Raises ``VerificationError``: UNKNOWN_APP, or as the document's reader does; ``TransferError``.
        """
        entry = self.targets.targets.get(f"{app}/policy.json")
        if entry is None:
            raise VerificationError(
                "UNKNOWN_APP",
                f"This repository publishes no app {app!r}.",
                hint=f"It publishes: {', '.join(self.apps) or 'none'}.",
            )
        return read_policy(self.read_target(entry), app=app)

    def channel(self, app: str, channel: str) -> ChannelDocument:
        """Return the channel document, signed by the channel's own role.

        Raises ``VerificationError``: UNKNOWN_CHANNEL, or as the document's reader does; ``TransferError``.
        """
        data = self._role_document(app, channel, "channel.json")
        return read_channel(data, app=app, channel=channel)

    def halt(self, app: str) -> HaltDocument:
        """Return the app's halt document, signed by its halt role. Raises as `channel` does."""
        return read_halt(self._role_document(app, RESERVED_CHANNEL, "halt.json"), app=app)

    def role(self, app: str, channel: str) -> Targets:
        """Return the verified metadata of the role that signs this channel.

        Raises ``VerificationError`` (UNKNOWN_CHANNEL, and as the constructor does) or ``TransferError``.
        """
        if (app, channel) not in self._verified:
            self._verified[app, channel] = self._delegate(self._check_delegated(app, channel), app, channel)
        return self._verified[app, channel]

    @abstractmethod
    def read_target(self, entry: TargetFile) -> bytes:
        """Return the bytes of a small target. Raises ``VerificationError`` (HASH_MISMATCH, …), ``TransferError``."""

    @abstractmethod
    def _delegate(self, name: str, app: str, channel: str) -> Targets:
        """Return the metadata of the role ``name``, verified against targets and snapshot."""

    def _check_delegated(self, app: str, channel: str) -> str:
        """Return the name of the role that targets delegates the channel to, and to no other."""
        name, prefix = role_name(app, channel), role_prefix(app, channel)
        delegations = self.targets.delegations
        delegated = (delegations.roles or {}).get(name) if delegations else None
        if delegated is None or delegated.paths != [f"{prefix}/*"]:
            raise VerificationError(
                "UNKNOWN_CHANNEL",
                f"The targets role delegates no channel {channel!r} of the app {app!r}.",
                hint=f"The app's channels: {', '.join(self.policy(app).channels)}.",
            )
        name_asked = name_asked_of(app, channel)
        if self._speakers(prefix, name_asked) != [name] or name_asked in self.targets.targets:
            raise VerificationError("INCONSISTENT", f"Others than the role {name} may speak for its channel.")
        return name

    def _speakers(self, prefix: str, name_asked: str) -> list[str]:
        """Return the delegated roles that may speak for a name in the folder ``prefix``."""
        folders, others = self._delegated
        return [*folders.get(prefix, []), *(role.name for role in others if role.is_delegated_path(name_asked))]

    @cached_property
    def _delegated(self) -> tuple[dict[str, list[str]], list[DelegatedRole]]:
        """The delegated roles by the folder that each owns, and those that own anything else than one folder.

        To ask each role about each name would take hours where a site has thousands of both.
        """
        folders: dict[str, list[str]] = {}
        others: list[DelegatedRole] = []
        delegations = self.targets.delegations
        for role in (delegations.roles or {}).values() if delegations else ():
            paths = role.paths or []
            folder = paths[0].removesuffix("/*") if len(paths) == 1 else ""
            if folder and paths == [f"{folder}/*"] and folder.count("/") == 1 and not set(folder) & set("*?["):
                folders.setdefault(folder, []).append(role.name)
            else:
                others.append(role)
        return folders, others

    def _role_document(self, app: str, channel: str, name: str) -> bytes:
        path = f"{role_prefix(app, channel)}/{name}"
        entry = self.role(app, channel).targets.get(path)
        if entry is None:
            raise VerificationError("UNKNOWN_CHANNEL", f"The role {role_name(app, channel)} signs no {name}.")
        return self.read_target(entry)


def name_asked_of(app: str, channel: str) -> str:
    """Return a name that only the channel's role may speak for, and that no target has."""
    return f"{role_prefix(app, channel)}/-"

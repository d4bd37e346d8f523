"""Who shall hold each role: ``sealcast.toml`` names them, their public records in ``holders/`` tell their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from securesystemslib.signer import Key
from tuf.api.metadata import Role, Root, Targets

from ..config import Config
from ..errors import ConfigError
from ..signing import key_of, read_records
from .state import Ground, holder_names

FOLDER = "holders"
"""Where a workspace keeps the public records of those who hold keys."""


class Held(NamedTuple):
    """Somebody who holds a key, by name."""

    name: str
    key: Key


class Terms(NamedTuple):
    """Who holds a role, and how many of them must sign."""

    holders: tuple[Held, ...]
    threshold: int

    @property
    def keys(self) -> list[Key]:
        """The keys alone."""
        return [held.key for held in self.holders]


def current_terms(ground: Ground | None) -> dict[str, Terms]:
    """Return who holds each role now; nobody before the first ceremony."""
    if ground is None:
        return {}
    root, delegations = ground.root.signed, ground.targets.signed.delegations
    found = dict(_terms(root, root, root.roles))
    if delegations is not None:
        found |= _terms(root, ground.targets.signed, delegations.roles or {})
    return found


def _terms(root: Root, delegator: Root | Targets, roles: Mapping[str, Role]) -> Iterator[tuple[str, Terms]]:
    for name, role in roles.items():
        named = zip(holder_names(root, role.keyids), map(delegator.get_key, role.keyids), strict=True)
        yield name, Terms(tuple(Held(*one) for one in named), role.threshold)


def wanted_terms(config: Config, roles: Iterable[str], folder: Path, current: Mapping[str, Terms]) -> dict[str, Terms]:
    """Return who shall hold each of ``roles``: as the configuration says, or else as it is now.

    ``folder`` holds public records; a name that has none there keeps the key that it has now. Raises ``ConfigError``:
    NO_HOLDERS, NO_THRESHOLD, BAD_THRESHOLD, UNKNOWN_HOLDER, UNKNOWN_ROLE, DUPLICATE_KEY; and as `read_record` does.
    """
    people = {held.name: held for terms in current.values() for held in terms.holders}
    people |= {record.name: Held(record.name, key_of(record)) for record in read_records(folder)}
    wanted = {role: _wanted(role, config, people, current.get(role)) for role in roles}
    for role in (*config.holders, *config.thresholds):
        if role not in wanted:
            raise unknown_role(role, wanted)
    _check_one_name_each(wanted.values())
    return wanted


def unknown_role(role: str, known: Iterable[str]) -> ConfigError:
    """Return what is raised when holders or a threshold are given to a role that there is not."""
    return ConfigError(
        "UNKNOWN_ROLE",
        f"There is no role {role!r} to hold.",
        hint=f"The roles of this workspace: {', '.join(known)}.",
    )


def _wanted(role: str, config: Config, people: Mapping[str, Held], current: Terms | None) -> Terms:
    names = config.holders.get(role)
    if names is not None:
        holders = tuple(dict.fromkeys(_find(name, role, people) for name in names))
    elif current is not None:
        holders = current.holders
    else:
        raise ConfigError(
            "NO_HOLDERS",
            f"Nobody is named to hold the role {role}.",
            hint=f"Name its holders: --holder {role}=RECORD, or under [holders] in sealcast.toml.",
        )
    threshold = config.thresholds.get(role, current.threshold if current else int(len(holders) == 1))
    if not threshold:
        raise ConfigError(
            "NO_THRESHOLD",
            f"The role {role} has {len(holders)} holders, and it is not said how many of them must sign.",
            hint=f"Say it: --threshold {role}=N, or under [thresholds] in sealcast.toml.",
        )
    if threshold > len({held.key.keyid for held in holders}):
        raise ConfigError(
            "BAD_THRESHOLD",
            f"The role {role} would need {threshold} signatures, and has {len(holders)} holders.",
            hint="A threshold is a whole number from one to the number of holders.",
        )
    return Terms(holders, threshold)


def _find(name: str, role: str, people: Mapping[str, Held]) -> Held:
    if name not in people:
        raise ConfigError(
            "UNKNOWN_HOLDER",
            f"{name!r} shall hold the role {role}, and has no public record in {FOLDER}/.",
            hint=f"Put {name}.pub.json there; its holder makes it with: sealcast key new {name}",
        )
    return people[name]


def _check_one_name_each(wanted: Iterable[Terms]) -> None:
    owners: dict[str, str] = {}
    for terms in wanted:
        for name, key in terms.holders:
            if owners.setdefault(key.keyid, name) != name:
                raise ConfigError(
                    "DUPLICATE_KEY",
                    f"{owners[key.keyid]} and {name} have the same key.",
                    hint="One of them could sign for both. Each needs a key of their own.",
                )

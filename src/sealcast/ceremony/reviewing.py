"""A proposal held against a root that the reader trusts: what it would change, and whether it may be asked at all.

The rules are those of DESIGN section 8. Whoever signs and whoever combines goes by the same ones; what a holder may
not want, although it could be meant, is for `sealcast.ceremony.limits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..documents import encode
from ..errors import CeremonyError
from ..model import Policy, read_policy
from ..model.roles import RESERVED_CHANNEL, check_role_names, role_name, role_prefix
from ..values import content_of
from .evidence import (
    SignedRoot,
    SignedTargets,
    check_current,
    other_repository,
    read_own_root,
    read_signed_root,
    read_signed_targets,
    walk,
)
from .parts import DelegatedPart, RootPart, TargetsPart, read_root_part, read_targets_part
from .proposal import Proposal, digest_of
from .refusal import bad, refusing

MAX_SKIP = 16
"""How many numbers a new targets may skip: a command that died has used some up, and they are never given twice."""

_POLICY = "/policy.json"


@dataclass(frozen=True, slots=True)
class Review:
    """A proposal that keeps the rules: what is signed now, what is to be signed, and the policies that this lists.

    ``root_before`` and ``targets_before`` are None in the first ceremony; ``root`` and ``targets`` where the proposal
    leaves them as they are.
    """

    proposal: Proposal
    digest: str
    root_before: SignedRoot | None
    targets_before: SignedTargets | None
    root: RootPart | None
    targets: TargetsPart | None
    policies: Mapping[str, Policy]


def review(proposal: Proposal, own_root: bytes | None) -> Review:
    """Return what ``proposal`` asks for, seen from the reader's own last root; None is for the first ceremony alone.

    Raises ``CeremonyError``: NO_OWN_ROOT, OTHER_REPOSITORY, OLD_PROPOSAL, BROKEN_CHAIN, WRONG_VERSION, UNKNOWN_FIELD,
    DUPLICATE_KEY, KEYID_MISMATCH, BAD_PUBLIC_KEY, BAD_THRESHOLD, WRONG_FOLDER, FILE_MISMATCH, TARGETS_LEFT_OUT,
    BAD_PROPOSAL.
    """
    root_before, targets_before = _evidence(proposal, own_root)
    root = read_root_part(proposal.root, "The proposed root") if proposal.root else None
    targets = read_targets_part(proposal.targets, "The proposed targets") if proposal.targets else None
    if root is None and targets is None:
        raise bad("The proposal", "it proposes nothing")
    _check_versions(root_before, targets_before, root, targets)
    if root is not None and root.ours.repository != proposal.repository:
        raise other_repository()
    policies = _policies(proposal, targets)
    if targets is not None:
        _check_delegations(targets, policies)
    elif root is not None and root_before is not None and root.roles["targets"] != root_before.part.roles["targets"]:
        raise CeremonyError(
            "TARGETS_LEFT_OUT",
            "The proposal changes who signs targets, and brings no targets for them to sign.",
            hint="Devices would refuse the targets that is there. Ask for a proposal that holds both.",
        )
    if root is not None:
        _check_named(root, targets or (targets_before.part if targets_before else None))
    return Review(proposal, digest_of(proposal), root_before, targets_before, root, targets, policies)


def _evidence(proposal: Proposal, own_root: bytes | None) -> tuple[SignedRoot | None, SignedTargets | None]:
    """Return the current root and targets, verified from the reader's own root on."""
    if not proposal.roots:
        if own_root is not None:
            raise CeremonyError(
                "OLD_PROPOSAL",
                "The proposal is for a first root, and you have a root already.",
                hint="Leave your root out if you mean to found another repository. Nobody can found this one again.",
            )
        if proposal.current:
            raise bad("The proposal", "it has a current targets and no root")
        return None, None
    if own_root is None:
        raise CeremonyError(
            "NO_OWN_ROOT",
            "The proposal changes a repository that is there, and it is not said which root you trust.",
            hint="Give your own copy of the last root with --root, not one that came with the proposal.",
        )
    own = read_own_root(own_root)
    if own.part.ours.repository != proposal.repository:
        raise other_repository()
    last = walk(own, [read_signed_root(value, "A root of the chain") for value in proposal.roots])
    return last, check_current(last, read_signed_targets(proposal.current, "The current targets"))


def _check_versions(
    root_before: SignedRoot | None,
    targets_before: SignedTargets | None,
    root: RootPart | None,
    targets: TargetsPart | None,
) -> None:
    last = root_before.part.version if root_before else 0
    if root is not None and root.version != last + 1:
        raise _wrong_version("root", root.version, last)
    if not last and (root is None or targets is None):
        raise bad("The proposal", "a first root needs a first targets beside it")
    listed = targets_before.part.version if targets_before else 0
    if targets is not None and not listed < targets.version <= listed + (MAX_SKIP if listed else 1):
        raise _wrong_version("targets", targets.version, listed)


def _wrong_version(role: str, version: int, before: int) -> CeremonyError:
    return CeremonyError(
        "WRONG_VERSION",
        f"The proposal is for version {version} of {role}, and {before} is followed by {before + 1}.",
        hint="It is an old proposal, or one that would make devices refuse every version in between.",
    )


def _policies(proposal: Proposal, targets: TargetsPart | None) -> dict[str, Policy]:
    """Return the policy of each app: every file that targets lists must be one, and must be in the proposal."""
    listed = targets.targets if targets is not None else {}
    if set(listed) != set(proposal.files):
        raise CeremonyError(
            "FILE_MISMATCH",
            "The files in the proposal are not those that the proposed targets lists.",
            hint="What cannot be read must not be signed. Ask for the proposal again.",
        )
    policies = {}
    for path, text in proposal.files.items():
        data = text.encode()
        content = content_of(data)
        if (listed[path].hashes.sha256, listed[path].length) != content:
            raise CeremonyError(
                "FILE_MISMATCH",
                f"The file {path} in the proposal is not the one that the proposed targets lists.",
                hint="What cannot be read must not be signed. Ask for the proposal again.",
            )
        app = path.removesuffix(_POLICY)
        if path != f"{app}{_POLICY}":
            raise bad(f"The target {path}", "it is no policy, and targets signs nothing else")
        with refusing():
            policies[app] = read_policy(data, app=app)
        if encode(policies[app]) != data:
            raise bad(f"The policy of {app}", "it holds something that this version does not know")
    return policies


def _check_delegations(targets: TargetsPart, policies: Mapping[str, Policy]) -> None:
    """Check that each role owns its own folder, and that the roles are those that the policies speak of."""
    wanted = {
        role_name(app, channel): role_prefix(app, channel)
        for app, policy in policies.items()
        for channel in (*policy.channels, RESERVED_CHANNEL)
    }
    with refusing():
        check_role_names((app, channel) for app, policy in policies.items() for channel in policy.channels)
    found = targets.delegations.by_name
    for role in targets.delegations.roles:
        _check_folder(role, wanted.get(role.name))
    if set(found) != set(wanted):
        missing = ", ".join(sorted(set(wanted) - set(found)))
        raise bad("The proposed targets", f"a policy names a channel that nobody is to sign ({missing})")


def _check_folder(role: DelegatedPart, prefix: str | None) -> None:
    if prefix is None or role.paths != (f"{prefix}/*",):
        raise CeremonyError(
            "WRONG_FOLDER",
            f"The role {role.name} would speak for {', '.join(role.paths) or 'nothing'}, which is not its own folder.",
            hint="A role signs one channel of one app, and that channel stands in the app's policy.",
        )


def _check_named(root: RootPart, targets: TargetsPart | None) -> None:
    """Check that root names the holder of each key, and nobody else."""
    if set(root.ours.holders) != set(root.keys) | set(targets.delegations.keys if targets else ()):
        raise bad("The proposed root", "the holders that it names are not those who hold its keys")

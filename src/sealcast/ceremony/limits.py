"""What a proposal may only ask if the holder says in so many words that it is meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..errors import CeremonyError
from ..model import LIFETIMES, kind_of
from ..values import format_time, parse_time
from .parts import RolePart, RootPart, TargetsPart
from .reviewing import Review

TOLERANCE = timedelta(days=1)
"""How far the clocks of two machines, one of them without a network, may lie apart."""


def check_limits(
    review: Review, now: datetime, *, allow_lower_threshold: bool = False, allow_longer_life: bool = False
) -> None:
    """Refuse, for a signer, what makes a repository weaker.

    ``now`` is what this machine's clock says. Raises ``CeremonyError``: LOWER_THRESHOLD, LONGER_LIFE, unless they are
    allowed; OUT_OF_DATE when the proposal's own life is over.
    """
    for role, before, after in lowered(review):
        if not allow_lower_threshold:
            raise CeremonyError(
                "LOWER_THRESHOLD",
                f"The role {role} would need {after} signatures, and needs {before} now.",
                hint="Fewer thieves would be enough. If that is meant: --allow-lower-threshold",
            )
    for part in (review.root, review.targets):
        if part is not None:
            _check_life(part, now, allow_longer_life)


def lowered(review: Review) -> Iterator[tuple[str, int, int]]:
    """Yield each role whose threshold would fall, with the threshold before and after."""
    for before, after in _thresholds(review):
        for role, now in before.items():
            if role in after and after[role].threshold < now.threshold:
                yield role, now.threshold, after[role].threshold


def _thresholds(review: Review) -> Iterator[tuple[dict[str, RolePart], dict[str, RolePart]]]:
    if review.root_before is not None and review.root is not None:
        yield review.root_before.part.roles, review.root.roles
    if review.targets_before is not None and review.targets is not None:
        yield {**review.targets_before.part.delegations.by_name}, {**review.targets.delegations.by_name}


def _check_life(part: RootPart | TargetsPart, now: datetime, allow_longer: bool) -> None:
    expires, most = parse_time(part.expires), LIFETIMES[kind_of(part.type)]
    if expires <= now:
        raise CeremonyError(
            "OUT_OF_DATE",
            f"The proposed {part.type} expires on {part.expires}, and here it is {format_time(now)}.",
            hint="Set the clock of this machine, or ask for a new proposal.",
        )
    if expires > now + most + TOLERANCE and not allow_longer:
        raise CeremonyError(
            "LONGER_LIFE",
            f"The proposed {part.type} would last until {part.expires}, longer than {most.days} days from now, "
            f"{format_time(now)}.",
            hint="Set the clock of this machine if it is wrong. If the long life is meant: --allow-longer-life",
        )

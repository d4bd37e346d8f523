"""By which route a release comes to this device, and what that costs: decided from signed sizes, before any byte.

A delta from a release that is held, or a chain of them, where that is cheaper than the packs; else the packs that hold
what is lacking, or to a device that has nothing the archive, where it is smaller; and nothing at all where the release
is already here.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from ..model import Build, ChannelDocument, Delta, ManifestEntry
from ..values import Content
from .holdings import Holdings


class Route(StrEnum):
    """How a release comes here."""

    HELD = "held"
    DELTA = "delta"
    PACKS = "packs"
    ARCHIVE = "archive"


class Step(Struct, frozen=True):
    """One delta, and the manifest of the release that it leads to."""

    delta: Delta
    to: ManifestEntry


class Archive(Struct, frozen=True):
    """A whole release as one ordinary file, and where the site has it."""

    content: Content
    path: str


class Plan(Struct, frozen=True):
    """A route. ``size`` in bytes and ``requests`` are what it costs at most; packs that are reused cost nothing.

    By deltas, ``base`` is the manifest of the release that the first of ``steps`` starts from.
    """

    route: Route
    size: int = 0
    requests: int = 0
    base: str = ""
    steps: tuple[Step, ...] = ()
    archive: Archive | None = None


def make_plan(
    document: ChannelDocument, platform: str, build: Build, held: Holdings, archive: Archive | None = None
) -> Plan:
    """Return the cheapest route to ``build``, one of those in ``document``; ``archive`` is what is listed of it."""
    if build.manifest.sha256 in held:
        return Plan(Route.HELD)
    packs = plan_packs(build)
    # Whoever has a release needs not all packs, as a rule; how many is known only from the manifest.
    if archive is not None and archive.content.size < packs.size and not any(held):
        return Plan(Route.ARCHIVE, archive.content.size, 1, archive=archive)
    chain = _cheapest_chain(document, platform, build, held, below=packs.size)
    return chain or packs


def plan_packs(build: Build) -> Plan:
    """Return the route by packs."""
    return Plan(Route.PACKS, build.manifest.pack.size + build.packs.size, 1 + build.packs.count)


def _cheapest_chain(
    document: ChannelDocument, platform: str, build: Build, held: Holdings, *, below: int
) -> Plan | None:
    """Return the deltas of fewest bytes that lead from a held release to ``build`` (Dijkstra's shortest path)."""
    edges = list(_steps(document, platform))
    # A number between size and route: of equal sizes the first found is taken, and routes need no order.
    queue: list[tuple[int, int, str, str, tuple[Step, ...]]] = [
        (0, number, digest, digest, ()) for number, digest in enumerate(held)
    ]
    heapq.heapify(queue)
    seen: set[str] = set()
    found = len(queue)
    while queue:
        size, _, base, reached, steps = heapq.heappop(queue)
        if size >= below:
            return None
        if reached == build.manifest.sha256:
            return Plan(Route.DELTA, size, len(steps), base, steps)
        if reached in seen:
            continue
        seen.add(reached)
        for step in edges:
            if step.delta.base == reached:
                found += 1
                heapq.heappush(queue, (size + step.delta.size, found, base, step.to.sha256, (*steps, step)))
    return None


def _steps(document: ChannelDocument, platform: str) -> Iterator[Step]:
    """Yield every delta of the channel that this client can decode."""
    from ..packs import CODECS  # most checks find nothing to install, and unpack nothing

    for release in document.releases:
        build = release.build_for(platform)
        if build is not None:
            for delta in build.deltas:
                if set(delta.codecs) <= set(CODECS):
                    yield Step(delta, build.manifest)

"""The hosts of one site, and the order in which they are asked.

The site's own host comes first, then the mirrors of the settings, then those that the policy names. No host is trusted
more than another: whatever comes is verified as if nobody knew where it came from. A whole look at the metadata is
taken from one host, so a stale mirror shows an older state at most, which the floor refuses where this device has seen
more. Objects, which are named by their digests, come from whichever host gives them.

Time stays bounded: there are seventeen hosts at most, each is held to the limits of `sealcast.fetch`, and once
`PATIENCE` is over no further one is asked about metadata.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ..errors import SealcastError, TransferError, VerificationError
from ..fetch import HttpOptions, HttpSource, Source, open_source
from ..files import read_regular
from ..model import Policy, pins_in_force, read_policy
from .freshness import KEPT_LIMIT
from .network import Network

PATIENCE = 300.0
"""Seconds after which a check that has failed on one host begins with no other."""

PINS_EXPIRED = "pins-expired"
"""Noted when a host's key is not checked any more."""

_NOT_OF_THE_HOST = frozenset(
    {"CLOCK_AHEAD", "CLOCK_BACK", "STATE_DAMAGED", "UNKNOWN_APP", "UNKNOWN_CHANNEL", "UNKNOWN_DOCUMENT"}
)
"""What the publisher signed, or what this device has wrong: another host could only hide it."""

T = TypeVar("T")
Noted = Callable[[str, str], None]
"""Told a stable code, and a sentence."""


class Hosts:
    """Where one client finds its site. ``repository`` is the verifier's folder, ``app`` whose policy is meant."""

    def __init__(
        self,
        own: Source,
        network: Network,
        options: HttpOptions,
        *,
        repository: Path,
        app: str,
        noted: Noted,
    ) -> None:
        self._own = own
        self._network = network
        self._options = options
        self._repository = repository
        self._app = app
        self._noted = noted
        self._best = own

    def ask(self, question: Callable[[Source], T]) -> T:
        """Return the first host's answer that holds; its host is asked for objects first.

        A host that fails or serves what is refused costs nothing but its time: the next one is asked, and when one
        answers, the failures before it are noted. Where none does, the first host's error is raised, as if there were
        no mirrors. Raises as ``question`` does.
        """
        failures: list[SealcastError] = []
        ends = self._options.monotonic() + PATIENCE
        for source in self._all(self._remembered):
            if failures and self._options.monotonic() > ends:
                break
            try:
                found = question(source)
            except (TransferError, VerificationError) as error:
                failures.append(error)
                if error.code in _NOT_OF_THE_HOST:
                    break
                continue
            for failure in failures:
                self._noted(failure.code, f"{failure.what} {source.location} answered instead.")
            self._best = source
            return found
        raise failures[0]

    def for_objects(self, policy: Policy | None, now: datetime) -> tuple[Source, ...]:
        """Return where objects are fetched, in order; pinned hosts only over connections that prove a pinned key.

        Without a ``policy`` the one that was verified last counts.
        """
        known = policy or self._remembered()
        found = {source.location: source for source in (self._best, *self._all(lambda: known))}
        return tuple(self._pinned(source, known, now) for source in found.values())

    def _all(self, policy: Callable[[], Policy | None]) -> Iterator[Source]:
        """Yield each host once; ``policy`` is asked for when it is the turn of its mirrors."""
        seen: set[str] = set()
        for source in self._named(policy):
            if source.location not in seen:
                seen.add(source.location)
                yield source

    def _named(self, policy: Callable[[], Policy | None]) -> Iterator[Source]:
        yield self._own
        yield from self._opened(self._network.mirrors, open_source)
        if known := policy():
            yield from self._opened(known.mirrors, HttpSource)  # hosts of the web: never a folder of this device

    def _opened(self, places: Iterable[str], opener: Callable[[str, HttpOptions], Source]) -> Iterator[Source]:
        """Yield the mirrors that this client can use."""
        for place in places:
            try:
                source = opener(place, self._options)
            except TransferError as error:
                self._noted(error.code, error.what)
                continue
            yield source

    def _pinned(self, source: Source, policy: Policy | None, now: datetime) -> Source:
        if not isinstance(source, HttpSource):
            return source
        pins = (policy.pins if policy else {}).get(source.host) or self._network.pins.get(source.host)
        if not pins:
            return source
        if standing := pins_in_force(pins, now):
            return source.pinned(standing)
        self._noted(PINS_EXPIRED, f"All pins of {source.host} have ended: its key is not checked any more.")
        return source

    def _remembered(self) -> Policy | None:
        """Return the policy that was verified last. Not verified again: all that its hosts serve will be."""
        try:
            metadata = read_regular(self._repository / "metadata" / "targets.json", KEPT_LIMIT)
            targets = json.loads(metadata)["signed"]["targets"]
            digest = targets[f"{self._app}/policy.json"]["hashes"]["sha256"]
            return read_policy(read_regular(self._repository / "documents" / digest, KEPT_LIMIT), app=self._app)
        except (OSError, ValueError, RecursionError, KeyError, TypeError, SealcastError):
            return None

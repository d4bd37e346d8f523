"""Why this device is on this release: from its own state and the signed documents that it keeps, and nothing else.

What the documents mean is decided where a check decides it (`look.outlook`), what a start does where a start decides it
(`transitions.next_step`): nothing is decided here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from ..errors import SealcastError, VerificationError
from ..values import format_time
from .directory import StateDirectory
from .events import Event, Events, Kind
from .fact import Fact
from .facts_here import facts_here
from .facts_signed import fact_of_decision, facts_of_documents, facts_of_offers, facts_of_quarantine
from .freshness import Freshness, State, freshness
from .holdings import Holdings
from .launcher import Launcher
from .look import Here, Outlook, Seen, look_back, outlook
from .record import Records
from .slots import Slots
from .stamp import stamp_holds


class Explanation(Struct, frozen=True):
    """All facts, and what a check would say if the host still served what is kept: an outlook, or an error."""

    facts: tuple[Fact, ...]
    check: Outlook | SealcastError

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as one JSON object; ``check`` is what `sealcast client check --json` prints."""
        facts = [{"topic": fact.topic, "word": fact.word, "text": fact.text, **fact.data} for fact in self.facts]
        if isinstance(self.check, Outlook):
            return {"facts": facts, "check": self.check.as_dict()}
        return {"facts": facts, "check": {"action": "refused", "why": self.check.code, "reason": self.check.what}}


def explain(launcher: Launcher, place: StateDirectory, root: bytes, now: datetime) -> Explanation:
    """Return why the device is on what it is on. Asks no host and writes nothing."""
    settings = launcher.settings
    slots = _Untouched(place.slots, place.trash)
    given = launcher.conditions(slots)
    record = Records(place.path).read()
    here = Here(
        settings=settings,
        record=record,
        held=Holdings(slots, launcher.embedded),
        given=given,
        native=launcher.native(record),
        embedded=launcher.embedded_sequence(),
    )
    change = launcher.native_change(given)
    starting = record if change is None else change(record)
    fresh = freshness(place.repository, settings.app, settings.channel, now)
    seen: Seen | SealcastError
    try:
        seen = look_back(root, place, settings, now)
    except SealcastError as error:
        seen = error
    check = _check(seen, fresh, here)
    events = list(Events(place.path, lambda: now).read())
    facts = (
        *facts_here(record, starting, here),
        *facts_of_documents(seen, fresh),
        *facts_of_quarantine(seen, record),
        *(facts_of_offers(seen, here) if isinstance(seen, Seen) else ()),
        fact_of_decision(check),
        _attempt(events),
    )
    return Explanation(facts, check)


class _Untouched(Slots):
    """Slots that are looked at and left alone: a slot that was hashed again is not stamped again."""

    def is_intact(self, manifest: str) -> bool:
        if stamp_holds(self.folder(manifest)):
            return True
        try:
            self.verify(manifest)
        except SealcastError:
            return False
        return True


def _check(seen: Seen | SealcastError, fresh: Freshness, here: Here) -> Outlook | SealcastError:
    if fresh.state is State.EXPIRED and fresh.expires is not None:
        return VerificationError(
            "EXPIRED",
            f"The {fresh.role} metadata expired at {format_time(fresh.expires)}.",
            hint="The publisher must sign it again (sealcast refresh), then publish.",
        )
    return seen if isinstance(seen, SealcastError) else outlook(seen, here)


_ENDS = frozenset({Kind.CHECK, Kind.DOWNLOAD_FAILED, Kind.UPDATE_FAILED})


def _attempt(events: list[Event]) -> Fact:
    """Say how the last look ended, as the log of events has it: no signed document can say that."""
    ends = [event for event in events if event.event in _ENDS and not event.recovered]
    if not ends:
        return Fact("attempt", "none", "Nothing was looked for yet, as far as the log goes back.")
    last = ends[-1]
    if last.event is Kind.CHECK:
        return Fact("attempt", "done", f"The last check, at {last.at}, met no error.", {"at": last.at})
    text = f"The last attempt, at {last.at}, failed ({last.why}): {last.detail}"
    return Fact("attempt", "failed", text, {"at": last.at, "code": last.why})

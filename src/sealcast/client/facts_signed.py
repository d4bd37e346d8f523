"""What the signed documents say of this device, in facts: decided where a check decides it (`look.outlook`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..documents import plain
from ..errors import SealcastError
from ..model import offer
from ..values import format_time
from .fact import Fact
from .freshness import Freshness, State
from .look import Here, Outlook, Seen
from .record import Record


def facts_of_documents(seen: Seen | SealcastError, fresh: Freshness) -> Iterator[Fact]:
    """Yield whether the documents are whole, and how long they are good."""
    if isinstance(seen, SealcastError):
        word = {"NOT_KEPT": "missing", "KEPT_ALTERED": "altered", "INCONSISTENT": "mixed"}.get(seen.code, "refused")
        yield Fact("documents", word, f"{seen.what} {seen.hint}".strip(), {"code": seen.code})
    else:
        issued = format_time(seen.issued)
        text = f"The signed documents that are kept here are whole, and were issued at {issued}."
        yield Fact("documents", "verified", text, {"issued": issued, "revision": seen.channel.revision})
    if fresh.expires is not None:
        until = format_time(fresh.expires)
        texts = {
            State.FRESH: f"They are good until {until}.",
            State.STALE: f"They end soon: the {fresh.role} metadata is good until {until}.",
            State.EXPIRED: f"The {fresh.role} metadata expired at {until}: nothing new is installed.",
        }
        yield Fact("freshness", str(fresh.state), texts[fresh.state], {"role": fresh.role, "expires": until})


def facts_of_quarantine(seen: Seen | SealcastError, record: Record) -> Iterator[Fact]:
    """Yield, for each release that failed here, why, and how that is lifted."""
    for manifest, failure in sorted(record.quarantine.items(), key=lambda item: item[1].at):
        release = None if isinstance(seen, SealcastError) else seen.channel.by_manifest(manifest)
        word, lifts = "stands", "It is tried again only under a retry that the publisher signs."
        if release is not None and release.retry > failure.retry:
            word, lifts = "lifted", "The publisher signed a retry: it may be installed again."
        elif release is None and not isinstance(seen, SealcastError):
            word, lifts = "unlisted", "The channel does not list it any more."
        text = f"Release {failure.version} failed here at {failure.at} ({failure.reason}). {lifts}"
        yield Fact("quarantine", word, text, plain(failure))


def facts_of_offers(seen: Seen, here: Here) -> Iterator[Fact]:
    """Yield who is offered the candidate, what is recalled, and how far nothing goes back."""
    yield _rollout(seen, here)
    yield from _recalls(seen, here.record)
    if seen.lowest:
        text = f"Releases of the channel below number {seen.lowest} are not gone back to."
        yield Fact("floor", "set", text, {"lowest": seen.lowest})


def fact_of_decision(check: Outlook | SealcastError) -> Fact:
    """Return what a check says, or the error that it ends with."""
    if isinstance(check, Outlook):
        return Fact("decision", check.why, check.reason, {"action": str(check.action), "version": check.version})
    return Fact("decision", check.code, f"{check.what} {check.hint}".strip(), {"action": "refused"})


def _rollout(seen: Seen, here: Here) -> Fact:
    channel = seen.channel
    candidate, rollout = channel.release(channel.candidate), channel.rollout
    if candidate is None or rollout is None:
        return Fact("rollout", "none", "No release is being rolled out.")
    if here.sequence == candidate.sequence:
        text = f"The release that is being rolled out, {candidate.version}, is installed."
        return Fact("rollout", "installed", text, {"version": candidate.version})
    found = offer(rollout, seen.halt, seen.issued, here.settings.device)
    issued = format_time(seen.issued)
    later = [step for step in rollout.steps if step.at > issued]
    data: dict[str, Any] = {
        "version": candidate.version,
        "bucket": found.bucket,
        "share": found.share,
        "issued": issued,
        "next": {"at": later[0].at, "share": later[0].permyriad} if later else None,
    }
    why = {
        "named": "this device is one of those that are named",
        "inside": "this device is among them",
        "outside": "this device is not among them yet",
        "capped": "the halt document keeps the share down, and this device out",
        "paused": "it is paused",
        "halted": "it is halted",
    }[found.why]
    text = (
        f"Release {candidate.version} is offered to {found.share / 100:g} % of devices at the signed time {issued}; "
        f"this one is number {found.bucket} of 10,000: {why}."
    )
    return Fact("rollout", found.why, text, data)


def _recalls(seen: Seen, record: Record) -> Iterator[Fact]:
    for release in record.held:
        for word, recalled in (("channel", seen.channel.recall), ("halt", seen.halt.recall)):
            if release.sequence in recalled:
                text = f"Release {release.version}, which is installed here, is recalled by the {word} document."
                yield Fact("recall", word, text, {"version": release.version})

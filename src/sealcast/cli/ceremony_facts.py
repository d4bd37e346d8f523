"""How the facts of a proposal are told: to people line by line, and to machines as one document."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..values import format_time
from .output import Piece, bad, caution, dim, good, strong
from .session import Session

if TYPE_CHECKING:
    from ..ceremony import Facts, FileFacts, Holder, PartFacts, RoleFacts

_MARKS = {"added": "+", "removed": "-", "changed": "~", "same": " "}
_NOT_KNOWN = {
    "unverified": "unverified",
    "other-key": "NOT the key that your address book has under this name",
}


def as_document(facts: Facts) -> Mapping[str, object]:
    """Return the facts for ``--json``."""
    return {**dataclasses.asdict(facts), "renewal": facts.is_renewal}


def name_of(facts: Facts, keyid: str) -> str:
    """Return the name of a key's holder, or the start of its id where it has none."""
    holders = (holder for role in facts.roles for holder in (*role.added, *role.kept, *role.removed))
    return next((holder.name for holder in holders if holder.keyid == keyid and holder.name), keyid[:16])


def tell(session: Session, facts: Facts) -> None:
    """Print the facts, what changes before what stays."""
    out = session.output
    out.fields([("repository", facts.repository), ("digest", facts.digest), ("words", strong(" ".join(facts.words)))])
    out.line()
    for part in facts.parts:
        out.line(*_part(part))
    if facts.first:
        out.line(caution("This is a first root"), ": nothing before it can vouch for it. Know every key below.")
    elif facts.is_renewal:
        out.line(good("A renewal"), ": nobody comes or goes, and no threshold, delegation or policy changes.")
    out.line()
    for role in sorted(facts.roles, key=lambda role: role.change == "same"):
        for line in _role(role):
            out.line(*line)
    for holder in facts.renamed:
        out.line("~ ", dim(holder.keyid[:16] + "…"), " is held by ", strong(holder.name), " from now on, by that name")
    for file in facts.files:
        out.line(*_file(file))
    for role_name in facts.lowered:
        out.line(bad("lower threshold"), f": {role_name}")


def _part(part: PartFacts) -> Iterator[Piece]:
    yield strong(part.role)
    version = f" {part.version}" if part.version_before is None else f" {part.version_before} → {part.version}"
    yield version
    before = "" if part.expires_before is None else f"{format_time(part.expires_before)} → "
    yield f", expires {before}{format_time(part.expires)}"
    if part.spec_version_before not in {None, part.spec_version}:
        yield f", TUF {part.spec_version_before} → {part.spec_version}"


def _role(role: RoleFacts) -> Iterator[list[Piece]]:
    line: list[Piece] = [f"{_MARKS[role.change]} ", strong(role.role)]
    if role.change == "removed":
        yield [*line, ": ", bad("goes away")]
    else:
        count = len(role.added) + len(role.kept)
        lower = role.threshold_before is not None and (role.threshold or 0) < role.threshold_before
        before = "" if role.threshold_before in {None, role.threshold} else f"{role.threshold_before} → "
        needed = f"{before}{role.threshold} of {count}"
        line += [": ", bad(needed) if lower else needed, " must sign"]
        if role.paths:
            line.append(f"; speaks for {', '.join(role.paths)}")
        if role.terminating is False:
            line.append(", not terminating")
        yield line
    for mark, holders in (("+", role.added), ("-", role.removed), (" ", role.kept)):
        for holder in holders:
            yield [f"    {mark} ", *_holder(holder)]


def _holder(holder: Holder) -> Iterator[Piece]:
    yield strong(holder.name or "(no name)")
    yield "  "
    yield dim(holder.keyid)
    if holder.standing in _NOT_KNOWN:
        yield "  "
        yield (bad if holder.standing == "other-key" else caution)(_NOT_KNOWN[holder.standing])


def _file(file: FileFacts) -> Iterator[Piece]:
    yield f"{_MARKS[file.change]} policy of "
    yield strong(file.app)
    if file.change == "removed":
        yield ": "
        yield bad("goes away")
        return
    yield ": "
    yield ", ".join(f"{channel} ({'sealed' if sealed else 'clear'})" for channel, sealed in file.sealed.items())
    if file.mirrors:
        yield f"; mirrors {', '.join(file.mirrors)}"
    for host, pins in file.pins.items():
        yield f"; keys of {host}: {', '.join(f'{digest} until {until}' for digest, until in pins.items())}"

"""``sealcast client explain``: why is this device on this release?"""

from __future__ import annotations

from pathlib import Path

from .client_options import chosen, directory_option, native_option
from .command import command
from .output import strong
from .session import Session


@command(
    example="""
    sealcast client explain --dir /opt/demo
    sealcast client explain --dir /opt/demo --json
    """,
    exits=(10,),
)
@directory_option
@native_option
def explain(session: Session, directory: Path | None, native: str | None) -> object:
    """Say why this device is on this release.

    From its own state and the signed documents that the last check left here, verified again: no host is asked, and
    nothing is written.
    """
    from ..client import Client

    client = Client.open(chosen(session, directory), native=native, clock=session.clock)
    found = client.explain()
    settings, out = client.settings, session.output
    out.line(strong(f"{settings.app}/{settings.channel}"), " on ", settings.platform)
    out.table(("about", "fact", "in words"), [(fact.topic, strong(fact.word), fact.text) for fact in found.facts])
    return {"app": settings.app, "channel": settings.channel, "platform": settings.platform, **found.as_dict()}

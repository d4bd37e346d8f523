"""An application that keeps itself up to date: ``sealcast client run -- python3 app.py``.

It says that it works when it knows that it does, and looks for updates beside its own work.
"""
# ruff: noqa: T201 - an example prints

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from sealcast.client import Client, Event, Kind, Launcher
from sealcast.errors import SealcastError


def now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def show(event: Event) -> None:
    """Show what people need to know. Called from whatever thread something happens in."""
    if event.event is Kind.STAGED:
        print(f"Version {event.version} is ready: it starts the next time.")
    elif event.event is Kind.NOTICE:
        print(event.text.get("en", ""))


def look_for_updates(client: Client) -> None:
    """Bring what is new; whatever fails, this release goes on working."""
    try:
        update = client.check()
        if update:
            client.install(update)
    except SealcastError as error:
        print(f"no update today: {error.code}")


def main() -> None:
    """Start, say that it works, and do the work."""
    place = Path(os.environ["SEALCAST_DIR"])
    print(f"This is version {os.environ['SEALCAST_VERSION']}.")  # here an app opens its window, its files, its port

    Launcher(place, clock=now).ready(os.environ["SEALCAST_NONCE"])

    updates = threading.Thread(target=look_for_updates, args=(Client.open(place, listener=show),))
    updates.start()
    updates.join()  # here an app does its work


if __name__ == "__main__":
    main()

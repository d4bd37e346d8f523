"""Update an application: ``python update.py URL ROOT APP CHANNEL DIRECTORY``.

An application carries ROOT (``1.root.json``) in its package, and calls this once in a while.
"""
# ruff: noqa: T201 - an example prints

import sys
from pathlib import Path

from sealcast.client import Client
from sealcast.errors import SealcastError


def update(url: str, root: bytes, app: str, channel: str, directory: str) -> None:
    """Bring this device up to what its channel offers."""
    client = Client(url=url, root=root, app=app, channel=channel, directory=directory)
    update = client.check()  # None, or a verified Update
    if update:
        print(f"{update.version}: {update.size} bytes to download")
        client.install(update)  # downloads what is missing, assembles, stages; the switch happens at the next start
    print(client.status().phase)


if __name__ == "__main__":
    url, root_file, app, channel, directory = sys.argv[1:]
    try:
        update(url, Path(root_file).read_bytes(), app, channel, directory)
    except SealcastError as error:  # whatever failed, what is installed goes on working
        sys.exit(f"error[{error.code}]: {error.what}\n  safe: {error.safe}\n  hint: {error.hint}")

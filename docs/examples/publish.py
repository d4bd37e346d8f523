"""Publish a folder as a new release: ``python publish.py WORKSPACE FOLDER VERSION DESTINATION``.

The workspace is one that ``sealcast init --solo`` made; the passphrase of its keys is in SEALCAST_PASSPHRASE.
"""
# ruff: noqa: T201 - an example prints

import sys

from sealcast.errors import SealcastError
from sealcast.publisher import Repository


def publish(workspace: str, folder: str, version: str, destination: str) -> None:
    """Add a release, and make it live."""
    repo = Repository.open(workspace)
    added = repo.add_release(folder, version=version)  # nothing changes for readers yet
    plan = repo.plan_publish(destination)  # a frozen plan: look at it, or
    report = plan.run()  # run it; verified as a client would, before and after
    print(f"{added.app} {version}: {added.files} files, live at {destination}; {report.releases} releases in all")


if __name__ == "__main__":
    try:
        publish(*sys.argv[1:])
    except SealcastError as error:
        sys.exit(f"error[{error.code}]: {error.what}\n  safe: {error.safe}\n  hint: {error.hint}")

"""``sealcast channel``: what each channel offers, and to which release it points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import words
from .command import command, dry_run_option
from .opened import app_option, next_publish, open_to_read, open_to_sign, signing_options
from .output import Piece, bad, caution, dim, good, strong
from .session import Session

if TYPE_CHECKING:
    from ..model import ChannelDocument, Release


def label(document: ChannelDocument) -> str:
    """Return how people call the channel: ``demo/stable``."""
    return f"{document.app}/{document.channel}"


def stable(document: ChannelDocument) -> str:
    """Return the version of the stable release, or nothing."""
    release = document.release(document.stable)
    return release.version if release else ""


def candidate(document: ChannelDocument) -> str:
    """Return the version of the candidate, or nothing."""
    release = document.release(document.candidate)
    return release.version if release else ""


def standing(document: ChannelDocument, release: Release) -> str:
    """Return what a release is in this channel: stable, candidate, recalled, or kept for going back."""
    if release.sequence in document.recall:
        return "recalled"
    if release.sequence == document.stable:
        return "stable"
    return "candidate" if release.sequence == document.candidate else "kept"


@command("list", example="sealcast channel list", exits=(3,))
@app_option
def list_channels(session: Session, app: str | None) -> object:
    """List the channels and what they offer."""
    documents = open_to_read(session).channels(app)
    session.output.table(
        ("channel", "revision", "stable", "candidate", "kept"),
        [
            (
                strong(label(one)),
                str(one.revision),
                stable(one),
                candidate(one),
                ", ".join(release.version for release in one.releases if standing(one, release) == "kept"),
            )
            for one in documents
        ],
        right=[1],
    )
    return {"channels": documents}


@command(example="sealcast channel show stable", exits=(3,))
@click.argument("channel")
@app_option
def show(session: Session, channel: str, app: str | None) -> object:
    """Show one channel: its releases, what they cost, what is recalled.

    A release is kept so that devices can go back to it. A device on another release of the channel needs one delta,
    where there is one, or the packs that hold what it lacks.
    """
    document = open_to_read(session).channel(channel, app)
    out = session.output
    out.fields(
        [
            ("channel", strong(label(document))),
            ("revision", str(document.revision)),
            ("floor", f"sequence {document.floor}" if document.floor else "none"),
        ]
    )
    out.line()
    newest_first = sorted(document.releases, key=lambda release: -release.sequence)
    rows: list[tuple[Piece, ...]] = []
    for release in newest_first:
        for platform, build in sorted(release.platforms.items()):
            whole = build.manifest.pack.size + build.packs.size
            rows.append(
                (
                    strong(release.version),
                    str(release.sequence),
                    _coloured(standing(document, release)),
                    platform,
                    words.size(build.installed),
                    words.size(whole),
                    ", ".join(_deltas(document, release, platform)) or dim("none"),
                )
            )
    out.table(("version", "sequence", "state", "platform", "installed", "download", "deltas"), rows, right=[1, 4, 5])
    return document


def _coloured(text: str) -> Piece:
    return {"stable": good, "candidate": caution, "recalled": bad, "kept": dim}[text](text)


def _deltas(document: ChannelDocument, release: Release, platform: str) -> list[str]:
    found = []
    for delta in release.platforms[platform].deltas:
        base = document.by_manifest(delta.base)
        found.append(f"{words.size(delta.size)} from {base.version if base else delta.base[:12]}")
    return found


@command(
    example="""
    sealcast channel promote beta stable
    sealcast channel promote beta stable --version 1.4.0 --json
    """,
    exits=(3, 5),
)
@click.argument("source")
@click.argument("destination")
@click.option("--version", metavar="V", help="The release; by default the stable one of SOURCE.")
@app_option
@signing_options
@dry_run_option
def promote(
    session: Session,
    source: str,
    destination: str,
    version: str | None,
    app: str | None,
    signers: Sequence[str],
    passphrase_file: Path | None,
    dry_run: bool,
) -> object:
    """Make a release of one channel the stable one of another.

    The same release, byte for byte: nothing is built again but deltas from what DESTINATION offered before.
    """
    repository = open_to_sign(session, signers, passphrase_file)
    document = repository.promote(source, destination, version=version, app=app, dry_run=dry_run)
    done = "Would promote" if dry_run else good("Promoted")
    session.output.line(done, " ", strong(stable(document)), f" from {source} to ", strong(label(document)), ".")
    if not dry_run:
        next_publish(session, repository)
    return document

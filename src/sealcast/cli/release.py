"""``sealcast release``: add a release, look at releases, compare and forget them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ..config import Effort
from ..errors import ConfigError
from . import words
from .ask import confirm
from .channel import standing
from .command import command, dry_run_option
from .opened import app_option, next_publish, open_to_read, open_to_sign, signing_options, yes_option
from .output import Piece, bad, caution, dim, good, strong
from .session import Session
from .sizes import parse_size

if TYPE_CHECKING:
    from ..model import ChannelDocument
    from ..publisher import Added, ReleaseRecord, Repository

_NOTES_LIMIT = 16_384
"""Characters that the notes of a release may have (`sealcast.model.channel`)."""


@command(
    example="""
    sealcast release add dist --version 1.0.0
    sealcast release add app-1.4.0.zip --version 1.4.0 --channel beta --notes CHANGES.md
    sealcast release add dist-arm64 --version 1.4.0 --platform linux-arm64 --candidate --json
    """,
    exits=(3, 5, 8),
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--version", required=True, metavar="V", help="The release's version, as semver.org writes them.")
@click.option("--channel", metavar="NAME", help="The channel it enters; needed only where the app has several.")
@click.option("--platform", metavar="NAME", default="any", show_default=True, help="The platform it is built for.")
@click.option(
    "--notes",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="What is new, as text.",
)
@click.option("--native", metavar="RANGE", default="", help='Native builds that it runs on, such as ">=3.2,<4".')
@click.option("--candidate", is_flag=True, help="Make it the candidate, offered to nobody until it is rolled out.")
@click.option("--allow-lower", is_flag=True, help="Accept a version below the newest: a fix to an old line.")
@click.option("--baseline", is_flag=True, help="A native app ships with it: later releases get a delta from it.")
@click.option("--effort", type=click.Choice(get_args(Effort)), help="How hard to compress, instead of what is set.")
@click.option(
    "--memory", type=parse_size, metavar="SIZE", default="1GiB", show_default=True, help="What packing may take."
)
@click.option("--no-cache", is_flag=True, help="Read every file, also those that did not change since the last time.")
@app_option
@signing_options
@dry_run_option
def add(
    session: Session,
    path: Path,
    version: str,
    channel: str | None,
    platform: str,
    notes: Path | None,
    native: str,
    candidate: bool,
    allow_lower: bool,
    baseline: bool,
    effort: Effort | None,
    memory: int,
    no_cache: bool,
    app: str | None,
    signers: Sequence[str],
    passphrase_file: Path | None,
    dry_run: bool,
) -> object:
    """Add a release from a folder or an archive.

    PATH is a folder, .zip, .whl, .tar or .tar.gz, .bz2, .xz, .zst. The release becomes the channel's stable one, or
    with --candidate its candidate. The same files under the same version again are no error.
    """
    repository = open_to_sign(session, signers, passphrase_file)
    added = repository.add_release(
        path,
        version=version,
        app=app,
        channel=channel,
        platform=platform,
        notes=_read_notes(notes) if notes else "",
        native=native,
        candidate=candidate,
        allow_lower=allow_lower,
        use_cache=not no_cache,
        baseline=baseline,
        effort=effort,
        memory=memory,
        dry_run=dry_run,
    )
    _tell_added(session, repository, added, platform, dry_run=dry_run)
    if not dry_run:
        next_publish(session, repository)
    return added


def _read_notes(path: Path) -> str:
    """Return the text in the file at ``path``. Raises ``ConfigError`` (BAD_NOTES)."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_NOTES_LIMIT + 1)
    except UnicodeDecodeError:
        text = ""
    if not text or len(text) > _NOTES_LIMIT:
        raise ConfigError(
            "BAD_NOTES",
            f"{path} does not hold UTF-8 text of up to {_NOTES_LIMIT:,} characters.",
            hint="Shorten the notes, and link to the rest.",
        )
    return text


def _tell_added(session: Session, repository: Repository, added: Added, platform: str, *, dry_run: bool) -> None:
    out, document = session.output, repository.channel(added.channel, added.app)
    build = added.release.platforms[platform]
    release = strong(f"{added.app} {added.release.version}")
    if dry_run:
        out.line("Would add ", release, f" to the channel {added.channel}. Nothing was signed.")
    else:
        where = standing(document, added.release)
        out.line(good("Added"), " ", release, f" to the channel {added.channel}, as its {where} release.")
    facts: list[tuple[str, Piece]] = [
        ("files", f"{added.files:,}, {words.size(added.size)}"),
        ("packs", f"{build.packs.count:,}, {words.size(build.packs.size)}"),
    ]
    for delta in build.deltas:
        base = document.by_manifest(delta.base)
        known = base.version if base else _baseline_with(repository, added.app, delta.base)
        facts.append(("delta", f"{words.size(delta.size)}, from {known}"))
    if added.archive is not None:
        facts.append(("archive", words.size(added.archive)))
    out.fields(facts)


def _baseline_with(repository: Repository, app: str, manifest: str) -> str:
    """Return the version of the baseline that has this manifest, by its digest."""
    for version in repository.baselines(app):
        if any(build.manifest.sha256 == manifest for build in repository.release(version, app).builds.values()):
            return version
    return manifest[:12]


@command("list", example="sealcast release list", exits=(3,))
@app_option
def list_releases(session: Session, app: str | None) -> object:
    """List the releases, the newest version first."""
    repository = open_to_read(session)
    documents, baselines = repository.channels(app), repository.baselines(app)
    releases = [(record, _standings(record, documents)) for record in repository.releases(app)]
    session.output.table(
        ("version", "platforms", "installed", "channels"),
        [
            (
                strong(record.version),
                ", ".join(sorted(record.builds)),
                words.size(max(build.installed for build in record.builds.values())),
                _places(where, baselines.get(record.version, ())) or dim("none"),
            )
            for record, where in releases
        ],
        right=[2],
    )
    return {"releases": [_facts(record, where, baselines) for record, where in releases]}


def _places(where: dict[str, str], baseline: Sequence[str]) -> str:
    places = [f"{channel} ({what})" for channel, what in where.items()]
    return ", ".join([*places, f"baseline ({', '.join(baseline)})"] if baseline else places)


def _standings(record: ReleaseRecord, documents: Sequence[ChannelDocument]) -> dict[str, str]:
    """Return what a release is in each channel that lists it."""
    found = ((document, document.by_version(record.version)) for document in documents)
    return {document.channel: standing(document, release) for document, release in found if release is not None}


def _facts(record: ReleaseRecord, where: dict[str, str], baselines: Mapping[str, Sequence[str]]) -> dict[str, object]:
    return {
        "app": record.app,
        "version": record.version,
        "added": record.added,
        "notes": record.notes,
        "channels": where,
        "baseline": baselines.get(record.version, ()),
        "platforms": record.builds,
    }


@command(example="sealcast release show 1.0.0", exits=(3,))
@click.argument("version")
@app_option
def show(session: Session, version: str, app: str | None) -> object:
    """Show one release: its builds, and the channels that offer it."""
    repository = open_to_read(session)
    record = repository.release(version, app)
    where, baselines = _standings(record, repository.channels(app)), repository.baselines(app)
    out = session.output
    out.fields(
        [
            ("release", strong(f"{record.app} {record.version}")),
            ("added", record.added),
            ("channels", _places(where, ()) or "none"),
            *([("baseline", ", ".join(baselines[version]))] if version in baselines else []),
        ]
    )
    out.line()
    out.table(
        ("platform", "installed", "packs", "download", "native", "manifest"),
        [
            (
                strong(platform),
                words.size(build.installed),
                str(build.packs.count),
                words.size(build.manifest.pack.size + build.packs.size),
                build.native or dim("any"),
                dim(f"{build.manifest.sha256[:16]}…"),
            )
            for platform, build in sorted(record.builds.items())
        ],
        right=[1, 2, 3],
    )
    if record.notes:
        out.line()
        for line in record.notes.splitlines():
            out.line("  ", line)
    return _facts(record, where, baselines)


@command(example="sealcast release diff 1.0.0 1.1.0", exits=(3, 8))
@click.argument("old")
@click.argument("new")
@click.option(
    "--platform", metavar="NAME", default="any", show_default=True, help="The platform whose builds to compare."
)
@app_option
def diff(session: Session, old: str, new: str, platform: str, app: str | None) -> object:
    """Show which files differ between two releases."""
    found = open_to_read(session).differences(old, new, app=app, platform=platform)
    out = session.output
    for path in found.added:
        out.line(good(f"+ {path}"))
    for path in found.removed:
        out.line(bad(f"- {path}"))
    for path in found.changed:
        out.line(caution(f"~ {path}"))
    for before, after in found.renamed:
        out.line(dim(f"> {before} is now {after}"))
    out.line(
        f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed, ",
        f"{len(found.renamed)} renamed, {found.unchanged} unchanged; {words.size(found.new_bytes)} are new.",
    )
    return {"old": old, "new": new, "platform": platform, "differences": found}


@command(
    example="""
    sealcast release remove 1.0.0
    sealcast release remove 1.0.0 --yes --json
    """,
    exits=(3, 5),
)
@click.argument("version")
@app_option
@yes_option
@signing_options
@dry_run_option
def remove(
    session: Session,
    version: str,
    app: str | None,
    yes: bool,
    signers: Sequence[str],
    passphrase_file: Path | None,
    dry_run: bool,
) -> object:
    """Forget a release that is live nowhere.

    Channels that kept it for going back keep it no longer. Its objects stay until they are cleaned up.
    """
    repository = open_to_sign(session, signers, passphrase_file)
    record = repository.release(version, app)
    if not yes and not dry_run:
        where = _standings(record, repository.channels(app))
        kept = f" and take it out of {', '.join(where)}" if where else ""
        confirm(session, f"Forget {record.app} {record.version}{kept}?", answered_by="--yes")
    left = repository.remove_release(version, app, dry_run=dry_run)
    release = strong(f"{record.app} {record.version}")
    if dry_run:
        session.output.line("Would forget ", release, f"; kept in: {', '.join(left) or 'no channel'}.")
    else:
        session.output.line(good("Forgot"), " ", release, ".")
        if left:
            session.output.line("No longer kept in: ", ", ".join(left), ".")
            next_publish(session, repository)
    return {"app": record.app, "version": record.version, "channels": left}


@command(
    example="""
    sealcast release baseline 3.0.0
    sealcast release baseline 3.0.0 --platform ios --json
    sealcast release baseline 1.0.0 --off
    """,
    exits=(3,),
)
@click.argument("version")
@click.option("--platform", metavar="NAME", help="Only the build for this platform.  [all]")
@click.option("--off", is_flag=True, help="No app in the field starts from it any more.")
@app_option
def baseline(session: Session, version: str, platform: str | None, off: bool, app: str | None) -> object:
    """Say that native apps ship with a release.

    Every release that is added or promoted from then on, in any channel, gets a delta from each baseline of its
    platform, so that a fresh installation is brought up to date by one small object. A baseline cannot be removed.
    """
    repository = open_to_read(session)
    platforms = repository.set_baseline(version, app, platform=platform, on=not off)
    if platforms:
        session.output.line("Release ", strong(version), f" is a baseline for {', '.join(platforms)}.")
    else:
        session.output.line("Release ", strong(version), " is no baseline.")
    return {"version": version, "baseline": platforms}

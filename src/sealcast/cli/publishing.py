"""``sealcast build``, ``publish`` and ``verify``: from the workspace to readers, and what readers get."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigError, VerificationError
from ..files import read_bounded
from . import words
from .ask import confirm
from .command import command, dry_run_option
from .opened import advise_on_roles, open_to_read, yes_option
from .output import bad, dim, good, name, strong
from .session import Session

if TYPE_CHECKING:
    from ..audit import Report
    from ..publisher import Publication, Repository

_ROOT_LIMIT = 512_000
_KINDS = ("objects/", "targets/", "metadata/")
_SHOWN_FINDINGS = 100


@command(
    example="""
    sealcast build site
    sealcast -C updates build site --json
    """,
    exits=(3, 6, 9),
)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def build(session: Session, folder: Path) -> object:
    """Write the site as a folder, and verify every byte of it.

    The folder can be copied to any host that serves files; copy metadata/timestamp.json last. Over an older build, only
    what is new is written.
    """
    report = open_to_read(session).build(folder)
    session.output.line(good("Built"), " the site ", name(folder), ".")
    _tell_report(session, report)
    advise_on_roles(session, len(report.roles))
    session.output.next("sealcast", "serve", str(folder))
    return {"site": folder, "report": report}


@command(
    example="""
    sealcast publish /srv/www/updates
    sealcast publish /srv/www/updates --dry-run
    sealcast publish --yes --json
    """,
    exits=(3, 6, 9),
)
@click.argument("destination", required=False)
@yes_option
@dry_run_option
def publish(session: Session, destination: str | None, yes: bool, dry_run: bool) -> object:
    """Bring a destination up to the workspace, in one switch.

    DESTINATION is a folder; by default the one in sealcast.toml. What is stored is read back and verified as a client
    would before metadata/timestamp.json makes it live, and again after. Readers see the old state or the new one.
    """
    repository = open_to_read(session)
    publication = repository.plan_publish(_destination(repository, destination))
    plan, out = publication.plan, session.output
    uploads = [*plan.uploads, *([plan.timestamp] if plan.changed else [])]
    planned = {
        "destination": publication.destination,
        "dry_run": dry_run,
        "uploads": [{"path": upload.path, "size": upload.size} for upload in uploads],
        "size": plan.size,
        "kept": plan.kept,
    }
    _tell_plan(session, publication, full=dry_run)
    if dry_run:
        return planned | {"report": None}
    if uploads and not yes:
        question = f"Publish {words.counted(len(uploads), 'file')} to {publication.destination}?"
        confirm(session, question, answered_by="--yes")
    report = publication.run(progress=out.progress)
    out.line(good("Live"), " at ", name(publication.destination), ".")
    _tell_report(session, report)
    out.next("sealcast", "verify", publication.destination, "--root", _root_of(repository), "--deep")
    return planned | {"report": report}


def _destination(repository: Repository, given: str | None) -> str:
    """Return where to publish to; a folder in sealcast.toml is seen from the workspace."""
    if given:
        return given
    workspace = repository.workspace
    configured = workspace.config.publish.destination
    if not configured:
        raise ConfigError(
            "NO_DESTINATION",
            "It is not said where to publish to.",
            hint="Give a folder, or set destination under [publish] in sealcast.toml.",
        )
    return configured if ":" in configured else str(workspace.folder / configured)


def _root_of(repository: Repository) -> str:
    return str(repository.workspace.folder / "metadata" / "1.root.json")


def _tell_plan(session: Session, publication: Publication, *, full: bool) -> None:
    """Say what goes up: by kind, or ``full``, file by file."""
    plan, out = publication.plan, session.output
    uploads = [*plan.uploads, *([plan.timestamp] if plan.changed else [])]
    if not uploads:
        out.line("Nothing is new: ", name(publication.destination), " is up to date.")
        return
    if full:
        for upload in uploads:
            verb = "switch" if upload is plan.timestamp else "create"
            out.line(dim(f"  {verb} "), upload.path, dim(f"  {words.size(upload.size)}"))
    kinds = {kind: [upload.size for upload in uploads if upload.path.startswith(kind)] for kind in _KINDS}
    parts = [f"{len(sizes):,} {kind.rstrip('/')} ({words.size(sum(sizes))})" for kind, sizes in kinds.items() if sizes]
    out.line("To ", name(publication.destination), ": ", ", ".join(parts), f"; {plan.kept:,} files are there already.")


def _tell_report(session: Session, report: Report) -> None:
    depth = "every byte hashed" if report.deep else "every file found"
    releases, objects = words.counted(report.releases, "release"), words.counted(report.objects, "file")
    session.output.line(
        good("Verified"),
        f" as a new client: {len(report.roles)} roles, {releases}, {objects}, {words.size(report.size)}, {depth}.",
    )


@command(
    example="""
    sealcast verify https://updates.example.org --root 1.root.json
    sealcast verify site --root updates/metadata/1.root.json --deep --json
    """,
    exits={
        3: "the root cannot be read",
        6: "something is wrong; each finding is printed",
        9: "the site cannot be read",
    },
)
@click.argument("site", metavar="PATH-OR-URL")
@click.option(
    "--root",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The root to trust, as clients carry it.",
)
@click.option("--deep", is_flag=True, help="Read and hash every byte, not only the metadata.")
def verify(session: Session, site: str, root: Path, deep: bool) -> object:
    """Walk a whole site as an auditor, trusting only a root.

    Every role, document and manifest is verified, and every file that a client could need is looked for. It goes on
    after the first thing that is wrong and reports all of them.
    """
    from ..audit import audit
    from ..fetch import open_source

    def too_large() -> VerificationError:
        return VerificationError("TOO_LARGE", f"{root} is larger than a root may be.")

    trusted = read_bounded(root, _ROOT_LIMIT, too_large)
    with tempfile.TemporaryDirectory(prefix="sealcast-") as folder:
        report = audit(
            open_source(site),
            root=trusted,
            folder=Path(folder),
            now=session.clock(),
            deep=deep,
            progress=session.output.progress,
        )
    _tell_audit(session, report)
    session.output.document({"site": site, "ok": not report.findings, "report": report})
    if report.findings:
        raise click.exceptions.Exit(VerificationError.exit_status)
    return None


def _tell_audit(session: Session, report: Report) -> None:
    out = session.output
    out.table(
        ("role", "version", "expires"),
        [(strong(role.role), str(role.version), role.expires) for role in report.roles],
        right=[1],
    )
    out.line()
    for finding in report.findings[:_SHOWN_FINDINGS]:
        out.line(bad(f"error[{finding.code}]"), f": {finding.what}")
        out.line(dim(f"  where: {finding.where}"))
    if not report.findings:
        _tell_report(session, report)
        return
    out.line(
        bad(words.counted(len(report.findings), "finding")), ". Clients refuse what is wrong and keep what they run."
    )

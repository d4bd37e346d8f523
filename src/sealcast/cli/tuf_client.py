"""``sealcast tuf``: a client for any TUF repository, in the protocol of the TUF project's conformance suite.

Options stand before the verb, and the exit status is 0 or 1, whatever went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from ..errors import ConfigError, VerificationError
from ..files import read_bounded
from .command import Entry, LazyGroup, command
from .failure import as_error
from .output import good, name
from .session import Session

_KEPT = "sealcast.tuf"
_ROOT_LIMIT = 512_000
_EXITS = {0: "all of it succeeded", 1: "any part of it failed"}


@dataclass(frozen=True, slots=True)
class _Options:
    """What stands before the verb."""

    metadata_dir: Path
    metadata_url: str | None
    target_names: Sequence[str]
    target_dir: Path | None
    target_base_url: str | None


@click.pass_context
def _keep(
    context: click.Context,
    metadata_dir: Path,
    metadata_url: str | None,
    target_names: Sequence[str],
    target_dir: Path | None,
    target_base_url: str | None,
) -> None:
    context.meta[_KEPT] = _Options(metadata_dir, metadata_url, target_names, target_dir, target_base_url)


_FOLDER = click.Path(file_okay=False, path_type=Path)

tuf = LazyGroup(
    "tuf",
    {
        "Commands": {
            "init": Entry("sealcast.cli.tuf_client:init", "Start to trust a root."),
            "refresh": Entry("sealcast.cli.tuf_client:refresh", "Bring the top-level metadata up to date."),
            "download": Entry("sealcast.cli.tuf_client:download", "Download targets, verified."),
        }
    },
    callback=_keep,
    help="A generic TUF client, for any TUF repository. Options stand before the verb.",
    params=[
        click.Option(
            ["--metadata-dir"], type=_FOLDER, required=True, metavar="DIR", help="Where trusted metadata is kept."
        ),
        click.Option(["--metadata-url"], metavar="URL", help="Where the repository's metadata is."),
        click.Option(
            ["--target-name", "target_names"], metavar="PATH", multiple=True, help="A target to download; repeatable."
        ),
        click.Option(["--target-dir"], type=_FOLDER, metavar="DIR", help="Where downloaded targets go."),
        click.Option(["--target-base-url"], metavar="URL", help="Where the repository's targets are."),
    ],
)


@contextmanager
def _one_for_any_failure(session: Session) -> Iterator[_Options]:
    """Yield the options before the verb, and end with the exit status 1 where anything fails."""
    try:
        yield click.get_current_context().meta[_KEPT]
    except Exception as failure:  # the protocol knows one failure only
        session.output.error(as_error(failure, on_device=True))
        raise click.exceptions.Exit(1) from failure


def _given(value: str | Path | None, option: str) -> str:
    if not value:
        raise ConfigError("USAGE", f"Missing option {option}, before the verb.")
    return str(value)


@command(example="sealcast tuf --metadata-dir metadata init root.json", exits=_EXITS)
@click.argument("root", type=click.Path(path_type=Path))
def init(session: Session, root: Path) -> object:
    """Start to trust a root.

    ROOT is the file that this client trusts from now on. No host is asked.
    """
    from ..tuf_client import initialise

    def too_large() -> VerificationError:
        return VerificationError("TOO_LARGE", f"{root} is larger than a root may be.")

    with _one_for_any_failure(session) as options:
        version = initialise(options.metadata_dir, read_bounded(root, _ROOT_LIMIT, too_large))
    session.output.line(good("Trusting"), f" root version {version}, kept in ", name(options.metadata_dir), ".")
    return {"metadata_dir": options.metadata_dir, "root": version}


@command(
    example="sealcast tuf --metadata-dir metadata --metadata-url https://example.org/metadata refresh", exits=_EXITS
)
def refresh(session: Session) -> object:
    """Bring the top-level metadata up to date."""
    from ..tuf_client import TufClient

    with _one_for_any_failure(session) as options:
        client = TufClient(options.metadata_dir, _given(options.metadata_url, "--metadata-url"))
        versions = client.refresh()
    session.output.line(good("Up to date"), ": ", ", ".join(f"{role} {number}" for role, number in versions.items()))
    return {"metadata_dir": options.metadata_dir, "versions": versions}


@command(
    example="""
    sealcast tuf --metadata-dir metadata --metadata-url https://example.org/metadata --target-name app/file.txt \\
        --target-dir targets --target-base-url https://example.org/targets download
    """,
    exits=_EXITS,
)
def download(session: Session) -> object:
    """Download targets, verified.

    The metadata is brought up to date first. A target that is there already with the right bytes is not asked for
    again.
    """
    from ..tuf_client import TufClient

    with _one_for_any_failure(session) as options:
        folder = Path(_given(options.target_dir, "--target-dir"))
        base_url = _given(options.target_base_url, "--target-base-url")
        _given(options.target_names[0] if options.target_names else None, "--target-name")
        client = TufClient(options.metadata_dir, _given(options.metadata_url, "--metadata-url"))
        targets = {target: client.download(target, folder, base_url) for target in options.target_names}
    for target, place in targets.items():
        session.output.line(good("Verified"), f" {target}: ", name(place))
    return {"targets": targets}

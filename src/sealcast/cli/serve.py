"""``sealcast serve``: a site on this machine, for development."""

from __future__ import annotations

from pathlib import Path

import click

from . import words
from .command import command
from .output import bad, dim, name
from .session import Session


@command(
    example="""
    sealcast serve site
    sealcast serve site --port 0 --json
    """,
    exits=(3, 9),
)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--quiet", is_flag=True, help="Do not tell of each request.")
def serve(session: Session, folder: Path, port: int, quiet: bool) -> None:
    """Serve a site on this machine, for development.

    On loopback only, and nothing but the files of a site. It ends with Ctrl-C. For real readers, use a real web server.
    """
    from ..serve import Request, SiteServer

    out = session.output

    def tell(request: Request) -> None:
        status = dim(request.status) if request.status < 400 else bad(request.status)
        out.note(status, f" {request.method} {request.path}", dim(f"  {words.size(request.size)}"))

    with SiteServer(folder, port, (lambda _: None) if quiet else tell) as server:
        out.line("Serving ", name(folder), " at ", name(server.url), dim("   (Ctrl-C ends it)"))
        out.document({"site": folder, "url": server.url})
        out.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            out.note("Stopped.")

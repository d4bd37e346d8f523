"""The app of the tour: a window without a window.

It does what a desktop shell around a web build does at its start: it serves the release's files on loopback, loads them
the way a web view would, and reports ready only once that worked. Run by ``sealcast client run -- python -m
sealcast.demo.app``, which sets the variables it reads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

_SHOWN = (".html", ".js", ".css", ".svg")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Say nothing: the tour speaks."""


def main() -> int:
    """Load the release as a web view would and report ready. Return the exit status."""
    slot = Path(os.environ["SEALCAST_SLOT"])
    pages = [path for path in sorted(slot.rglob("*")) if path.suffix in _SHOWN and path.is_file()]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(slot)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    loaded = 0
    try:
        for page in pages:
            path = quote(page.relative_to(slot).as_posix())
            with urlopen(f"http://127.0.0.1:{server.server_address[1]}/{path}", timeout=10) as answer:
                loaded += len(answer.read())
    finally:
        server.shutdown()
    version = os.environ["SEALCAST_VERSION"]
    sys.stdout.write(f"demo app {version}: loaded {len(pages)} files, {loaded:,} bytes, over its own web server\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "sealcast", "client", "ready"], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())

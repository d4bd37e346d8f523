"""What scenarios are held against, each in a process of its own: ``python -m tests.benchmarks.reference STEP …``.

Like our own steps these print ``{"seconds": …}``, without the interpreter's start and the imports.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def one_change(tree: str, paths: str, old: str, new: str, level: str) -> float:
    """Look at every file of a tree, compress the contents of one pack, and make one delta."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    names = json.loads(Path(paths).read_bytes())
    start = time.perf_counter()
    count = sum(1 for _ in _looks(tree))
    pack = b"".join(Path(tree, name).read_bytes() for name in names)
    options: dict[int, int] = {zstd.CompressionParameter.compression_level: int(level)}
    zstd.compress(pack, options=options)
    prefix = zstd.ZstdDict(Path(old).read_bytes(), is_raw=True).as_prefix
    zstd.compress(Path(new).read_bytes(), options=options, zstd_dict=prefix)
    seconds = time.perf_counter() - start
    if not count:
        raise ValueError(tree)
    return seconds


def timestamp(root: str, signed: str) -> float:
    """Import python-tuf's client and verify one timestamp."""
    start = time.perf_counter()
    import tuf.ngclient  # noqa: F401 - its cost is what is asked for
    from tuf.api.metadata import Metadata, Root, Timestamp

    trusted = Metadata[Root].from_bytes(Path(root).read_bytes()).signed
    found = Metadata[Timestamp].from_bytes(Path(signed).read_bytes())
    trusted.verify_delegate("timestamp", found.signed_bytes, found.signatures)
    return time.perf_counter() - start


def _looks(folder: str) -> Iterator[os.stat_result]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _looks(entry.path)
            else:
                yield entry.stat(follow_symlinks=False)


STEPS: dict[str, Callable[..., float]] = {"one-change": one_change, "timestamp": timestamp}


def main() -> int:
    """Run one step."""
    name, *arguments = sys.argv[1:]
    sys.stdout.write(json.dumps({"seconds": STEPS[name](*arguments)}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

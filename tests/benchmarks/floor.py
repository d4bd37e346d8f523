# ruff: noqa: PTH103, PTH123 (a floor is laid with the system's own calls)
"""What no client can do without: decompress, hash and write the new release durably. Ours is held against this.

    python -m tests.benchmarks.floor make|apply OLD NEW FOLDER

A patch of zstd with the old contents as prefix, at level 3; then the new tree written from it and from the files that
stayed, each hashed, written and brought to the disk by the same means as ours: eight threads, every file, then every
folder, then a rename.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks.trees import Pair

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_OPEN = 32
_THREADS = 8


def make(pair: Pair) -> None:
    """Write the patch, and the list of files: path, digest, size, and the old path of what stayed."""
    prefix, data = pair.base.read_bytes(), pair.changed.read_bytes()
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: 3,
        zstd.CompressionParameter.window_log: max(10, min(27, (len(prefix) + len(data)).bit_length())),
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    (pair.folder / "floor.zst").write_bytes(zstd.compress(data, options=options, zstd_dict=_prefix(prefix)))
    held = {digest: path for path, (digest, _) in pair.before.items()}
    made, place = {}, 0
    for path in pair.made:
        digest, size = pair.after[path]
        made[digest] = place
        place += size
    listed = [
        (path, digest, size, held.get(digest), made.get(digest, 0)) for path, (digest, size) in pair.after.items()
    ]
    (pair.folder / "floor.json").write_text(json.dumps(listed), "utf-8")


def apply(old: Path, folder: Path) -> dict[str, float]:
    """Write the new tree to ``folder/floor`` and return how many seconds it took, by the clock and of the CPU."""
    listed = json.loads((folder / "floor.json").read_bytes())
    start, cpu = time.perf_counter(), time.process_time()
    prefix = (folder / "base").read_bytes()
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 27}
    data = zstd.decompress((folder / "floor.zst").read_bytes(), options=options, zstd_dict=_prefix(prefix))
    del prefix
    out = folder / "floor.tmp"
    out.mkdir()
    handles: list[int] = []
    made = {""}
    for path, digest, size, held, place in listed:
        content = _read(f"{old}/{held}") if held is not None else data[place : place + size]
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(path)
        parent = path.rpartition("/")[0]
        if parent not in made:
            os.makedirs(f"{out}/{parent}", exist_ok=True)
            made.add(parent)
        handles.append(os.open(f"{out}/{path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.write(handles[-1], content)
        if len(handles) >= _OPEN:
            _sync(handles)
    _sync(handles)
    for directory, _, _ in os.walk(out):
        handle = os.open(directory, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    out.rename(folder / "floor")
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _sync(handles: list[int]) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(os.fsync, handles))
    for handle in handles:
        os.close(handle)
    handles.clear()


def _prefix(data: bytes) -> Any:
    """Return the contents as libzstd takes them; fewer than eight bytes are no prefix."""
    return zstd.ZstdDict(data, is_raw=True).as_prefix if len(data) >= 8 else None


def main() -> int:
    """Run one step, and print its time."""
    name, old, new, folder = sys.argv[1], *map(Path, sys.argv[2:])
    facts: dict[str, float] = {}
    if name == "make":
        make(Pair(old, new, folder))
    else:
        facts = apply(old, folder)
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

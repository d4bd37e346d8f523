"""The steps of peers that are Python libraries. Runs by itself, under the interpreter of the peers' environment.

    python foreign.py STEP FILE…

Prints ``{"seconds": …, "cpu": …}``: the time of the work, without the interpreter's start and the imports.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def hdiffpatch_make() -> Callable[..., None]:
    import hdiffpatch

    def step(base: Path, new: Path, patch: Path) -> None:
        patch.write_bytes(hdiffpatch.diff(base.read_bytes(), new.read_bytes(), compression="lzma2"))

    return step


def hdiffpatch_apply() -> Callable[..., None]:
    import hdiffpatch

    def step(base: Path, patch: Path, result: Path) -> None:
        result.write_bytes(hdiffpatch.apply(base.read_bytes(), patch.read_bytes()))

    return step


def bsdiff4_make() -> Callable[..., None]:
    import bsdiff4

    def step(base: Path, new: Path, patch: Path) -> None:
        bsdiff4.file_diff(str(base), str(new), str(patch))

    return step


def bsdiff4_apply() -> Callable[..., None]:
    import bsdiff4

    def step(base: Path, patch: Path, result: Path) -> None:
        bsdiff4.file_patch(str(base), str(result), str(patch))

    return step


def _tufup_repository(folder: Path) -> Any:
    from tufup.repo import Repository

    os.chdir(folder)  # where it keeps its configuration
    return Repository(app_name="bench", repo_dir=folder / "site", keys_dir=folder / "keys")


def tufup_first() -> Callable[..., None]:
    def step(folder: Path, tree: Path) -> None:
        repository = _tufup_repository(folder)
        repository.save_config()
        repository.initialize()
        repository.add_bundle(new_bundle_dir=tree, new_version="1.0")
        repository.publish_changes(private_key_dirs=[folder / "keys"])

    return step


def tufup_make() -> Callable[..., None]:
    from tufup.repo import Repository

    def step(folder: Path, tree: Path) -> None:
        os.chdir(folder)
        repository = Repository.from_config()
        repository.add_bundle(new_bundle_dir=tree, new_version="2.0")
        repository.publish_changes(private_key_dirs=[folder / "keys"])

    return step


def tufup_apply() -> Callable[..., None]:
    from tufup.client import Client

    def step(device: Path, url: str, version: str) -> None:
        client = Client(
            app_name="bench",
            app_install_dir=device / "app",
            current_version=version,
            metadata_dir=device / "metadata",
            metadata_base_url=f"{url}/metadata/",
            target_dir=device / "targets",
            target_base_url=f"{url}/targets/",
            extract_dir=device / "extracted",
            refresh_required=True,
        )
        if client.check_for_updates():
            client.download_and_apply_update(skip_confirmation=True, install=lambda src_dir, dst_dir: None)

    return step


STEPS = {
    "tufup-first": tufup_first,
    "tufup-make": tufup_make,
    "tufup-apply": tufup_apply,
    "hdiffpatch-make": hdiffpatch_make,
    "hdiffpatch-apply": hdiffpatch_apply,
    "bsdiff4-make": bsdiff4_make,
    "bsdiff4-apply": bsdiff4_apply,
}


def main() -> None:
    name, *files = sys.argv[1:]
    step = STEPS[name]()
    start, cpu = time.perf_counter(), time.process_time()
    step(*(Path(word) if word.startswith("/") else word for word in files))
    print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()

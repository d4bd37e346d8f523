"""The package is quick to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("tuf", "securesystemslib", "cryptography", "backports.zstd._zstd", "compression.zstd", "asyncio", "urllib3")


@pytest.mark.parametrize("module", HEAVY)
def test_importing_it_loads_neither_authority_nor_zstd(module: str) -> None:
    code = f"import sealcast.packs, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

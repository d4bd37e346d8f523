"""The switches of conftest.py do what they promise: each is shown a small suite that must turn red."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CANARY

CONFTEST = Path(__file__).with_name("conftest.py")
SKIPPED = "import pytest\n\n@pytest.mark.skip(reason='no such tool')\ndef test_it(): ...\n"
# What would change the inner run: the outer one's switches, its measurement and its workers.
DROPPED = ("SEALCAST_", "COVERAGE_", "PYTEST_", "HYPOTHESIS_")
CLEAN = "def test_it(): assert True\n"


def run_suite(directory: Path, source: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (directory / "conftest.py").write_text(CONFTEST.read_text("utf-8"), "utf-8")
    (directory / "test_sample.py").write_text(source, "utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the plug-ins' start would cost more than the test
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *options, str(directory)]
    return subprocess.run(
        command,
        cwd=directory,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "with workers"])
def test_a_skip_fails_the_run_only_when_asked(tmp_path: Path, options: tuple[str, ...]) -> None:
    tolerant = run_suite(tmp_path, SKIPPED, *options)
    assert tolerant.returncode == 0, tolerant.stdout
    strict = run_suite(tmp_path, SKIPPED, *options, SEALCAST_FAIL_ON_SKIP="1")
    assert strict.returncode == 1, strict.stdout
    assert "no such tool" in strict.stdout
    assert "counts a skip as a failure" in strict.stdout


def test_a_run_without_skips_passes_when_they_count(tmp_path: Path) -> None:
    assert run_suite(tmp_path, CLEAN, SEALCAST_FAIL_ON_SKIP="1").returncode == 0


def test_a_passphrase_in_the_output_fails_the_test(tmp_path: Path) -> None:
    ways = ["print(passphrase)", "logging.getLogger().warning(passphrase)", "os.write(2, passphrase.encode())"]
    tests = [f"def test_{number}(passphrase): {way}\n" for number, way in enumerate(ways)]
    result = run_suite(tmp_path, "import logging, os\n\n" + "".join(tests))
    assert f"{len(ways)} failed" in result.stdout
    for stream in ("stdout", "log", "stderr"):
        assert f"a passphrase shows in the captured {stream}" in result.stdout


def test_passphrases_of_the_developer_are_dropped(tmp_path: Path) -> None:
    source = "import os\n\ndef test_it(): assert not [n for n in os.environ if n.startswith('SEALCAST_P')]\n"
    assert run_suite(tmp_path, source, SEALCAST_PASSPHRASE_ALICE=CANARY, SEALCAST_PIN="1").returncode == 0

"""What holds for every test: deterministic examples, no silent skips, no passphrase in any output."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

FAIL_ON_SKIP = bool(os.environ.get("SEALCAST_FAIL_ON_SKIP"))

CANARY = "canary-passphrase-5f0c9"
"""The passphrase that tests use. A test that lets it show in its output fails, whatever else it checks."""

# The machine that runs the tests may be slow: a deadline would fail tests for that and nothing else.
settings.register_profile(
    "ci",
    derandomize=True,  # the same examples everywhere: a red run can be repeated
    print_blob=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def _scratch() -> str | None:
    """Return a folder in memory for what tests write, or None where there is none that is large and runs programs.

    Every commit of a publisher and of a client waits for the disk, and a test would wait for it many thousand times.
    """
    memory = Path("/dev/shm")
    if os.name != "posix" or not os.access(memory, os.W_OK) or "TMPDIR" in os.environ:
        return None
    facts = os.statvfs(memory)
    large = facts.f_bavail * facts.f_frsize >= 2 << 30
    return str(memory) if large and not facts.f_flag & os.ST_NOEXEC else None


if _memory := _scratch():
    os.environ["TMPDIR"] = _memory
    tempfile.tempdir = None  # what it found before is forgotten

# A developer's own secrets must neither help nor break a test.
for _name in [name for name in os.environ if name.startswith(("SEALCAST_PASSPHRASE", "SEALCAST_PIN"))]:
    del os.environ[_name]


@pytest.fixture
def passphrase() -> str:
    """The passphrase to protect test keys with."""
    return CANARY


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    leaks = [name for name, text in report.sections if CANARY in text]
    if leaks and not report.failed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a passphrase shows in the {' and the '.join(leaks).lower()}"
    return report


def _skips(config: pytest.Config) -> int:
    # Workers of xdist have no reporter of their own: the process that started them counts for all.
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if reporter and FAIL_ON_SKIP else 0


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skips(session.config) and session.exitstatus in (
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := _skips(config):
        terminalreporter.write_line(f"{count} skipped, and SEALCAST_FAIL_ON_SKIP counts a skip as a failure", red=True)

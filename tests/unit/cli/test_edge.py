from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC

import pytest

from sealcast.cli import edge


def test_now_is_in_utc() -> None:
    assert edge.now().tzinfo is UTC


def test_no_character_can_make_printing_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # has nothing to set
    _, stdout, _ = edge.streams()
    stdout.write("5 €")
    stdout.flush()
    assert buffer.getvalue() == b"5 \\u20ac"


def test_dropped_output_is_gone_and_says_nothing() -> None:
    program = "from sealcast.cli import edge; print('before', flush=True); edge.drop_output(); print('after')"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=True)
    assert (result.stdout, result.stderr) == ("before\n", "")


def test_streams_without_a_file_cannot_be_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.StringIO())
    edge.drop_output()


@pytest.mark.skipif(sys.platform == "win32", reason="streams are closed the POSIX way")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_process_without_a_stream_runs_as_well(closed: str) -> None:
    program = f'"{sys.executable}" -m sealcast'
    command = f"{program} completion fish {closed} && {program} serve /nowhere {closed}"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 2
    assert "Traceback" not in result.stdout + result.stderr

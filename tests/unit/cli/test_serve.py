from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from .conftest import Run


@pytest.fixture
def site(run: Run, place: Path) -> Path:
    assert run("-C", "ws", "build", "site").status == 0
    return place / "site"


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sealcast", "serve", "site", "--port", "0", *words]
    before = signal.getsignal(signal.SIGINT)
    # What a script runs beside itself ignores interrupts: these tests then, and their children too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    return process.returncode, errors


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt cannot be sent to one process there")
def test_serve_until_it_is_stopped(site: Path) -> None:
    process = start()
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Serving site at http://127.0.0.1:")
    url = line.split()[3]
    with urllib.request.urlopen(f"{url}/metadata/timestamp.json", timeout=30) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{url}/keys/root.pem", timeout=30)
    missing.value.close()
    assert process.stderr is not None
    told = {process.stderr.readline().partition("  ")[0] for _ in range(2)}
    assert told == {"200 GET /metadata/timestamp.json", "404 GET /keys/root.pem"}
    assert stop(process) == (0, "Stopped.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt cannot be sent to one process there")
def test_serve_for_machines(site: Path) -> None:
    process = start("--json", "--quiet")
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n"):
        text += process.stdout.readline()
    document = json.loads(text)
    with urllib.request.urlopen(f"{document['url']}/metadata/timestamp.json", timeout=30) as answer:
        assert answer.status == 200
    assert stop(process) == (0, "Stopped.\n")
    assert document["site"] == "site"


def test_what_is_no_site(run: Run, place: Path) -> None:
    said = run("serve", "old")
    assert (said.status, said.code) == (3, "NO_SITE")

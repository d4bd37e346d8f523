"""Real processes: started, told signals, ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from sealcast.client import child as module
from sealcast.client.child import Child
from sealcast.errors import InstallError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def python(code: str, folder: Path, **environment: str) -> Child:
    return Child([sys.executable, "-c", code], folder=folder, environment={**os.environ, **environment})


def wait_for(path: Path) -> None:
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path.name} does not come")


def test_it_runs_in_its_folder_with_its_environment(tmp_path: Path) -> None:
    with python("import os; open('out', 'w').write(os.environ['X'])", tmp_path, X="given") as child:
        assert child.wait() == 0
    assert (tmp_path / "out").read_text() == "given"
    assert not child.stopped


def test_its_exit_status_is_handed_on(tmp_path: Path) -> None:
    with python("import sys; sys.exit(37)", tmp_path) as child:
        assert child.wait() == 37
    with python("import os; os.kill(os.getpid(), 9)", tmp_path) as child:
        assert child.wait() == 128 + 9


def test_a_wait_can_end_before_it(tmp_path: Path) -> None:
    with python("import time; time.sleep(60)", tmp_path) as child:
        started = time.monotonic()
        assert child.wait(0.05) is None
        assert time.monotonic() - started < 60


@pytest.mark.parametrize("command", ["no-such-program", "bad\0name"])
def test_a_command_that_cannot_be_started(tmp_path: Path, command: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises(InstallError) as caught,
        Child([command], folder=tmp_path, environment={}),
    ):
        raise AssertionError
    assert caught.value.code == "CANNOT_START"
    assert signal.getsignal(signal.SIGTERM) == before


def test_leaving_the_block_ends_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), python("import time; time.sleep(60)", tmp_path) as child:
        raise RuntimeError
    assert child.wait(0) == 128 + signal.SIGTERM


def test_what_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.2)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); open('up', 'w'); time.sleep(60)"
    with python(stubborn, tmp_path) as child:
        wait_for(tmp_path / "up")
        child.end()
        assert child.wait(0) == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_it(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(42))\n"
        "open('up', 'w')\n"
        "time.sleep(60)"
    )
    handlers = signal.getsignal(number)
    with python(code, tmp_path) as child:
        wait_for(tmp_path / "up")
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        assert child.wait(20) == 42
    assert child.stopped
    assert signal.getsignal(number) == handlers


def test_what_the_launcher_was_told_to_ignore_stays_ignored(tmp_path: Path) -> None:
    """As `nohup` asks for: also in the child, which inherits it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with python("import signal, sys; sys.exit(signal.getsignal(1) != signal.SIG_IGN)", tmp_path) as child:
            os.kill(os.getpid(), signal.SIGHUP)
            assert child.wait(20) == 0
        assert not child.stopped
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_on_a_terminal_reaches_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
    with python("import time; time.sleep(60)", tmp_path) as child:
        os.kill(os.getpid(), signal.SIGINT)
        assert child.wait(0.3) is None, "the terminal tells it, not the launcher"
        assert child.stopped


def test_a_signal_before_the_process_is_there_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.subprocess.Popen

    def slow(*arguments: object, **more: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(module.subprocess, "Popen", slow)
    with python("import time; time.sleep(60)", tmp_path) as child:
        assert child.wait(20) == 128 + signal.SIGTERM


def test_beside_the_main_thread_signals_are_left_alone(tmp_path: Path) -> None:
    found: list[object] = []

    def work() -> None:
        before = signal.getsignal(signal.SIGTERM)
        with python("pass", tmp_path) as child:
            found.append(signal.getsignal(signal.SIGTERM) == before)
            found.append(child.wait())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True, 0]

from __future__ import annotations

import os
import sys

import pytest

from tests.benchmarks.measure import BenchmarkError, Usage, best_of, run, told

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the launcher forks, as the benchmarks' systems do")

PYTHON = [sys.executable, "-I", "-S", "-c"]


def test_a_command_is_run_and_its_memory_is_its_own() -> None:
    held = bytearray(150 * 2**20)  # what the caller holds must not count
    held[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(held[:: os.sysconf("SC_PAGE_SIZE")])
    small = run([*PYTHON, "print('hello')"])
    large = run([*PYTHON, "x = b'y' * 80_000_000"])
    assert small.output == "hello\n"
    assert small.usage.peak < 60 * 2**20
    assert large.usage.peak > small.usage.peak + 60 * 2**20
    assert small.usage.seconds > 0
    assert 0 < small.usage.cpu == small.usage.process


def test_a_command_that_tells_its_time_is_believed() -> None:
    ran = run([*PYTHON, """print('noise'); print('{"seconds": 12.5, "cpu": 0.25, "size": 3}')"""])
    assert ran.usage.seconds == 12.5
    assert ran.usage.cpu == 0.25
    assert 0 < ran.usage.process != 0.25
    assert ran.facts["size"] == 3


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ([*PYTHON, "import sys; sys.exit('it broke')"], "ended with 1: it broke"),
        ([*PYTHON, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"], "ended with"),
        (["no-such-program-anywhere"], "No such file"),
    ],
)
def test_a_command_that_fails_has_no_figures(command: list[str], says: str) -> None:
    with pytest.raises(BenchmarkError, match=says):
        run(command)


def test_a_command_that_never_ends_is_given_up() -> None:
    with pytest.raises(BenchmarkError, match="given up"):
        run([*PYTHON, "import time; time.sleep(60)"], limit=0.3)


def test_variables_are_set_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_GONE", "1")
    script = "import os; print(os.environ.get('BENCH_GONE'), os.environ.get('BENCH_SET'))"
    assert run([*PYTHON, script], env={"BENCH_GONE": None, "BENCH_SET": "2"}).output == "None 2\n"


@pytest.mark.parametrize(
    ("output", "facts"),
    [("", {}), ("{broken", {}), ("[1]", {}), ('a\n{"b": 1}\n\n', {"b": 1}), ('{"b": 1}\na', {})],
)
def test_only_a_last_line_of_json_tells(output: str, facts: dict[str, int]) -> None:
    assert told(output) == facts


def test_steps_add_up_and_the_quickest_counts() -> None:
    one, two = Usage(1, 2, 3, 40), Usage(10, 20, 30, 4)
    assert one + two == Usage(11, 22, 33, 40)
    assert best_of([two, one]) is one
    assert one.as_json() == {"seconds": 1, "cpu": 2, "process": 3, "peak": 40}

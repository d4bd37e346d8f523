from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sealcast import __version__
from sealcast.cli import app, edge, main
from sealcast.cli.command import Command, Entry, command
from sealcast.cli.session import Session
from sealcast.errors import ObjectError

Raise = Callable[[BaseException], None]


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A command ``trial`` in the tree; what is in the list is raised or returned by it."""
    outcome: list[object] = [None]

    @command("trial", example="sealcast trial", exits={8: "damaged"})
    @click.option("--size", type=int)
    def made(session: Session, size: int | None) -> object:
        """Try."""
        del size
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        session.output.line("in ", session.directory.as_posix())
        return outcome[0]

    monkeypatch.setattr("sealcast.cli.completion.made", made, raising=False)
    monkeypatch.setitem(app.ROOT._entries, "trial", Entry("sealcast.cli.completion:made", "Try."))
    return outcome


def test_the_version() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "sealcast", "--version"], capture_output=True, text=True, check=True, timeout=600
    )
    assert result.stdout == f"sealcast {__version__}\n"


def test_the_help_shows_the_tree_and_the_quick_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "completion" in text
    assert "sealcast init updates --app demo --solo" in text


def test_without_a_command_the_help_is_printed_as_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage: sealcast" in captured.err
    assert main(["key"]) == 2
    assert "Usage: sealcast key" in capsys.readouterr().err


def test_the_processes_own_arguments_are_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sealcast", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("sealcast ")


def test_a_command_works_where_it_is_told_to(
    trial: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(tmp_path), "--no-color", "trial"]) == 0
    assert capsys.readouterr().out == f"in {tmp_path.as_posix()}\n"
    assert main(["-C", str(tmp_path / "nowhere"), "trial"]) == 2


def test_what_a_command_returns_is_its_document(trial: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    trial[0] = {"answer": 42}
    assert main(["trial", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"answer": 42}
    assert main(["trial"]) == 0
    assert capsys.readouterr().out == "in .\n"


def test_a_command_that_forgets_its_document_is_found_out(
    trial: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trial", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "INTERNAL"


@pytest.mark.parametrize(
    ("exception", "status", "code"),
    [
        (ObjectError("BAD_PACK", "Damaged."), 8, "BAD_PACK"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "NO_SPACE"),
        (KeyboardInterrupt(), 130, "INTERRUPTED"),
        (click.Abort(), 130, "INTERRUPTED"),
        (ZeroDivisionError("x"), 1, "INTERNAL"),
        (RecursionError(), 1, "INTERNAL"),
        (click.UsageError("Odd"), 2, "USAGE"),
    ],
)
def test_every_failure_has_its_status_and_no_traceback(
    trial: list[object], capsys: pytest.CaptureFixture[str], exception: BaseException, status: int, code: str
) -> None:
    trial[0] = exception
    assert main(["trial"]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error[{code}]: ")
    assert "Traceback" not in captured.err
    assert main(["trial", "--json"]) == status
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_an_interrupt_while_the_program_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sealcast.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "sealcast.cli.app")
    monkeypatch.delattr("sealcast.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    assert main(["--version"]) == 130


def test_an_exit_status_without_an_error(trial: list[object]) -> None:
    trial[0] = click.exceptions.Exit(7)
    assert main(["trial"]) == 7


def test_the_traceback_is_there_for_who_asks(
    trial: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALCAST_DEBUG", "1")
    trial[0] = ZeroDivisionError("x")
    assert main(["trial"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trial", "--sice", "3"], "--size"),
        (["trial", "--size", "much"], "'much' is not a valid integer"),
        (["tryal"], "Did you mean trial?"),
        (["zzz"], "There is no command 'zzz'."),
        (["--zzz"], "No such option"),
        (["trial", "a\nsafe: lie"], "a\\nsafe: lie"),
    ],
)
def test_a_wrong_command_line_is_told_in_the_same_form(
    trial: list[object], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error[USAGE]: ")
    assert message in captured.err
    assert captured.err.count("\n") == 3
    assert main([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "USAGE"


def test_json_after_two_dashes_is_somebody_elses(trial: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trial", "--", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_a_device_error_is_of_the_device(
    trial: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(app.CLIENT._entries, "trial", Entry("sealcast.cli.completion:made", "Try."))
    trial[0] = OSError(errno.ENOSPC, "No space left on device")
    for words in (["client", "trial"], ["--no-color", "-C", ".", "client", "trial"]):
        assert main(words) == 10
        assert "the release that worked last" in capsys.readouterr().err.lower()
    assert main(["-C", "client", "trial"]) == 2  # there is no such folder
    assert main(["trial", "client"]) == 2
    assert main(["--no-color", "-C"]) == 2
    assert main(["trial"]) == 3


def test_a_reader_that_leaves_early_is_no_error(trial: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[bool] = []
    monkeypatch.setattr(edge, "drop_output", lambda: dropped.append(True))
    trial[0] = BrokenPipeError()
    assert main(["trial"]) == 141
    assert dropped == [True]


def run_into(target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    with Path(target).open("w") as stream:
        return subprocess.run(
            [sys.executable, "-m", "sealcast", *arguments],
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
            check=False,
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_a_redirection_is_told() -> None:
    result = run_into("/dev/full", "completion", "fish")
    assert result.returncode == 3
    assert result.stderr.startswith("error[NO_SPACE]: ")
    assert "Traceback" not in result.stderr


def test_a_closed_pipe_is_quiet() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sealcast", "completion", "zsh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=600)
    assert (process.returncode, errors) == (141, b"")


def test_when_even_the_error_cannot_be_told_the_status_is(trial: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    dropped: list[bool] = []
    monkeypatch.setattr(edge, "drop_output", lambda: dropped.append(True))
    monkeypatch.setattr("sealcast.cli.output.Output.error", refuse)
    trial[0] = ObjectError("BAD_PACK", "Damaged.")
    assert main(["trial"]) == 8
    assert dropped == [True]


def test_commands_and_options_are_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SEALCAST_COMPLETE", "fish_complete")
    for words, incomplete, expected in (
        ("sealcast compl", "compl", "completion"),
        ("sealcast --no", "--no", "--no-color"),
        ("sealcast completion z", "z", "zsh"),
        ("sealcast key pass", "pass", "passwd"),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", incomplete)
        assert main([]) == 0
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_SEALCAST_COMPLETE" in capsys.readouterr().out


def test_a_command_is_of_our_kind(trial: list[object]) -> None:
    context = click.Context(app.ROOT)
    found = app.ROOT.get_command(context, "trial")
    assert isinstance(found, Command)
    assert found.exits == {
        0: "done",
        2: "the arguments or the configuration must be corrected",
        8: "damaged",
    }
    assert app.ROOT.get_command(context, "nothing") is None

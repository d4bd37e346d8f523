"""Runs the transcripts beside this file: each is a story a user could live, told in the commands they would type.

# a remark
$ sealcast …          run the command line as a process; it must end with status 0
$ sealcast … !6 CODE  … or with this status, and this code in what it says
> text                the last command printed this, somewhere; several in a row must come in this order
>! text               … and did not print this
write PATH TEXT       make a file            serve FOLDER     serve it on loopback, as $URL
copy FROM TO          copy a file or folder  flip GLOB        flip one bit in the largest file that matches
remove PATH           remove it              cut GLOB         cut the largest file that matches in half
same A B              both files are equal   missing PATH     there is nothing
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import Server

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
_SECONDS = 600


class Play:
    """One transcript under way, in a folder of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._printed = ""
        self._rest = ""
        self._variables = {"PYTHON": sys.executable}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SEALCAST_")}
        self._environment = {**kept, "PYTHONUTF8": "1", "COLUMNS": "200"}

    def act(self, line: str) -> None:
        """Carry out one line."""
        for name, value in self._variables.items():
            line = line.replace(f"${name}", value)
        verb, _, rest = line.partition(" ")
        if verb == "$":
            self._run(rest)
        elif verb == ">":
            before, found, self._rest = self._rest.partition(rest)
            assert found, f"{rest!r} was not printed, or not in this order, in:\n{self._printed or before}"
        elif verb == ">!":
            assert rest not in self._printed, f"{rest!r} was printed:\n{self._printed}"
        elif verb == "export":
            name, _, value = rest.partition("=")
            self._environment[name] = value
        else:
            getattr(self, f"do_{verb}")(*shlex.split(rest))

    def _run(self, text: str) -> None:
        words = shlex.split(text)
        status, code = 0, ""
        if "!" in {word[:1] for word in words[-2:]}:
            at = max(number for number, word in enumerate(words) if word.startswith("!"))
            status, code = int(words[at][1:]), (words[at + 1 :] or [""])[0]
            words = words[:at]
        assert words[0] == "sealcast"
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
        self._printed = self._rest = done.stdout + done.stderr
        assert done.returncode == status, f"status {done.returncode} for {text}\n{self._printed}"
        assert code in self._printed, f"no {code} in:\n{self._printed}"
        assert "Traceback" not in self._printed

    def do_write(self, path: str, text: str) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("\\n", "\n") + "\n", encoding="utf-8")

    def do_serve(self, folder: str) -> None:
        server = self._stack.enter_context(Server(folder=self.folder / folder))
        self._variables["URL"] = server.url

    def do_copy(self, source: str, destination: str) -> None:
        place = self.folder / source
        if place.is_dir():
            shutil.copytree(place, self.folder / destination, dirs_exist_ok=True)
        else:
            shutil.copyfile(place, self.folder / destination)

    def do_remove(self, path: str) -> None:
        for place in self._matching(path):
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink()

    def do_flip(self, pattern: str) -> None:
        place = self._largest(pattern)
        data = bytearray(place.read_bytes())
        data[len(data) // 2] ^= 1
        place.write_bytes(data)

    def do_cut(self, pattern: str) -> None:
        place = self._largest(pattern)
        data = place.read_bytes()
        place.write_bytes(data[: len(data) // 2])

    def do_same(self, one: str, other: str) -> None:
        assert (self.folder / one).read_bytes() == (self.folder / other).read_bytes()

    def do_missing(self, path: str) -> None:
        assert not (self.folder / path).exists()

    def _matching(self, pattern: str) -> list[Path]:
        found = list(self.folder.glob(pattern))
        assert found, f"nothing matches {pattern}"
        return found

    def _largest(self, pattern: str) -> Path:
        return max((path for path in self._matching(pattern) if path.is_file()), key=lambda path: path.stat().st_size)


def _lines(transcript: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(transcript.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(transcript: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        play = Play(tmp_path, stack)
        for number, line in _lines(transcript):
            try:
                play.act(line)
            except AssertionError as error:
                raise AssertionError(f"{transcript.name}, line {number}: {line}\n{error}") from error


def test_a_transcript_can_fail(tmp_path: Path) -> None:
    with ExitStack() as stack:
        play = Play(tmp_path, stack)
        play.act("$ sealcast --version")
        with pytest.raises(AssertionError, match="was not printed"):
            play.act("> something else")
        with pytest.raises(AssertionError, match="status 2"):
            play.act("$ sealcast no-such-command")
        with pytest.raises(AssertionError, match="no SOMETHING"):
            play.act("$ sealcast no-such-command !2 SOMETHING")

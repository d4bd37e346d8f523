"""Orders to `tests.attacks.victim`, from the side of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TOP = Path(__file__).parents[2]


class Victims:
    """One process that has imported everything, and forks for each order: so a hundred deaths take seconds."""

    def __init__(self, watch: Path) -> None:
        """``watch`` is the folder below which changes are counted."""
        self._watch = str(watch)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEALCAST_", "COV"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.victim"],
            cwd=TOP,
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def order(self, work: str, **more: Any) -> Any:
        """Have one piece of work done, or begun, and return how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        fields = {name: str(value) if isinstance(value, Path) else value for name, value in more.items()}
        self._process.stdin.write(json.dumps({"work": work, "watch": self._watch, **fields}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the victims' process itself has died"
        return json.loads(line)

"""A little of the fuzzing (`make fuzz` does it for as long as one likes), and everything that it ever found."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from sealcast.errors import SealcastError
from tests.fuzz.loop import fuzz
from tests.fuzz.samples import Samples, make_samples
from tests.fuzz.targets import Target, targets

VECTORS = Path(__file__).parents[1] / "vectors" / "fuzz"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return make_samples(tmp_path_factory.mktemp("samples"))


@pytest.fixture
def every(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    for name in ("HOME", "XDG_DATA_HOME", "NO_PROXY"):
        monkeypatch.setenv(name, "")  # so that what a target sets is taken back
    return list(targets(samples, tmp_path))


def test_a_few_changes_of_every_sample(every: list[Target]) -> None:
    for target in every:
        result = fuzz(target, random.Random(target.name), executions=50)
        assert not result.crashes, target.name
        assert result.refused.total() or target.name in READ_LENIENTLY, "nothing was refused: it proves nothing"


READ_LENIENTLY = {"record", "events", "stamp", "freshness", "command-line"}
"""What is damaged here counts as not there, by design."""


def test_what_was_found_once_stays_mended(every: list[Target]) -> None:
    known = {target.name: target for target in every}
    for vector in sorted(VECTORS.glob("*--*")):
        with contextlib.suppress(SealcastError):
            known[vector.name.partition("--")[0]].run(vector.read_bytes())

"""The code keeps its rules, and each rule can fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import EDGES, RULES, Rule, clock_and_dice_in, load, parse

SRC = Path(__file__).parents[1] / "src"
CODE = load(SRC)

FACE = {"sealcast/model/__init__.py": "__all__ = ['Release']", "sealcast/model/inner.py": ""}

DATACLASS = "from dataclasses import dataclass\n"

# For each rule, what it must see. A sample is a small tree of sources.
BAD: dict[Rule, tuple[dict[str, str], ...]] = {
    architecture.layers: (
        {"sealcast/errors.py": "from sealcast.values import x"},
        {"sealcast/model/a.py": "from ..packs import x", "sealcast/packs/__init__.py": ""},
        {"sealcast/model/a.py": "def f():\n    import sealcast.cli.main"},
        {"sealcast/model/a.py": "from sealcast import client", "sealcast/client/__init__.py": ""},
        {"sealcast/__init__.py": "from .values import x", "sealcast/values.py": ""},
        {"sealcast/novelty.py": ""},
        {"sealcast/cli/a.py": "from sealcast.nowhere import x"},
    ),
    architecture.cycles: (
        {"sealcast/model/a.py": "from .b import x", "sealcast/model/b.py": "import sealcast.model.a"},
        {"sealcast/model/__init__.py": "from .a import x", "sealcast/model/a.py": "from . import y"},
    ),
    architecture.sizes: (
        {"sealcast/values.py": "\n" * 401},
        {"sealcast/values.py": "def f():\n" + "    pass\n" * 60},
        {"sealcast/values.py": "class C:\n    async def f(self):\n" + "        pass\n" * 60},
    ),
    architecture.names: (
        {"sealcast/model/utils.py": ""},
        {"sealcast/model/_helpers.py": ""},
        {"sealcast/common/__init__.py": ""},
    ),
    architecture.client_stays_small: (
        {"sealcast/client/a.py": "from sealcast.signing import x", "sealcast/signing/__init__.py": ""},
        {
            "sealcast/client/a.py": "from sealcast import verify",
            "sealcast/verify.py": "import sealcast.hosting.s3",
        },
        {
            "sealcast/client/a.py": "from sealcast.model.inner import x",
            "sealcast/model/__init__.py": "import click.core",
            "sealcast/model/inner.py": "",
        },
        {"sealcast/client/a.py": "def f():\n    import tarfile"},
    ),
    architecture.public_faces: (
        FACE | {"sealcast/cli/a.py": "from sealcast.model.inner import Release"},
        FACE | {"sealcast/cli/a.py": "from sealcast.model import inner"},
        FACE | {"sealcast/cli/a.py": "import sealcast.model.inner"},
        FACE | {"sealcast/cli/a.py": "from ..model import Hidden"},
        {"sealcast/model/__init__.py": "", "sealcast/cli/a.py": "from sealcast.model import Release"},
        {"sealcast/values.py": "", "sealcast/cli/a.py": "from sealcast.values import _secret"},
        {"sealcast/values.py": "", "sealcast/model/a.py": "from sealcast.values import _secret"},
    ),
    architecture.immutable_values: (
        {"sealcast/values.py": DATACLASS + "@dataclass\nclass C: ..."},
        {"sealcast/values.py": "import dataclasses as d\n@d.dataclass(frozen=True)\nclass C: ..."},
        {"sealcast/values.py": DATACLASS + "@dataclass(frozen=False, slots=True)\nclass C: ..."},
        {"sealcast/values.py": DATACLASS + "@dataclass # mutable:\nclass C:\n    x: int"},
        {"sealcast/values.py": "import msgspec\nclass C(msgspec.Struct): ..."},
        {"sealcast/values.py": "from msgspec import Struct as S\nclass C(S, kw_only=True): ..."},
        {"sealcast/values.py": "class C(Document, frozen=False): ..."},
    ),
    architecture.console: (
        {"sealcast/verify.py": "print('hello')"},
        {"sealcast/verify.py": "from sys import exit as leave\nleave(1)"},
        {"sealcast/signing/a.py": "import getpass\ngetpass.getpass()"},
    ),
    architecture.clock_and_dice: (
        {"sealcast/verify.py": "from datetime import datetime, UTC\nnow = datetime.now(UTC)"},
        {"sealcast/verify.py": "import time as t\ndef f():\n    return t.time()"},
        {"sealcast/verify.py": "from os import urandom\nsalt = urandom(16)"},
        {"sealcast/verify.py": "import secrets\ndef f(make=lambda: secrets.token_bytes(4)): ..."},
        {"sealcast/verify.py": "import random\npick = random.Random"},
        {"sealcast/verify.py": "import time\nclass C:\n    at: float = field(default_factory=time.time)"},
    ),
    architecture.small_protocols: (
        {
            "sealcast/fetch.py": "from typing import Protocol\nclass P(Protocol):\n"
            + "".join(f"    def m{number}(self): ...\n" for number in range(5))
        },
        {
            "sealcast/fetch.py": "import typing as t\nclass P(t.Protocol[int]):\n"
            + "".join(f"    async def m{number}(self): ...\n" for number in range(5))
        },
    ),
}

# What no rule may mind.
GOOD: tuple[dict[str, str], ...] = (
    {"sealcast/__init__.py": "__version__ = ''", "sealcast/model/a.py": "from sealcast import __version__"},
    {
        "sealcast/model/__init__.py": "from .a import x",
        "sealcast/model/a.py": "from . import b",
        "sealcast/model/b.py": "",
    },
    FACE
    | {
        "sealcast/cli/a.py": "from sealcast.model import Release\nfrom .b import _x",
        "sealcast/cli/b.py": "print()",
    },
    {
        "sealcast/publisher/a.py": "from sealcast.signing import x\nimport tarfile",
        "sealcast/signing/__init__.py": "",
    },
    {"sealcast/values.py": DATACLASS + "@dataclass(frozen=True, slots=True)\nclass C: ..."},
    {"sealcast/values.py": DATACLASS + "@dataclass\nclass C:  # mutable: a cursor\n    x: int"},
    {"sealcast/values.py": "import msgspec\nclass C(msgspec.Struct, frozen=True): ...\nclass D(C): ..."},
    {"sealcast/verify.py": "import time, os\ndef f(clock=time.time, *, dice=os.urandom): clock(), dice(1)"},
    {"sealcast/verify.py": "import random\nclass Options:\n    dice: object = random.random"},
    {"sealcast/verify.py": "def f(random): return random.choice()\ntime = 3"},
    {"sealcast/cli/a.py": "import time, sys\ntime.time()\nsys.exit()"},
    {
        "sealcast/__main__.py": "import sys\nfrom sealcast.cli import main\nsys.exit(main())",
        "sealcast/cli/__init__.py": "__all__ = ['main']",
    },
)


def label(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("rule", RULES, ids=label)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    findings = rule(CODE)
    assert not findings, "\n".join([str(rule.__doc__), *findings])


@pytest.mark.parametrize(("rule", "sample"), [(rule, sample) for rule, samples in BAD.items() for sample in samples])
def test_the_rule_sees(rule: Rule, sample: dict[str, str]) -> None:
    assert rule(parse(sample))


@pytest.mark.parametrize("sample", GOOD)
def test_no_rule_minds(sample: dict[str, str]) -> None:
    assert [finding for rule in RULES for finding in rule(parse(sample))] == []


def test_every_rule_has_been_seen_to_fail() -> None:
    assert set(BAD) == set(RULES)


def test_no_exception_outlives_its_need() -> None:
    idle = [edge for edge in EDGES if edge != "sealcast.cli" and not clock_and_dice_in(CODE[edge])]
    assert idle == []


def loaded_by(program: str) -> set[str]:
    """Run a program in a fresh interpreter and return the modules it has loaded at its end."""
    report = f"import atexit, sys\natexit.register(lambda: print('loaded', *sys.modules))\n{program}"
    result = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines()[-1].split()[1:])


def of(packages: Iterable[str], loaded: set[str]) -> list[str]:
    wanted = tuple(packages)
    return sorted(name for name in loaded if any(name == each or name.startswith(f"{each}.") for each in wanted))


def test_a_client_loads_no_publishing_code() -> None:
    loaded = loaded_by("import sealcast.client")
    ours = [f"sealcast.{unit}" for unit in architecture.NOT_FOR_CLIENTS]
    assert "sealcast.client" in loaded
    assert of([*ours, "click", "jinja2", "obstore", "boto3", "rich", "segno"], loaded) == []


def test_help_is_quick_because_it_loads_nothing_heavy() -> None:
    loaded = loaded_by(
        "import runpy\nsys.argv = ['sealcast', '--help']\nrunpy.run_module('sealcast', run_name='__main__')"
    )
    assert "sealcast.cli" in loaded
    assert of(["tuf", "cryptography", "urllib3", "jinja2", "obstore", "boto3"], loaded) == []

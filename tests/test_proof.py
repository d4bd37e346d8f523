"""The page of proofs names a test for every attack and every fault, and each of those tests is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "proof.md"

ATTACKS = (
    "an object replaced, by each class of bytes",
    "the whole site rolled back",
    "rolled back after the cache was lost",
    "frozen: nothing new is served",
    "mixed and matched",
    "a version of root skipped",
    "refused metadata remembered, to block what comes later",
    "a delegated role that expired or was altered",
    "one signature many times",
    "delegations in circles, diamonds and depths",
    "names of roles and targets that lead elsewhere",
    "paths that match what they should not",
    "JSON that is valid and malformed",
    "JSON that two parsers read differently",
    "data without an end",
    "the next root withheld",
    "the host taken over",
    "bytes changed on the way",
    "redirects to another host, scheme or file",
    "a byte a second",
    "come back in eleven days",
    "a coded bomb",
    "parts that lie",
    "a captive portal",
    "an archive whose names lead out",
    "links planted or swapped in while a release is assembled",
    "a verified release changed before its start",
    "a bomb in a pack",
    "links, devices, set-user-id, attributes",
    "folders of somebody else",
    "half downloads that fill the disk",
    "two updaters",
    "a release that crashes over and over",
    "a release that hangs before it is ready",
    "an old page’s report credited to a new release",
    "both slots bad",
    "back below the floor",
    "the clock ten years off",
    "the timestamp key stolen",
    "timestamp and snapshot keys stolen",
    "one of several root keys",
)
FAULTS = (
    "killed at any call",
    "no space, no quota, a read-only or broken disk at any call",
    "a flush that fails",
    "the power cut at any moment",
    "a rename that is held up",
    "bits that rot in a slot",
    "kept metadata empty, cut or garbage",
    "a copy of the floor damaged, or both",
    "the state directory deleted",
    "a body cut short, or longer than it said",
    "silence before and in the middle of a body",
    "a host in trouble",
    "an object that is not there",
    "copies of the host that are behind",
    "a proxy in between",
    "a name that is not found, an address that swallows everything",
    "a device that slept through hundreds of roots",
    "anything at all in what is parsed",
    "any order of events",
)


def rows() -> dict[str, list[str]]:
    """Return what the page's tables say: the tests for each row."""
    found = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 2 and "::" in cells[1]:
            found[cells[0]] = re.findall(r"`([^`]+)`", cells[1])
    return found


@cache
def functions(path: Path) -> frozenset[str]:
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if hasattr(node, "name"))


def test_every_attack_and_fault_has_a_row() -> None:
    assert list(rows()) == [*ATTACKS, *FAULTS]


@pytest.mark.parametrize("row", rows())
def test_every_test_of_a_row_is_there(row: str) -> None:
    named = rows()[row]
    assert named
    for test in named:
        file, _, function = test.partition("::")
        assert function.startswith("test_"), test
        assert function in functions(TESTS / file), test

"""Rules that every command of the tree keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import click
import pytest

from sealcast.cli.app import ROOT
from sealcast.cli.command import Command, LazyGroup

WITHOUT_JSON = {"sealcast completion", "sealcast client run"}
"""Commands whose result is no data: a script, and the app that takes the process over."""


class Leaf(NamedTuple):
    path: str
    summary: str
    command: click.Command


def leaves(group: LazyGroup = ROOT, path: str = "sealcast") -> Iterator[Leaf]:
    for section in group.sections.values():
        for name, entry in section.items():
            command = group.get_command(click.Context(group), name)
            assert command is not None
            if isinstance(command, LazyGroup):
                assert command.help
                yield from leaves(command, f"{path} {name}")
            else:
                yield Leaf(f"{path} {name}", entry.summary, command)


@pytest.fixture(params=list(leaves()), ids=lambda leaf: leaf.path)
def leaf(request: pytest.FixtureRequest) -> Leaf:
    found: Leaf = request.param
    return found


def test_a_command_is_named_as_it_is_called(leaf: Leaf) -> None:
    assert isinstance(leaf.command, Command)
    assert leaf.command.name == leaf.path.rpartition(" ")[2]


def test_the_summary_is_the_first_line_of_the_help(leaf: Leaf) -> None:
    assert leaf.command.help is not None
    assert leaf.command.help.splitlines()[0] == leaf.summary
    assert len(leaf.summary) <= 80 - len("  completion  ")


def test_the_examples_are_of_this_command(leaf: Leaf) -> None:
    assert isinstance(leaf.command, Command)
    assert leaf.command.examples
    words = leaf.path.split()
    for example in "\n".join(leaf.command.examples).replace("\\\n", "").splitlines():
        given = [word for word in example.split() if word in words]
        assert given[: len(words)] == words, example


def test_the_exit_statuses_are_told(leaf: Leaf) -> None:
    assert isinstance(leaf.command, Command)
    assert {0, 2} <= set(leaf.command.exits)
    assert all(leaf.command.exits.values())
    help_page = leaf.command.get_help(click.Context(leaf.command, info_name=leaf.path))
    assert "Examples:" in help_page
    assert "Exit status:" in help_page


def test_data_is_offered_to_machines(leaf: Leaf) -> None:
    options = {option for parameter in leaf.command.params for option in parameter.opts}
    assert ("--json" in options) is (leaf.path not in WITHOUT_JSON)


def test_every_option_is_explained(leaf: Leaf) -> None:
    for parameter in leaf.command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{leaf.path} {parameter.opts}"


def test_a_group_names_its_commands_in_the_order_of_its_help() -> None:
    context = click.Context(ROOT)
    names = ROOT.list_commands(context)
    page = ROOT.get_help(context)
    places = [page.index(f"\n  {name} ") for name in names]
    assert places == sorted(places)

"""``sealcast completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click

from .command import command
from .session import Session


@command(
    example="""
    sealcast completion bash > ~/.local/share/bash-completion/completions/sealcast
    sealcast completion zsh > "${fpath[1]}/_sealcast"
    sealcast completion fish > ~/.config/fish/completions/sealcast.fish
    """,
    machines=False,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(session: Session, shell: str) -> None:
    """Print the completion script for a shell."""
    from click.shell_completion import get_completion_class

    from .app import COMPLETION_VARIABLE, PROGRAM, ROOT

    found = get_completion_class(shell)
    if found is None:
        raise AssertionError("the choices are click's own shells")
    session.output.text(found(ROOT, {}, PROGRAM, COMPLETION_VARIABLE).source())

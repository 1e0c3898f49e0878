"""`holdfast completion SHELL`: what a shell needs to complete commands and ids."""

import click
from click.shell_completion import get_completion_class

from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation

VARIABLE = "_HOLDFAST_COMPLETE"
_WHERE = {
    "bash": 'add to ~/.bashrc: eval "$(holdfast completion bash)"',
    "zsh": 'add to ~/.zshrc, after compinit: eval "$(holdfast completion zsh)"',
    "fish": "holdfast completion fish > ~/.config/fish/completions/holdfast.fish",
}


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(sorted(_WHERE)))
@pass_invocation
@click.pass_context
def command(context: click.Context, invocation: Invocation, *, shell: str) -> None:
    """Print the completion script for a SHELL.

    \b
    bash: add to ~/.bashrc: eval "$(holdfast completion bash)"
    zsh:  add to ~/.zshrc, after compinit: eval "$(holdfast completion zsh)"
    fish: holdfast completion fish > ~/.config/fish/completions/holdfast.fish
    """  # noqa: D301 # click's sign for lines that stay as they are
    made = get_completion_class(shell)
    assert made is not None, "click has all three"
    source = made(context.find_root().command, {}, "holdfast", VARIABLE).source()
    invocation.output.say(source)
    invocation.output.result({"shell": shell, "script": source, "use": _WHERE[shell]})

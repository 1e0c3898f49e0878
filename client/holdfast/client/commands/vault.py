"""`holdfast vault …`: runs the `holdfast-vault` program with the same words.

The client never imports the vault; they meet on the wire.
"""

import os
from pathlib import Path

import click

from holdfast.client.programs import program


@click.command(
    "vault",
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    },
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> None:
    """Run a vault that earns by storing."""
    path = program("holdfast-vault")
    os.execv(path, [Path(path).name, *words])  # noqa: S606 # our own program

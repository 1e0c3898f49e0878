"""`holdfast recover`: a profile on a new machine, from the 24 words alone."""

import sys
from pathlib import Path
from typing import TextIO

import click

from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.new_profile import network_file, network_option, show_recovered


@click.command("recover", cls=Command)
@network_option
@click.option(
    "--phrase-file",
    type=click.File(encoding="utf-8"),
    help="Read the 24 words here; - is standard input.",
)
@pass_invocation
def command(
    invocation: Invocation,
    *,
    network: Path | None,
    phrase_file: TextIO | None,
) -> None:
    """Make a profile again from its 24 words, with a new passphrase.

    The words and the network are enough: every backup can then be listed and
    restored here.
    """
    from holdfast.client.profile import Profile  # noqa: PLC0415

    chosen = network_file(invocation, network)
    Profile.check_absent(invocation.home)
    phrase = _phrase(phrase_file)
    passphrase = invocation.passphrase(new=True)
    profile, _ = Profile.create(invocation.home, chosen, passphrase, phrase)
    show_recovered(invocation, profile)


def _phrase(file: TextIO | None) -> str:
    if file is not None:
        return file.read()
    if not sys.stdin.isatty():
        return sys.stdin.read()
    typed: str = click.prompt("The 24 words", err=True)
    return typed

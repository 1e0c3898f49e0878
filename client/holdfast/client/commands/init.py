"""`holdfast init`: a new profile with new keys, and its recovery phrase."""

from pathlib import Path

import click

from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.new_profile import network_file, network_option, show_phrase


@click.command("init", cls=Command)
@network_option
@pass_invocation
def command(invocation: Invocation, *, network: Path | None) -> None:
    """Make a profile: your keys, behind a passphrase.

    It prints 24 words. Whoever has them can read your backups, and without them a
    lost passphrase cannot be replaced: write them on paper.
    """
    from holdfast.client.profile import Profile  # noqa: PLC0415

    chosen = network_file(invocation, network)
    Profile.check_absent(invocation.home)
    passphrase = invocation.passphrase(new=True)
    profile, phrase = Profile.create(invocation.home, chosen, passphrase)
    show_phrase(invocation, profile, phrase)

"""`holdfast recovery …`: what to keep on paper, so that nothing is ever lost."""

import datetime as dt
from pathlib import Path

import click

from holdfast.client.command_line import Group
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.client.new_profile import show_words


@click.group("recovery", cls=Group)
def command() -> None:
    """Keep on paper what brings everything back on a new machine.

    Whoever has it can read and delete your backups and spend your tokens.
    """


@command.command("kit")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("kit.html"),
    show_default=True,
    help="The page to write; it must not be there yet.",
)
@click.option("--title", default="", help="Your own name for it, printed on the page.")
@click.option("--words", is_flag=True, help="Print the 24 words on it, too.")
@pass_invocation
def kit(invocation: Invocation, *, output: Path, title: str, words: bool) -> None:
    """Write a page to print: a code and a QR code that survive smudges and folds.

    Its code alone brings everything back: `holdfast recover --kit FILE`.
    """
    from holdfast.client.kit_file import write_kit  # noqa: PLC0415
    from holdfast.client.kit_network import kit_of  # noqa: PLC0415
    from holdfast.client.kit_page import KitDetails  # noqa: PLC0415
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    profile = invocation.profile()
    keys = profile.unlock(invocation.passphrase())
    account = address_text(profile.account)
    today = dt.datetime.now(dt.UTC).astimezone().date()
    made = kit_of(keys.master, profile.network)
    details = KitDetails(profile.network.name, account, today, title, words)
    write_kit(output, made, details)
    say = invocation.output.say
    say(f"Recovery kit written to {output}, readable by you alone.")
    say("Print it from a browser, check the print, then delete the file.")
    say("On a new machine: `holdfast recover --kit FILE`, with the code in the file.")
    if profile.network.chain is not None:
        say("Its network is on a chain: keep network.json with it, for --network.")
    named = {"ledger": made.ledger.endpoint, "seeds": [s.endpoint for s in made.seeds]}
    invocation.output.result({"file": output, "account": account} | named)


@command.command("shares")
@click.option("--threshold", type=int, required=True, help="How many bring it back.")
@click.option("--shares", "count", type=int, required=True, help="How many to make.")
@click.option(
    "--output-dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("shares"),
    show_default=True,
    help="Where to write one file for each guardian.",
)
@pass_invocation
def shares(invocation: Invocation, *, threshold: int, count: int, folder: Path) -> None:
    """Cut the key into shares for people whom you trust together, not alone.

    Any --threshold of them bring everything back; fewer tell nothing. Making shares
    again makes a new set, and the old one still works.
    """
    from holdfast.client.guardian_shares import (  # noqa: PLC0415
        ShareDetails,
        make_shares,
        write_shares,
    )
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    profile = invocation.profile()
    network = profile.network
    keys = profile.unlock(invocation.passphrase())
    details = ShareDetails(
        address_text(profile.account), network.name, network.endpoint, threshold, count
    )
    made = make_shares(keys.master, threshold, count)
    paths = write_shares(folder, made, details)
    say = invocation.output.say
    say(f"{count} shares written to {folder}; any {threshold} bring everything back.")
    say("Give each to another person, with the network's file; then delete them here.")
    invocation.output.result(
        {"files": [str(path) for path in paths], "threshold": threshold}
    )


@command.command("phrase")
@pass_invocation
def phrase(invocation: Invocation) -> None:
    """Show the 24 words again, to write them on paper."""
    from holdfast.client.core.phrase import phrase_from_key  # noqa: PLC0415

    keys = invocation.profile().unlock(invocation.passphrase())
    words = phrase_from_key(keys.master)
    show_words(invocation, words)
    invocation.output.result({"phrase": words})

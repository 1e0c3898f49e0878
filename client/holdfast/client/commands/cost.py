"""`holdfast cost PATH…`: what a backup would cost, before anything is sent."""

from pathlib import Path

import click

from holdfast.client import wording
from holdfast.client.command_line import Command
from holdfast.client.invocation import Invocation, pass_invocation


@click.command("cost", cls=Command)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--for", "duration", help="How long to pay for: 90d, 500 epochs …")
@pass_invocation
def command(
    invocation: Invocation, *, paths: tuple[Path, ...], duration: str | None
) -> None:
    """Say what a backup of PATHs would cost; nothing is sent or spent."""
    with invocation.client() as client:
        told = client.cost(paths, epochs=invocation.epochs(duration))
        balance = client.balance()
    epoch_seconds = invocation.profile().network.params.epoch_seconds
    output = invocation.output
    output.say(f"{wording.count(told.files, 'file')}, {wording.size(told.bytes_seen)}")
    kept = wording.size(told.stored_bytes)
    output.say(
        f"new: {wording.size(told.new_bytes)}, kept as {kept} "
        f"on {told.n} vaults, of which any {told.k} suffice"
    )
    output.say(
        f"cost: {wording.hold(told.grains)} for {told.epochs:,} epochs "
        f"({wording.span(told.epochs * epoch_seconds)}); "
        f"{wording.hold(told.grains_per_epoch)} an epoch"
    )
    where = (
        f"more in deal {wording.short(told.deal)}, which is there"
        if told.deal
        else "in a new deal"
    )
    output.say(
        f"locked beforehand: {wording.hold(told.escrow)} {where}; "
        "what is not spent comes back"
    )
    output.say(f"the account has {wording.hold(balance)}")
    if balance < told.escrow:
        short = wording.hold(told.escrow - balance)
        output.warn(f"that is {short} too little; `holdfast wallet address` takes them")
    output.result(
        {
            "files": told.files,
            "bytes_seen": told.bytes_seen,
            "new_bytes": told.new_bytes,
            "stored_bytes": told.stored_bytes,
            "k": told.k,
            "n": told.n,
            "epochs": told.epochs,
            "grains_per_epoch": told.grains_per_epoch,
            "total_grains": told.grains,
            "escrow_grains": told.escrow,
            "balance_grains": balance,
            "deal": told.deal,
            "end_epoch": told.end_epoch,
        }
    )

"""The command `holdfast-ledger`: make a network, serve its ledger, verify its books.

The command line of the client shows the same commands as `holdfast ledger`.
"""

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import click

from holdfast.ledger.chain_errors import ChainExtraMissingError
from holdfast.ledger.core.address import address_from, address_text
from holdfast.ledger.core.chain import Allocation, Genesis
from holdfast.ledger.core.errors import hold
from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.verify import VerifyReport, verify
from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.network import (
    NAME_BYTES_MAX,
    NetworkParams,
    development_params,
)
from holdfast.protocol.units import GRAINS_PER_HOLD, SUPPLY_MAX
from holdfast.wire import process

FAILED = 1
UNSOUND = 3
PRIVATE_CHAIN_ID = 1337

_directory = click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The ledger's directory.",
)


@click.group()
def ledger() -> None:
    """Make, serve and verify a network's ledger."""


@ledger.command("init")
@_directory
@click.option("--name", required=True, help="The network's name.")
@click.option(
    "--development", is_flag=True, help="Short epochs, and a faucet: worth nothing."
)
@click.option(
    "--epoch-seconds", type=click.IntRange(1, 1 << 20), help="How long an epoch is."
)
@click.option(
    "--genesis-seconds",
    type=click.IntRange(0, 1 << 40),
    help="When epoch 0 begins, in Unix seconds.  [default: now]",
)
@click.option(
    "--allocate",
    "allocations",
    multiple=True,
    metavar="ACCOUNT=HOLD",
    help="What an account has from the beginning; may be repeated.",
)
def init_command(
    directory: Path,
    name: str,
    development: bool,
    epoch_seconds: int | None,
    genesis_seconds: int | None,
    allocations: tuple[str, ...],
) -> None:
    """Begin a new network."""
    genesis = genesis_seconds if genesis_seconds is not None else int(time.time())
    if not 0 < len(name.encode()) <= NAME_BYTES_MAX:
        raise click.BadParameter(f"a name has 1 to {NAME_BYTES_MAX} bytes")
    params = network_params(name, genesis, epoch_seconds, development=development)
    parsed = tuple(_allocation(text) for text in allocations)
    LedgerDirectory(directory).create(Genesis(params, parsed), int(time.time()))
    click.echo(f"network {name} {params.network_id.hex()} is in {directory}")


@ledger.command("serve")
@_directory
@click.option(
    "--endpoint", metavar="HOST:PORT", help="Where to listen.  [default: as before]"
)
def serve_command(directory: Path, endpoint: str | None) -> None:
    """Serve a ledger until it is told to stop."""
    process.prepare()
    process.log_to_stderr()
    # gRPC reads its environment, which `prepare` has set, when it is imported.
    from holdfast.ledger.server import serve  # noqa: PLC0415

    asyncio.run(serve(LedgerDirectory(directory), endpoint))


@ledger.command("chain-init", hidden=True)
@_directory
@click.option("--name", required=True)
@click.option("--epoch-seconds", type=click.IntRange(1, 1 << 20), default=5)
@click.option("--finality-blocks", type=click.IntRange(0, 1 << 10), default=0)
@click.option("--certificates", type=click.Choice(["bls", "accounts"]), default="bls")
def chain_init_command(
    directory: Path,
    name: str,
    epoch_seconds: int,
    finality_blocks: int,
    certificates: str,
) -> None:
    """Prepare a chain of one's own for a development network."""
    local_chain().prepare(
        directory,
        name,
        epoch_seconds,
        finality_blocks,
        accounts_certify=certificates == "accounts",
    )
    click.echo(f"a chain for network {name} is prepared in {directory}")


@ledger.command("chain", hidden=True)
@_directory
def chain_command(directory: Path) -> None:
    """Run a chain of one's own, and keep its beacons, until told to stop."""
    process.log_to_stderr()
    asyncio.run(local_chain().serve(directory))


def local_chain() -> ModuleType:
    """Return what runs chains, or raise ChainExtraMissingError."""
    try:
        from holdfast.ledger.evm import local_chain as found  # noqa: PLC0415
    except ImportError as error:
        raise ChainExtraMissingError(str(error.name)) from error
    return found


@ledger.command("verify")
@_directory
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify_command(directory: Path, as_json: bool) -> None:
    """Recompute the journal's chain and all balances; exit with 3 if they differ."""
    report = verify(LedgerDirectory(directory).journal)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        print_report(report)
    if not report.sound:
        sys.exit(UNSOUND)


def network_params(
    name: str,
    genesis_seconds: int,
    epoch_seconds: int | None,
    *,
    development: bool,
    chain_id: int | None = None,
) -> NetworkParams:
    """Return the parameters of a new network; epochs have the usual length or this.

    `chain_id` is that of the chain its ledger will be on.
    """
    if development:
        made = development_params(name, genesis_seconds, epoch_seconds or 5)
        return made if chain_id is None else replace(made, chain_id=chain_id)
    return NetworkParams(
        name=name,
        chain_id=PRIVATE_CHAIN_ID if chain_id is None else chain_id,
        genesis_seconds=genesis_seconds,
        epoch_seconds=epoch_seconds or 3600,
    )


def print_report(report: VerifyReport) -> None:
    """Print a report for people."""
    click.echo(
        f"{report.entries} entries up to epoch {report.epoch}: {report.accounts} "
        f"accounts, {report.vaults} vaults, {report.deals} deals, "
        f"{hold(report.minted)} in all"
    )
    click.echo(f"the newest entry's hash is {report.head or 'unknown'}")
    for problem in report.problems:
        click.echo(f"PROBLEM: {problem}")
    if report.sound:
        click.echo("the chain is whole, and every balance follows from it")


def _allocation(text: str) -> Allocation:
    account, _, amount = text.partition("=")
    if not amount.isdecimal() or not 0 < int(amount) <= SUPPLY_MAX // GRAINS_PER_HOLD:
        raise click.BadParameter(f"{text!r} is not ACCOUNT=HOLD, in whole HOLD")
    allocation = Allocation(address_from(account), int(amount) * GRAINS_PER_HOLD)
    click.echo(f"{address_text(allocation.account)} has {hold(allocation.amount)}")
    return allocation


def main() -> None:
    """Run the command line; an expected error is one sentence and exit status 1."""
    try:
        ledger()
    except HoldfastError as error:
        click.echo(f"holdfast-ledger: {error}", err=True)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()

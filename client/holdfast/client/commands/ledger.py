"""`holdfast ledger …`: the commands of `holdfast-ledger`, and whether it is true."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from holdfast.client.command_line import Group
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation
from holdfast.ledger.main import init_command, print_report, serve_command

_keystore = click.option(
    "--keystore",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The paying account: an encrypted keystore file, as wallets write it.",
)


@click.group("ledger", cls=Group)
def command() -> None:
    """Run a ledger, or verify its journal."""


command.add_command(init_command)
command.add_command(serve_command)


@command.command("deploy")
@click.option("--rpc", required=True, metavar="URL", help="A node of the chain.")
@click.option("--name", required=True, help="The network's name.")
@_keystore
@click.option(
    "--network-file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write what clients and vaults need.",
)
@click.option(
    "--development", is_flag=True, help="Short epochs, and a faucet: worth nothing."
)
@click.option(
    "--epoch-seconds", type=click.IntRange(1, 1 << 20), help="How long an epoch is."
)
@click.option(
    "--genesis-seconds",
    type=click.IntRange(0, 1 << 40),
    help="When epoch 0 begins, in Unix seconds.  [default: in a minute]",
)
@click.option(
    "--finality-blocks",
    type=click.IntRange(0, 1 << 20),
    help="A block counts under this many others.  [default: when the chain says so]",
)
@click.option(
    "--certificates",
    type=click.Choice(["bls", "accounts"]),
    default="bls",
    help="Who certifies settlements, for good: BLS keys, or on a chain without the "
    "precompiles of EIP-2537 the vaults' accounts.  [default: bls]",
)
@pass_invocation
def deploy_command(
    invocation: Invocation,
    *,
    rpc: str,
    name: str,
    keystore: Path,
    network_file: Path,
    development: bool,
    epoch_seconds: int | None,
    genesis_seconds: int | None,
    finality_blocks: int | None,
    certificates: str,
) -> int:
    """Put a new network's contracts on a chain; nobody owns them afterwards."""
    with _chain_extra():
        from holdfast.ledger.evm import commands  # noqa: PLC0415
        from holdfast.ledger.evm.keystore import read_keystore  # noqa: PLC0415

    key = read_keystore(keystore, invocation.passphrase())
    wish = commands.NewNetwork(
        name,
        development,
        epoch_seconds,
        genesis_seconds,
        finality_blocks,
        certificates == "accounts",
    )
    file, deployed = commands.deploy_network(rpc, key, wish, network_file)
    if invocation.as_json:
        invocation.output.result(
            {
                "network": file.network_id.hex(),
                "network_file": str(network_file),
                "certificates": certificates,
                "gas": deployed.gas,
                "wei": deployed.wei,
            }
        )
    else:
        click.echo(commands.deployed_text(file, deployed))
    return ExitCode.OK


@command.command("beacons")
@click.option(
    "--network-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The network's file.",
)
@_keystore
@pass_invocation
def beacons_command(
    invocation: Invocation, *, network_file: Path, keystore: Path
) -> int:
    """Record every epoch's beacon on the chain, until stopped."""
    with _chain_extra():
        from holdfast.ledger.evm import commands  # noqa: PLC0415
        from holdfast.ledger.evm.keystore import read_keystore  # noqa: PLC0415

    key = read_keystore(keystore, invocation.passphrase())
    commands.keep_beacons(network_file, key)
    return ExitCode.OK


@contextmanager
def _chain_extra() -> Iterator[None]:
    """Say which package is missing, and how to install it."""
    from holdfast.ledger.chain_errors import ChainExtraMissingError  # noqa: PLC0415

    try:
        yield
    except ImportError as error:
        raise ChainExtraMissingError(str(error.name)) from error


@command.command("verify")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="The ledger's directory.  [default: that of the network on this machine]",
)
@pass_invocation
def verify_command(invocation: Invocation, *, directory: Path | None) -> int:
    """Recompute the journal's chain and all balances from the first entry on."""
    from holdfast.ledger.directory import LedgerDirectory  # noqa: PLC0415
    from holdfast.ledger.verify import verify  # noqa: PLC0415

    chosen = directory or invocation.home / "network" / "ledger"
    report = verify(LedgerDirectory(chosen).journal)
    if invocation.as_json:
        invocation.output.result(report.as_json())
    elif not invocation.quiet:
        print_report(report)
    return ExitCode.OK if report.sound else ExitCode.UNTRUE

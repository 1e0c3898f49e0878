"""`holdfast network …`: a ledger and vaults on this machine, in the background."""

import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.client import wording
from holdfast.client.command_line import Group
from holdfast.client.exit_codes import ExitCode
from holdfast.client.invocation import Invocation, pass_invocation

if TYPE_CHECKING:  # grpc is imported only when a command runs
    from holdfast.client.local_health import NetworkStatus, VaultStatus
    from holdfast.client.local_network import LocalNetwork
    from holdfast.client.local_other_node import OtherNode

directory_option = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the network is kept.  [default: network in the --home folder]",
)


@click.group("network", cls=Group)
def command() -> None:
    """Run a whole network on this machine, each vault a process of its own."""


@command.command("up")
@click.option("--vaults", type=click.IntRange(1, 200), help="[default: 12]")
@click.option(
    "--epoch-seconds",
    type=click.IntRange(1, 86400),
    help="Length of an epoch, fixed when the network is made.  [default: 5; on a chain "
    "12]",
)
@click.option(
    "--quota", help="What each vault offers, such as 10GiB.  [default: 10GiB]"
)
@click.option(
    "--ledger",
    type=click.Choice(["sqlite", "evm"]),
    help="Where tokens live: evm starts a chain of its own.  [default: sqlite]",
)
@click.option(
    "--rpc",
    metavar="URL",
    help="Put the ledger on the chain behind this node, which makes blocks by itself.",
)
@click.option(
    "--keystore",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Who pays with --rpc.  [default: an account that the node keeps unlocked]",
)
@click.option("--ether", default="10", help="What is paid with --rpc.  [default: 10]")
@click.option(
    "--finality-blocks",
    type=click.IntRange(0, 1 << 10),
    help="A block counts under this many others.  [default: 0; with --rpc, when the "
    "chain says so]",
)
@click.option(
    "--certificates",
    type=click.Choice(["bls", "accounts"]),
    help="Who certifies, for good: accounts where a chain cannot check BLS.  "
    "[default: bls]",
)
@directory_option
@pass_invocation
def up(
    invocation: Invocation,
    *,
    vaults: int | None,
    epoch_seconds: int | None,
    quota: str | None,
    ledger: str | None,
    rpc: str | None,
    keystore: Path | None,
    ether: str,
    finality_blocks: int | None,
    certificates: str | None,
    directory: Path | None,
) -> None:
    """Start the network, or what of it does not run, and wait until it is healthy."""
    output = invocation.output
    network = _network(invocation, directory)
    bytes_offered = wording.read_size(quota) if quota else None
    node = None if rpc is None else _other_node(invocation, rpc, keystore, ether)
    status = asyncio.run(
        network.up(
            vaults,
            epoch_seconds,
            bytes_offered,
            ledger=ledger,
            finality_blocks=finality_blocks,
            node=node,
            accounts_certify=None
            if certificates is None
            else certificates == "accounts",
        )
    )
    show_status(invocation, status)
    output.say()
    output.say(f"Network file for clients: {network.network_file}")


@command.command("fund")
@click.argument("account")
@click.option("--ether", default="0.1", help="How much.  [default: 0.1]")
@directory_option
@pass_invocation
def fund(
    invocation: Invocation, *, account: str, ether: str, directory: Path | None
) -> None:
    """Send ether for gas to ACCOUNT, from what a network with --rpc was given."""
    from holdfast.client.local_other_node import give_gas  # noqa: PLC0415

    place = _network(invocation, directory).layout.ledger
    wei = wording.read_ether(ether)
    asyncio.run(give_gas(place, [account], wei))
    invocation.output.say(f"{wording.ether(wei)} sent to {account}")
    invocation.output.result({"account": account, "sent_wei": wei})


@command.command("status")
@directory_option
@pass_invocation
def status(invocation: Invocation, *, directory: Path | None) -> int:
    """Show the ledger and each vault: what it holds, proved and earned."""
    found = asyncio.run(_network(invocation, directory).status())
    show_status(invocation, found)
    return ExitCode.OK if found.healthy else ExitCode.NETWORK_FAILED


@command.command("stop-vault")
@click.argument("vault")
@click.option("--kill", is_flag=True, help="SIGKILL, as if its machine lost power.")
@directory_option
@pass_invocation
def stop_vault(
    invocation: Invocation, *, vault: str, kill: bool, directory: Path | None
) -> None:
    """Stop one vault: VAULT is its number, or the start of its id."""
    stopped, ran = _network(invocation, directory).stop_vault(vault, kill=kill)
    how = "killed" if kill else "stopped"
    done = how if ran else "was not running"
    invocation.output.say(f"vault {stopped.vault[:12]} {done}")
    invocation.output.result({"vault": stopped.vault, "ran": ran})


@command.command("start-vault")
@click.argument("vault")
@directory_option
@pass_invocation
def start_vault(invocation: Invocation, *, vault: str, directory: Path | None) -> None:
    """Start one vault again: VAULT is its number, or the start of its id."""
    network = _network(invocation, directory)
    serving, started = asyncio.run(network.start_vault(vault))
    done = "serves again" if started else "is running already"
    invocation.output.say(f"vault {serving.vault[:12]} {done}")
    invocation.output.result({"vault": serving.vault, "started": started})


@command.command("down")
@click.option("--delete", is_flag=True, help="Delete all that it stored, too.")
@directory_option
@pass_invocation
def down(invocation: Invocation, *, delete: bool, directory: Path | None) -> None:
    """Stop every process; `up` starts them again from the same directory."""
    ended = _network(invocation, directory).down(delete=delete)
    deleted = ", and all that they stored deleted" if delete else ""
    invocation.output.say(
        f"{wording.count(ended, 'process', 'processes')} ended{deleted}"
    )
    invocation.output.result({"ended": ended, "deleted": delete})


@command.command("drill")
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--epoch-seconds",
    type=click.IntRange(2, 3600),
    help="Length of an epoch.  [default: 5; on a chain 12]",
)
@click.option(
    "--ledger",
    type=click.Choice(["sqlite", "evm"]),
    default="sqlite",
    help="Where tokens live: evm starts a chain of its own.  [default: sqlite]",
)
@click.option("--keep", is_flag=True, help="Keep the drill's directory afterwards.")
@pass_invocation
def drill(
    invocation: Invocation,
    *,
    path: Path | None,
    epoch_seconds: int | None,
    ledger: str,
    keep: bool,
) -> int:
    """Lose and damage vaults of a network of its own, and watch it heal.

    It starts 14 vaults, backs up a copy of PATH (by default Holdfast's own files, at
    most 48 MiB), kills two holders for good, deletes half of a third one's shards and
    turns a byte in every shard of a fourth. Nobody helps. It prints what the network
    does about it, judges the case files offline, and restores everything on a new
    machine. It exits with 21 if anything is not as it says.
    """
    from holdfast.client.demo.frozen_copy import default_source  # noqa: PLC0415
    from holdfast.client.demo.page import Page  # noqa: PLC0415
    from holdfast.client.drill.story import tell  # noqa: PLC0415
    from holdfast.client.local_network import default_epoch_seconds  # noqa: PLC0415
    from holdfast.client.staged_story import run_story  # noqa: PLC0415

    source = (path or default_source()).absolute()

    async def story(directory: Path, page: Page) -> None:
        seconds = epoch_seconds or default_epoch_seconds(ledger)
        await tell(source, directory, page, seconds, ledger)

    return run_story(invocation.output, "holdfast-drill-", story, keep=keep)


def _other_node(
    invocation: Invocation, rpc: str, keystore: Path | None, ether: str
) -> "OtherNode":
    from holdfast.client.local_other_node import OtherNode  # noqa: PLC0415
    from holdfast.ledger.joining import open_keystore  # noqa: PLC0415

    wei = wording.read_ether(ether)
    if keystore is None:
        return OtherNode(rpc, None, wei)
    return OtherNode(rpc, open_keystore(keystore, invocation.passphrase()), wei)


def _network(invocation: Invocation, directory: Path | None) -> "LocalNetwork":
    from holdfast.client.local_network import LocalNetwork  # noqa: PLC0415

    output = invocation.output

    def tell(line: str) -> None:
        output.say(line)
        output.event("network", message=line)

    return LocalNetwork(directory or invocation.home / "network", tell=tell)


def show_status(invocation: Invocation, status: "NetworkStatus") -> None:
    """Print how a network is, for people or as JSON."""
    output = invocation.output
    ledger = status.ledger
    if ledger.epoch is None:
        output.say(_silent(status))
    else:
        settled = "none" if ledger.settled_period is None else ledger.settled_period
        output.say(
            f"Ledger {ledger.endpoint} (pid {ledger.pid}): epoch {ledger.epoch} of "
            f"{status.epoch_seconds} s, newest settled period: {settled}"
        )
    if ledger.chain is not None:
        lag = max(int(time.time() - ledger.chain.seconds), 0)
        output.say(
            f"Chain: block {ledger.newest_block}, final up to {ledger.chain.block}, "
            f"which is {lag} s old"
        )
    output.say()
    output.table(_COLUMNS, [_row(vault) for vault in status.vaults])
    output.say()
    output.say(f"Directory: {status.directory} (logs: {status.directory / 'logs'})")
    output.result(document_of(status))


def _silent(status: "NetworkStatus") -> str:
    """Say that the ledger does not answer, and since when vaults miss it."""
    if status.ledger.pid is None:
        text = "The ledger does not run."
    else:
        text = f"The ledger {status.ledger.endpoint} does not answer."
    lost = [v.ledger.lost_seconds for v in status.vaults if v.ledger is not None]
    since = min((seconds for seconds in lost if seconds is not None), default=None)
    if since is None:
        return text
    ago = wording.span(max(time.time() - since, 0.0))
    return f"{text} Vaults miss it since {ago}; they go on without."


_COLUMNS = (
    ">no",
    "vault",
    ">pid",
    "endpoint",
    "state",
    ">shards",
    ">bytes",
    ">last audit",
    ">earned",
)


def _row(vault: "VaultStatus") -> tuple[Any, ...]:
    audit = vault.last_audit_epoch
    state = vault.standing if vault.state == "serving" else vault.state
    return (
        vault.vault.number,
        vault.vault.vault[:12],
        vault.pid or "",
        vault.vault.endpoint,
        state,
        "" if vault.shards is None else vault.shards,
        "" if vault.held_bytes is None else wording.size(vault.held_bytes),
        "" if audit is None else f"epoch {audit}",
        "" if vault.earned is None else wording.hold(vault.earned),
    )


def document_of(status: "NetworkStatus") -> dict[str, object]:
    """Return a network's status as `--json` prints it; tokens are grains."""
    ledger = asdict(status.ledger)
    ledger["earned_grains"] = ledger.pop("earned")
    ledger["spent_grains"] = ledger.pop("spent")
    vaults = []
    for vault in status.vaults:
        said = asdict(vault)
        said |= said.pop("vault")
        said["id"] = said.pop("vault")
        said["earned_grains"] = said.pop("earned")
        said["claimed_grains"] = said.pop("claimed")
        vaults.append(said)
    return {
        "directory": status.directory,
        "epoch": status.ledger.epoch,
        "epoch_seconds": status.epoch_seconds,
        "healthy": status.healthy,
        "ledger": ledger,
        "vaults": vaults,
    }

"""The command `holdfast-vault`: make a vault, run it, look at it, leave the network."""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable, Coroutine
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import click

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import GRAINS_PER_HOLD
from holdfast.wire import process

FAILED: Final = 1
NOT_RUNNING: Final = 3
DAMAGED: Final = 4
BROKEN: Final = 70
KEEP_BYTES: Final = 8 << 20
ARENAS: Final = 2
_UNITS: Final = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", 1)
    for suffix, base in (("iB", 1024), ("B", 1000))
}

_directory = click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The vault's directory.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Size(click.ParamType[int]):
    """A number of bytes, like 100GiB."""

    name = "size"

    def convert(
        self,
        value: Any,  # noqa: ANN401 # click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Return the bytes, or fail with what a size looks like."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)", str(value))
        if found is None or found[2] not in _UNITS:
            self.fail(f"{value!r} is not a size like 100GiB", param, ctx)
        return int(Decimal(found[1]) * _UNITS[found[2]])


class Price(click.ParamType[int]):
    """HOLD with up to nine decimals."""

    name = "hold"

    def convert(
        self,
        value: Any,  # noqa: ANN401 # click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Return the grains, or fail with what a price looks like."""
        try:
            grains = Decimal(str(value)) * GRAINS_PER_HOLD
            whole = int(grains)
        except (InvalidOperation, OverflowError, ValueError):
            self.fail(f"{value!r} is not a number of HOLD", param, ctx)
        if grains != whole or not 0 <= whole < 1 << 63:
            self.fail("a price has at most nine decimals", param, ctx)
        return whole


@click.group()
def vault() -> None:
    """Run a vault: store what others pay for, and prove it."""


@vault.command("init")
@_directory
@click.option(
    "--network",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The network's file (network.json).",
)
@click.option(
    "--quota",
    type=Size(),
    default="100GiB",
    show_default=True,
    help="How much to store at most; the stake grows with it.",
)
@click.option(
    "--price",
    type=Price(),
    default="0.001",
    show_default=True,
    help="HOLD to ask for a GiB and epoch.",
)
@click.option(
    "--endpoint",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes any, once and for good.",
)
@click.option(
    "--advertise",
    default="",
    metavar="HOST:PORT",
    help="What others are told to call, if not the endpoint.",
)
@click.option("--payout", metavar="ACCOUNT", help="Where earnings go.  [default: here]")
@click.option(
    "--keystore",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The vault's account: an encrypted keystore.  [default: made from its seed]",
)
@click.option(
    "--claim-at",
    type=Price(),
    default="0.000000001",
    help="Claim earnings when they reach so many HOLD.",
)
@click.option(
    "--seed-peer",
    "seeds",
    multiple=True,
    metavar="HOST:PORT=CERTIFICATE",
    help="A vault to hear of others from, and its PEM file; may be repeated.",
)
@_as_json
def init_command(
    directory: Path,
    network: Path,
    quota: int,
    price: int,
    endpoint: str,
    advertise: str,
    payout: str | None,
    keystore: Path | None,
    claim_at: int,
    seeds: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a new vault."""
    from holdfast.ledger.core.account_key import AccountKey  # noqa: PLC0415
    from holdfast.ledger.core.address import address_from, address_text  # noqa: PLC0415
    from holdfast.vault.config import (  # noqa: PLC0415 # start-up time
        Settings,
        VaultDirectory,
        checked_endpoint,
    )

    def make() -> None:
        try:
            checked = checked_endpoint(endpoint)
            shown = checked_endpoint(advertise) if advertise else ""
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        settings = Settings(
            quota_bytes=quota,
            price=price,
            endpoint=checked,
            advertise=shown,
            payout=address_from(payout) if payout else None,
            claim_grains=claim_at,
            seeds=tuple(_seed(seed) for seed in seeds),
        )
        keys = VaultDirectory(directory).create(settings, network, keystore)
        account = address_text(AccountKey.from_secret(keys.account_secret).id)
        made = {
            "vault": keys.vault_id.hex(),
            "account": account,
            "directory": str(directory),
        }
        if as_json:
            click.echo(json.dumps(made))
        else:
            click.echo(f"made vault {made['vault'][:16]} in {directory}")
            click.echo(f"its account is {account}")
            click.echo(f"next: holdfast-vault run --dir {directory}")

    _expecting(make)


@vault.command("run")
@_directory
def run_command(directory: Path) -> None:
    """Run the vault until it is told to stop."""
    process.log_to_stderr()

    def run() -> None:
        from holdfast.vault.config import VaultDirectory  # noqa: PLC0415
        from holdfast.vault.running import run_until_signal  # noqa: PLC0415

        place = VaultDirectory(directory)
        with place.lock():
            try:
                asyncio.run(run_until_signal(place))
            except ExceptionGroup:
                # Only a fault of ours gets here: all of it is for the log.
                logging.getLogger(__name__).exception("stopped by a fault")
                sys.exit(BROKEN)

    _expecting(run)


@vault.command("status")
@_directory
@_as_json
def status_command(directory: Path, as_json: bool) -> None:
    """Ask the running vault how it is."""

    async def ask() -> int:
        from holdfast.vault.status import status_of  # noqa: PLC0415

        status = await status_of(directory)
        click.echo(json.dumps(status.as_json()) if as_json else status.as_text())
        return 0 if status.serving else NOT_RUNNING

    code = _expecting(lambda: _run(ask))
    sys.exit(code)


@vault.command("scrub")
@_directory
@_as_json
def scrub_command(directory: Path, as_json: bool) -> None:
    """Verify every shard now; what is damaged is declared and rebuilt."""

    async def verify() -> int:
        from holdfast.vault.scrub_now import scrub  # noqa: PLC0415
        from holdfast.vault.scrubbing import Progress  # noqa: PLC0415

        shown = sys.stderr.isatty() and not as_json

        def report(done: Progress) -> None:
            if shown:
                text = f"\r{done.verified} of {done.total} shards verified"
                click.echo(text, err=True, nl=done.verified == done.total)

        found = await scrub(directory, report)
        click.echo(json.dumps(found.as_json()) if as_json else found.as_text())
        return 0 if found.sound else DAMAGED

    sys.exit(_expecting(lambda: _run(verify)))


@vault.command("record")
@_directory
@_as_json
@click.option("--all", "every", is_flag=True, help="Show every audit ever kept.")
@click.option("--offline", is_flag=True, help="Read the journal, and ask nobody.")
@click.option(
    "--case",
    "case_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the case against this vault here, for anybody to judge.",
)
def record_command(
    directory: Path, as_json: bool, every: bool, offline: bool, case_file: Path | None
) -> None:
    """Show every audit, every demerit with who signed it, and what was earned.

    It is read from the vault's journal, so the vault need not run. Its neighbours are
    asked what they certified while it was away.
    """

    async def show() -> None:
        from holdfast.vault.record_report import shown_record  # noqa: PLC0415

        text, document = await shown_record(
            directory, every=every, offline=offline, case_file=case_file
        )
        click.echo(json.dumps(document) if as_json else text)

    _expecting(lambda: _run(show))


@vault.command("exit")
@_directory
@_as_json
def exit_command(directory: Path, as_json: bool) -> None:
    """Leave the network: hand all deals over, then take the whole stake back."""

    async def leave() -> None:
        from holdfast.vault.leaving_network import unbond  # noqa: PLC0415

        left = await unbond(directory)
        click.echo(json.dumps(left.as_json()) if as_json else left.as_text())

    _expecting(lambda: _run(leave))


def main() -> None:
    """Run the command line."""
    process.prepare(keep_bytes=KEEP_BYTES, arenas=ARENAS)
    vault()


def _seed(text: str) -> Any:  # noqa: ANN401 # SeedVault, imported late
    from holdfast.ledger.network_file import SeedVault  # noqa: PLC0415
    from holdfast.vault.config import checked_endpoint  # noqa: PLC0415

    endpoint, _, path = text.partition("=")
    try:
        return SeedVault(checked_endpoint(endpoint), Path(path).read_bytes())
    except ValueError as error:
        raise click.BadParameter(f"--seed-peer: {error}") from error
    except OSError as error:
        raise click.BadParameter(
            f"--seed-peer: cannot read {path}: {error.strerror}"
        ) from error


def _run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401 # its result
    return asyncio.run(work())


def _expecting(act: Callable[[], Any]) -> Any:  # noqa: ANN401 # its result
    """Do it; an expected error is one sentence and exit code 1, never a traceback."""
    try:
        return act()
    except HoldfastError as error:
        click.echo(f"holdfast-vault: {error}", err=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

"""`holdfast wallet …`: the account that pays."""

import asyncio
from pathlib import Path

import click

from holdfast.client import wording
from holdfast.client.command_line import Group
from holdfast.client.invocation import Invocation, pass_invocation


@click.group("wallet", cls=Group)
def command() -> None:
    """Show and move the tokens of your account."""


@command.command("balance")
@pass_invocation
def balance(invocation: Invocation) -> None:
    """Show what the account has, and what its deals hold; needs no passphrase.

    On a chain also its ether, and what this profile's commands paid for gas.
    """
    from holdfast.client.gas_book import gas_spent  # noqa: PLC0415
    from holdfast.client.reading_ledger import ether_of, funds_of  # noqa: PLC0415
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    profile = invocation.profile()
    account = address_text(profile.account)
    funds = funds_of(profile.network, profile.account)
    say = invocation.output.say
    say(f"{wording.hold(funds.balance)} in {account}")
    if funds.locked:
        say(f"{wording.hold(funds.locked)} in the escrow of deals: `holdfast bill`")
    if funds.ended:
        back = wording.hold(funds.ended)
        say(f"  {back} of it in deals that end: what is not spent comes back")
    document = {
        "account": account,
        "balance_grains": funds.balance,
        "escrow_grains": funds.locked,
        "escrow_ended_grains": funds.ended,
    }
    ether = ether_of(profile.network, profile.account)
    if ether is not None:
        paid = gas_spent(profile.home)
        say(
            f"{wording.ether(ether)} for gas; so far {paid.gas:,} gas were used, "
            f"for {wording.ether(paid.wei)}"
        )
        document |= {"ether_wei": ether, "gas_used": paid.gas, "gas_wei": paid.wei}
    invocation.output.result(document)


@command.command("address")
@pass_invocation
def address(invocation: Invocation) -> None:
    """Print the account's address, to receive tokens."""
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415

    account = address_text(invocation.profile().account)
    invocation.output.say(account)
    invocation.output.result({"account": account})


@command.command("transfer")
@click.argument("to")
@click.argument("amount")
@pass_invocation
def transfer(invocation: Invocation, *, to: str, amount: str) -> None:
    """Send AMOUNT (such as 12.5) to the account TO."""
    from holdfast.ledger.core.address import address_from, address_text  # noqa: PLC0415

    receiver = address_from(to)
    grains = wording.read_hold(amount)
    with invocation.client() as client:
        client.transfer(receiver, grains)
        left = client.balance()
    shown = address_text(receiver)
    sent = f"{wording.hold(grains)} sent to {shown}"
    invocation.output.say(f"{sent}; {wording.hold(left)} left")
    invocation.output.result(
        {"to": shown, "sent_grains": grains, "balance_grains": left}
    )


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--new-passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Has the passphrase of the keystore.  [default: asked for]",
)
@pass_invocation
def export(
    invocation: Invocation, *, file: Path, new_passphrase_file: Path | None
) -> None:
    """Write the account into FILE, an encrypted keystore that wallets read.

    Whoever has it and its passphrase can move all tokens, but reads no backup.
    """
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415
    from holdfast.ledger.joining import save_keystore  # noqa: PLC0415

    profile = invocation.profile()
    keys = profile.unlock(invocation.passphrase())
    passphrase = invocation.new_passphrase(new_passphrase_file)
    save_keystore(file, keys.account_secret, passphrase)
    account = address_text(profile.account)
    invocation.output.say(f"{account} is in {file}, behind the new passphrase")
    invocation.output.result({"account": account, "file": str(file)})


@command.command("pay-in")
@click.argument("amount", default="0")
@click.option(
    "--keystore",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The account that pays: an encrypted keystore, as wallets write it.",
)
@click.option("--ether", help="Ether for gas, too, such as 0.05.")
@pass_invocation
def pay_in(
    invocation: Invocation, *, amount: str, keystore: Path, ether: str | None
) -> None:
    """Bring AMOUNT tokens into your account from the account in a keystore.

    The passphrase asked for is the keystore's; your own is not needed.
    """
    from holdfast.client import reading_ledger  # noqa: PLC0415
    from holdfast.ledger.core.address import address_text  # noqa: PLC0415
    from holdfast.ledger.joining import open_keystore  # noqa: PLC0415

    profile = invocation.profile()
    grains, wei = wording.read_hold(amount), wording.read_ether(ether) if ether else 0
    if not grains and not wei:
        raise click.UsageError("name an AMOUNT, or --ether, or both")
    if wei and profile.network.chain is None:
        raise click.UsageError("this network's ledger is on no chain: no ether there")
    payer = open_keystore(keystore, invocation.passphrase())
    work = reading_ledger.pay_in(profile.network, payer, profile.account, grains, wei)
    asyncio.run(work)
    came = [wording.hold(grains)] if grains else []
    came += [wording.ether(wei)] if wei else []
    source = address_text(payer.id)
    invocation.output.say(f"{' and '.join(came)} came from {source}")
    invocation.output.result({"from": source, "paid_grains": grains, "paid_wei": wei})


@command.command("faucet")
@pass_invocation
def faucet(invocation: Invocation) -> None:
    """Get the tokens that a development network gives to everybody once."""
    with invocation.client() as client:
        grains = client.faucet()
        left = client.balance()
    given = f"{wording.hold(grains)} from the faucet"
    invocation.output.say(f"{given}; the account has {wording.hold(left)}")
    invocation.output.result({"given_grains": grains, "balance_grains": left})

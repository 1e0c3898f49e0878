"""`holdfast wallet …`: the account that pays."""

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
    """Show what the account has, and what its deals hold; needs no passphrase."""
    from holdfast.client.reading_ledger import funds_of  # noqa: PLC0415
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
    invocation.output.result(
        {
            "account": account,
            "balance_grains": funds.balance,
            "escrow_grains": funds.locked,
            "escrow_ended_grains": funds.ended,
        }
    )


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

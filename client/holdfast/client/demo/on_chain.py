"""The demo's parts that only a chain can show: escrow, certificates, claims, refund.

Every figure here is asked of the contracts themselves (`contract_books.py`), and
compared with what our own tables said.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeVar

from holdfast.client import wording
from holdfast.client.async_client import AsyncClient
from holdfast.client.contract_books import ContractBooks, PaidClaim
from holdfast.client.demo.page import Page
from holdfast.client.session_values import DealStatus
from holdfast.ledger.core.address import address_text
from holdfast.protocol.units import Grains, VaultId

_PATIENCE_SECONDS: Final = 240.0
_LOOK_SECONDS: Final = 1.0
_SHOWN: Final = 6
Value = TypeVar("Value")


async def show_escrow(
    books: ContractBooks, deals: Sequence[DealStatus], page: Page
) -> None:
    """Compare what is locked in the deals with the grains that their contract has."""
    page.step("The escrow, which nobody keeps but a contract")
    where = books.addresses
    rows = [
        (name, address_text(address))
        for name, address in (
            ("token", where.token),
            ("registry", where.registry),
            ("deals", where.deals),
            ("settlement", where.settlement),
        )
    ]
    page.table(("contract", "address"), rows)
    await books.look()
    escrowed, flows = await books.escrowed(), await books.flows()
    kept = await books.balance(where.deals)
    locked = sum(status.deal.escrow for status in deals)
    page.say(
        "These contracts belong to nobody: they have no owner, no pause, no upgrade."
    )
    page.claim(
        f"the contract of deals keeps {wording.hold(kept)}: what was locked in "
        f"{wording.count(len(deals), 'deal')}, less what is spent already",
        kept == escrowed == locked - flows.spent and kept > 0,
    )
    page.figure("escrow_grains", kept)


async def show_certificates(books: ContractBooks, page: Page) -> None:
    """Show what the contract took, and that it takes nothing else."""
    page.step("One certificate a period, verified on the chain")
    taken = await _until(books, books.certificates, bool)
    page.say(
        "A committee drawn by the period's beacon signs what everybody earned and "
        "spent. The contract draws the same committee, adds up the keys of those who "
        "signed, and checks the one BLS signature."
    )
    page.table(
        (">period", ">signers", ">block", ">gas"),
        [
            (one.period, one.signers.bit_count(), one.block, f"{one.gas:,}")
            for one in taken[-_SHOWN:]
        ],
    )
    newest = taken[-1]
    as_signed = await books.refused(newest)
    altered = await books.refused(newest, root_bit=1)
    others = await books.refused(newest, signers=_with_another(newest.signers))
    page.claim(
        f"the contract took {wording.count(len(taken), 'certificate')}, one a period",
        len({one.period for one in taken}) == len(taken) and as_signed is None,
    )
    page.claim(
        f"one bit of the root turned, it refuses the newest: {altered}",
        altered is not None,
    )
    page.claim(
        f"with another member named instead of one who signed, too: {others}",
        others is not None,
    )
    page.figure("settlement_gas", [one.gas for one in taken])


async def show_claims(
    books: ContractBooks, due: Collection[VaultId], page: Page
) -> None:
    """Wait until all these vaults were paid in tokens, and show what that cost."""
    page.step("Claims: a Merkle proof for tokens")

    def all_paid(claims: tuple[PaidClaim, ...]) -> bool:
        return set(due) <= {claim.vault for claim in claims}

    claims = await _until(books, books.claims, all_paid)
    totals: dict[VaultId, Grains] = {}
    for claim in claims:
        totals[claim.vault] = totals.get(claim.vault, 0) + claim.grains
    newest = {claim.vault: claim for claim in claims}
    page.table(
        ("vault", ">claimed", ">gas of the last", "paid to"),
        [
            (
                vault.hex()[:12],
                wording.hold(totals[vault]),
                f"{claim.gas:,}",
                address_text(claim.payout),
            )
            for vault, claim in newest.items()
        ],
    )
    flows = await books.flows()
    page.claim(
        f"all {len(due)} vaults that earned were paid in tokens", all_paid(claims)
    )
    page.claim(
        f"the contract paid out {wording.hold(flows.claimed)}, of "
        f"{wording.hold(flows.earned)} that are certified",
        0 < flows.claimed <= flows.earned <= flows.spent + flows.slashed
        and sum(totals.values()) == flows.claimed,
    )
    page.figure("claim_gas", [claim.gas for claim in claims])


async def show_refund(
    books: ContractBooks, client: AsyncClient, given: Grains, page: Page
) -> None:
    """Close every deal, wait for its last settlement, and fetch the rest back.

    `given` is what the faucet gave the client's account.
    """
    page.step("A refund: the deals are closed, and what they did not spend comes back")
    before = await client.balance()
    for status in await client.deals():
        if status.deal.closed_epoch is None:
            await client.close_deal(status.deal.id)
    page.say("Their last period has to be settled first. Waiting …")

    async def refunded() -> tuple[DealStatus, ...]:
        await client.refund()
        return await client.deals()

    deals = await _until(
        books, refunded, lambda all_: all(one.deal.refunded for one in all_)
    )
    await books.look()
    after = await client.balance()
    spent = (await books.flows()).spent
    page.claim(
        f"{wording.hold(after - before)} came back into the uploader's account",
        all(status.deal.refunded for status in deals) and after > before,
    )
    page.claim(
        f"it has {wording.hold(after)}: what the faucet gave, less the "
        f"{wording.hold(spent)} that the certificates say it spent",
        after == given - spent == await books.balance(client.account),
    )
    left = await books.escrowed()
    kept = await books.balance(books.addresses.deals)
    page.claim("nothing is left in the contract of deals", left == kept == 0)
    page.figure("refund_grains", after - before)


async def show_supply(books: ContractBooks, page: Page) -> None:
    """Add up everybody's tokens."""
    page.step("Every token, counted")
    balances, supply = await books.balances(), await books.supply()
    page.claim(
        f"the balances of all {len(balances)} accounts and contracts that ever got "
        f"any add up to the supply: {wording.hold(supply)}",
        sum(balances.values()) == supply,
    )


def _with_another(signers: int) -> int:
    """Return the bitmap with its first signer out and the first who is not in."""
    first, absent = signers & -signers, ~signers & (signers + 1)
    return signers & ~first | absent


async def _until(
    books: ContractBooks,
    ask: Callable[[], Awaitable[Value]],
    enough: Callable[[Value], bool],
) -> Value:
    """Return the first answer that is enough, or the last one in time."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        await books.look()
        found = await ask()
        if enough(found) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(_LOOK_SECONDS)

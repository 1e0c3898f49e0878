"""What is true of the ledger after any sequence of entries.

The rules keep it so by construction; tests and `verify` add everything up again.
"""

from collections import Counter
from collections.abc import Iterator

from holdfast.ledger.core.memory import MemoryState
from holdfast.protocol.pricing import bytes_covered
from holdfast.protocol.units import VaultId


def broken_invariants(state: MemoryState) -> tuple[str, ...]:
    """Return a sentence for each invariant that does not hold."""
    return (*_tokens(state), *_deals(state), *_holders(state), *_registry(state))


def _tokens(state: MemoryState) -> Iterator[str]:
    books = state.books
    balances = [account.balance for account in state.accounts()]
    stakes = [vault.stake for vault in state.vaults()]
    whole = sum(balances) + sum(stakes) + books.escrowed + books.payable
    if whole != books.minted:
        yield f"{whole} grains exist where {books.minted} were minted"
    if min([*balances, *stakes, books.escrowed, books.payable], default=0) < 0:
        yield "a balance, stake or pool is below zero"
    if not books.claimed <= books.earned <= books.spent + books.slashed:
        yield "more was claimed than earned, or earned than paid in"


def _deals(state: MemoryState) -> Iterator[str]:
    locked = sum(row.deal.escrow for row in state.deals())
    if locked - state.books.spent != state.books.escrowed:
        yield f"deals have {locked} grains in escrow, the books say otherwise"


def _holders(state: MemoryState) -> Iterator[str]:
    for row in state.deals():
        deal = row.deal
        vaults = [holder.vault for holder in deal.holders]
        gone = [past.vault for past in deal.past]
        if len({*vaults, *gone}) != len(vaults) + len(gone):
            yield f"a vault holds two places of deal {deal.id.hex()}, or came back"
        since = [holder.since_epoch for holder in deal.holders]
        for past in reversed(deal.past):
            if not past.since_epoch <= past.until_epoch == since[past.index]:
                yield f"deal {deal.id.hex()} has an index that nobody or two held"
            since[past.index] = past.since_epoch


def _registry(state: MemoryState) -> Iterator[str]:
    committed: Counter[VaultId] = Counter()
    for row in state.deals():
        if not row.deal.refunded:
            for holder in row.deal.holders:
                committed[holder.vault] += row.deal.capacity
    claimed, slashed = 0, 0
    for vault in state.vaults():
        claimed += vault.claimed
        slashed += vault.slashed
        name = f"vault {vault.vault.hex()}"
        if vault.committed_bytes != committed[vault.vault]:
            yield f"{name} is committed to other bytes than its deals have"
        covered = bytes_covered(vault.stake, state.params.rebuild_price)
        if vault.left_epoch is None and vault.committed_bytes > covered:
            yield f"{name} is committed to more bytes than its stake covers"
    if claimed != state.books.claimed:
        yield f"vaults claimed {claimed} grains, the books say otherwise"
    if slashed != state.books.slashed:
        yield f"vaults lost {slashed} grains, the books say otherwise"

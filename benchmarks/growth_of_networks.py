"""What a ledger answers its followers, and what a vault with many deals computes.

Cases for `growth.py`; sizes are vaults or deals. Rows are made, not signed for.
"""

import asyncio
import atexit
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.values import (
    Books,
    Changes,
    Head,
)
from holdfast.ledger.following import all_after, deals_after, registry_after
from holdfast.ledger.port import DEALS_PAGE, DealChanges, RegistryChanges, Tip
from holdfast.protocol.deal import Deal
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.network import development_params
from holdfast.protocol.units import (
    MIB,
    ChunkId,
    DealId,
    Digest,
    VaultId,
)
from holdfast.vault.core.holding_events import ShardStaged
from holdfast.vault.data_side import DataSide, World
from holdfast.vault.quote_desk import Terms
from ledger_rows import OWNER, deal_row, made_deal, vault_row

Work = Callable[[], object]
PARAMS: Final = development_params("growth", 0)
KEYS: Final = NodeKeys(bytes(32))
HOLDERS: Final = (KEYS.vault_id, *(VaultId(bytes([n]) * 32) for n in range(1, 8)))
CHUNK: Final = ChunkId(bytes(32))
EPOCH: Final = 10


def registry_sync(vaults: int) -> Work:
    """A new follower learns all of so many vaults."""
    ledger = _ledger(vaults=vaults)
    return lambda: _followed(lambda after: registry_after(ledger, after))


def registry_news(vaults: int) -> Work:
    """A follower who knows all of so many vaults but the last."""
    ledger = _ledger(vaults=vaults)
    after = ledger.head.sequence - 1
    return lambda: registry_after(ledger, after)


def deals_sync(deals: int) -> Work:
    """A vault that starts learns all of its so many deals."""
    ledger = _ledger(deals=deals)
    return lambda: _followed(lambda after: deals_after(ledger, HOLDERS[:1], after))


def sync_of_many(deals: int) -> Work:
    """A vault that mirrors all 8 holders of so many deals learns them."""
    ledger = _ledger(deals=deals)
    return lambda: _followed(lambda after: deals_after(ledger, HOLDERS, after))


def sync_news(deals: int) -> Work:
    """The same once it knows them: one deal is new."""
    ledger = _ledger(deals=deals)
    tip = Tip(ledger.head.sequence, 0, 0.0)
    return lambda: all_after(ledger, tip, HOLDERS, tip.sequence - 1)


def all_owned(deals: int) -> Work:
    """An owner learns all of so many deals, a piece at a time."""
    ledger = _ledger(deals=deals)
    starts = range(0, deals, DEALS_PAGE)
    return lambda: [ledger.deals_owned(OWNER, start, DEALS_PAGE) for start in starts]


def shard_offered(deals: int) -> Work:
    """A vault with so many deals is asked whether there is room for a shard."""
    data = _vault_with(deals)
    offered = ShardStaged(CHUNK, 8 * MIB, 2 * MIB, 0.0)
    one = data.driver.holdings.of(made_deal(deals - 1, HOLDERS))

    def work() -> int:
        one.receive(offered)
        return data.driver.room()

    return work


def a_quote(deals: int) -> Work:
    """A vault with so many deals is asked what a further one would cost."""
    data = _vault_with(deals)
    numbers = itertools.count(deals)

    def work() -> object:
        deal = DealId(next(numbers).to_bytes(32, "big"))
        return asyncio.run(data.quotes.quote(deal, 1, 99, "somebody"))

    return work


def how_it_stands(deals: int) -> Work:
    """A vault with so many deals is asked how much it holds."""
    data = _vault_with(deals)
    return data.figures


def a_checkpoint(deals: int) -> Work:
    """A vault takes the entries of so many deals for its next checkpoint."""
    data = _vault_with(deals)
    return lambda: data.entries().tree().root


CASES: Final = (
    ("registry, a new follower, vaults", 100, registry_sync),
    ("registry, one change, vaults", 100, registry_news),
    ("ledger, a vault's deals, deals", 1_000, deals_sync),
    ("ledger, deals of 8 vaults, deals", 1_000, sync_of_many),
    ("ledger, one new deal, deals", 1_000, sync_news),
    ("ledger, an owner's deals, deals", 1_000, all_owned),
    ("vault, room for a shard, deals", 1_000, shard_offered),
    ("vault, a quote, deals", 1_000, a_quote),
    ("vault, how it stands, deals", 1_000, how_it_stands),
    ("vault, a checkpoint, deals", 1_000, a_checkpoint),
)


def _followed(ask: Callable[[int], RegistryChanges | DealChanges]) -> int:
    """Ask until there is nothing new; return how often."""
    after = 0
    for times in itertools.count(1):
        piece = ask(after)
        if piece.upto == after:
            return times
        after = piece.upto
    raise AssertionError


def _vault_with(deals: int) -> DataSide:
    """Return the data side of a vault with one shard of each of so many deals."""
    state = LedgerState(PARAMS)
    state.absorb(LedgerNews(1, EPOCH, deals=tuple(_deals(deals))))
    terms = Terms(1)
    view: Any = _View(state)
    peers: Any = None  # nothing here asks others
    world = World(view, peers, _Clock(), lambda: terms)
    top = Path(tempfile.mkdtemp(prefix="holdfast-growth-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    data = DataSide.open(top, KEYS, world, quota_bytes=1 << 60)
    for deal in _deals(deals):
        holding = data.driver.holdings.of(deal)
        holding.receive(ShardStaged(CHUNK, 8 * MIB, 2 * MIB, 0.0))
    return data


def _deals(count: int) -> Iterator[Deal]:
    return (made_deal(number, HOLDERS) for number in range(count))


class _View:
    """What is known of the ledger, in one epoch."""

    params = PARAMS
    network_id = PARAMS.network_id

    def __init__(self, state: LedgerState) -> None:
        self.deal = state.deal
        self.deals_held = state.deals_held

    def epoch(self) -> int:
        return EPOCH


class _Clock:
    def now(self) -> float:
        return 0.0


def _ledger(vaults: int = 0, deals: int = 0) -> MemoryState:
    """Return a ledger; each of its rows changed in an entry of its own."""
    state = MemoryState(PARAMS)
    head = Head(vaults + deals, 0, 0, Digest(bytes(32)))
    state.take(
        Changes(
            head,
            Books(),
            vaults=tuple(vault_row(n, n + 1) for n in range(vaults)),
            deals=tuple(deal_row(n, n + 1, HOLDERS) for n in range(deals)),
        )
    )
    return state

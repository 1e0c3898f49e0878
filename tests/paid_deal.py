"""A deal of five vaults that is in place, and totals that pay for it."""

from holdfast.protocol.settlement import (
    TotalProof,
    Totals,
    prove_total,
)
from holdfast.protocol.units import (
    GRAINS_PER_HOLD,
    DealId,
)
from ledger_stage import (
    Stage,
    opened,
    vault_ids,
    vault_key,
)

NUMBERS = list(range(1, 6))
FIRST, SECOND = vault_ids([1, 2])
KEY = vault_key(1)
FED = 10_000 * GRAINS_PER_HOLD


async def deal_in_place(stage: Stage, numbers: list[int] = NUMBERS) -> DealId:
    """Five vaults, one deal of account 50 with the first two until epoch 6."""
    await stage.vaults(numbers)
    owner = await stage.fed(50)
    wish = await stage.opening(owner, numbers=[1, 2], end_epoch=6, price=10_000)
    await stage.act(owner, wish)
    await stage.advance_to(4)
    return opened(owner, wish)


def paid(deal: DealId, earned: int = 300, spent: int = 600) -> Totals:
    return Totals({FIRST: earned, SECOND: spent - earned}, {deal: spent})


def proof(totals: Totals, party: int, key: bytes) -> TotalProof:
    made = prove_total(totals, party, key)
    assert made is not None
    return made

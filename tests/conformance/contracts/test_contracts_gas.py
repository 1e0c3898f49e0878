"""What a settlement and a claim cost at most, whatever the number of vaults."""

from dataclasses import replace

from evm_stage import Stage
from holdfast.protocol.settlement import Totals

FIRST_CLAIM_MAX, CLAIM_MAX = 120_000, 90_000
SETTLE_MAX = 500_000
# Zeros in what is signed and hashed are cheaper than other bytes.
LUCK = 1_000
TREES = (10, 100, 1_000)


def totals(stage: Stage, leaves: int, each: int) -> Totals:
    """Totals of so many vaults; strangers earn nothing."""
    fair = stage.fair(each)
    more = leaves - len(fair.earned) - len(fair.spent)
    filler = {(7**80 * (i + 1)).to_bytes(32, "big"): 0 for i in range(more)}
    return replace(fair, earned={**fair.earned, **filler})  # type: ignore[dict-item] # fillers are ids


def test_a_settlement_costs_the_same_whatever_the_number_of_vaults(
    stage: Stage,
) -> None:
    network, vault = stage.network, stage.holders[0]
    stage.settle(0, totals(stage, TREES[0], 100))
    network.send(stage.claim_call(vault), stage.stranger, "first claim")
    assert network.gas["first claim"] < FIRST_CLAIM_MAX
    stage.begin_epoch(8)
    beacon, settled = stage.beacon, []
    for leaves in TREES:
        beginning = network.chain.remember()
        stage.settle(1, totals(stage, leaves, 200), name="settle")
        network.send(stage.claim_call(vault), stage.stranger, "claim")
        network.chain.return_to(beginning)
        stage.beacon = beacon
        settled.append(network.gas["settle"])
        assert network.gas["claim"] < CLAIM_MAX
    assert max(settled) < SETTLE_MAX
    assert max(settled) - min(settled) < LUCK

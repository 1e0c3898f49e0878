"""What each operation costs on a chain: the table of docs/contracts.md.

python benchmarks/contract_gas.py                    # py-evm, in this process
python benchmarks/contract_gas.py path/to/anvil      # a real node
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from compile_source import compile_source
from evm_anvil import running_anvil
from evm_chain import TestChain
from evm_network import Chain, TestNetwork
from evm_people import account, make_vault
from evm_stage import CAPACITY, END, STAKE, Stage, set_stage
from holdfast.protocol.settlement import (
    REPLACEMENT_LEAF,
    Ejection,
    Replacement,
    Totals,
)
from holdfast.protocol.units import Digest

ROOT = Path(__file__).parents[1]
GULLIBLE = ROOT / "tests" / "conformance" / "contracts" / "Gullible.vy"
TREES = (10, 100, 1_000, 100_000)


class WideStage(Stage):
    """A stage whose deal has eight holders."""

    @property
    def holders(self) -> list[Any]:
        return self.vaults[:8]


def story(chain: Chain) -> dict[str, int]:
    """Go through every operation with twelve vaults."""
    network = TestNetwork(chain)
    narrow = set_stage(network, [make_vault(seed) for seed in range(12)])
    stage = WideStage(**vars(narrow))
    registry, deals = network.registry.functions, network.deals.functions
    user, stranger, vault = stage.user, stage.stranger, stage.vaults[0]

    network.give(account(1).address, 5, "transfer")
    network.give(vault.account.address, 5)
    network.send(registry.add_stake(vault.id, 5), vault.account, "add stake")
    stage.deal = stage.id_of(user, b"\2" * 32)
    network.send(stage.open_call(user, b"\2" * 32), user, "open a deal, n = 8")
    network.send(deals.fund(stage.deal, 500), stranger, "fund a deal")
    quotes = stage.quotes(stage.deal, CAPACITY, END + 4)
    call = deals.extend(stage.deal, CAPACITY, END + 4, quotes)
    network.send(call, user, "extend a deal, n = 8")
    network.send(deals.close(stage.deal), user, "close a deal")

    settle_trees(stage)
    stage.begin_epoch(20)
    stage.settle(4, totals_of(stage, 8), name="settle: 12 of 12 sign")
    statement = network.statement(5, totals_of(stage, 8))
    stage.begin_epoch(24)
    call = network.settle_call(statement, stage.committee, range(7))
    network.send(call, stranger, "settle: 7 of 12 sign")
    network.send(stage.refund_call(), stranger, "refund a deal, n = 8")
    stage.begin_epoch(28)
    gone = stage.vaults[11]
    ejection = Ejection(gone.id, 5, Digest(b"\1" * 32))
    stage.settle(6, stage.totals, [ejection], name="settle: and one ejection")
    leaver = stage.vaults[10]
    network.send(registry.unbond(leaver.id), leaver.account, "unbond")
    stage.begin_epoch(40)
    stage.vaults = stage.vaults[:10]
    stage.settle(9, stage.totals)
    network.send(registry.withdraw(leaver.id), leaver.account, "withdraw")
    return network.gas


def replacement(chain: Chain) -> dict[str, int]:
    """Let the ninth vault take the place of a holder that leaves."""
    network = TestNetwork(chain)
    narrow = set_stage(network, [make_vault(seed) for seed in range(9)])
    stage = WideStage(**vars(narrow))
    stage.deal = stage.id_of(stage.user, b"\2" * 32)
    network.send(stage.open_call(stage.user, b"\2" * 32), stage.user)
    lost, vault = stage.holders[1], stage.vaults[8]
    network.send(network.registry.functions.unbond(lost.id), lost.account)
    change = Replacement(stage.deal, 1, lost.id, vault.id)
    stage.settle(0, replace(totals_of(stage, 1_000), replaced=(change,)))
    proof = stage.proof(REPLACEMENT_LEAF, change.leaf().id)
    leaf = (1, lost.id, vault.id, proof.index, list(proof.path))
    call = network.deals.functions.replace(stage.deal, stage.holder_list, *leaf)
    name = "replace a holder, n = 8, 1,000 leaves"
    network.send(call, stage.stranger, name)
    return {name: network.gas[name]}


def settle_trees(stage: Stage) -> None:
    """Settle and claim with trees of several sizes, each from the same beginning.

    So the same committee is drawn with the same luck, and only the tree differs.
    """
    chain, claimant = stage.network.chain, stage.vaults[3]
    totals = totals_of(stage, TREES[0], 100)
    stage.settle(0, totals, name="settle: the first ever")
    name = "claim: the vault's first, 10 leaves"
    stage.network.send(stage.claim_call(claimant), stage.stranger, name)
    stage.begin_epoch(8)
    for size in TREES:
        beginning = chain.remember()
        stage.settle(1, totals_of(stage, size, 200), name=f"settle: {size:,} leaves")
        name = f"claim: {size:,} leaves"
        stage.network.send(stage.claim_call(claimant), stage.stranger, name)
        chain.return_to(beginning)


def totals_of(stage: Stage, leaves: int, each: int = 1_000) -> Totals:
    """Return totals with so many leaves; strangers earn nothing."""
    earned = {vault.id: each for vault in stage.vaults[:8]}
    more = max(leaves - len(earned) - 1, 0)
    filler = {(7**80 * (i + 1)).to_bytes(32, "big"): 0 for i in range(more)}
    return Totals({**earned, **filler}, {stage.deal: 8 * each})  # type: ignore[dict-item] # fillers are ids


def committees(
    chain: Chain, certificates: str, sizes: tuple[int, ...]
) -> dict[str, int]:
    """Settle with committees of several sizes, all and a bare majority signing."""
    identity = compile_source(GULLIBLE)
    network = TestNetwork(chain, identity=identity, certificates=certificates)
    stage = set_stage(network, [make_vault(seed) for seed in range(sizes[0])])
    bls = certificates == "BlsCertificates"
    period = 0
    for size in sizes:
        for seed in range(len(stage.vaults), size):
            stage.vaults.append(make_vault(seed))
            network.join(stage.vaults[-1], STAKE)
        period += 1
        stage.begin_epoch(4 * (period + 1))
        members = min(size, network.params.committee_size)
        for signers in (members, members // 2 + 1):
            totals = Totals({stage.vaults[0].id: period}, {stage.deal: period})
            statement = network.statement(period, totals)
            bring = network.settle_call if bls else network.settle_by_accounts
            call = bring(statement, stage.committee, range(signers))
            name = f"{'BLS' if bls else 'ECDSA'}, {size} vaults: {signers} sign"
            network.send(call, stage.stranger, name)
            period += 1
            stage.begin_epoch(4 * (period + 1))
    kept = ("BLS", "ECDSA", "deploy EcdsaC")
    return {name: used for name, used in network.gas.items() if name.startswith(kept)}


@contextmanager
def a_chain() -> Iterator[Chain]:
    """Open what the command line names."""
    if len(sys.argv) > 1:
        with running_anvil(sys.argv[1]) as chain:
            yield chain
    else:
        yield TestChain()


def main() -> None:
    """Print one line for each operation."""
    runs = (
        story,
        replacement,
        lambda chain: committees(chain, "BlsCertificates", (5, 20, 64, 128, 200)),
        lambda chain: committees(chain, "EcdsaCertificates", (5, 20, 64, 128)),
    )
    for run in runs:
        with a_chain() as chain:
            for name, used in run(chain).items():
                print(f"{name:42} {used:>10,}", flush=True)


if __name__ == "__main__":
    main()

"""Hostile vaults that invent proofs, of leaves they lack or settlements nobody made."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.ledger.core.operations import Claim, Settle
from holdfast.protocol import bls
from holdfast.protocol.answer import LeafProof
from holdfast.protocol.chunk import ChunkHeader, ShardProof
from holdfast.protocol.settlement import (
    VAULT_LEAF,
    Certificate,
    Statement,
    Totals,
    prove_total,
    signers_bitmap,
)
from holdfast.protocol.units import ChunkId, Digest
from holdfast.vault.core.challenged import WantedLeaf
from simulation.masks import Colluder
from simulation.sim_vault import SimVault
from simulation.universe import Universe

STOLEN = 1_000_000


@dataclass
class Forger(Colluder):
    """A colluder that answers although leaves are gone: its friends vote for it."""

    forges: bool = True

    def read(
        self, wanted: Sequence[WantedLeaf], leaves: Sequence[LeafProof | None]
    ) -> tuple[LeafProof | None, ...]:
        pairs = zip(wanted, leaves, strict=True)
        return tuple(leaf or _invented(asked) for asked, leaf in pairs)


def _invented(asked: WantedLeaf) -> LeafProof:
    proof = ShardProof(ChunkHeader(1, 1, 1), 0, ())
    return LeafProof(asked.entry, 0, ChunkId(bytes(32)), (), proof, (), b"\0")


def usurp(universe: Universe, usurpers: Sequence[SimVault]) -> None:
    """Bring a settlement that pays the first usurper, signed by all of them."""
    first = usurpers[0]
    state, params = universe.chain.book.state, universe.params
    period = params.period_of(state.head.epoch) - 1
    members = first.me.ledger.committee(period + 1)
    ranks = [members.index(vault.id) for vault in usurpers if vault.id in members]
    if not ranks:
        return
    total = state.books.spent + STOLEN
    row = state.vault(first.id)
    assert row
    totals = Totals({first.id: row.claimed + STOLEN}, {})
    tree = totals.tree()
    statement = Statement(
        params.network_id, period, Digest(tree.root), len(tree), total, total
    )
    secrets = [universe.by_id[members[rank]].keys.bls_secret for rank in ranks]
    signed = [bls.sign(secret, statement.digest()) for secret in secrets]
    bitmap = signers_bitmap(ranks, len(members))
    certificate = Certificate(statement, bitmap, bls.aggregate(signed))
    if universe.submit(first, Settle(certificate)) is None:
        proof = prove_total(totals, VAULT_LEAF, first.id)
        assert proof
        universe.submit(first, Claim(proof))

"""Reading challenged leaves: each with its path from the leaf up to the manifest."""

import logging
from collections.abc import Sequence

from holdfast.protocol import merkle
from holdfast.protocol.answer import LeafProof
from holdfast.protocol.manifest import NO_HEAD, Manifest
from holdfast.protocol.units import LEAF_BYTES, ChunkId, DealId, Digest
from holdfast.vault.core.refusals import RefusedError
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.ports import WantedLeaf
from holdfast.vault.shard_files import ShardDamagedError, ShardFiles, StoredShard
from holdfast.vault.workers import to_the_end

Place = tuple[DealId, int, ChunkId]
Leaf = tuple[int, WantedLeaf, Manifest, int, int]
"""(place in the answer, wanted, manifest, place in it, byte in the shard)"""

_log = logging.getLogger(__name__)


class LeafReader:
    """Proves leaves of the shards held; damage it meets is remembered."""

    def __init__(self, driver: HoldingsDriver) -> None:
        self._driver = driver

    async def read(self, wanted: Sequence[WantedLeaf]) -> tuple[LeafProof | None, ...]:
        """Return a proof for each wanted leaf; None for one damaged or gone."""
        proofs: list[LeafProof | None] = [None] * len(wanted)
        damaged: list[Place] = []
        try:
            for place, leaves in (await self._by_shard(wanted)).items():
                read = await self._prove(place, leaves)
                if read is None:
                    damaged.append(place)
                    continue
                for leaf, proof in zip(leaves, read, strict=True):
                    proofs[leaf[0]] = proof
            for deal, _, chunk in damaged:
                await to_the_end(self._driver.damaged(deal, (chunk,)))
        except RefusedError as error:
            _log.warning("some leaves could not be read: %s", error)
        return tuple(proofs)

    async def _prove(
        self, place: Place, leaves: Sequence[Leaf]
    ) -> list[LeafProof] | None:
        store = self._driver.store
        return await store.workers.audits(prove_leaves, store.files, place, leaves)

    async def _by_shard(self, wanted: Sequence[WantedLeaf]) -> dict[Place, list[Leaf]]:
        """Sort the wanted leaves by shard, so that each is read once."""
        by_shard: dict[Place, list[Leaf]] = {}
        for number, one in enumerate(wanted):
            manifest = await self._manifest(one.held.deal, one.held.head)
            if manifest is None or not 0 <= one.offset < manifest.held_bytes:
                continue
            place, inside = manifest.tree.find(one.offset)
            chunk = manifest.entries[place].chunk
            leaf = (number, one, manifest, place, inside)
            shard = (one.held.deal, one.held.index, chunk)
            by_shard.setdefault(shard, []).append(leaf)
        return by_shard

    async def _manifest(self, deal: DealId, head: Digest) -> Manifest | None:
        holding = self._driver.holdings.deals.get(deal)
        if head == NO_HEAD or holding is None or holding.head(head) is None:
            return None
        return await self._driver.store.manifests.of(deal, head)


def prove_leaves(
    files: ShardFiles, place: Place, leaves: Sequence[Leaf]
) -> list[LeafProof] | None:
    """Return the proofs of leaves of one shard, or None if it is damaged."""
    deal, index, chunk = place
    try:
        shard = files.read(deal, chunk, index)
    except ShardDamagedError:
        return None
    tree = merkle.Tree(shard.hashes)
    return [_prove(leaf, shard, tree) for leaf in leaves]


def _prove(leaf: Leaf, shard: StoredShard, tree: merkle.Tree) -> LeafProof:
    _, wanted, manifest, place, inside = leaf
    number = inside // LEAF_BYTES
    data = shard.body[number * LEAF_BYTES : (number + 1) * LEAF_BYTES]
    return LeafProof(
        wanted.entry,
        place,
        shard.chunk,
        manifest.tree.path(place),
        shard.proof,
        tree.path(number),
        bytes(data),
    )

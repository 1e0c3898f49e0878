"""Rebuilding lost shards: any k siblings' shards give this holder's back.

What comes out is checked against its ChunkId, so no sibling has to be trusted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

from holdfast.protocol import merkle
from holdfast.protocol.checkpoint import Entry
from holdfast.protocol.chunk import ChunkHeader, ShardProof, chunk_id
from holdfast.protocol.codecs import codec
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.malformed import MalformedChunk
from holdfast.protocol.repair import SIBLING_REQUEST, SignedSiblingRequest
from holdfast.protocol.units import MIB, ChunkId, DealId, VaultId
from holdfast.vault.core.deal_holding import DealHolding
from holdfast.vault.core.refusals import RefusedError
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.manifests import span_at
from holdfast.vault.ports import Peers
from holdfast.vault.shard_files import ShardFiles
from holdfast.vault.sibling_stream import FetchedShard, SiblingStream
from holdfast.vault.voiding import Voiding
from holdfast.vault.workers import to_the_end
from holdfast.wire import frames

CHUNKS_AT_ONCE: Final = 6
# What siblings send, k times what is rebuilt: it keeps room for owners on a gigabyte's
# disk or link, and is no bound on slower ones.
BYTES_PER_SECOND: Final = 640 * MIB

_log = logging.getLogger(__name__)


class MalformedUploadError(ProtocolError):
    """k verified shards do not make the chunk they belong to: its owner cheated."""


@frozen
class Filled:
    """How many shards are durable again, and how many siblings could not be asked."""

    shards: int
    unanswered: int


@frozen
class LostShard:
    """A chunk whose shard is to be rebuilt."""

    chunk: ChunkId
    header: ChunkHeader


class Rebuilder:
    """Rebuilds what an entry declares missing, a few chunks at a time."""

    def __init__(
        self,
        driver: HoldingsDriver,
        peers: Peers,
        bytes_per_second: int = BYTES_PER_SECOND,
    ) -> None:
        self._driver = driver
        self._peers = peers
        self._bytes_per_second = bytes_per_second
        self.voiding = Voiding(driver, peers)
        self._filling: dict[DealId, Deal] = {}

    async def rebuild(
        self, deal: Deal, entry: Entry, requests: Mapping[VaultId, SignedSiblingRequest]
    ) -> int:
        """Return how many shards are durable again."""
        holding = self._driver.holdings.deals.get(deal.id)
        if holding is None or holding.head(entry.head) is None:
            return 0
        lost = await self._declared(holding, entry)
        openings = {
            vault: frames.opening(
                frames.Authority.HOLDER, SIBLING_REQUEST.encode(request)
            )
            for vault, request in requests.items()
        }
        return (await self.fill(deal, holding, lost, openings)).shards

    async def fill(
        self,
        deal: Deal,
        holding: DealHolding,
        lost: Sequence[LostShard],
        openings: Mapping[VaultId, bytes],
    ) -> Filled:
        """Make lost shards durable with the siblings that `openings` are shown to.

        The holder that has had this index until now gives its own, if it is one of
        them.
        """
        siblings = self._open(deal, openings)
        self._filling[deal.id] = deal
        try:
            shards = 0
            if lost and siblings:
                shards = await self._rebuild_all(holding, lost, siblings)
            answered = sum(not sibling.failed for sibling in siblings)
            return Filled(shards, len(openings) - answered)
        finally:
            self._filling.pop(deal.id, None)
            for sibling in siblings:
                sibling.close()

    async def _declared(self, holding: DealHolding, entry: Entry) -> list[LostShard]:
        manifest = await self._driver.store.manifests.of(holding.deal, entry.head)
        places = (manifest.positions.get(chunk) for chunk in holding.missing)
        return [
            LostShard(
                manifest.entries[place].chunk,
                ChunkHeader(manifest.k, manifest.n, manifest.entries[place].length),
            )
            for place in sorted(place for place in places if place is not None)
            if manifest.entries[place].chunk not in holding.void
            if entry.lacks(*span_at(manifest, place))
        ]

    def _open(
        self, deal: Deal, openings: Mapping[VaultId, bytes]
    ) -> list[SiblingStream]:
        streams = []
        for index, holder in enumerate(deal.holders):
            opening = openings.get(holder.vault)
            channel = self._peers.channel(holder.vault) if opening else None
            if opening and channel and holder.vault != self._driver.holder.vault:
                workers = self._driver.store.workers
                streams.append(SiblingStream(channel, index, opening, workers))
        return streams

    async def _rebuild_all(
        self,
        holding: DealHolding,
        lost: Sequence[LostShard],
        siblings: Sequence[SiblingStream],
    ) -> int:
        waiting = iter(lost)
        rebuilt: list[ChunkId] = []

        async def work() -> None:
            loop = asyncio.get_running_loop()
            for one in waiting:
                if all(sibling.failed for sibling in siblings):
                    return
                began = loop.time()
                # Who has least to give is asked first: all of them take a share.
                by_load = sorted(siblings, key=lambda sibling: sibling.waiting)
                if await self._rebuild_one(holding, one, by_load):
                    rebuilt.append(one.chunk)
                fetched = one.header.shard_bytes * one.header.k * CHUNKS_AT_ONCE
                due = began + fetched / self._bytes_per_second
                await asyncio.sleep(max(due - loop.time(), 0))

        async with asyncio.TaskGroup() as group:
            for _ in range(CHUNKS_AT_ONCE):
                group.create_task(work())
        return len(rebuilt)

    async def _rebuild_one(
        self, holding: DealHolding, lost: LostShard, siblings: Sequence[SiblingStream]
    ) -> bool:
        files, syncing = self._driver.store.files, self._driver.store.workers.syncing
        for own in (one for one in siblings if one.index == holding.index):
            if shard := await own.shard(lost.chunk, lost.header):
                given = [(lost.chunk, shard.proven.proof, shard.proven.body)]
                kept = syncing(files.keep, holding.deal, given)
                return await to_the_end(self._keep(holding, lost, kept))
        others = [one for one in siblings if one.index != holding.index]
        shards = await gather_shards(lost, others)
        if len(shards) < lost.header.k:
            return False
        kept = syncing(keep_rebuilt, files, holding, lost, shards)
        try:
            return await to_the_end(self._keep(holding, lost, kept))
        except MalformedUploadError:
            ordered = tuple(shards[index].proven for index in sorted(shards))
            await self._void(MalformedChunk(holding.deal, lost.chunk, ordered))
            return False

    async def _void(self, shown: MalformedChunk) -> None:
        """Void a chunk and show the proof to the holders of its deal."""
        deal = self._filling.get(shown.deal)
        if await self.voiding.void(shown) and deal is not None:
            await self.voiding.show(deal, shown)

    async def _keep(
        self, holding: DealHolding, lost: LostShard, kept: Awaitable[None]
    ) -> bool:
        try:
            await kept
            await self._driver.healed(holding.deal, (lost.chunk,))
        except RefusedError as error:
            _log.warning("a shard was not rebuilt: %s", error)
            return False
        return True


async def gather_shards(
    lost: LostShard, siblings: Sequence[SiblingStream]
) -> dict[int, FetchedShard]:
    """Return k verified shards of a chunk, or fewer when no more can be had."""
    shards: dict[int, FetchedShard] = {}
    left = [sibling for sibling in siblings if not sibling.failed]
    while left and len(shards) < lost.header.k:
        asked = left[: lost.header.k - len(shards)]
        del left[: len(asked)]
        fetched = await asyncio.gather(
            *(sibling.shard(lost.chunk, lost.header) for sibling in asked)
        )
        for sibling, shard in zip(asked, fetched, strict=True):
            if shard is not None:
                shards[sibling.index] = shard
    return shards


def keep_rebuilt(
    files: ShardFiles,
    holding: DealHolding,
    lost: LostShard,
    shards: Mapping[int, FetchedShard],
) -> None:
    """Rebuild this holder's shard and keep it durably; it blocks.

    The roots of all shards have to make the chunk, so that no lie in another holder's
    shard passes; those of the fetched ones are known. Raises MalformedUploadError,
    OSError.
    """
    header = lost.header
    bodies = {index: shard.proven.body for index, shard in shards.items()}
    absent = [index for index in range(header.n) if index not in shards]
    made = codec(header.k, header.n).rebuild(bodies, absent)
    roots = [
        merkle.data_root(made[index]) if index in made else shards[index].root
        for index in range(header.n)
    ]
    tree = merkle.Tree(roots)
    if chunk_id(header, tree.root) != lost.chunk:
        raise MalformedUploadError("the shards do not make their chunk")
    proof = ShardProof(header, holding.index, tree.path(holding.index))
    files.keep(holding.deal, [(lost.chunk, proof, made[holding.index])])

"""Malformed uploads: proved here or by a sibling, voided, and shown to the others.

A void chunk stays declared missing, costs its owner what he wanted to have stored,
and is never asked for again. The shard stays until a head lets go of it: whoever takes
over another holder's place needs k of them to see for himself that nobody is to blame.
"""

import asyncio
import logging
from typing import Final

import grpc

from holdfast.protocol.deal import Deal
from holdfast.protocol.malformed import (
    MALFORMED_CHUNK,
    MalformedChunk,
    check_malformed,
)
from holdfast.protocol.units import ChunkId, VaultId
from holdfast.vault.core.holding_events import ShardsVoided, Span
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.manifests import spans_in
from holdfast.vault.ports import Peers
from holdfast.vault.workers import to_the_end
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2 as pb

METHOD: Final = "/holdfast.v1.Vault/ShowMalformed"
SECONDS: Final = 30.0
CHECKS_AT_ONCE: Final = 2

_log = logging.getLogger(__name__)


class Voiding:
    """Voids chunks of which it is proved that they never were any."""

    def __init__(self, driver: HoldingsDriver, peers: Peers) -> None:
        self._driver = driver
        self._peers = peers
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def take(self, shown: MalformedChunk) -> None:
        """Void a chunk that somebody proves malformed; raises ChunkMismatchError."""
        holding = self._driver.holdings.deals.get(shown.deal)
        if holding is None or shown.chunk in holding.void:
            return
        async with self._checks:
            await self._driver.store.workers.shards(check_malformed, shown)
        await self.void(shown)

    async def void(self, shown: MalformedChunk) -> bool:
        """Void a chunk whose proof was checked; return whether that was news."""
        return await to_the_end(self._void(shown))

    async def show(self, deal: Deal, shown: MalformedChunk) -> None:
        """Show the proof to the deal's other holders, once; never raises."""
        ours = self._driver.holder.vault
        others = [holder.vault for holder in deal.holders if holder.vault != ours]
        evidence = MALFORMED_CHUNK.encode(shown)
        await asyncio.gather(*(self._show(vault, evidence) for vault in others))

    async def _void(self, shown: MalformedChunk) -> bool:
        driver, deal, chunk = self._driver, shown.deal, shown.chunk
        store = driver.store
        async with driver.lock(deal):
            holding = driver.holdings.deals.get(deal)
            if holding is None or chunk in holding.void:
                return False
            if not await store.workers.journal(store.journal.void, deal, chunk):
                return False
            spans: dict[ChunkId, Span | None] = {chunk: None}
            if holding.full:
                newest = await store.manifests.of(deal, holding.full_digest)
                spans = spans_in(newest, (chunk,))
            holding.receive(ShardsVoided(spans))
        fields = {"deal": deal.hex(), "chunk": chunk.hex()}
        _log.warning("a malformed upload is void now", extra={"fields": fields})
        return True

    async def _show(self, vault: VaultId, evidence: bytes) -> None:
        channel = self._peers.channel(vault)
        if channel is None:
            return
        call: grpc.aio.UnaryUnaryMultiCallable[pb.ShowMalformedRequest, bytes]
        call = channel.unary_unary(
            METHOD, request_serializer=pb.ShowMalformedRequest.SerializeToString
        )
        request = pb.ShowMalformedRequest(evidence=evidence)
        try:
            await call(request, metadata=rpc.metadata(), timeout=SECONDS)
        except grpc.aio.AioRpcError as error:
            fields = {"vault": vault.hex(), "reason": error.details()}
            _log.info("a holder did not take a proof", extra={"fields": fields})

"""Handing full receipts on, so that a holder that missed one does not stay behind.

Once an epoch a holder shows each new full receipt to the next holder of the
deal, in a ring: n calls for a head, whoever was away when its owner came by. Those
who watch the next holder are shown it too, once: from then on they acknowledge no
checkpoint of his that is behind it, whatever he answered.
"""

import asyncio
from contextlib import suppress
from typing import Final

import grpc

from holdfast.protocol.deal import Deal
from holdfast.protocol.receipt import FULL_RECEIPT, FullReceipt
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.ports import LedgerView, Peers
from holdfast.wire import rpc
from holdfast.wire.v1 import network_pb2
from holdfast.wire.v1 import vault_pb2 as pb

METHOD: Final = "/holdfast.v1.Vault/Acknowledge"
WATCHERS_METHOD: Final = "/holdfast.v1.Network/ShowReceipt"
ATTEMPTS: Final = 4
AGAIN_EPOCHS: Final = 6
"""So often whoever was out of reach is tried again: he may be back within the time
that his last checkpoint stands, and nobody acknowledges one that is behind."""

AT_ONCE: Final = 4
SECONDS: Final = 3.0


class ReceiptSpreading:
    """Remembers which full receipts the next holders were shown; never raises."""

    def __init__(
        self, driver: HoldingsDriver, ledger: LedgerView, peers: Peers
    ) -> None:
        self._driver = driver
        self._ledger = ledger
        self._peers = peers
        self._tried: dict[DealId, tuple[FullReceipt, int]] = {}

    async def spread(self) -> None:
        """Show every full receipt that is still new to the next holder."""
        vault = self._driver.holder.vault
        deals = self._ledger.deals_held(vault)
        self._tried = {d.id: self._tried[d.id] for d in deals if d.id in self._tried}
        turns = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for deal in deals:
                if self._is_new(deal):
                    group.create_task(self._show(deal, turns))

    def _is_new(self, deal: Deal) -> bool:
        holding = self._driver.holdings.deals.get(deal.id)
        if holding is None or holding.full is None or deal.n == 1:
            return False
        full, attempts = self._tried.get(deal.id, (holding.full, 0))
        if full != holding.full or attempts < ATTEMPTS - 1:
            return True
        return attempts < ATTEMPTS and self._ledger.epoch() % AGAIN_EPOCHS == 0

    async def _show(self, deal: Deal, turns: asyncio.Semaphore) -> None:
        holding = self._driver.holdings.deals[deal.id]
        full = holding.full
        if full is None:
            return
        following = deal.holders[(holding.index + 1) % deal.n].vault
        before, attempts = self._tried.get(deal.id, (full, 0))
        attempts = min(attempts + 1, ATTEMPTS - 1) if before == full else 1
        if deal.id not in self._tried or before != full:
            await self._show_watchers(following, full, turns)
        channel = self._peers.channel(following)
        if channel is None:
            self._tried[deal.id] = full, attempts
            return
        request = pb.AcknowledgeRequest(full_receipt=FULL_RECEIPT.encode(full))
        call: grpc.aio.UnaryUnaryMultiCallable[pb.AcknowledgeRequest, bytes]
        call = channel.unary_unary(
            METHOD, request_serializer=pb.AcknowledgeRequest.SerializeToString
        )
        try:
            async with turns:
                await call(request, metadata=rpc.metadata(), timeout=SECONDS)
            attempts = ATTEMPTS
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                attempts = ATTEMPTS  # it never countersigned that head
        self._tried[deal.id] = full, attempts

    async def _show_watchers(
        self, holder: VaultId, full: FullReceipt, turns: asyncio.Semaphore
    ) -> None:
        """Show a full receipt to a holder's neighbours of the next epoch, once."""
        watchers = self._ledger.group(holder, self._ledger.epoch() + 1)
        request = network_pb2.ShowReceiptRequest(full_receipt=FULL_RECEIPT.encode(full))
        async with asyncio.TaskGroup() as group:
            for watcher in watchers:
                if watcher != self._driver.holder.vault:
                    group.create_task(self._show_one(watcher, request, turns))

    async def _show_one(
        self,
        watcher: VaultId,
        request: network_pb2.ShowReceiptRequest,
        turns: asyncio.Semaphore,
    ) -> None:
        channel = self._peers.channel(watcher)
        if channel is None:
            return
        call: grpc.aio.UnaryUnaryMultiCallable[network_pb2.ShowReceiptRequest, bytes]
        serialize = network_pb2.ShowReceiptRequest.SerializeToString
        call = channel.unary_unary(WATCHERS_METHOD, request_serializer=serialize)
        # Whoever does not hear of it now is one of several.
        with suppress(grpc.aio.AioRpcError):
            async with turns:
                await call(request, metadata=rpc.metadata(), timeout=SECONDS)

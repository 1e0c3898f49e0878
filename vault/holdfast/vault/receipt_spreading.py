"""Handing full receipts on, so that a holder that missed one does not stay behind.

Once an epoch a holder shows each new full receipt to the next holder of the
deal, in a ring: n calls for a head, whoever was away when its owner came by.
"""

import asyncio
from typing import Final

import grpc

from holdfast.protocol.deal import Deal
from holdfast.protocol.receipt import FULL_RECEIPT, FullReceipt
from holdfast.protocol.units import DealId
from holdfast.vault.holdings_driver import HoldingsDriver
from holdfast.vault.ports import LedgerView, Peers
from holdfast.wire import rpc
from holdfast.wire.v1 import vault_pb2 as pb

METHOD: Final = "/holdfast.v1.Vault/Acknowledge"
ATTEMPTS: Final = 4
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
        return full != holding.full or attempts < ATTEMPTS

    async def _show(self, deal: Deal, turns: asyncio.Semaphore) -> None:
        holding = self._driver.holdings.deals[deal.id]
        full = holding.full
        if full is None:
            return
        following = deal.holders[(holding.index + 1) % deal.n].vault
        before, attempts = self._tried.get(deal.id, (full, 0))
        attempts = attempts + 1 if before == full else 1
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

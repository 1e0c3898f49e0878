"""Keeps a chain's beacons: somebody has to show each epoch's first block in time.

Whoever shows it, and whenever in the epoch, the value is the same; so everybody may
try, and who comes second has lost a little gas at most.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from holdfast.ledger.errors import LedgerError
from holdfast.ledger.evm.abi import call_data, returned
from holdfast.ledger.evm.chain import Block, ChainAddresses, Receipt
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.node_errors import RevertedError
from holdfast.ledger.evm.sender import LostNonceError
from holdfast.ledger.evm.wishes import Wish, Wishes
from holdfast.protocol.network import NetworkParams

BLOCKS_MAX: Final = 250
POLL_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


class Caller(Protocol):
    """An account that pays for calls."""

    async def call(self, wish: Wish) -> Receipt:
        """Bring a call onto the chain; raises RevertedError, LostNonceError."""
        ...


class BeaconKeeper:
    """Records the beacons of one network with one account's ether."""

    def __init__(
        self,
        node: Node,
        params: NetworkParams,
        addresses: ChainAddresses,
        caller: Caller,
    ) -> None:
        self._node = node
        self._params = params
        self._network = addresses.network
        self._wishes = Wishes(addresses)
        self._caller = caller

    async def run(
        self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Record every epoch's beacon for ever, surviving outages of the node."""
        seconds = min(POLL_SECONDS, self._params.epoch_seconds / 40)
        while True:
            try:
                await self.record()
            except (LedgerError, LostNonceError) as error:
                fields = {"reason": str(error)}
                _log.warning("no beacon recorded", extra={"fields": fields})
            await pause(seconds)

    async def record(self) -> int | None:
        """Record the current epoch's beacon; return the epoch, or None if it is there.

        None also before the network starts, and when the epoch's first block is too
        old to be shown: then the epoch is void.
        """
        latest = await self._node.block("latest")
        assert latest is not None
        epoch = self._params.epoch_at(latest.seconds)
        if epoch < await self._next_epoch():
            return None
        first = await self._first_block(latest, self._params.epoch_start(epoch))
        if first is None:
            return None
        headers = [await self._node.header(first - back) for back in (0, 1)]
        try:
            receipt = await self._caller.call(self._wishes.beacon(*headers))
        except RevertedError:
            return None
        return epoch if receipt.succeeded else None

    async def _next_epoch(self) -> int:
        """Return the first epoch whose beacon can still be recorded; 0 or later."""
        data = call_data("Network", "next_unrecorded_epoch")
        answer = await self._node.call(self._network, data)
        return int(returned("Network", "next_unrecorded_epoch", answer)[0])

    async def _first_block(self, latest: Block, start: int) -> int | None:
        """Return the first block at or after a time, if contracts still know it."""
        block = latest
        for _ in range(BLOCKS_MAX):
            if block.number == 0:
                return None
            before = await self._node.block(block.number - 1)
            if before is None:
                return None
            if before.seconds < start:
                return block.number
            block = before
        return None

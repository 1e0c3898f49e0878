"""Follows a chain up to its newest final block, and undoes what the chain takes back.

What is shown is final: the follower never reads past that block. Should a chain take
back even what it called final, the tables are made anew from the logs up to the
newest block that both have, and the rest is read again.
"""

import asyncio
import logging
from typing import Final

from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.errors import LedgerAnswerError, LedgerFileError
from holdfast.ledger.evm.abi import topic_of
from holdfast.ledger.evm.chain import Block, ChainAddresses, Log
from holdfast.ledger.evm.folding import Folder, Told
from holdfast.ledger.evm.log_store import LogStore, Mark
from holdfast.ledger.evm.node import Node
from holdfast.ledger.evm.node_errors import NodeRefusedError
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams

STRETCH_BLOCKS: Final = 2000
FINALIZED: Final = "finalized"

_log = logging.getLogger(__name__)


@frozen
class Finality:
    """When a block counts: when the chain says so, or under this many others."""

    depth: int | None = None

    async def block(self, node: Node) -> Block | None:
        """Return the newest final block, or None while there is none."""
        if self.depth is None:
            return await node.block(FINALIZED)
        latest = await node.block("latest")
        assert latest is not None
        if self.depth == 0:
            return latest
        return await node.block(max(latest.number - self.depth, 0))


class Follower:
    """The tables of one network as of the newest final block; `refresh` reads on."""

    def __init__(
        self,
        node: Node,
        params: NetworkParams,
        addresses: ChainAddresses,
        store: LogStore,
        finality: Finality,
    ) -> None:
        self._node = node
        self._params = params
        self._addresses = addresses
        self._store = store
        self._finality = finality
        self._turn = asyncio.Lock()
        self._stretch = STRETCH_BLOCKS
        self._settled_topic = topic_of("Settlement", "PeriodSettled")
        self._mark: Mark | None = None
        self._folder = self._remade()
        self.undone = 0

    @property
    def state(self) -> MemoryState:
        """The tables."""
        return self._folder.state

    @property
    def offset(self) -> int:
        """What is added to sequences."""
        return self._folder.offset

    @property
    def block(self) -> int:
        """The block up to which everything is taken in."""
        before = self._addresses.first_block - 1
        return before if self._mark is None else self._mark.block

    async def refresh(self) -> None:
        """Read on up to the newest final block; raises LedgerUnreachableError."""
        async with self._turn:
            final = await self._finality.block(self._node)
            if final is None:
                return
            await self._undo(final)
            while (first := self.block + 1) <= final.number:
                await self._read(first, final)

    async def _undo(self, final: Block) -> None:
        """Forget the blocks that the chain no longer has."""
        if self._mark is None or await self._has(self._mark, final):
            return
        for mark in self._store.marks()[1:]:
            if await self._has(mark, final):
                self._forget_after(mark.block)
                return
        self._forget_after(self._addresses.first_block - 1)

    async def _has(self, mark: Mark, final: Block) -> bool:
        if mark.block == final.number:
            return mark.hash == final.hash
        found = await self._node.block(mark.block)
        return found is not None and found.hash == mark.hash

    def _forget_after(self, block: int) -> None:
        head = self.state.head.sequence
        _log.error(
            "the chain took final blocks back; reading them again",
            extra={"fields": {"after_block": block}},
        )
        # Whatever comes instead has to be newer than all that was shown.
        self._store.forget_after(block, head)
        self._folder = self._remade()
        self.undone += 1

    async def _read(self, first: int, final: Block) -> None:
        last = min(final.number, first + self._stretch - 1)
        try:
            logs = await self._node.logs(self._addresses.all, first, last)
        except NodeRefusedError as error:
            # Nodes bound an answer's size, each in its own way.
            if self._stretch == 1:
                raise LedgerAnswerError(self._node.name, error.text) from error
            self._stretch = max(self._stretch // 4, 1)
            return
        end = final if last == final.number else await self._block(last)
        told = [Told(log, await self._seconds(log)) for log in logs]
        try:
            self._folder.take(told)
        except ProtocolError as error:
            raise LedgerAnswerError(self._node.name, str(error)) from error
        self._keep(told, Mark(end.number, end.hash, end.seconds))

    def _keep(self, told: list[Told], mark: Mark) -> None:
        try:
            self._store.append(told, mark)
        except LedgerFileError:
            # The tables must not be ahead of the file.
            self._folder = self._remade()
            raise
        self._mark = mark
        self._folder.reach(mark.block, mark.hash, mark.seconds)

    async def _seconds(self, log: Log) -> int:
        """Return the time of a log's block, where anybody will ask for it."""
        if log.topics and log.topics[0] == self._settled_topic:
            return (await self._block(log.block)).seconds
        return 0

    async def _block(self, number: int) -> Block:
        found = await self._node.block(number)
        if found is None:
            raise LedgerAnswerError(self._node.name, f"no block {number}")
        return found

    def _remade(self) -> Folder:
        """Return the tables as the stored logs make them."""
        state = MemoryState(
            self._params, accounts_certify=self._addresses.accounts_certify
        )
        folder = Folder(state, self._addresses, self._store.offset)
        folder.take(self._store.logs())
        self._mark = next(iter(self._store.marks()), None)
        if self._mark is not None:
            folder.reach(self._mark.block, self._mark.hash, self._mark.seconds)
        return folder

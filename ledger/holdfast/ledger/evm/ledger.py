"""The port on a chain: questions answered from the followed tables, news awaited.

Everything it tells is final. Every question reads on first, so what an account's
operation did is there when `submit` has returned.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.periods import committee
from holdfast.ledger.core.values import Account, Beacon
from holdfast.ledger.errors import (
    LedgerAnswerError,
    LedgerError,
    LedgerUnreachableError,
    WrongNetworkError,
)
from holdfast.ledger.evm.abi import call_data, returned
from holdfast.ledger.evm.account import EvmAccount
from holdfast.ledger.evm.chain import ChainAddresses
from holdfast.ledger.evm.follower import Finality, Follower
from holdfast.ledger.evm.foresight import begin
from holdfast.ledger.evm.log_store import LogStore
from holdfast.ledger.evm.node import PATIENCE_SECONDS, Node
from holdfast.ledger.evm.node_errors import RevertedError
from holdfast.ledger.evm.outbox import Outbox
from holdfast.ledger.evm.sender import FINAL_SECONDS, Sender
from holdfast.ledger.following import (
    all_after,
    deals_after,
    is_empty,
    registry_after,
)
from holdfast.ledger.health import ChainHealth
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import (
    BEACONS_MAX,
    WAIT_SECONDS_MAX,
    DealChanges,
    RegistryChanges,
    SyncChanges,
    Tip,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.settlement import Certificate
from holdfast.protocol.units import AccountId, DealId, NetworkId, VaultId

POLL_SECONDS_MIN: Final = 0.2
POLL_SECONDS_MAX: Final = 12.0
"""A block's time on the largest chain; asking more often brings nothing."""


class EvmLedger:
    """A network's ledger on a chain; `connect` makes one."""

    def __init__(
        self,
        node: Node,
        follower: Follower,
        addresses: ChainAddresses,
        store: LogStore,
        outbox: Outbox,
        *,
        finality: Finality,
        poll_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.node = node
        self.addresses = addresses
        self.finality = finality
        self.poll_seconds = poll_seconds
        self._follower = follower
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._trouble: str | None = None

    @classmethod
    async def connect(
        cls,
        node: Node,
        params: NetworkParams,
        addresses: ChainAddresses,
        *,
        path: Path | None = None,
        sent: Path | None = None,
        finality: Finality | None = None,
        poll_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "EvmLedger":
        """Return the ledger whose contracts are there.

        Logs are kept at `path`, transactions in doubt at `sent`, or beside the logs.
        Raises LedgerUnreachableError, WrongNetworkError when the contracts are
        another network's, LedgerFileError.
        """
        await _check_network(node, params, addresses)
        store = LogStore(path, params.network_id)
        outbox = Outbox(sent or _beside(path))
        chosen = finality or Finality()
        follower = Follower(node, params, addresses, store, chosen)
        return cls(
            node,
            follower,
            addresses,
            store,
            outbox,
            finality=chosen,
            poll_seconds=poll_seconds or _poll_seconds(params),
            clock=clock,
        )

    @classmethod
    async def join(
        cls,
        file: NetworkFile,
        patience_seconds: float = PATIENCE_SECONDS,
        path: Path | None = None,
        sent: Path | None = None,
    ) -> "EvmLedger":
        """Return the ledger that a network file names; errors as for `connect`."""
        assert file.chain is not None
        node = Node.at(file.endpoint, patience_seconds)
        try:
            return await cls.connect(
                node,
                file.params,
                file.chain.addresses,
                path=path,
                sent=sent,
                finality=Finality(file.chain.finality_blocks),
            )
        except BaseException:
            await node.close()
            raise

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        return self.state.params

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        return self.params.network_id

    @property
    def accounts_certify(self) -> bool:
        """Whether accounts sign the network's certificates, and not BLS keys."""
        return self.addresses.accounts_certify

    @property
    def state(self) -> MemoryState:
        """The tables as they were followed last."""
        return self._follower.state

    @property
    def block(self) -> int:
        """The final block up to which everything was followed."""
        return self._follower.block

    @property
    def offset(self) -> int:
        """What is added to the sequences of transactions."""
        return self._follower.offset

    @property
    def health(self) -> ChainHealth:
        """How the chain was when it was last asked."""
        seconds = self.state.head.seconds
        return ChainHealth(self.block, seconds, self._follower.undone, self._trouble)

    def open_account(self, key: AccountKey) -> EvmAccount:
        """Return the account of a key, ready to write."""
        sender = Sender(
            self.node,
            key,
            self.params.chain_id,
            self.finality,
            outbox=self._outbox,
            pause_seconds=self.poll_seconds,
        )
        return EvmAccount(self, sender, key)

    async def refresh(self) -> MemoryState:
        """Read on, and return the tables in the epoch that the clock says."""
        try:
            await self._follower.refresh()
        except LedgerError as error:
            self._trouble = str(error)
            raise
        self._trouble = None
        begin(self.state, self._clock())
        return self.state

    async def refresh_past(self, block: int) -> MemoryState:
        """Return the tables when that block is final and taken in.

        Raises LedgerUnreachableError when it takes too long.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FINAL_SECONDS
        state = await self.refresh()
        while self.block < block:
            if loop.time() > deadline:
                raise LedgerUnreachableError(self.node.name)
            await asyncio.sleep(self.poll_seconds)
            state = await self.refresh()
        return state

    async def tip(self) -> Tip:
        """Return where the ledger stands."""
        return self._tip(await self.refresh())

    async def beacons(self, first_epoch: int) -> tuple[Beacon, ...]:
        """Return the final beacons from `first_epoch` on, ascending, at most 1,024."""
        return (await self.refresh()).beacons_from(first_epoch, BEACONS_MAX)

    async def registry(self, after: int) -> RegistryChanges:
        """Return at most 4,096 registry rows changed after sequence `after`."""
        return registry_after(await self.refresh(), after)

    async def account(self, account: AccountId) -> Account:
        """Return an account; its nonce counts the chain's transactions."""
        state = await self.refresh()
        block = max(self.block, self.addresses.first_block)
        nonce = await self.node.transaction_count(account, block)
        return replace(state.account(account), nonce=nonce)

    async def deals(self, deals: tuple[DealId, ...]) -> tuple[Deal, ...]:
        """Return those of the deals that exist."""
        state = await self.refresh()
        rows = (state.deal(deal) for deal in deals)
        return tuple(row.deal for row in rows if row is not None)

    async def deals_of(self, owner: AccountId) -> tuple[Deal, ...]:
        """Return all deals of an owner, oldest first."""
        return tuple(row.deal for row in (await self.refresh()).deals_owned(owner))

    async def deals_held(self, vaults: tuple[VaultId, ...], after: int) -> DealChanges:
        """Return deals with any of these vaults among the holders, changed after."""
        return deals_after(await self.refresh(), vaults, after)

    async def sync(
        self, vaults: tuple[VaultId, ...], after: int, wait_seconds: float = 0.0
    ) -> SyncChanges:
        """Return what changed after a sequence; wait for something if need be."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(wait_seconds, WAIT_SECONDS_MAX)
        while True:
            state = await self.refresh()
            changes = all_after(state, self._tip(state), vaults, after)
            left = deadline - loop.time()
            if not is_empty(changes) or left <= 0:
                return changes
            await asyncio.sleep(min(left, self.poll_seconds))

    async def settlement(self) -> Certificate | None:
        """Return the newest settlement, or None before the first."""
        settled = (await self.refresh()).settled
        return None if settled is None else settled.certificate

    async def committee(self, period: int) -> tuple[VaultId, ...]:
        """Return the period's committee by rank; empty before it is drawn."""
        members = committee(await self.refresh(), period) or ()
        return tuple(member.vault for member in members)

    async def close(self) -> None:
        """Let go of the node and of the files."""
        await self.node.close()
        self._outbox.close()
        self._store.close()

    def _tip(self, state: MemoryState) -> Tip:
        head = state.head
        return Tip(head.sequence, head.epoch, self._clock())


def _beside(logs: Path | None) -> Path | None:
    return None if logs is None else logs.with_name(f"{logs.name}.sent")


def _poll_seconds(params: NetworkParams) -> float:
    """Return how often to look for news: sixty times an epoch, within limits."""
    often = params.epoch_seconds / 60
    return min(max(often, POLL_SECONDS_MIN), POLL_SECONDS_MAX)


async def _check_network(
    node: Node, params: NetworkParams, addresses: ChainAddresses
) -> None:
    """Raise WrongNetworkError unless the contracts are those of the parameters."""
    try:
        data = await node.call(addresses.network, call_data("Network", "network_id"))
        (found,) = returned("Network", "network_id", data)
    except (DecodingError, RevertedError) as error:
        reason = "no network's contract is where the network file says"
        raise LedgerAnswerError(node.name, reason) from error
    if found != params.network_id:
        raise WrongNetworkError(params.network_id, found)

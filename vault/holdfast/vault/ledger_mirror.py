"""Follows the ledger in the background and shows it as a `LedgerView`.

One waiting call brings every change as it happens. While the ledger cannot be
reached the mirror goes on showing what it had, and tries again ever more seldom.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from holdfast.ledger.core.followed import LedgerNews, LedgerState
from holdfast.ledger.errors import LedgerError, LedgerUnreachableError
from holdfast.ledger.health import LedgerHealth
from holdfast.ledger.joining import JoinedLedger, join
from holdfast.ledger.network_file import NetworkFile
from holdfast.ledger.port import Ledger, SyncChanges
from holdfast.ledger.reading import FOLLOW_ALL_MAX, Following, take_in
from holdfast.protocol.deal import Deal
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import DealId, NetworkId, VaultId
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.ports import Clock

WAIT_SECONDS: Final = 30.0
PATIENCE_SECONDS: Final = 5.0
PAUSE_SECONDS_MAX: Final = 8.0
GATHER_SECONDS_MAX: Final = 1.0

_log = logging.getLogger(__name__)


class LedgerMirror:
    """The local mirror of the ledger; `run` keeps it current.

    What was read of a chain is kept at `logs`, so that a restart goes on from there.
    """

    def __init__(
        self,
        file: NetworkFile,
        vault: VaultId,
        clock: Clock,
        logs: Path | None = None,
    ) -> None:
        self.state = LedgerState(file.params, accounts_certify=file.accounts_certify)
        self.reachable = False
        self._lost_seconds = int(clock.now())
        self._trouble = "it has not answered yet"
        self._logs = logs
        self._file = file
        self._clock = clock
        self._ledger: JoinedLedger | None = None
        self._connecting = asyncio.Lock()
        self._wished = asyncio.Event()
        self._following = Following(self.state, (vault,))
        self._after = 0
        epoch_seconds = file.params.epoch_seconds
        self._gather_seconds = min(epoch_seconds / 20, GATHER_SECONDS_MAX)

    @property
    def params(self) -> NetworkParams:
        """The network's parameters."""
        return self.state.params

    @property
    def network_id(self) -> NetworkId:
        """The network's id."""
        return self.state.network_id

    @property
    def health(self) -> LedgerHealth:
        """Whether the ledger answers, and how far its chain is."""
        chain = self._ledger.health if self._ledger is not None else None
        if self.reachable:
            return LedgerHealth(chain=chain)
        return LedgerHealth(self._lost_seconds, self._trouble, chain)

    def epoch(self) -> int:
        """Return the current epoch by the clock."""
        return self.params.epoch_at(self._clock.now())

    def deal(self, deal: DealId) -> Deal | None:
        """Return a deal if it is mirrored."""
        return self.state.deal(deal)

    async def find_deal(self, deal: DealId) -> Deal | None:
        """Return a deal, asking the ledger when it is not mirrored.

        Raises RefusedError when it cannot be reached.
        """
        known = self.state.deal(deal)
        if known is not None:
            return known
        try:
            found = await self.find_deals((deal,))
        except LedgerError as error:
            text = "the ledger cannot be reached just now; try again"
            raise RefusedError(Refusal.UNREADY, text) from error
        return found[0] if found else None

    async def find_deals(self, deals: tuple[DealId, ...]) -> tuple[Deal, ...]:
        """Return and mirror those of the deals that exist; raises LedgerError."""
        if not self.reachable:
            # Whoever asks has a deadline; the follower tries to connect anyway.
            raise LedgerUnreachableError(self._file.endpoint)
        ledger = await self.ledger()
        found = await ledger.deals(deals)
        self.state.absorb(LedgerNews(0, -1, deals=found))
        return found

    def deals_held(self, vault: VaultId) -> tuple[Deal, ...]:
        """Return the mirrored deals that name `vault` as a holder."""
        return self.state.deals_held(vault)

    def identities(self) -> Mapping[VaultId, bytes]:
        """Return the Ed25519 key of every vault ever registered."""
        return self.state.identities()

    def registry(self, epoch: int) -> tuple[VaultId, ...]:
        """Return Registry(epoch) in order of registration."""
        return self.state.registry(epoch)

    def group(self, vault: VaultId, epoch: int) -> tuple[VaultId, ...]:
        """Return the neighbours who acknowledge and vote for `vault` in `epoch`."""
        return self.state.group(vault, epoch)

    async def ledger(self) -> JoinedLedger:
        """Return the connected ledger, or raise LedgerError."""
        async with self._connecting:
            if self._ledger is None:
                self._ledger = await join(self._file, PATIENCE_SECONDS, self._logs)
            return self._ledger

    async def run(self, advanced: Callable[[], None]) -> None:
        """Follow the ledger for ever; call `advanced` after each change taken in."""
        pause = 0.25
        while True:
            try:
                ledger = await self.ledger()
                await self._follow(ledger, advanced)
                pause = 0.25
                # Entries come in bursts; one answer can have many.
                await asyncio.sleep(self._gather_seconds)
            except LedgerError as error:
                self._lost(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._ledger is not None:
            await self._ledger.close()

    def wishes(self) -> None:
        """Follow more vaults soon, if the core has wished for some."""
        if self.state.wished:
            self._wished.set()

    async def _follow(self, ledger: Ledger, advanced: Callable[[], None]) -> None:
        await self._extend(ledger)
        changes = await self._next(ledger)
        if changes is None:
            return
        if not self.reachable:
            self.reachable = True
            _log.info("following the ledger", extra={"fields": {"upto": changes.upto}})
        self._after = changes.upto
        take_in(self.state, changes)
        if not changes.more:
            await self._extend(ledger)
            advanced()

    async def _next(self, ledger: Ledger) -> SyncChanges | None:
        """Return the next changes, or None when more vaults are to be followed."""
        wait = WAIT_SECONDS if self._after else 0.0
        vaults = self._following.vaults
        sync = asyncio.ensure_future(ledger.sync(vaults, self._after, wait))
        wished = asyncio.ensure_future(self._wished.wait())
        try:
            await asyncio.wait({sync, wished}, return_when=asyncio.FIRST_COMPLETED)
            return await sync if sync.done() else None
        finally:
            for task in (sync, wished):
                task.cancel()
            await asyncio.gather(sync, wished, return_exceptions=True)

    async def _extend(self, ledger: Ledger) -> None:
        """Bring the deals of vaults that were not followed until now."""
        self._wished.clear()
        known = self.state.vaults()
        wanted = set(known) if len(known) <= FOLLOW_ALL_MAX else set(self.state.wished)
        await self._following.extend(ledger, wanted)

    def _lost(self, error: LedgerError) -> None:
        if self.reachable:
            fields = {"reason": str(error)}
            _log.warning("cannot follow the ledger", extra={"fields": fields})
        if isinstance(error, LedgerUnreachableError):
            if self.reachable:
                self._lost_seconds = int(self._clock.now())
            self.reachable = False
            self._trouble = str(error)

"""The ledger of a simulated network: its real rules on its real book, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.ledger.book import memory_book
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Allocation, Entry, Genesis
from holdfast.ledger.core.errors import LedgerError
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.invariants import broken_invariants
from holdfast.ledger.core.operations import Operation
from holdfast.ledger.core.rules import Outcome
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.units import GRAINS_PER_HOLD, AccountId

RICH = 1_000_000 * GRAINS_PER_HOLD
DOWN = "the ledger cannot be reached"


@dataclass
class SimChain:
    """Ticks, operations, and news for whoever follows."""

    params: NetworkParams
    accounts: list[AccountId]
    now: Callable[[], float]
    down: bool = False
    refusals: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        genesis = Genesis(
            self.params, tuple(Allocation(account, RICH) for account in self.accounts)
        )
        self.book = memory_book(genesis, self.params.genesis_seconds - 1)
        self.book.listen(self._check)

    @property
    def epoch(self) -> int:
        return self.book.state.head.epoch

    def tick(self, random: bytes) -> bool:
        return not self.down and self.book.tick(random, int(self.now()))

    def submit(self, key: AccountKey, operation: Operation) -> str | None:
        """Apply an operation; return the sentence of whoever refuses it."""
        if self.down:
            return DOWN
        nonce = self.book.state.account(key.id).nonce
        try:
            signed = key.sign(self.params, nonce, operation)
            self.book.submit(signed, int(self.now()))
        except LedgerError as error:
            kind = f"{type(operation).__name__}: {type(error).__name__}"
            self.refusals[kind] = self.refusals.get(kind, 0) + 1
            return str(error)
        return None

    def news(self, after: int) -> LedgerNews:
        """Return what changed since a sequence."""
        state = self.book.state
        rows = (row for row in state.deals() if row.changed > after)
        return LedgerNews(
            state.head.sequence,
            state.head.epoch,
            tuple(row.beacon for row in state.beacons_changed(after)),
            tuple(state.vaults_changed(after)),
            tuple(row.deal for row in rows),
            state.settled.certificate if state.settled else None,
        )

    def _check(self, entry: Entry, outcome: Outcome) -> None:
        self.broken += broken_invariants(self.book.state)

"""The book: the rules at work, one entry after the other, each kept before it counts.

It is sequential and reads no clock. A `Store` keeps the entry and the rows that it
changed; only then does the state in memory change and the result become known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.ledger.core.account_key import digest_of
from holdfast.ledger.core.chain import Content, Entry, Genesis, Tick, next_entry
from holdfast.ledger.core.memory import MemoryState
from holdfast.ledger.core.operations import SignedOperation
from holdfast.ledger.core.rules import Outcome, apply, first_result
from holdfast.ledger.core.values import Applied, Changes
from holdfast.protocol.units import Digest


class Store(Protocol):
    """Where entries and rows are kept."""

    def append(self, entry: Entry, changes: Changes, digest: Digest | None) -> None:
        """Keep an entry with its rows, both or neither; on return they are durable.

        `digest` is the name of the entry's operation.
        """
        ...

    def applied(self, digest: Digest) -> Applied | None:
        """Return when the operation of that name took effect."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


Listener = Callable[[Entry, Outcome], None]


class Book:
    """A ledger's state, and the only way to add to it."""

    def __init__(self, state: MemoryState, store: Store) -> None:
        self.state = state
        self._store = store
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` after every entry."""
        self._listeners.append(listener)

    def begin(self, genesis: Genesis, seconds: int) -> None:
        """Write the first entry of an empty journal."""
        self._add(genesis, seconds, None)

    def tick(self, random: bytes, seconds: int) -> bool:
        """Begin the epoch that the clock says, unless it has begun; tell which."""
        later = max(seconds, self.state.head.seconds)
        epoch = self.state.params.epoch_at(later)
        if epoch < 0 or epoch <= self.state.head.epoch:
            return False
        self._add(Tick(epoch, random), later, None)
        return True

    def submit(self, signed: SignedOperation, seconds: int) -> Applied:
        """Apply an operation, or raise the LedgerError that refuses it.

        What was applied before is not applied again: its first result is returned.
        """
        digest = digest_of(self.state.params, signed)
        found = self._earlier(signed, digest)
        if found is not None:
            return found
        outcome = self._add(signed, seconds, digest)
        return Applied(outcome.changes.head.sequence, outcome.changes.head.epoch)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _earlier(self, signed: SignedOperation, digest: Digest) -> Applied | None:
        if signed.nonce < self.state.account(signed.account).nonce:
            return self._store.applied(digest)
        return first_result(self.state, signed.operation)

    def _add(self, content: Content, seconds: int, digest: Digest | None) -> Outcome:
        entry = next_entry(self.state.head, seconds, content)
        outcome = apply(self.state, entry)
        self._store.append(entry, outcome.changes, digest)
        self.state.take(outcome.changes)
        for listener in self._listeners:
            listener(entry, outcome)
        return outcome


@dataclass
class MemoryStore:
    """A store that forgets everything with its process: for tests and simulations."""

    entries: list[Entry] = field(default_factory=list)
    results: dict[Digest, Applied] = field(default_factory=dict)

    def append(self, entry: Entry, changes: Changes, digest: Digest | None) -> None:
        """Keep the entry."""
        self.entries.append(entry)
        if digest is not None:
            self.results[digest] = Applied(entry.sequence, changes.head.epoch)

    def applied(self, digest: Digest) -> Applied | None:
        """Return when the operation of that name took effect."""
        return self.results.get(digest)

    def close(self) -> None:
        """Keep everything: nothing is open."""


def memory_book(genesis: Genesis, seconds: int) -> Book:
    """Return a new ledger that lives in memory only."""
    book = Book(MemoryState(genesis.params), MemoryStore())
    book.begin(genesis, seconds)
    return book

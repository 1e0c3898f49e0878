"""What holders say about one deal, put together: how far it is, and what is open.

An acknowledged head has a full receipt at n - k + 1 holders or more, so any k of
them know it. Heads beyond it, countersigned by some holders only, are what a crash or
another writer left; before anything new they are finished, or proved dead by a rival.
"""

from collections.abc import Iterable, Mapping

from holdfast.client.core.upload_events import Countersigned
from holdfast.client.core.upload_terms import (
    NO_MEMO,
    Footing,
    standing_on,
)
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.manifest import HEAD, KEPT_CAPACITIES, Head, Manifest, SignedHead
from holdfast.protocol.receipt import (
    RECEIPT,
    FullReceipt,
    Receipt,
    check_full_receipt,
)
from holdfast.protocol.units import NetworkId, VaultId


@frozen
class HolderWord:
    """What a holder says: its newest full receipt, what it countersigned since.

    Index -1 is nobody's: what this client itself kept. `kept_bytes` has its disk of
    the deal, with what was deleted and no audit has let go of yet.
    """

    index: int
    full: FullReceipt | None
    pending: Countersigned | None
    kept_bytes: int = 0


@frozen
class DealState:
    """The verified words of the holders that answered.

    `pending` has, by holder, the head beyond the acknowledged one that it signed;
    `informed` holders have the newest full receipt. `doubted` ones showed a full
    receipt that does not verify: they lie, or the deal has newer holders than it.
    `kept_bytes` is what more than n - k of them keep or more: no n - k that lie can
    have a deal grow for nothing.
    """

    deal: Deal
    full: FullReceipt | None
    pending: Mapping[int, Countersigned]
    answered: frozenset[int]
    informed: frozenset[int]
    doubted: frozenset[int] = frozenset()
    kept_bytes: int = 0

    @property
    def head(self) -> SignedHead | None:
        """The newest acknowledged head."""
        return self.full.head if self.full else None

    @property
    def sequence(self) -> int:
        """The newest acknowledged sequence; 0 before the first."""
        return self.full.head.value.sequence if self.full else 0

    @property
    def memo(self) -> bytes:
        """The memo of the newest acknowledged head."""
        return self.full.head.value.memo if self.full else NO_MEMO

    @property
    def is_certain(self) -> bool:
        """Whether so many answered that no acknowledged head can be unknown."""
        return len(self.answered) >= self.deal.k


def deal_state(
    deal: Deal,
    words: Iterable[HolderWord],
    network: NetworkId,
    identities: Mapping[VaultId, bytes],
) -> DealState:
    """Put the holders' words together; what does not verify counts as not said."""
    known = tuple(words)
    shown = [(word.index, word.full) for word in known if word.full]
    # Most holders show the very same one, whose n + 1 signatures are verified once.
    verdicts = {
        full: _is_full(full, deal, network, identities)
        for full in {full for _, full in shown}
    }
    doubted = {index for index, full in shown if not verdicts[full]}
    fulls = [full for index, full in shown if index not in doubted]
    pending = {
        word.index: word.pending
        for word in known
        if word.pending and _is_signed(word, deal, network, identities)
    }
    made = _completed(deal, pending, identities)
    newest = max(
        [*fulls, *([made] if made else [])],
        key=lambda full: full.head.value.sequence,
        default=None,
    )
    reached = newest.head.value.sequence if newest else 0
    return DealState(
        deal,
        newest,
        {
            index: said
            for index, said in pending.items()
            if said.head.value.sequence > reached
        },
        frozenset(word.index for word in known if word.index >= 0),
        frozenset(
            word.index
            for word in known
            if word.full and word.full.head.value.sequence >= reached
        ),
        frozenset(doubted),
        min(_kept_bytes(known, deal), KEPT_CAPACITIES * deal.capacity),
    )


def _kept_bytes(known: Iterable[HolderWord], deal: Deal) -> int:
    said = sorted((word.kept_bytes for word in known if word.index >= 0), reverse=True)
    return said[deal.n - deal.k] if len(said) > deal.n - deal.k else 0


def _is_full(
    full: FullReceipt,
    deal: Deal,
    network: NetworkId,
    identities: Mapping[VaultId, bytes],
) -> bool:
    try:
        check_full_receipt(full, deal, network, identities)
    except ProtocolError:
        return False
    return True


def _is_signed(
    word: HolderWord,
    deal: Deal,
    network: NetworkId,
    identities: Mapping[VaultId, bytes],
) -> bool:
    assert word.pending is not None
    head, receipt = word.pending.head, word.pending.receipt
    vault = deal.holders[word.index].vault
    expected = Receipt(
        deal.id,
        head.value.sequence,
        head.value.digest(),
        word.index,
        vault,
        receipt.value.epoch,
    )
    if head.value.deal != deal.id or receipt.value != expected:
        return False
    try:
        HEAD.verify(head, network, deal.deal_key)
        RECEIPT.verify(receipt, network, identities[vault])
    except (ProtocolError, KeyError):
        return False
    return True


def _completed(
    deal: Deal,
    pending: Mapping[int, Countersigned],
    identities: Mapping[VaultId, bytes],
) -> FullReceipt | None:
    """Return the full receipt that nobody lived to put together, if there is one."""
    digests = {said.head.value.digest() for said in pending.values()}
    if len(pending) < deal.n or len(digests) != 1:
        return None
    return FullReceipt(
        pending[0].head,
        deal.deal_key,
        tuple(pending[index].receipt for index in range(deal.n)),
        tuple(identities[holder.vault] for holder in deal.holders),
    )


# What to do about heads that some holders signed.


@frozen
class Ready:
    """Nothing stands in the way of the next head."""

    footing: Footing


@frozen
class Finish:
    """Only `head` is pending: ask `holders` for it too. Its manifest is `source`'s."""

    head: SignedHead
    source: int
    holders: tuple[int, ...]


@frozen
class Rival:
    """Have `holder` countersign another head after `predecessor`: proof or progress."""

    holder: int
    predecessor: Head | None


def next_step(
    state: DealState, manifest: Manifest, *, can_finish: bool
) -> Ready | Finish | Rival:
    """Return what brings the deal nearer to taking a new head.

    `manifest` is that of the acknowledged head; all n holders have answered.
    `can_finish` is whether finishing the only pending head has not been tried.
    """
    assert len(state.answered) == state.deal.n
    if not state.pending:
        return Ready(standing_on(state.head, manifest, state.kept_bytes))
    top = max(said.head.value.sequence for said in state.pending.values())
    highest = {
        said.head.value.digest(): (index, said)
        for index, said in sorted(state.pending.items(), reverse=True)
        if said.head.value.sequence == top
    }
    if len(highest) > 1:
        one, other, *_ = (highest[digest][1] for digest in sorted(highest))
        footing = Footing(
            state.head, manifest, one.head.value, (one, other), state.kept_bytes
        )
        return Ready(footing)
    source, only = next(iter(highest.values()))
    lower = [index for index in range(state.deal.n) if _sequence(state, index) < top]
    follows = all(index not in state.pending for index in lower)
    if can_finish and follows and top == state.sequence + 1:
        return Finish(only.head, source, tuple(lower))
    nearest = max(lower, key=lambda index: _sequence(state, index))
    return Rival(nearest, _newest_of(state, nearest))


def _newest_of(state: DealState, index: int) -> Head | None:
    if index in state.pending:
        return state.pending[index].head.value
    return state.head.value if state.head else None


def _sequence(state: DealState, index: int) -> int:
    newest = _newest_of(state, index)
    return newest.sequence if newest else 0

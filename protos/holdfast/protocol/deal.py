"""Deals: the quotes that open one, what the ledger keeps of it, who may use it."""

import hashlib
from enum import Enum

from holdfast.protocol.encoding import (
    BYTES20,
    BYTES32,
    U8,
    U64,
    Format,
    optional,
    sequence,
)
from holdfast.protocol.frozen import frozen
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.signing import Signed, SignedFormat
from holdfast.protocol.units import (
    HOLDERS_MAX,
    AccountId,
    DealId,
    Grains,
    VaultId,
)

PAST_MAX = 4096
"""Replacements a deal remembers; when there are more, the oldest is forgotten."""


def deal_id(owner: AccountId, nonce: bytes) -> DealId:
    """Return the deal's id, which is also its point in the space."""
    return DealId(hashlib.sha256(owner + nonce).digest())


@frozen
class Quote:
    """A vault's offer to hold one index of a deal until `end_epoch`.

    It binds the vault until the end of `valid_epoch`; `capacity` is bytes.
    """

    deal: DealId
    vault: VaultId
    price: Grains
    capacity: int
    end_epoch: int
    valid_epoch: int


QUOTE = SignedFormat(
    Format(
        Quote,
        kind=3,
        version=1,
        deal=BYTES32,
        vault=BYTES32,
        price=U64,
        capacity=U64,
        end_epoch=U64,
        valid_epoch=U64,
    )
)
SignedQuote = Signed[Quote]


@frozen
class Holder:
    """Who holds one index of a deal, since which epoch and at which price."""

    vault: VaultId
    price: Grains
    since_epoch: int


@frozen
class PastHolder:
    """Who held an index before: paid for epochs from `since_epoch` to `until_epoch`.

    `until_epoch` is the first epoch that is its successor's.
    """

    index: int
    vault: VaultId
    price: Grains
    since_epoch: int
    until_epoch: int


@frozen
class Deal:
    """A deal as the ledger keeps it; `capacity` is bytes for each holder.

    `escrow` is all that was ever locked and not yet refunded; what of it was
    spent is only known to settlements. Holder i holds shard i of every chunk; `past`
    are those that were replaced, oldest first.
    """

    id: DealId
    owner: AccountId
    nonce: bytes
    deal_key: bytes
    k: int
    holders: tuple[Holder, ...]
    capacity: int
    opened_epoch: int
    end_epoch: int
    escrow: Grains
    closed_epoch: int | None = None
    refunded: bool = False
    past: tuple[PastHolder, ...] = ()

    @property
    def n(self) -> int:
        """The number of holders."""
        return len(self.holders)

    def index_of(self, vault: VaultId) -> int | None:
        """Return the index that `vault` holds, or None."""
        for index, holder in enumerate(self.holders):
            if holder.vault == vault:
                return index
        return None

    def holder_at(self, index: int, epoch: int) -> Holder | None:
        """Return who held an index in an epoch, or None before the deal began."""
        if index >= self.n:
            return None
        now = self.holders[index]
        if epoch >= now.since_epoch:
            return now
        for past in self.past:
            if past.index == index and past.since_epoch <= epoch < past.until_epoch:
                return Holder(past.vault, past.price, past.since_epoch)
        return None

    def held_by(self, index: int) -> tuple[VaultId, ...]:
        """Return everybody who ever held an index, the newest first."""
        before = [past.vault for past in self.past if past.index == index]
        return (self.holders[index].vault, *reversed(before))

    def last_epoch(self, params: NetworkParams) -> int:
        """Return the first epoch that is no longer paid."""
        if self.closed_epoch is None:
            return self.end_epoch
        period_end = params.first_epoch(params.period_of(self.closed_epoch) + 1)
        return min(self.end_epoch, period_end)

    def collectable_epoch(self, params: NetworkParams) -> int:
        """Return the epoch from which holders may delete the deal's bytes."""
        return self.last_epoch(params) + params.keep_epochs


HOLDER = Format(Holder, kind=4, version=1, vault=BYTES32, price=U64, since_epoch=U64)
PAST_HOLDER = Format(
    PastHolder,
    kind=7,
    version=1,
    index=U8,
    vault=BYTES32,
    price=U64,
    since_epoch=U64,
    until_epoch=U64,
)
DEAL = Format(
    Deal,
    kind=5,
    version=2,
    id=BYTES32,
    owner=BYTES20,
    nonce=BYTES32,
    deal_key=BYTES32,
    k=U8,
    holders=sequence(HOLDER.bare(), HOLDERS_MAX),
    capacity=U64,
    opened_epoch=U64,
    end_epoch=U64,
    escrow=U64,
    closed_epoch=optional(U64),
    refunded=U8,
    past=sequence(PAST_HOLDER.bare(), PAST_MAX),
)


class Purpose(Enum):
    """What a grant lets its bearer do at one vault."""

    READ = 1
    WRITE = 2


@frozen
class Grant:
    """Leave to read or write one deal at one vault, signed with the deal's key.

    It names the vault, so a vault that sees it cannot use it elsewhere.
    """

    deal: DealId
    vault: VaultId
    purpose: int
    expires_epoch: int


GRANT = SignedFormat(
    Format(
        Grant,
        kind=6,
        version=1,
        deal=BYTES32,
        vault=BYTES32,
        purpose=U8,
        expires_epoch=U64,
    )
)
SignedGrant = Signed[Grant]

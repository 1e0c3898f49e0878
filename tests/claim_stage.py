"""A deal whose holder 1 was ejected, and the vaults that may claim its slot."""

from dataclasses import replace

from audit_parties import Parties, row_of
from holdfast.ledger.core import slots
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Listing
from holdfast.protocol.deal import Deal, Holder, PastHolder
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.receipt import RECEIPT, FullReceipt, Receipt, SignedReceipt
from holdfast.protocol.settlement import (
    Totals,
)
from holdfast.protocol.takeover import TAKEOVER, SignedTakeover, Takeover
from holdfast.protocol.units import VaultId
from holdfast.vault.core.takeover_book import TakeoverBook

EPOCH = 6
LATER = EPOCH + 4
LOST = 1
NOTHING = Totals({}, {})


class Claims:
    """Ten vaults; holder 1 of a deal of vaults 0 to 3 was ejected in epoch 6."""

    def __init__(self) -> None:
        self.parties = Parties(10)
        self.parties.reach(LATER)
        self.ledger = self.parties.ledger
        self.fake = self.parties.deal(1, [0, 1, 2, 3])
        self.lose(slashed=1 << 30)
        assert self.fake.head
        head = self.fake.head
        signed = (
            self.receipt(index, self.parties.keys[index])
            for index in range(self.deal.n)
        )
        keys = tuple(one.identity.public for one in self.parties.keys[: self.deal.n])
        self.full = FullReceipt(head, self.deal.deal_key, tuple(signed), keys)
        self.book = TakeoverBook(self.parties.me)

    @property
    def deal(self) -> Deal:
        found = self.ledger.deal(self.fake.deal.id)
        assert found
        return found

    def lose(self, **changes: object) -> None:
        gone: dict[str, object] = {"listing": Listing.EJECTED, "left_epoch": EPOCH}
        row = row_of(self.parties.keys[LOST], LOST, **(gone | changes))
        self.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))

    def receipt(self, index: int, keys: NodeKeys) -> SignedReceipt:
        assert self.fake.head
        head = self.fake.head.value
        said = Receipt(
            self.fake.deal.id, head.sequence, head.digest(), index, keys.vault_id, 5
        )
        return RECEIPT.sign(said, self.parties.params.network_id, keys.identity)

    def candidate(self, rank: int = 0) -> NodeKeys:
        return next(
            keys
            for keys in self.parties.keys
            if slots.rank(self.ledger, self.deal, keys.vault_id, EPOCH) == rank
        )

    def value(self, keys: NodeKeys) -> Takeover:
        lost = self.parties.keys[LOST].vault_id
        return Takeover(
            self.deal.id,
            LOST,
            lost,
            keys.vault_id,
            EPOCH,
            self.full,
            self.receipt(LOST, keys),
        )

    def signed(self, value: Takeover, keys: NodeKeys) -> SignedTakeover:
        return TAKEOVER.sign(value, self.parties.params.network_id, keys.identity)

    def claim(self, rank: int = 0) -> SignedTakeover:
        keys = self.candidate(rank)
        return self.signed(self.value(keys), keys)

    def give_to(self, vault: VaultId) -> None:
        holders, before = list(self.deal.holders), self.deal.holders[LOST]
        holders[LOST] = Holder(vault, before.price, LATER)
        past = PastHolder(LOST, before.vault, before.price, 0, LATER)
        deal = replace(self.deal, holders=tuple(holders), past=(past,))
        self.ledger.absorb(LedgerNews(0, -1, deals=(deal,)))

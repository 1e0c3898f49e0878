"""A slot of a deal whose holder left, its candidates, and a holder that serves them."""

from dataclasses import replace

from audit_parties import Parties, row_of
from holdfast.ledger.core import slots
from holdfast.ledger.core.followed import LedgerNews
from holdfast.ledger.core.values import Listing
from holdfast.protocol.deal import Deal, Holder
from holdfast.protocol.faults import MISS, Miss, MissCertificate, Witness
from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.placement import majority
from holdfast.protocol.takeover import (
    TAKEOVER_REQUEST,
    SignedTakeoverRequest,
    TakeoverRequest,
)
from holdfast.protocol.units import VaultId
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.takeover_check import check_takeover
from holdfast.vault.core.takeover_turns import TakeoverTurns
from holdfast.vault.core.taking_over import TakingOver
from simulation.fake_data import FakeDeal

EPOCH = 6
LOST = 1


class Slot:
    """Ten vaults, of which the first hold a deal; holder 1 leaves it in epoch 6."""

    def __init__(self, holders: int = 4) -> None:
        self.parties = Parties(10)
        self.parties.reach(EPOCH)
        self.ledger = self.parties.ledger
        self.fake: FakeDeal = self.parties.deal(1, [*range(holders)])

    @property
    def deal(self) -> Deal:
        found = self.ledger.deal(self.fake.deal.id)
        assert found
        return found

    def leave(self, number: int, listing: Listing = Listing.EJECTED) -> None:
        keys = self.parties.keys[number]
        row = row_of(keys, number, listing=listing, left_epoch=EPOCH)
        self.ledger.absorb(LedgerNews(0, -1, vaults=(row,)))

    def candidate(self, rank: int = 0, deal: Deal | None = None) -> Myself:
        """Return the candidate of a rank."""
        named = deal or self.deal
        ranked = {
            slots.rank(self.ledger, named, vault, EPOCH): keys
            for vault, keys in self.parties.by_id.items()
        }
        return replace(self.parties.me, keys=ranked[rank])

    def machine(
        self, me: Myself, misses: tuple[MissCertificate, ...] = ()
    ) -> TakingOver:
        return TakingOver(me, lambda epoch: self.at(0.5, epoch), lambda: misses)

    def at(self, part: float, epoch: int = EPOCH) -> float:
        return self.parties.at(epoch, part)

    def give_to(self, vault: VaultId, index: int = LOST) -> None:
        """Let the ledger name another vault as a holder."""
        holders = list(self.deal.holders)
        holders[index] = Holder(vault, 1, EPOCH)
        deal = replace(self.deal, holders=tuple(holders))
        self.ledger.absorb(LedgerNews(0, -1, deals=(deal,)))

    def missed(self, number: int, epoch: int = EPOCH - 1) -> MissCertificate:
        """Return a majority's word that a vault could not be reached."""
        vault = self.parties.keys[number].vault_id
        group = self.ledger.group(vault, epoch)
        said = MISS.message(Miss(vault, epoch, 0), self.parties.params.network_id)
        witnesses = tuple(
            Witness(v, 0, self.parties.by_id[v].identity.sign(said))
            for v in group[: majority(len(group))]
        )
        return MissCertificate(vault, epoch, witnesses)


class Served:
    """What vault 0, a holder, says to the first candidate."""

    def __init__(self, holders: int = 4) -> None:
        self.slot = Slot(holders)
        self.slot.leave(LOST)
        self.me = self.slot.parties.me
        self.turns = TakeoverTurns(self.me)
        self.asker = self.slot.candidate()
        self.now, self.deadline = self.slot.at(0.6), self.slot.at(0.5)

    def value(self, **changes: object) -> TakeoverRequest:
        deal = self.slot.deal.id
        made = TakeoverRequest(self.me.id, EPOCH, self.asker.id, deal, LOST)
        return replace(made, **changes)  # type: ignore[arg-type]

    def signed(
        self, value: TakeoverRequest, keys: NodeKeys | None = None
    ) -> SignedTakeoverRequest:
        pair = (keys or self.asker.keys).identity
        return TAKEOVER_REQUEST.sign(value, self.me.network, pair)

    def check(self, signed: SignedTakeoverRequest) -> bool:
        return check_takeover(
            self.me, self.turns, signed, self.now, self.deadline
        ).shards

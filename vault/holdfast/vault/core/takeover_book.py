"""The claims to open slots that a committee member knows, and which it would list."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from holdfast.ledger.core import slots
from holdfast.ledger.core.replacing import Rebuilt, is_applied, is_wanted
from holdfast.protocol.deal import Deal
from holdfast.protocol.receipt import RECEIPT, check_full_receipt
from holdfast.protocol.settlement import Replacement, Totals
from holdfast.protocol.takeover import TAKEOVER, SignedTakeover, Takeover
from holdfast.protocol.units import DealId, Digest, VaultId
from holdfast.vault.core.effects import Effect, Save
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import ClaimKept
from holdfast.vault.core.takeover_messages import Listed

CLAIMS_MAX: Final = 16_384
CLAIMS_OF_ONE: Final = 2
LISTED_MAX: Final = 4096

Key = tuple[DealId, int, VaultId]


def name_of(signed: SignedTakeover) -> Digest:
    """Return what a claim is named by in a proposal."""
    return Digest(hashlib.sha256(TAKEOVER.encode(signed)).digest())


def replacement_of(claim: Takeover) -> Replacement:
    """Return the replacement that a claim asks for."""
    return Replacement(claim.deal, claim.index, claim.lost, claim.vault)


class TakeoverBook:
    """Verified claims by name; the newest two of each vault for a slot."""

    def __init__(self, me: Myself, claims: Iterable[SignedTakeover] = ()) -> None:
        self._me = me
        self._claims: OrderedDict[Digest, SignedTakeover] = OrderedDict()
        for signed in claims:
            self._put(signed)

    def __len__(self) -> int:
        return len(self._claims)

    def get(self, name: Digest) -> SignedTakeover | None:
        """Return the claim of that name."""
        return self._claims.get(name)

    def add(self, signed: SignedTakeover, epoch: int) -> list[Effect]:
        """Keep a claim; raises ProtocolError when it does not hold at `epoch`."""
        if name_of(signed) in self._claims:
            return []
        check_claim(self._me, signed, epoch)
        self._put(signed)
        return [Save(ClaimKept(signed))]

    def tidy(self, epoch: int) -> None:
        """Forget claims to slots that are not open any more."""
        ledger = self._me.ledger
        for name, signed in list(self._claims.items()):
            # After a restart the deal may not have been read from the ledger yet.
            known = ledger.deal(signed.value.deal) is not None
            if known and not is_wanted(ledger, replacement_of(signed.value), epoch):
                del self._claims[name]

    def listing(self, base: Totals, epoch: int) -> tuple[Listed, ...]:
        """Return what we would list after `base`.

        The nearest candidate of each slot comes first. One that was listed before and
        did not show itself to the ledger no longer stands in the way of the next.
        """
        ledger, before = self._me.ledger, set(base.replaced)
        carried = [
            Listed(one, None) for one in base.replaced if is_wanted(ledger, one, epoch)
        ]
        nearest: dict[tuple[DealId, int], tuple[int, Listed]] = {}
        for name, signed in self._claims.items():
            claim = signed.value
            asked = replacement_of(claim)
            deal = ledger.deal(claim.deal)
            if deal is None or asked in before or not is_wanted(ledger, asked, epoch):
                continue
            place = slots.rank(ledger, deal, claim.vault, epoch)
            slot = claim.deal, claim.index
            # Of two claims of one vault the newer one stands.
            if place is not None and place <= nearest.get(slot, (place, None))[0]:
                nearest[slot] = place, Listed(asked, name)
        new = [listed for _, listed in nearest.values()]
        return tuple(sorted((*carried, *new[:LISTED_MAX]), key=Listed.order))

    def lacking(
        self, listed: Iterable[Listed], base: Totals, epoch: int
    ) -> tuple[Digest, ...]:
        """Return the claims behind a proposal that are not known here.

        Raises RefusedError when it lists what may not be listed.
        """
        ledger, before, lacking = self._me.ledger, set(base.replaced), list[Digest]()
        seen = set[Replacement]()
        for one in listed:
            named = one.replacement
            if named in seen:
                raise RefusedError(Refusal.INVALID, "a replacement is listed twice")
            seen.add(named)
            if not (is_wanted(ledger, named, epoch) or is_applied(ledger, named)):
                text = "a replacement is listed that the ledger would not take"
                raise RefusedError(Refusal.DENIED, text)
            if one.claim is None:
                if named not in before:
                    text = "a replacement is listed that nobody claimed"
                    raise RefusedError(Refusal.DENIED, text)
                continue
            claim = self._claims.get(one.claim)
            if claim is None:
                lacking.append(one.claim)
            elif replacement_of(claim.value) != named or named in before:
                text = "a replacement is listed that does not follow from its claim"
                raise RefusedError(Refusal.DENIED, text)
        return tuple(lacking)

    def rebuilt(self, listed: Iterable[Listed]) -> list[Rebuilt]:
        """Return what the new replacements of a listing rebuilt."""
        found = []
        for one in listed:
            signed = self._claims.get(one.claim) if one.claim else None
            if signed is not None:
                full = signed.value.full
                held = full.head.value.held_bytes if full else 0
                found.append(Rebuilt(one.replacement, held))
        return found

    def _put(self, signed: SignedTakeover) -> None:
        key = _key(signed.value)
        same = [n for n, one in self._claims.items() if _key(one.value) == key]
        for old in same[: len(same) + 1 - CLAIMS_OF_ONE]:
            del self._claims[old]
        self._claims[name_of(signed)] = signed
        while len(self._claims) > CLAIMS_MAX:
            self._claims.popitem(last=False)


def check_claim(me: Myself, signed: SignedTakeover, epoch: int) -> None:
    """Raise ProtocolError unless a claim to a slot holds at `epoch`."""
    claim, ledger = signed.value, me.ledger
    identity = ledger.identities().get(claim.vault)
    deal = ledger.deal(claim.deal)
    if identity is None or deal is None:
        text = "the ledger knows no such vault, or no such deal"
        raise RefusedError(Refusal.UNKNOWN, text)
    TAKEOVER.verify(signed, me.network, identity)
    slot = slots.open_slot(ledger, deal, claim.index, epoch)
    if slot is None or slot.lost != claim.lost:
        raise RefusedError(Refusal.UNTIMELY, "that slot is not open")
    if claim.epoch > epoch or not slots.may_act(ledger, slot, claim.vault, epoch):
        raise RefusedError(Refusal.UNTIMELY, "it is not that candidate's turn yet")
    if not slots.fits(ledger, slot, claim.vault):
        raise RefusedError(Refusal.DENIED, "that candidate may not have the slot")
    _check_receipts(me, claim, deal, identity)


def _check_receipts(me: Myself, claim: Takeover, deal: Deal, identity: bytes) -> None:
    if claim.full is None or claim.receipt is None:
        if claim.full or claim.receipt:
            raise RefusedError(Refusal.INVALID, "a claim shows a head or none at all")
        return
    check_full_receipt(claim.full, deal, me.network, me.ledger.identities())
    receipt = RECEIPT.verify(claim.receipt, me.network, identity)
    head = claim.full.head.value
    expected = (deal.id, head.sequence, head.digest(), claim.index, claim.vault)
    stated = (
        receipt.deal,
        receipt.sequence,
        receipt.head,
        receipt.index,
        receipt.vault,
    )
    if expected != stated:
        raise RefusedError(Refusal.DENIED, "the receipt is not for the claimed slot")


def _key(claim: Takeover) -> Key:
    return claim.deal, claim.index, claim.vault

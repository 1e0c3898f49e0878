"""When a neighbour acknowledges a checkpoint (design §6): all rules, top down.

Each function raises RefusedError with the sentence that the peer is told.
"""

from collections.abc import Iterable

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.checkpoint import CHECKPOINT, Entries, Entry, checkpoint_of
from holdfast.protocol.deal import Deal
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.manifest import HEAD, NO_HEAD, SignedHead
from holdfast.protocol.sums import EMPTY_ROOT
from holdfast.protocol.units import DealId, VaultId
from holdfast.vault.core.messages import OfferCheckpoint
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.receipt_book import ReceiptBook
from holdfast.vault.core.refusals import Refusal, RefusedError


def check_offer_time(me: Myself, epoch: int, now: float) -> None:
    """Raise unless checkpoint `epoch` may be acknowledged now, in the half before."""
    start = me.params.epoch_start(epoch)
    if now >= start:
        text = f"epoch {epoch} has begun; its checkpoint had to come before"
        raise RefusedError(Refusal.UNTIMELY, text)
    if now < start - me.params.epoch_seconds / 2:
        raise RefusedError(
            Refusal.UNTIMELY, f"the checkpoint of epoch {epoch} comes too early"
        )


def check_offer_party(me: Myself, offer: OfferCheckpoint) -> None:
    """Raise unless we are the vault's neighbour and it signed its checkpoint."""
    checkpoint = offer.checkpoint.value
    if me.ledger.row(checkpoint.vault) is None:
        raise RefusedError(Refusal.UNKNOWN, "this vault is not registered")
    group = me.ledger.group(checkpoint.vault, checkpoint.epoch)
    if not group:
        raise RefusedError(
            Refusal.UNREADY, "the neighbours of this vault and epoch are not known yet"
        )
    if me.id not in group:
        vault, epoch = checkpoint.vault, checkpoint.epoch
        if me.id not in me.ledger.stand_ins(vault, epoch, for_answer=False):
            text = "this vault is not among the neighbours"
            raise RefusedError(Refusal.DENIED, text)
    if not me.ledger.follows(checkpoint.vault):
        raise RefusedError(
            Refusal.UNREADY, "the deals of this vault are not known here yet"
        )
    key = me.ledger.identities()[checkpoint.vault]
    try:
        CHECKPOINT.verify(offer.checkpoint, me.network, key)
    except ProtocolError as error:
        raise RefusedError(
            Refusal.DENIED, "the checkpoint's signature does not fit"
        ) from error


def check_root(offer: OfferCheckpoint, entries: Entries) -> None:
    """Raise unless the checkpoint commits to exactly these entries."""
    value = offer.checkpoint.value
    try:
        expected = checkpoint_of(value.vault, value.epoch, entries)
    except ProtocolError as error:
        raise RefusedError(Refusal.INVALID, str(error)) from error
    if expected != value:
        raise RefusedError(
            Refusal.INVALID, "the entries do not make the checkpoint's root"
        )


def check_changed(
    ledger: LedgerState,
    vault: VaultId,
    changed: Iterable[Entry],
    heads: Iterable[SignedHead],
) -> None:
    """Raise unless changed entries follow from the ledger and from signed heads."""
    signed = {head.value.deal: head for head in heads}
    for entry in changed:
        deal = ledger.deal(entry.deal)
        if deal is None:
            raise _refused_entry(entry, "is of a deal that the ledger does not know")
        _check_place(entry, deal, vault)
        _check_head(ledger, entry, deal, signed.get(entry.deal))


def check_complete(
    ledger: LedgerState, vault: VaultId, epoch: int, entries: Entries
) -> None:
    """Raise unless each deal the ledger gave the vault by epoch − 2 has an entry."""
    shown = {entry.deal for entry in entries.items}
    for deal in ledger.deals_held(vault):
        if deal.id not in shown and _owed(ledger, deal, vault, epoch):
            raise RefusedError(
                Refusal.DENIED, f"deal {deal.id.hex()[:16]} has no entry"
            )


def check_not_older(
    before: Entries | None, receipts: ReceiptBook, epoch: int, entries: Entries
) -> None:
    """Raise if a head is older than one seen before, or than a receipt shown."""
    known: dict[DealId, Entry] = {e.deal: e for e in before.items} if before else {}
    for entry in entries.items:
        least = receipts.least_sequence(entry.deal, epoch)
        if entry.sequence < least:
            raise _refused_entry(entry, f"is older than a full receipt of head {least}")
        old = known.get(entry.deal)
        if old is None or entry == old:
            continue
        if entry.sequence < old.sequence:
            raise _refused_entry(entry, "has an older head than before")
        if entry.sequence == old.sequence and entry.head != old.head:
            raise _refused_entry(entry, "has another head of the same sequence")


def _owed(ledger: LedgerState, deal: Deal, vault: VaultId, epoch: int) -> bool:
    index = deal.index_of(vault)
    assert index is not None
    since = max(deal.opened_epoch, deal.holders[index].since_epoch)
    return since <= epoch - 2 and epoch < deal.last_epoch(ledger.params)


def _check_place(entry: Entry, deal: Deal, vault: VaultId) -> None:
    if entry.index >= deal.n or deal.holders[entry.index].vault != vault:
        raise _refused_entry(entry, "names an index that the vault does not hold")
    if entry.held_bytes > deal.capacity:
        raise _refused_entry(entry, "holds more bytes than the deal's capacity")


def _check_head(
    ledger: LedgerState, entry: Entry, deal: Deal, signed: SignedHead | None
) -> None:
    if entry.sequence == 0:
        nothing = (NO_HEAD, EMPTY_ROOT.hash, 0, 0)
        if (entry.head, entry.root, entry.count, entry.held_bytes) != nothing:
            raise _refused_entry(entry, "has no head, yet claims to hold something")
        return
    if signed is None:
        raise _refused_entry(entry, "comes without its signed head")
    try:
        head = HEAD.verify(signed, ledger.network_id, deal.deal_key)
    except ProtocolError as error:
        raise _refused_entry(entry, "has a head that the owner did not sign") from error
    stated = (head.digest(), head.sequence, head.root, head.count, head.held_bytes)
    claimed = (entry.head, entry.sequence, entry.root, entry.count, entry.held_bytes)
    if stated != claimed:
        raise _refused_entry(entry, "does not follow its head")


def _refused_entry(entry: Entry, fault: str) -> RefusedError:
    text = f"the entry of deal {entry.deal.hex()[:16]} {fault}"
    return RefusedError(Refusal.DENIED, text)

"""What we do for the vaults that we watch: acknowledge, verify, vote, remember.

One acknowledgement and one vote for each vault and epoch, saved before they
leave. Whatever does not hold is refused with the reason.
"""

from dataclasses import replace
from typing import Final, NoReturn

from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import answer_id
from holdfast.protocol.checkpoint import (
    Entries,
    SignedCheckpoint,
    StorageCertificate,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.receipt import check_full_receipt
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.answering import vote_message
from holdfast.vault.core.checkpointing import (
    STANDING_EPOCHS_MAX,
    acknowledgement_message,
)
from holdfast.vault.core.declared import Change, applied
from holdfast.vault.core.effects import (
    CheckAnswer,
    Effect,
    KeepAnswer,
    Refuse,
    Reply,
    Save,
)
from holdfast.vault.core.events import AnswerChecked, Asked, Dated, DealsFound
from holdfast.vault.core.messages import (
    Acknowledged,
    AskLastCheckpoint,
    BaseUnknown,
    LastCheckpoint,
    Noted,
    OfferCheckpoint,
    ShowReceipt,
    SubmitAnswer,
    Voted,
)
from holdfast.vault.core.most_held import fuller
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.offer_rules import (
    check_changed,
    check_complete,
    check_not_older,
    check_offer_party,
    check_offer_time,
    check_root,
)
from holdfast.vault.core.parking import UNREACHABLE, Parking
from holdfast.vault.core.receipt_book import ReceiptBook
from holdfast.vault.core.refusals import Refusal, RefusedError
from holdfast.vault.core.saved import (
    AcknowledgementGiven,
    CertificateKept,
    Restored,
    VoteGiven,
)
from holdfast.vault.core.timing import answer_deadline

WATCHED_MAX: Final = 4096
CHECKS_MAX: Final = 64
CERTIFICATE_EPOCHS: Final = 24
CONFLICTS_MAX: Final = 64

Conflict = tuple[SignedCheckpoint, SignedCheckpoint]


@frozen
class Watched:
    """The newest checkpoint of a vault that we acknowledged, with its entries."""

    checkpoint: SignedCheckpoint
    entries: Entries
    root: Digest
    fullest: SignedCheckpoint


class Watching:
    """The machine of our part in other vaults' audits."""

    def __init__(self, me: Myself, restored: Restored) -> None:
        self._me = me
        self._known: dict[VaultId, Watched] = {}
        for given in restored.acknowledged:
            self._remember(given)
        self._votes = {(v.vault, v.epoch): v for v in restored.votes}
        missed = (given.miss.value for given in restored.misses_given)
        self._refrained = {(miss.vault, miss.epoch) for miss in missed}
        self._deadlines: dict[int, float] = {}
        self._receipts = ReceiptBook()
        self._certificates: dict[VaultId, StorageCertificate] = {}
        self._conflicts: dict[VaultId, Conflict] = {}
        self._parking = Parking(me.ledger)
        self._open_checks = 0

    def step(self, now: float) -> list[Effect]:
        """Note when beacons are learned, and forget what is long over."""
        epoch = self._me.epoch_at(now)
        if epoch not in self._deadlines and self._me.ledger.beacon(epoch):
            self._deadlines = {epoch: answer_deadline(self._me.params, epoch, now)}
            oldest = epoch - 2
            self._votes = {k: v for k, v in self._votes.items() if k[1] >= oldest}
            self._refrained = {key for key in self._refrained if key[1] >= oldest}
            while len(self._known) > WATCHED_MAX:
                self._certificates.pop(next(iter(self._known)), None)
                del self._known[next(iter(self._known))]
        return []

    def receipts_dated(self, dated: tuple[Dated, ...]) -> None:
        """Remember full receipts of deals that we hold ourselves."""
        self._receipts.add(dated)

    def deadline_known(self, epoch: int) -> float:
        """Return the answer deadline of `epoch`, or 0 before its beacon is known."""
        return self._deadlines.get(epoch, 0.0)

    def certificate(self, vault: VaultId) -> StorageCertificate | None:
        """Return the newest certificate that a vault showed, which nobody verified."""
        return self._certificates.get(vault)

    def newest_checkpoint(self, vault: VaultId) -> SignedCheckpoint | None:
        """Return the newest checkpoint of a vault that we acknowledged."""
        known = self._known.get(vault)
        return known.checkpoint if known else None

    def fullest_checkpoint(self, vault: VaultId) -> SignedCheckpoint | None:
        """Return that with the most bytes of the last ones that we acknowledged."""
        known = self._known.get(vault)
        return known.fullest if known else None

    def take_conflicts(self) -> list[Conflict]:
        """Return, once, the pairs of checkpoints that convict whoever signed them."""
        if not self._conflicts:
            return []
        found, self._conflicts = list(self._conflicts.values()), {}
        return found

    def has_voted(self, vault: VaultId, epoch: int) -> bool:
        """Return whether we voted for a vault's answer of `epoch`."""
        return (vault, epoch) in self._votes

    def refrain(self, vault: VaultId, epoch: int) -> bool:
        """Promise never to vote for it any more; return False if we have voted."""
        if (vault, epoch) in self._votes:
            return False
        self._refrained.add((vault, epoch))
        return True

    def asked(self, event: Asked) -> list[Effect]:
        """Do what a vault that we watch asks, or refuse it."""
        try:
            match event.request:
                case OfferCheckpoint():
                    return self._offered(event, event.request)
                case SubmitAnswer():
                    return self._answered(event, event.request)
                case ShowReceipt():
                    return self._shown(event, event.request)
                case AskLastCheckpoint(vault):
                    newest = LastCheckpoint(self.newest_checkpoint(vault))
                    return [Reply(event.token, newest)]
                case _:
                    raise AssertionError(event.request)
        except RefusedError as refused:
            return [Refuse(event.token, refused.kind, refused.reason)]

    def found(self, event: DealsFound) -> list[Effect]:
        """Take up the requests that waited for deals of the ledger."""
        effects: list[Effect] = []
        known = {deal.id for deal in event.deals or ()}
        unknown = [deal for deal in event.asked if deal not in known]
        for asked in self._parking.leave(event):
            if event.deals is None:
                effects.append(Refuse(asked.token, Refusal.UNREADY, UNREACHABLE))
            elif unknown:
                text = f"the ledger knows no deal {unknown[0].hex()[:16]}"
                effects.append(Refuse(asked.token, Refusal.UNKNOWN, text))
            else:
                effects += self.asked(replace(asked, now=event.now))
        return effects

    def checked(self, event: AnswerChecked) -> list[Effect]:
        """Vote for an answer that was verified, or refuse it."""
        answer = event.answer.value
        vault, epoch = answer.checkpoint.vault, answer.epoch
        self._open_checks -= 1
        if event.fault is not None:
            return [Refuse(event.token, Refusal.DENIED, event.fault)]
        if event.now >= self._deadline(epoch):
            text = f"the answer of epoch {epoch} came too late"
            return [Refuse(event.token, Refusal.UNTIMELY, text)]
        if (vault, epoch) in self._refrained:
            text = f"this vault called epoch {epoch} missed before"
            return [Refuse(event.token, Refusal.DENIED, text)]
        named = answer_id(event.answer)
        given = VoteGiven(vault, epoch, answer.checkpoint.digest(), named)
        if self._votes.setdefault((vault, epoch), given) != given:
            text = "this vault voted for another answer in this epoch"
            return [Refuse(event.token, Refusal.DENIED, text)]
        return [Save(given), self._vote(event.token, given), KeepAnswer(event.answer)]

    def _offered(self, event: Asked, offer: OfferCheckpoint) -> list[Effect]:
        value = offer.checkpoint.value
        known = self._known.get(value.vault)
        if known and known.checkpoint.value == value:
            # What was given in time may be repeated: the reply may have been lost.
            return [self._acknowledge(event.token, offer)]
        check_offer_time(self._me, value.epoch, event.now)
        check_offer_party(self._me, offer)
        if known and known.checkpoint.value.epoch >= value.epoch:
            self._contradict(offer, known)
        if offer.base is not None and (known is None or known.root != offer.base):
            return [Reply(event.token, BaseUnknown())]
        before = known.entries if known else None
        change = Change(offer.changed, offer.removed)
        entries = applied(before if offer.base is not None else None, change)
        check_root(offer, entries)
        named = (entry.deal for entry in offer.changed.items)
        if (parked := self._parking.park(event, named)) is not None:
            return parked
        ledger = self._me.ledger
        check_changed(ledger, value.vault, offer.changed.items, offer.heads)
        check_complete(ledger, value.vault, value.epoch, entries)
        check_not_older(before, self._receipts, value.epoch, entries)
        given = AcknowledgementGiven(offer.checkpoint, entries)
        self._remember(given)
        kept = self._keep(offer.certificate, value.vault, value.epoch)
        return [Save(given), *kept, self._acknowledge(event.token, offer)]

    def _contradict(self, offer: OfferCheckpoint, known: Watched) -> NoReturn:
        self._note_conflict(known.checkpoint, offer.checkpoint)
        raise RefusedError(
            Refusal.DENIED,
            "another checkpoint of this epoch, or a later one, was acknowledged before",
        )

    def _note_conflict(self, one: SignedCheckpoint, two: SignedCheckpoint) -> None:
        """Remember two different checkpoints of one epoch: they convict."""
        if one.value.epoch == two.value.epoch and len(self._conflicts) < CONFLICTS_MAX:
            self._conflicts[two.value.vault] = (one, two)

    def _answered(self, event: Asked, request: SubmitAnswer) -> list[Effect]:
        answer = request.answer.value
        checkpoint, epoch = answer.checkpoint, answer.epoch
        self._check_turn(checkpoint.vault, epoch, event.now)
        if not epoch - STANDING_EPOCHS_MAX <= checkpoint.epoch <= epoch:
            raise RefusedError(Refusal.DENIED, "no such checkpoint can stand now")
        self._check_newest(checkpoint.vault, checkpoint.epoch, epoch)
        for proof in answer.entries:
            least = self._receipts.least_sequence(proof.entry.deal, epoch)
            if proof.entry.sequence < least:
                raise RefusedError(Refusal.DENIED, "a full receipt is newer than that")
        voted = self._votes.get((checkpoint.vault, epoch))
        if voted and voted.answer == answer_id(request.answer):
            return [self._vote(event.token, voted)]
        named = (proof.entry.deal for proof in answer.entries)
        if (parked := self._parking.park(event, named)) is not None:
            return parked
        question = question_of(self._me.ledger, answer)
        if question is None:
            raise RefusedError(Refusal.UNREADY, "the checkpoint's group is not known")
        if self._open_checks >= CHECKS_MAX:
            raise RefusedError(Refusal.EXHAUSTED, "too many answers are being checked")
        self._open_checks += 1
        return [CheckAnswer(event.token, request.answer, question)]

    def _check_newest(self, vault: VaultId, answered: int, epoch: int) -> None:
        """Refuse an older checkpoint than the one we acknowledged for this epoch.

        Each checkpoint has its own challenge: who could choose among those that
        stood once would choose the one whose leaves it still has.
        """
        known = self._known.get(vault)
        if known and answered < known.checkpoint.value.epoch <= epoch:
            raise RefusedError(
                Refusal.DENIED, "a newer checkpoint was acknowledged for this epoch"
            )

    def _shown(self, event: Asked, request: ShowReceipt) -> list[Effect]:
        full = request.receipt
        head = full.head.value
        if (parked := self._parking.park(event, (head.deal,))) is not None:
            return parked
        deal = self._me.ledger.deal(head.deal)
        assert deal
        try:
            check_full_receipt(
                full, deal, self._me.network, self._me.ledger.identities()
            )
        except ProtocolError as error:
            raise RefusedError(Refusal.DENIED, str(error)) from error
        self._receipts.add((Dated(head.deal, head.sequence, full.latest_epoch()),))
        return [Reply(event.token, Noted())]

    def _check_turn(self, vault: VaultId, epoch: int, now: float) -> None:
        if epoch != self._me.epoch_at(now):
            text = f"epoch {epoch} is not the current one"
            raise RefusedError(Refusal.UNTIMELY, text)
        group = self._me.ledger.group(vault, epoch)
        if not group or epoch not in self._deadlines:
            raise RefusedError(
                Refusal.UNREADY, f"the beacon of epoch {epoch} is not known here yet"
            )
        if self._me.id not in group:
            drawn = self._me.ledger.stand_ins(vault, epoch, for_answer=True)
            if self._me.id not in drawn:
                text = "this vault is not among the neighbours"
                raise RefusedError(Refusal.DENIED, text)
        if now >= self._deadline(epoch):
            text = f"the answer of epoch {epoch} came too late"
            raise RefusedError(Refusal.UNTIMELY, text)

    def _deadline(self, epoch: int) -> float:
        """Return the deadline, as if its beacon came in time while it is not known."""
        known = self._deadlines.get(epoch)
        return answer_deadline(self._me.params, epoch, 0.0) if known is None else known

    def _remember(self, given: AcknowledgementGiven) -> None:
        value = given.checkpoint.value
        before = self._known.pop(value.vault, None)
        epochs = self._me.params.window_reachable
        most = fuller(before.fullest if before else None, given.checkpoint, epochs)
        watched = Watched(given.checkpoint, given.entries, value.root, most)
        self._known[value.vault] = watched

    def _keep(
        self, certificate: StorageCertificate | None, vault: VaultId, epoch: int
    ) -> list[Effect]:
        """Keep the certificate that came along; whoever reads it verifies it."""
        if certificate is None or certificate.checkpoint.value.vault != vault:
            return []
        if not 0 <= epoch - certificate.epoch <= CERTIFICATE_EPOCHS:
            return []
        self._certificates[vault] = certificate
        return [Save(CertificateKept(certificate))]

    def _acknowledge(self, token: int, offer: OfferCheckpoint) -> Effect:
        message = acknowledgement_message(self._me, offer.checkpoint.value)
        return Reply(token, Acknowledged(self._me.pair.sign(message)))

    def _vote(self, token: int, given: VoteGiven) -> Effect:
        message = vote_message(
            self._me, given.vault, given.epoch, given.checkpoint, given.answer
        )
        return Reply(token, Voted(self._me.pair.sign(message)))

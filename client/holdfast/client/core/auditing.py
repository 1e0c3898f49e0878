"""An auditor's verdict on one vault in one epoch, from what others show of it.

Nothing shown is believed. Votes count when they are a majority's of the group that
the ledger's registry and beacon draw; an answer counts when every leaf that the
beacon asks for is proved up to a head that the owner signed.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import ANSWER, Answer, answer_id
from holdfast.protocol.checkpoint import (
    Checkpoint,
    Entry,
    StorageCertificate,
    check_certificate,
)
from holdfast.protocol.errors import ProtocolError, SignatureInvalidError
from holdfast.protocol.faults import MissCertificate, check_miss
from holdfast.protocol.frozen import frozen
from holdfast.protocol.judgement import fault_of
from holdfast.protocol.placement import majority
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import VaultId

KEPT_EPOCHS: Final = 24
"""For how many epochs vaults keep answers and certificates for auditors."""

STANDING_EPOCHS_MAX: Final = 24
"""How old the checkpoint may be that an answer proves."""


class Verdict(Enum):
    """What an auditor says of one vault in one epoch."""

    PROVED = "proved"  # certified, and the answer proves it again
    CERTIFIED = "certified"  # certified; the answer itself is not kept any more
    ANSWERED = "answered"  # a majority keeps its right answer; the votes are not shown
    UNCERTIFIED = "uncertified"  # a right answer, but no majority took it in time
    MISSED = "missed"  # it held something and did not prove it
    FALSE = "false"  # a majority voted for an answer that proves nothing
    IDLE = "idle"  # no deal gave it anything to prove
    VOID = "void"  # the epoch has no beacon
    NOT_KEPT = "not kept"  # longer ago than answers are kept
    UNKNOWN = "unknown"  # too few neighbours answer to tell
    RUNNING = "running"  # the epoch is not over

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with it, as far as anybody can know."""
        return self not in {Verdict.MISSED, Verdict.FALSE, Verdict.UNCERTIFIED}

    @property
    def is_proof(self) -> bool:
        """Whether a majority of the vault's group certified the epoch."""
        return self in {Verdict.PROVED, Verdict.CERTIFIED}


@frozen
class AuditFinding:
    """A verdict with what it rests on; `leaves` were verified again, by us.

    `entries` are those of the checkpoint that the answer proved, maybe not all.
    """

    vault: VaultId
    epoch: int
    verdict: Verdict
    reason: str
    group: tuple[VaultId, ...] = ()
    voters: tuple[VaultId, ...] = ()
    checkpoint: Checkpoint | None = None
    leaves: int = 0
    entries: tuple[Entry, ...] = ()

    @property
    def has_all_entries(self) -> bool:
        """Whether `entries` are all that the checkpoint has."""
        return self.checkpoint is not None and (
            len(self.entries) == self.checkpoint.count
        )


class VaultAudit:
    """Takes what is shown of one vault's epoch, bit by bit, and gives the finding."""

    def __init__(self, ledger: LedgerState, vault: VaultId, epoch: int) -> None:
        self._ledger = ledger
        self._vault = vault
        self._epoch = epoch
        self._group = ledger.group(vault, epoch)
        self._answered: set[VaultId] = set()
        self._certificate: StorageCertificate | None = None
        self._right: Signed[Answer] | None = None
        self._wrong: dict[bytes, str] = {}
        self._wrong_shown = ""
        self._keeping: set[VaultId] = set()
        self._missed: tuple[int, bool] | None = None

    @property
    def is_open(self) -> bool:
        """Whether more witnesses could still change the finding."""
        if self._ledger.beacon(self._epoch) is None or not self._group:
            return False
        return not (self._certificate and (self._is_answered or self._is_refuted))

    @property
    def _is_answered(self) -> bool:
        assert self._certificate
        right = self._right
        return right is not None and answer_id(right) == self._certificate.answer

    @property
    def _is_refuted(self) -> bool:
        assert self._certificate
        return self._certificate.answer in self._wrong

    def witnesses(self) -> Iterator[VaultId]:
        """Yield whom to ask, the likeliest first: the vault, its groups then and after.

        A vault shows its newest certificate to the group of the next epochs.
        """
        later = (self._ledger.group(self._vault, self._epoch + n) for n in (1, 2))
        asked: set[VaultId] = set()
        for vault in (self._vault, *self._group, *(v for g in later for v in g)):
            if vault not in asked:
                asked.add(vault)
                yield vault

    def take(
        self,
        witness: VaultId,
        answer: Signed[Answer] | None,
        certificate: StorageCertificate | None,
    ) -> None:
        """Weigh what a witness shows; nothing at all is an answer, too."""
        self._answered.add(witness)
        if certificate is not None and self._certificate is None:
            self._take_certificate(certificate)
        if answer is not None:
            self._take_answer(answer)
        if answer is not None and answer == self._right and witness in self._group:
            self._keeping.add(witness)

    def take_misses(self, misses: Iterable[MissCertificate]) -> None:
        """Weigh what neighbours signed of epochs that they saw missed."""
        ledger = self._ledger
        for miss in misses:
            if (miss.vault, miss.epoch) != (self._vault, self._epoch):
                continue
            try:
                reached = check_miss(
                    miss, ledger.network_id, self._group, ledger.identities()
                )
            except ProtocolError:
                continue  # whoever shows it is at fault
            self._missed = (len(miss.witnesses), reached)

    def finding(self) -> AuditFinding:
        """Return the verdict on what was shown so far."""
        verdict, reason = self._verdict()
        shown = self._certificate
        checkpoint = shown.checkpoint.value if shown else None
        answer = self._right.value if self._right else None
        if answer and checkpoint is None:
            checkpoint = answer.checkpoint
        fits = answer is not None and answer.checkpoint == checkpoint
        return AuditFinding(
            self._vault,
            self._epoch,
            verdict,
            reason,
            group=self._group,
            voters=tuple(vote.signer for vote in shown.votes) if shown else (),
            checkpoint=checkpoint,
            leaves=len(answer.leaves) if answer and fits else 0,
            entries=tuple(p.entry for p in answer.entries) if answer and fits else (),
        )

    def _take_certificate(self, certificate: StorageCertificate) -> None:
        stated = certificate.checkpoint.value
        if (stated.vault, certificate.epoch) != (self._vault, self._epoch):
            return
        if not self._may_stand(stated):
            return
        ledger = self._ledger
        try:
            check_certificate(
                certificate,
                ledger.network_id,
                self._group,
                ledger.identities(),
                ledger.stand_ins(self._vault, self._epoch, for_answer=True),
            )
        except ProtocolError:
            return  # whoever shows it is at fault, not the vault
        self._certificate = certificate

    def _take_answer(self, answer: Signed[Answer]) -> None:
        value, ledger = answer.value, self._ledger
        if (value.checkpoint.vault, value.epoch) != (self._vault, self._epoch):
            return
        key = ledger.identities().get(self._vault)
        named = answer_id(answer)
        if key is None or self._right or named in self._wrong:
            return
        try:
            ANSWER.verify(answer, ledger.network_id, key)
        except SignatureInvalidError:
            return  # not the vault's word
        question = question_of(ledger, value)
        if question is None:
            return
        fault = fault_of(answer, question)
        if fault is None and not self._may_stand(value.checkpoint):
            fault = "its checkpoint is too old to stand"
        if fault is None:
            self._right = answer
        else:
            self._wrong[named] = self._wrong_shown = fault

    def _may_stand(self, checkpoint: Checkpoint) -> bool:
        oldest = self._epoch - STANDING_EPOCHS_MAX
        return oldest <= checkpoint.epoch <= self._epoch

    def _verdict(self) -> tuple[Verdict, str]:
        if self._ledger.beacon(self._epoch) is None:
            return self._without_beacon()
        if self._certificate is not None:
            return self._of_certificate(self._certificate)
        if self._right is not None:
            return self._of_answer()
        if not self._group:
            return Verdict.IDLE, "it is not audited in this epoch"
        return self._of_nothing()

    def _without_beacon(self) -> tuple[Verdict, str]:
        if self._epoch >= self._ledger.epoch:
            return Verdict.RUNNING, "its beacon is not there yet"
        return Verdict.VOID, "the epoch has no beacon"

    def _of_certificate(self, shown: StorageCertificate) -> tuple[Verdict, str]:
        votes = f"{len(shown.votes)} of {len(self._group)} neighbours voted"
        if self._is_answered:
            assert self._right
            leaves = len(self._right.value.leaves)
            again = f"{leaves} leaves verified again" if leaves else "it held nothing"
            return Verdict.PROVED, f"{votes}; {again}"
        if self._is_refuted:
            fault = self._wrong[shown.answer]
            return Verdict.FALSE, f"{votes} for a wrong answer: {fault}"
        return Verdict.CERTIFIED, f"{votes}; the answer is not shown any more"

    def _of_answer(self) -> tuple[Verdict, str]:
        if self._epoch >= self._ledger.epoch:
            return Verdict.RUNNING, "answered rightly; its votes are not in yet"
        kept = f"the answer is right; {len(self._keeping)} of {len(self._group)} "
        # Neighbours keep what they voted for, and vote only in time.
        if len(self._keeping) >= majority(len(self._group)):
            return Verdict.ANSWERED, kept + "neighbours keep it, none shows all votes"
        return Verdict.UNCERTIFIED, kept + "neighbours took it in time"

    def _of_nothing(self) -> tuple[Verdict, str]:
        if self._missed is not None:
            witnesses, reached = self._missed
            how = "though it could be reached" if reached else "it could not be reached"
            text = f"{witnesses} of {len(self._group)} neighbours signed so; {how}"
            return Verdict.MISSED, text
        if self._epoch >= self._ledger.epoch:
            return Verdict.RUNNING, "the epoch is not over"
        if not owes(self._ledger, self._vault, self._epoch):
            return Verdict.IDLE, "no deal gave it anything to prove"
        if self._epoch <= self._ledger.epoch - KEPT_EPOCHS:
            return Verdict.NOT_KEPT, f"answers are kept for {KEPT_EPOCHS} epochs"
        if self._wrong_shown:
            return Verdict.MISSED, f"its answer is wrong: {self._wrong_shown}"
        group = set(self._group)
        heard = len(self._answered & group)
        # With so many of the group without its answer, no majority can have voted.
        if heard > len(group) - majority(len(group)):
            return Verdict.MISSED, "neither it nor its neighbours have a right answer"
        text = f"{heard} of {len(group)} neighbours answer, and have nothing of it"
        return Verdict.UNKNOWN, text


def owes(ledger: LedgerState, vault: VaultId, epoch: int) -> bool:
    """Return whether a deal on the ledger made the vault prove something in `epoch`.

    As neighbours have it: deals named by the end of `epoch` − 2 that still run.
    """
    for deal in ledger.deals():
        if not deal.opened_epoch <= epoch - 2 or epoch >= deal.last_epoch(
            ledger.params
        ):
            continue
        for index in range(deal.n):
            holder = deal.holder_at(index, epoch)
            if holder is None or holder.vault != vault:
                continue
            if holder.since_epoch <= epoch - 2:
                return True
    return False

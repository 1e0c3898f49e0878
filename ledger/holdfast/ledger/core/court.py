"""Judging cases: what convicts, what it costs, and how many may be ejected at once.

Every vault judges with this before it signs, and so does anybody who is handed a case
file. It fetches nothing: what is not shown does not count.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.ledger.core.followed import LedgerState
from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import ANSWER, Answer, answer_id
from holdfast.protocol.cases import Case, Fault
from holdfast.protocol.checkpoint import (
    CHECKPOINT,
    VOTE,
    CheckpointError,
    SignedCheckpoint,
    StorageCertificate,
    Vote,
)
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.faults import MissCertificate, check_miss, is_reachable
from holdfast.protocol.judgement import fault_of
from holdfast.protocol.keys import verify
from holdfast.protocol.network import NetworkParams
from holdfast.protocol.pricing import stake_needed
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Grains, VaultId

COURT_EPOCHS: Final = 2
"""The epochs at the start of a period whose answers acquit."""

REGISTRY_SHARE: Final = 50
"""One in so many listed vaults may be ejected for missing, in one period."""

CERTIFIED_MIN: Final = 4
AWAY_EPOCHS: Final = 2
"""For so long after a miss that was seen as unreachable, a vault counts as away."""

LYING: Final = frozenset({Fault.TWO_CHECKPOINTS, Fault.FALSE_VOTE})


class CaseError(ProtocolError):
    """A case does not convict; the text says why."""


def fault_named(case: Case) -> Fault:
    """Return what a case accuses of, or raise CaseError."""
    try:
        return Fault(case.fault)
    except ValueError as error:
        raise CaseError("the case accuses of nothing that is known") from error


def judge_case(case: Case, ledger: LedgerState, epoch: int) -> int:
    """Return how many bytes were lost if the evidence convicts, or raise CaseError.

    `epoch` is when it is judged. Who missed epochs must still be given its court:
    the evidence alone does not eject it.
    """
    fault = fault_named(case)
    if ledger.row(case.vault) is None:
        raise CaseError("the accused is not in the registry")
    try:
        match fault:
            case Fault.MISSED | Fault.AWAY:
                _check_misses(case, fault, ledger, epoch)
            case Fault.TWO_CHECKPOINTS:
                _check_two(case, ledger)
            case Fault.FALSE_VOTE:
                _check_vote(case, ledger)
    except CheckpointError as error:
        raise CaseError(str(error)) from error
    return max((c.value.present_bytes for c in case.checkpoints), default=0)


def court_epochs(ledger: LedgerState, period: int) -> tuple[int, ...]:
    """Return the epochs whose answers acquit whoever is judged in `period`."""
    first = ledger.params.first_epoch(period)
    return tuple(range(first, first + COURT_EPOCHS))


def acquits(answer: Signed[Answer], vault: VaultId, ledger: LedgerState) -> bool:
    """Return whether an answer proves what the accused holds in its epoch."""
    if answer.value.checkpoint.vault != vault:
        return False
    question = question_of(ledger, answer.value)
    return question is not None and fault_of(answer, question) is None


def held_epochs(
    misses: Sequence[MissCertificate], params: NetworkParams
) -> tuple[int, int]:
    """Return the epochs, from first to last, whose checkpoints say what is lost.

    What a vault held long before it missed these epochs, ascending, is not lost by it.
    """
    return misses[0].epoch - params.window_unreachable, misses[-1].epoch + 1


def slashed(case: Case, lost_bytes: int, stake: Grains, ledger: LedgerState) -> Grains:
    """Return what a conviction costs: the rebuilding, or for lying the whole stake."""
    if fault_named(case) in LYING:
        return stake
    return min(stake, stake_needed(lost_bytes, ledger.params.rebuild_price))


def ejections_max(ledger: LedgerState, period: int) -> int:
    """Return how many vaults may be ejected for missing in one period."""
    registry = ledger.registry(ledger.params.first_epoch(period))
    return max(1, len(registry) // REGISTRY_SHARE)


def is_calm(
    ledger: LedgerState, period: int, counted: Iterable[tuple[VaultId, int]]
) -> bool:
    """Return whether enough vaults were certified at the end of `period`.

    `counted` are the (vault, epoch) of the certificates that a settlement counts.
    Where a third of all vaults has none, the network is at fault and not a vault.
    """
    first, end = (
        ledger.params.first_epoch(period),
        ledger.params.first_epoch(period + 1),
    )
    lived = [epoch for epoch in range(first, end) if ledger.beacon(epoch) is not None]
    if not lived:
        return False
    registry = set(ledger.registry(lived[-1]))
    shown = {vault for vault, epoch in counted if epoch == lived[-1]} & registry
    return len(shown) >= CERTIFIED_MIN and 3 * len(shown) >= 2 * len(registry)


def suspicion(
    ledger: LedgerState, vault: VaultId, misses: Sequence[MissCertificate], epoch: int
) -> str | None:
    """Return why a vault gets no new deals in `epoch`, from its certified misses.

    It says what a case would be opened for, or that the vault is away just now. The
    certificates have been verified.
    """
    reached = [m for m in misses if is_reachable(m, ledger.group(vault, m.epoch))]
    return suspicion_of(ledger.params, misses, reached, epoch)


def suspicion_of(
    params: NetworkParams,
    misses: Sequence[MissCertificate],
    reached: Sequence[MissCertificate],
    epoch: int,
) -> str | None:
    """Return the same of a vault that was `reached` in some of its missed epochs."""
    for found, needed, window, how in (
        (reached, params.missed_reachable, params.window_reachable, "reachable"),
        (misses, params.missed_unreachable, params.window_unreachable, "known"),
    ):
        inside = [miss for miss in found if epoch - miss.epoch < window]
        if len(inside) >= needed:
            return f"{len(inside)} of the last {window} epochs were missed ({how})"
    newest = max(misses, key=lambda miss: miss.epoch, default=None)
    if newest and newest not in reached and epoch - newest.epoch <= AWAY_EPOCHS:
        return f"its neighbours could not reach it in epoch {newest.epoch}"
    return None


def _check_misses(case: Case, fault: Fault, ledger: LedgerState, epoch: int) -> None:
    params, epochs = ledger.params, [miss.epoch for miss in case.misses]
    needed, window = (
        (params.missed_reachable, params.window_reachable)
        if fault is Fault.MISSED
        else (params.missed_unreachable, params.window_unreachable)
    )
    if case.certificate or case.answer or len(case.checkpoints) > 1:
        raise CaseError("the case carries evidence of something else")
    if len(epochs) < needed or epochs != sorted(set(epochs)):
        raise CaseError(f"{len(set(epochs))} missed epochs are shown, not {needed}")
    if epochs[-1] - epochs[0] >= window:
        raise CaseError(f"the missed epochs are not within {window}")
    if params.period_of(epochs[-1]) != params.period_of(epoch) - 1:
        raise CaseError("the newest missed epoch is not of the period before")
    for miss in case.misses:
        group = ledger.group(case.vault, miss.epoch)
        if miss.vault != case.vault or not group or ledger.beacon(miss.epoch) is None:
            raise CaseError(f"nobody could be blamed for epoch {miss.epoch}")
        identities = ledger.identities()
        reachable = check_miss(miss, ledger.network_id, group, identities)
        if fault is Fault.MISSED and not reachable:
            raise CaseError(f"in epoch {miss.epoch} the vault could not be reached")
    oldest, newest = held_epochs(case.misses, params)
    for signed in case.checkpoints:
        _check_signed(signed, case.vault, ledger)
        if not oldest <= signed.value.epoch <= newest:
            raise CaseError(
                "the checkpoint is not of about when the epochs were missed"
            )


def _check_two(case: Case, ledger: LedgerState) -> None:
    if len(case.checkpoints) != 2 or case.misses or case.certificate or case.answer:
        raise CaseError("the case does not show exactly two checkpoints")
    one, two = case.checkpoints
    if one.value.epoch != two.value.epoch or one.value == two.value:
        raise CaseError("the checkpoints are not two different ones of one epoch")
    for signed in (one, two):
        _check_signed(signed, case.vault, ledger)


def _check_signed(
    signed: SignedCheckpoint, vault: VaultId, ledger: LedgerState
) -> None:
    if signed.value.vault != vault:
        raise CaseError("a checkpoint is of another vault")
    key = ledger.identities()[vault]
    try:
        CHECKPOINT.verify(signed, ledger.network_id, key)
    except ProtocolError as error:
        raise CaseError("a checkpoint's signature does not fit") from error


def _check_vote(case: Case, ledger: LedgerState) -> None:
    certificate, answer = case.certificate, case.answer
    if certificate is None or answer is None or case.misses or case.checkpoints:
        raise CaseError("the case does not show a certificate and its answer")
    _check_voter(case.vault, certificate, ledger)
    _check_named(certificate, answer, ledger)
    proved = (answer.value.epoch, answer.value.checkpoint)
    if proved != (certificate.epoch, certificate.checkpoint.value):
        return  # a vote for the answer of another epoch or checkpoint is false
    if not find_fault(answer, ledger):
        raise CaseError("the answer is right, so the vote is true")


def find_fault(answer: Signed[Answer], ledger: LedgerState) -> str | None:
    """Return what is wrong with an answer, or None; raises CaseError if unknowable."""
    question = question_of(ledger, answer.value)
    if question is None:
        raise CaseError("the neighbours of the audited vault are not known")
    named = {proof.entry.deal for proof in answer.value.entries}
    if not named <= set(question.deal_keys):
        # Who does not see the deals cannot say that the voters saw wrongly.
        raise CaseError("a deal of the answer is not known")
    return fault_of(answer, question)


def _check_voter(
    voter: VaultId, certificate: StorageCertificate, ledger: LedgerState
) -> None:
    checkpoint = certificate.checkpoint.value
    given = [vote for vote in certificate.votes if vote.signer == voter]
    if len(given) != 1:
        raise CaseError("the accused did not vote")
    vote = Vote(
        checkpoint.vault, certificate.epoch, checkpoint.digest(), certificate.answer
    )
    key, message = ledger.identities()[voter], VOTE.message(vote, ledger.network_id)
    try:
        verify(key, message, given[0].signature)
    except ProtocolError as error:
        raise CaseError("the accused did not sign that vote") from error


def _check_named(
    certificate: StorageCertificate, answer: Signed[Answer], ledger: LedgerState
) -> None:
    """Raise unless this is the answer that was voted for, as its vault signed it.

    Without the second, whoever shows the case could alter the answer.
    """
    if answer_id(answer) != certificate.answer:
        raise CaseError("that is not the answer that the vote names")
    key = ledger.identities().get(certificate.checkpoint.value.vault)
    if key is None:
        raise CaseError("the audited vault is not in the registry")
    try:
        ANSWER.verify(answer, ledger.network_id, key)
    except ProtocolError as error:
        raise CaseError("the audited vault did not sign that answer") from error

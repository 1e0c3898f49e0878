"""Judging an answer: everything that a neighbour, an auditor or a court looks at.

A `Question` carries all it takes, so the work can be done anywhere, in a thread
or offline, and always comes to the same verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.protocol.answer import ANSWER, Answer, check_answer
from holdfast.protocol.challenge import challenge
from holdfast.protocol.checkpoint import CheckpointError, check_standing
from holdfast.protocol.errors import ProtocolError
from holdfast.protocol.frozen import frozen
from holdfast.protocol.keys import SigningPair
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import DealId, Digest, NetworkId, VaultId


@dataclass(frozen=True)
class Question:
    """What an answer is judged by.

    `group` acknowledged the checkpoint, that of the checkpoint's own epoch, or
    else the `stand_ins`.
    `identities` has its members' and the vault's keys, `deal_keys` those of the
    deals that the answer names; `leaves` is how many were asked.
    """

    network: NetworkId
    epoch: int
    beacon: Digest
    vault: VaultId
    leaves: int
    group: tuple[VaultId, ...]
    identities: Mapping[VaultId, bytes]
    deal_keys: Mapping[DealId, bytes]
    stand_ins: tuple[VaultId, ...] = ()


@frozen
class SealedAnswer:
    """Our signed answer; `fault` says why it would not hold, if so."""

    answer: Signed[Answer]
    fault: str | None


def fault_of(answer: Signed[Answer], question: Question) -> str | None:
    """Return what is wrong with an answer, or None if it proves its checkpoint."""
    try:
        _judge(answer, question)
    except ProtocolError as error:
        return str(error)
    return None


def _judge(answer: Signed[Answer], question: Question) -> None:
    value = answer.value
    checkpoint = value.checkpoint
    if checkpoint.vault != question.vault or value.epoch != question.epoch:
        raise CheckpointError("the answer is of another vault or epoch")
    key = question.identities.get(question.vault)
    if key is None:
        raise CheckpointError("the vault is not in the registry")
    ANSWER.verify(answer, question.network, key)
    check_standing(
        value.standing,
        question.network,
        question.group,
        question.identities,
        question.stand_ins,
    )
    asked = challenge(
        question.network, value.epoch, question.beacon, checkpoint, question.leaves
    )
    check_answer(value, asked, question.network, question.deal_keys)


def seal(answer: Answer, question: Question, pair: SigningPair) -> SealedAnswer:
    """Sign our own answer and judge it as a neighbour will."""
    signed = ANSWER.sign(answer, question.network, pair)
    return SealedAnswer(signed, fault_of(signed, question))

"""Stand-ins are drawn for what they signed, and for nothing else."""

from dataclasses import replace

import pytest

from audit_parties import Parties
from holdfast.ledger.core.questions import question_of
from holdfast.protocol.answer import Answer
from holdfast.protocol.checkpoint import VOTE, Entries, Signature, Vote
from holdfast.protocol.placement import majority
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.messages import Certify
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.refusals import RefusedError
from holdfast.vault.core.saved import Restored

EPOCH = 6
NOTHING = Entries(())


@pytest.fixture
def parties() -> Parties:
    made = Parties(20)
    made.reach(EPOCH + 8)
    return made


def strangers(parties: Parties, *, for_answer: bool) -> list[VaultId]:
    """Return the stand-ins of vault 1 that are none of its neighbours."""
    vault, ledger = parties.keys[1].vault_id, parties.ledger
    group = ledger.group(vault, EPOCH)
    drawn = ledger.stand_ins(vault, EPOCH, for_answer=for_answer)
    return [one for one in drawn if one not in group]


def test_a_question_names_stand_ins_only_where_one_acknowledged(
    parties: Parties,
) -> None:
    signed = parties.checkpoint(parties.keys[1], EPOCH, NOTHING)
    ours = parties.standing(signed)
    stranger = strangers(parties, for_answer=False)[0]
    word = Signature(stranger, parties.acknowledgement(stranger, signed.value))
    theirs = replace(ours, acknowledgements=(*ours.acknowledgements, word))
    named = []
    for standing in (ours, theirs):
        question = question_of(parties.ledger, Answer(EPOCH, standing, (), ()))
        assert question
        named.append(question.stand_ins)
        assert set(question.identities) >= {*question.group, *question.stand_ins}
    assert named[0] == ()
    assert stranger in named[1]


@pytest.mark.parametrize("short", [0, 1])
def test_a_certificate_of_stand_ins_is_collected_if_most_of_them_signed(
    parties: Parties, short: int
) -> None:
    keys, network = parties.keys[1], parties.params.network_id
    certificate = parties.certificate(keys, EPOCH, NOTHING)
    digest = certificate.checkpoint.value.digest()
    vote = Vote(keys.vault_id, EPOCH, digest, Digest(bytes(32)))
    drawn = parties.ledger.stand_ins(keys.vault_id, EPOCH, for_answer=True)
    first = strangers(parties, for_answer=True)[: majority(len(drawn)) - short]
    message = VOTE.message(vote, network)
    votes = tuple(
        Signature(one, parties.by_id[one].identity.sign(message)) for one in first
    )
    push = Certify((replace(certificate, votes=votes),), (NOTHING,))
    store = ProofStore(parties.ledger, Restored())
    if short:
        with pytest.raises(RefusedError):
            store.collect(push, 0.0, 0, EPOCH + 1)
    else:
        assert len(store.collect(push, 0.0, 0, EPOCH + 1)) == 1

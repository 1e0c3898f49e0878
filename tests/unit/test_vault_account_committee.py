"""A committee whose accounts certify: whose signatures count, and when they suffice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_parties import of_kind, only
from committee_stage import Committee, Member
from holdfast.ledger.core.account_certificates import (
    settlement_signer,
    sign_settlement,
)
from holdfast.ledger.core.account_key import ORDER, AccountKey
from holdfast.ledger.core.operations import Settle
from holdfast.protocol import bls
from holdfast.protocol.account_certificate import AccountCertificate
from holdfast.protocol.settlement import Statement
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.messages import ProposeSettlement, SettlementReply
from holdfast.vault.core.refusals import Refusal

MAJORITY = 4
GOOD = "its own"
STRANGER = AccountKey.from_secret(b"\x07" * 32)


@pytest.fixture
def committee() -> Committee:
    return knowing_committee()


def knowing_committee() -> Committee:
    made = Committee(accounts_certify=True)
    for member in made.members.values():
        made.know(member, 6)
    return made


def key_of(member: Member) -> AccountKey:
    return AccountKey.from_secret(member.me.keys.account_secret)


def signature_of(committee: Committee, vault: VaultId, statement: Statement) -> bytes:
    key = key_of(committee.members[vault])
    return sign_settlement(committee.parties.params, statement, key)


def high(signature: bytes) -> bytes:
    """Return the other signature that the same account could have made."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def settled_by(effects: list[fx.Effect]) -> AccountCertificate:
    operation = only(effects, fx.Submit).operation
    assert isinstance(operation, Settle)
    assert isinstance(operation.certificate, AccountCertificate)
    return operation.certificate


def test_a_member_signs_with_the_account_of_its_vault(committee: Committee) -> None:
    proposal = committee.proposal()
    params = committee.parties.params
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert reply.signature
    for member, signature in (
        (committee.first, proposal.signature),
        (committee.second, reply.signature),
    ):
        signer = settlement_signer(params, proposal.statement, signature)
        assert signer == key_of(member).id


def test_the_first_majority_of_accounts_is_brought_to_the_ledger(
    committee: Committee,
) -> None:
    proposal = committee.proposal()
    effects: list[fx.Effect] = []
    # Whoever answers first: ranks stand in their order all the same.
    for count, vault in enumerate(reversed(committee.ids[1:]), start=2):
        reply = committee.judged(committee.members[vault], proposal)
        assert isinstance(reply, SettlementReply)
        effects += committee.first.proposing.replied(
            committee.turn, vault, proposal, reply
        )
        assert len(of_kind(effects, fx.Submit)) == (count >= MAJORITY)
    certificate = settled_by(effects)
    assert certificate.ranks() == (0, 4, 5, 6)
    assert len(certificate.account_signatures) == MAJORITY
    assert committee.parties.ledger.is_certified(certificate)


@pytest.mark.parametrize("by", ["BLS", "a stranger", "the high s", "another vault"])
def test_a_proposal_without_its_proposers_account_is_refused(
    committee: Committee, by: str
) -> None:
    proposal = committee.proposal()
    statement, params = proposal.statement, committee.parties.params
    wrong = {
        "BLS": bls.sign(committee.first.me.keys.bls_secret, statement.digest()),
        "a stranger": sign_settlement(params, statement, STRANGER),
        "the high s": high(proposal.signature),
        "another vault": signature_of(committee, committee.ids[2], statement),
    }[by]
    refused = committee.judged(committee.second, replace(proposal, signature=wrong))
    assert isinstance(refused, fx.Refuse)
    assert refused.kind is Refusal.DENIED


def test_where_bls_keys_certify_an_accounts_signature_is_refused() -> None:
    by_keys = Committee()
    for member in by_keys.members.values():
        by_keys.know(member, 6)
    proposal = by_keys.proposal()
    signature = signature_of(by_keys, by_keys.ids[0], proposal.statement)
    refused = by_keys.judged(by_keys.second, replace(proposal, signature=signature))
    assert isinstance(refused, fx.Refuse)
    assert refused.kind is Refusal.DENIED


WHAT = st.sampled_from(
    [GOOD, GOOD, GOOD, "the proposer's", "a stranger's", "the high s", "BLS", "noise"]
)


@settings(max_examples=20, deadline=None)
@given(
    st.permutations(range(1, 7)),
    st.lists(WHAT, min_size=6, max_size=6),
    st.binary(min_size=65, max_size=65),
)
def test_only_members_own_signatures_make_a_majority(
    order: list[int], given_: list[str], noise: bytes
) -> None:
    committee = knowing_committee()
    proposal = committee.proposal()
    good, submitted = {0}, False
    for rank, what in zip(order, given_, strict=True):
        vault = committee.ids[rank]
        reply = SettlementReply(reply_of(committee, vault, proposal, what, noise))
        effects = committee.first.proposing.replied(
            committee.turn, vault, proposal, reply
        )
        if not submitted:
            good |= {rank} if what == GOOD else set()
        if of_kind(effects, fx.Submit):
            assert not submitted
            submitted = True
            certificate = settled_by(effects)
            assert set(certificate.ranks()) == good
            assert committee.parties.ledger.is_certified(certificate)
        assert submitted == (len(good) >= MAJORITY)


def reply_of(
    committee: Committee,
    vault: VaultId,
    proposal: ProposeSettlement,
    what: str,
    noise: bytes,
) -> bytes:
    statement = proposal.statement
    own = signature_of(committee, vault, statement)
    secret = committee.members[vault].me.keys.bls_secret
    return {
        GOOD: own,
        "the proposer's": proposal.signature,
        "a stranger's": sign_settlement(committee.parties.params, statement, STRANGER),
        "the high s": high(own),
        "BLS": bls.sign(secret, statement.digest()),
        "noise": noise,
    }[what]


def test_a_member_that_signs_wrongly_is_named_to_the_operator(
    committee: Committee,
) -> None:
    proposal = committee.proposal()
    effects: list[fx.Effect] = []
    for vault in committee.ids[1:MAJORITY]:
        signature = signature_of(committee, vault, proposal.statement)
        if vault == committee.ids[1]:
            signature = sign_settlement(
                committee.parties.params, proposal.statement, STRANGER
            )
        effects += committee.first.proposing.replied(
            committee.turn, vault, proposal, SettlementReply(signature)
        )
    assert not of_kind(effects, fx.Submit)
    said = only(effects, fx.Log)
    assert said.warning
    assert said.fields["peers"] == [committee.ids[1].hex()]

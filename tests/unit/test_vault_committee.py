"""The committee: what a member signs, how a proposer wins a majority."""

from dataclasses import replace

import pytest

from audit_parties import of_kind, only
from committee_stage import FIRST, Committee
from holdfast.ledger.core.operations import Settle
from holdfast.protocol import bls
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.events import Asked, OperationEnded
from holdfast.vault.core.messages import (
    Certify,
    ProposeSettlement,
    SettlementReply,
)
from holdfast.vault.core.proof_store import Proof, name_of
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import CertificateCollected


@pytest.fixture
def committee() -> Committee:
    return Committee()


def test_nobody_proposes_before_its_turn(committee: Committee) -> None:
    for rank, vault in enumerate(committee.ids):
        member = committee.members[vault]
        turn = committee.parties.at(FIRST, 2 + rank / 16)
        wake = only(member.proposing.step(turn - 0.01), fx.WakeAt)
        assert wake.seconds == turn
        assert of_kind(member.proposing.step(turn), fx.Call)


def test_a_member_signs_what_follows_from_what_it_has(committee: Committee) -> None:
    for member in (committee.first, committee.second):
        committee.know(member, 6)
    proposal = committee.proposal()
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert reply.signature
    digest = proposal.statement.digest()
    assert bls.verify(committee.second.me.keys.bls_public, digest, reply.signature)
    assert committee.second.settling.has_signed(proposal)
    assert len(proposal.counted) == 6


def test_a_member_that_lacks_certificates_says_which(committee: Committee) -> None:
    committee.know(committee.first, 6)
    committee.know(committee.second, 4)
    proposal = committee.proposal()
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert len(reply.lacking) == 2
    handed = committee.first.proposing.replied(
        committee.turn, committee.ids[1], proposal, reply
    )
    push = only(handed, fx.Call).request
    assert isinstance(push, Certify)
    saved = committee.second.settling.asked(Asked(committee.turn, 2, push))
    assert [type(s.saved) for s in of_kind(saved, fx.Save)] == [
        CertificateCollected
    ] * 2
    again = committee.first.proposing.handed_over(committee.turn, committee.ids[1])
    assert only(again, fx.Call).request is proposal
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert reply.signature


def test_leaving_out_what_was_long_known_is_answered_with_it(
    committee: Committee,
) -> None:
    committee.know(committee.first, 4)
    committee.know(committee.second, 6, since=committee.parties.at(FIRST))
    proposal = committee.proposal()
    reply = committee.judged(committee.second, proposal)
    assert isinstance(reply, SettlementReply)
    assert reply.omitted
    assert len(reply.omitted.certificates) == 2
    began = committee.first.proposing.replied(
        committee.turn, committee.ids[1], proposal, reply
    )
    assert len(of_kind(began, fx.Save)) == 2
    second = of_kind(began, fx.Call)[0].request
    assert isinstance(second, ProposeSettlement)
    assert len(second.counted) == 6


def test_what_was_known_only_shortly_may_be_left_out(committee: Committee) -> None:
    committee.know(committee.first, 4)
    committee.know(committee.second, 6)
    reply = committee.judged(committee.second, committee.proposal())
    assert isinstance(reply, SettlementReply)
    assert reply.signature


def test_totals_that_do_not_follow_are_refused(committee: Committee) -> None:
    for member in (committee.first, committee.second):
        committee.know(member, 6)
    proposal = committee.proposal()
    statement = replace(
        proposal.statement,
        earned_total=proposal.statement.earned_total + 1,
        spent_total=proposal.statement.spent_total + 1,
    )
    secret = committee.first.me.keys.bls_secret
    lying = replace(
        proposal,
        statement=statement,
        signature=bls.sign(secret, statement.digest()),
    )
    refused = committee.judged(committee.second, lying)
    assert isinstance(refused, fx.Refuse)
    assert refused.kind is Refusal.DENIED
    twice = replace(proposal, counted=(proposal.counted[0], *proposal.counted))
    refused = committee.judged(committee.second, twice)
    assert isinstance(refused, fx.Refuse)
    assert refused.kind is Refusal.INVALID


def test_the_first_majority_is_brought_to_the_ledger(committee: Committee) -> None:
    for member in committee.members.values():
        committee.know(member, 6)
    proposal = committee.proposal()
    proposing = committee.first.proposing
    submitted: list[fx.Submit] = []
    for count, vault in enumerate(committee.ids[1:], start=2):
        reply = committee.judged(committee.members[vault], proposal)
        assert isinstance(reply, SettlementReply)
        effects = proposing.replied(committee.turn, vault, proposal, reply)
        submitted += of_kind(effects, fx.Submit)
        assert len(submitted) == (count >= 4)
    operation = submitted[0].operation
    assert isinstance(operation, Settle)
    certificate = operation.certificate
    keys = [committee.members[committee.ids[r]].me.keys for r in certificate.ranks()]
    assert len(keys) == 4
    assert bls.aggregate_verify_same(
        [k.bls_public for k in keys],
        certificate.statement.digest(),
        certificate.signature,
    )
    # Unreachable: the same certificate is tried again, ever more seldom.
    ended = OperationEnded(committee.turn, operation, "nobody answers")
    wake = only(proposing.ended(ended), fx.WakeAt).seconds
    assert only(proposing.step(wake), fx.Submit).operation == operation
    later = only(proposing.ended(replace(ended, now=wake)), fx.WakeAt).seconds
    assert later - wake == 2 * (wake - committee.turn)


def test_a_bad_signature_is_found_and_dropped(committee: Committee) -> None:
    for member in committee.members.values():
        committee.know(member, 6)
    proposal = committee.proposal()
    proposing = committee.first.proposing
    bad = bls.sign(committee.second.me.keys.bls_secret, b"something else")
    effects = proposing.replied(
        committee.turn, committee.ids[1], proposal, SettlementReply(bad)
    )
    for vault in committee.ids[2:5]:
        reply = committee.judged(committee.members[vault], proposal)
        assert isinstance(reply, SettlementReply)
        effects += proposing.replied(committee.turn, vault, proposal, reply)
    operation = only(effects, fx.Submit).operation
    assert isinstance(operation, Settle)
    assert 1 not in operation.certificate.ranks()


def test_who_signed_for_another_waits_before_it_proposes_itself(
    committee: Committee,
) -> None:
    committee.second.proposing.step(committee.early)
    committee.second.proposing.signed_for_another(committee.turn)
    wake = only(committee.second.proposing.step(committee.turn + 4), fx.WakeAt)
    assert wake.seconds == committee.turn + committee.parties.params.epoch_seconds / 2
    committee.second.proposing.signed_for_another(committee.turn + 20)
    assert of_kind(committee.second.proposing.step(wake.seconds), fx.Call)


def test_our_certificates_go_to_every_other_member_until_taken(
    committee: Committee,
) -> None:
    pushing, proofs = committee.first.pushing, committee.first.books.proofs
    own = committee.first.me.keys
    entries = Entries(())
    certificate = committee.parties.certificate(own, 6, entries)
    proofs.own(certificate, entries, 0.0)
    calls = of_kind(pushing.step(committee.early), fx.Call)
    assert {call.peer for call in calls} == set(committee.ids) - {own.vault_id}
    assert {call.seconds for call in calls} == {3600 / 4}
    (first, second, *_) = calls
    assert isinstance(first.request, Certify)
    assert certificate in first.request.certificates
    assert pushing.is_ours(first.request)
    pushing.taken(committee.early, VaultId(bytes(first.peer)))
    peer = VaultId(bytes(second.peer))
    wake = only(pushing.refused(committee.early, peer, None, "away"), fx.WakeAt)
    assert [c.peer for c in of_kind(pushing.step(wake.seconds), fx.Call)] == [peer]


def test_a_proof_is_named_by_what_it_proves(committee: Committee) -> None:
    certificate, entries = committee.certificates[0]
    proof = Proof(name_of(certificate), certificate, entries, 0.0)
    assert (proof.proved.epoch, proof.proved.vault) == (
        proof.name.epoch,
        proof.name.vault,
    )

"""Neighbours refuse a good answer: the committee's stand-ins vote, and that counts."""

import pytest

from answer_stage import EPOCH, Audited, request_of
from audit_parties import of_kind, only
from holdfast.protocol.checkpoint import CheckpointError, check_certificate
from holdfast.protocol.placement import majority
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.messages import SubmitAnswer
from holdfast.vault.core.refusals import Refusal
from holdfast.vault.core.saved import AuditEnded, CertificateKept, Outcome

LATE = 0.32
"""A part of the epoch, after half of the time to answer."""


class Refused(Audited):
    """A vault of twenty whose whole group refuses, each with this kind."""

    def __init__(self, kind: Refusal | None) -> None:
        super().__init__(vaults=20)
        self.request = request_of(self.submitted())
        for peer in self.group:
            self.machine.refused(self.now, peer, self.request, kind, "no")
        ledger, me = self.parties.ledger, self.parties.me.id
        self.drawn = ledger.stand_ins(me, EPOCH, for_answer=True)
        self.others = [vault for vault in self.drawn if vault not in self.group]

    def asked(self, part: float) -> set[VaultId]:
        calls = of_kind(self.machine.step(self.parties.at(EPOCH, part)), fx.Call)
        asked = [call for call in calls if isinstance(call.request, SubmitAnswer)]
        assert all(call.request.answer == self.answer for call in asked)  # type: ignore[union-attr]
        return {VaultId(bytes(call.peer)) for call in asked}


def test_stand_ins_get_the_same_answer_when_the_group_refused_for_long() -> None:
    one = Refused(Refusal.DENIED)
    assert one.asked(0.2) == set(), "there is time yet"
    assert one.asked(LATE) == set(one.others)


def test_who_is_only_slow_or_away_has_no_stand_in() -> None:
    for kind in (None, Refusal.UNREADY, Refusal.EXHAUSTED):
        one = Refused(kind)
        assert one.asked(LATE) <= set(one.group)


def test_a_majority_of_the_stand_ins_certifies_the_epoch_and_fewer_do_not() -> None:
    one = Refused(Refusal.DENIED)
    assert one.asked(LATE)
    needed = majority(len(one.drawn))
    assert len(one.others) >= needed
    saved: list[object] = []
    for count, peer in enumerate(one.others[:needed], start=1):
        effects = one.machine.voted(peer, one.request, one.vote(peer))
        saved += [save.saved for save in of_kind(effects, fx.Save)]
        assert bool(saved) == (count == needed)
    (kept,) = [item for item in saved if isinstance(item, CertificateKept)]
    (ended,) = [item for item in saved if isinstance(item, AuditEnded)]
    assert ended.outcome is Outcome.CERTIFIED
    ledger, network = one.parties.ledger, one.parties.params.network_id
    keys = ledger.identities()
    check_certificate(kept.certificate, network, one.group, keys, one.drawn)
    with pytest.raises(CheckpointError):
        check_certificate(kept.certificate, network, one.group, keys)


def test_a_vote_of_somebody_who_was_not_drawn_is_not_counted() -> None:
    one = Refused(Refusal.DENIED)
    stand_in = one.others[0]
    early = one.machine.voted(stand_in, one.request, one.vote(stand_in))
    assert only(early, fx.Log).warning
    one.asked(LATE)
    me = one.parties.me.id
    strangers = set(one.parties.by_id) - {*one.group, *one.drawn, me}
    for stranger in strangers:
        told = one.machine.voted(stranger, one.request, one.vote(stranger))
        assert only(told, fx.Log).warning

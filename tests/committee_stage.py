"""Seven members of a committee, and what was proved in the period that they settle."""

from dataclasses import replace

from audit_parties import Parties, of_kind
from holdfast.protocol.checkpoint import Entries
from holdfast.vault.core import effects as fx
from holdfast.vault.core.books import Books
from holdfast.vault.core.case_book import CaseBook
from holdfast.vault.core.events import Asked
from holdfast.vault.core.judging import Judging
from holdfast.vault.core.letters import Letters
from holdfast.vault.core.messages import (
    Certify,
    Noted,
    ProposeSettlement,
    SettlementReply,
)
from holdfast.vault.core.miss_book import MissBook
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.proposing import Proposing
from holdfast.vault.core.prosecuting import Prosecuting
from holdfast.vault.core.pushing import Pushing
from holdfast.vault.core.rechecking import Rechecking
from holdfast.vault.core.saved import Restored
from holdfast.vault.core.settling import Settling
from holdfast.vault.core.sittings import Court
from holdfast.vault.core.totals_book import TotalsBook
from holdfast.vault.core.watching import Watching
from simulation.world import sim_params

PERIOD = 1
SEVEN = 7
FIRST = 8  # the first epoch of the period in which PERIOD is settled


class Member:
    """One committee member's machines."""

    def __init__(self, parties: Parties, place: int) -> None:
        self.me: Myself = replace(parties.me, keys=parties.keys[place])
        proofs = ProofStore(parties.ledger, Restored())
        self.books = Books(self.me, proofs, TotalsBook(Restored()))
        self.cases = CaseBook(self.me, Restored())
        self.court = Court(self.me, self.cases)
        self.judging = Judging(self.me, self.cases, self.court)
        watching, letters = Watching(self.me, Restored()), Letters(self.me)
        self.misses = MissBook(self.me, letters, Restored())
        prosecuting = Prosecuting(self.me, watching, self.misses, self.cases, letters)
        self.rechecking = Rechecking(self.me, proofs, prosecuting)
        parts = (self.judging, self.rechecking)
        self.settling = Settling(self.me, self.books, *parts)
        self.proposing = Proposing(self.me, self.books, *parts)
        self.pushing = Pushing(self.me, proofs)


class Committee:
    """Seven members in the period after the one to settle, and what was proved."""

    def __init__(self, *, accounts_certify: bool = False) -> None:
        hourly = sim_params(epoch_seconds=3600)
        self.parties = Parties(SEVEN, hourly, accounts_certify=accounts_certify)
        self.parties.reach(FIRST)
        fake = self.parties.deal(1, [0, 1, 2, 3])
        self.certificates = []
        for place in range(3):
            entries = Entries((fake.entry(place),))
            keys = self.parties.keys[place]
            for epoch in (4, 5):
                certificate = self.parties.certificate(keys, epoch, entries)
                self.certificates.append((certificate, entries))
        self.ids = self.parties.ledger.committee(PERIOD + 1)
        self.members = {
            keys.vault_id: Member(self.parties, place)
            for place, keys in enumerate(self.parties.keys)
        }
        self.first = self.members[self.ids[0]]
        self.second = self.members[self.ids[1]]
        self.early = self.parties.at(FIRST, 0.1)
        self.turn = self.parties.at(FIRST + 2)

    def know(self, member: Member, count: int, since: float | None = None) -> None:
        """Let a member have the first `count` certificates."""
        for certificate, entries in self.certificates[:count]:
            push = Certify((certificate,), (entries,))
            asked = Asked(self.early if since is None else since, 1, push)
            (*_, reply) = member.settling.asked(asked)
            assert isinstance(reply, fx.Reply)
            assert reply.reply == Noted()

    def proposal(self) -> ProposeSettlement:
        calls = of_kind(self.first.proposing.step(self.turn), fx.Call)
        request = calls[0].request
        assert isinstance(request, ProposeSettlement)
        assert {call.peer for call in calls} == set(self.ids[1:])
        return request

    def judged(
        self, member: Member, proposal: ProposeSettlement
    ) -> SettlementReply | fx.Refuse:
        (effect,) = member.settling.asked(Asked(self.turn, 1, proposal))
        if isinstance(effect, fx.Refuse):
            return effect
        assert isinstance(effect, fx.Reply)
        assert isinstance(effect.reply, SettlementReply)
        return effect.reply
